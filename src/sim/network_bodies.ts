import type { Clock } from "../lib/clock.ts";
import { TransportError } from "../lib/http.ts";
import { untilAborted } from "./http.ts";
import { bodyMark } from "./timeline.ts";

/**
 * Writes a body to the timeline as it is read: a watch event by event, any other when it ends. What is read comes no
 * later for it: worlds run the same with and without a timeline.
 */
export function recordedBody(
  body: AsyncIterable<Uint8Array>,
  isWatch: boolean,
  note: (text: string) => void,
): AsyncIterable<Uint8Array> {
  const decoder = new TextDecoder();
  let text = "";
  let over = false;
  const end = (mark: string) => {
    if (!over) note(mark);
    over = true;
  };
  const record = ({ done, value }: IteratorResult<Uint8Array>) => {
    if (done) return end(`end${bodyMark(text)}`);
    text += decoder.decode(value, { stream: true });
    if (!isWatch) return;
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) if (line !== "") note(`~ ${eventMark(line)}`);
  };
  return {
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      return {
        next() {
          const part = source.next();
          part.then(record, () => end("end, cut off"));
          return part;
        },
        return() {
          end("end, cut off");
          return source.return?.() ?? Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
}

/** A fault of a body; `none`: it only ends when `ended` is aborted. */
export type StreamEffect =
  | { readonly kind: "none" }
  | { readonly kind: "cut"; readonly afterMs: number }
  | { readonly kind: "lag"; readonly ms: number };

/**
 * A body that breaks off after a while, or that comes late.
 * @param ended aborted when the body has broken off, or with the request: the server then stops sending
 */
export async function* faultyBody(
  body: AsyncIterable<Uint8Array>,
  effect: StreamEffect,
  clock: Clock,
  ended: AbortController,
): AsyncGenerator<Uint8Array> {
  const { signal } = ended;
  const cut = effect.kind === "cut"
    ? clock.after(effect.afterMs, () => ended.abort(new TransportError("reset", "the connection broke")))
    : undefined;
  const source = body[Symbol.asyncIterator]();
  const parts = effect.kind === "lag" ? late(source, effect.ms, clock, signal) : source;
  const broken = untilAborted(signal);
  broken.catch(() => {}); // it may break when nobody reads any more
  try {
    for (;;) {
      const next = parts.next();
      next.catch(() => {}); // what comes after the break is nobody's concern
      const part = await Promise.race([next, broken]);
      if (part.done) return;
      yield part.value;
    }
  } finally {
    cut?.cancel();
    // Not awaited: a server that waits for its next event sees the signal, but perhaps later.
    source.return?.()?.catch(() => {});
  }
}

/** The parts of a body, each so much later than it was sent, however many are on their way. */
async function* late(
  source: AsyncIterator<Uint8Array>,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const coming: { readonly at: number; readonly part: IteratorResult<Uint8Array> }[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const receive = async () => {
    for (;;) {
      const part = await source.next();
      coming.push({ at: clock.monotonic() + ms, part });
      wake();
      if (part.done) return;
    }
  };
  receive().catch((error) => {
    failure = { error };
    wake();
  });
  for (;;) {
    const next = coming.shift();
    if (next) {
      await clock.sleep(next.at - clock.monotonic(), signal);
      if (next.part.done) return;
      yield next.part.value;
    } else if (failure) throw failure.error;
    else await new Promise<void>((resolve) => wake = resolve);
  }
}

/** A body that tells when it has ended, in whatever way. */
export function whenOver(body: AsyncIterable<Uint8Array>, action: () => void): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      return {
        next() {
          const part = source.next();
          part.then(({ done }) => done && action(), action);
          return part;
        },
        return() {
          action();
          return source.return?.() ?? Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
}

/** A watch event, without its contents: type, kind, name, version. */
function eventMark(line: string): string {
  try {
    const { type, object } = JSON.parse(line) as {
      type?: string;
      object?: {
        kind?: string;
        code?: number;
        metadata?: { namespace?: string; name?: string; resourceVersion?: string };
      };
    };
    const { namespace, name, resourceVersion } = object?.metadata ?? {};
    const key = name === undefined ? "" : ` ${namespace === undefined ? "" : `${namespace}/`}${name}`;
    return `${type} ${object?.kind ?? ""}${key} ${object?.code ?? resourceVersion ?? ""}${bodyMark(line)}`;
  } catch {
    return `no event${bodyMark(line)}`;
  }
}
