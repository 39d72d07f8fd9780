import { Backoff, type BackoffOptions } from "../lib/backoff.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import { TransportError } from "../lib/http.ts";
import { between, type Random } from "../lib/random.ts";
import type { KubeClient, Selection } from "./client.ts";
import { KubeError, type KubeErrorKind } from "./errors.ts";
import type { KubeObject, Resource, Stored } from "./resource.ts";

/** Why a watch had to be taken up again: one word, for metrics. */
export type WatchCause =
  | "expired"
  | "quick-end"
  | "silence"
  | "throttled"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "unavailable"
  | "connection"
  | "other";

/** What has become of a kind's objects. After a failure the stream goes on: nothing but the signal ends it. */
export type WatchOutput<T extends KubeObject> =
  /** These are all the objects there are, as of this version: what is not among them is gone. */
  | { readonly type: "reset"; readonly items: Stored<T>[]; readonly resourceVersion: string }
  | { readonly type: "apply"; readonly object: Stored<T> }
  | { readonly type: "delete"; readonly object: Stored<T> }
  /** Everything up to this version has been told. */
  | { readonly type: "progress"; readonly resourceVersion: string }
  /** Nothing can be seen for now; the next try comes `delayMs` after this has been taken. */
  | { readonly type: "failure"; readonly cause: WatchCause; readonly error: unknown; readonly delayMs: number };

/** How a kind is watched; times are those of design and can be shortened by tests. */
export interface WatchOptions<T extends KubeObject = KubeObject> {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Objects per request of a list. Default 500. */
  readonly pageSize?: number;
  /** How long the server keeps one watch request open: a random time between these, in seconds. Default 300 to 600. */
  readonly timeoutSeconds?: { readonly from: number; readonly to: number };
  /** A request that is silent for longer than its own timeout plus this is ended, in milliseconds. Default 5,000. */
  readonly graceMs?: number;
  /** Once a request has shown bookmarks, silence longer than this ends it, in milliseconds. Default 180,000. */
  readonly quietMs?: number;
  /** Default 0.8 s doubling to 30 s with jitter. */
  readonly backoff?: BackoffOptions;
  /** Makes each object of a list small while the list is read, so that no list is ever whole in memory. */
  readonly project?: (object: Stored<T>) => Stored<T>;
}

const BACKOFF: BackoffOptions = { firstMs: 800, maxMs: 30_000, jitter: 0.5 };
/** A watch that ends sooner than this, with no event, has failed: it would be opened a thousand times a second. */
const QUICK_MS = 1_000;
/** Bookmarks come every minute: a watch that has run this long without one, and with no event, knows nothing of us. */
const MUTE_MS = 120_000;

/** Where a stream stands: at a version that it can watch from; undefined = it must list. */
interface Cursor {
  version: string | undefined;
  /** Events have come since the server last said that it does not know our version. */
  heard: boolean;
}

/**
 * Everything that happens to a kind's objects, for ever: a list in pages, then watches from its version on, each from
 * where the one before ended. What ends a list or a watch early is told as a `failure`; the stream goes on after a
 * delay that grows from failure to failure until an event comes. It lists again only when the server no longer
 * knows our version (410), or when a watch has stayed mute for its whole time. It returns when the signal is aborted.
 */
export async function* watchAll<T extends KubeObject>(
  client: KubeClient,
  kind: Resource<T>,
  selection: Selection,
  options: WatchOptions<T>,
): AsyncGenerator<WatchOutput<T>, void> {
  const { clock, random, signal } = options;
  const backoff = new Backoff(options.backoff ?? BACKOFF, random);
  const cursor: Cursor = { version: undefined, heard: true };
  while (!signal.aborted) {
    try {
      if (cursor.version === undefined) yield await listAll(client, kind, selection, options, cursor);
      else yield* watchOnce(client, kind, selection, options, cursor, backoff);
    } catch (error) {
      if (signal.aborted) return;
      const cause = causeOf(error);
      if (cause === "expired") {
        // It answers: whatever was waited for is over. Only one that says so again and again is waited for longer.
        if (cursor.heard) backoff.reset();
        cursor.version = undefined;
        cursor.heard = false;
      }
      const earned = backoff.next();
      const asked = error instanceof KubeError ? error.retryAfterMs : undefined;
      const delayMs = asked ?? earned;
      yield { type: "failure", cause, error, delayMs };
      await clock.sleep(delayMs, signal).catch(() => {}); // rejects only on abort, which the loop's condition sees
    }
  }
}

/**
 * The whole list, in pages of one version. No resourceVersion is asked for: that means the newest state. Version "0"
 * (any state that some API server has cached) could lie before what we have seen already: after a 410, a second API
 * server that lags behind would take the world back in time. A continue token that has expired (410) starts it again.
 */
async function listAll<T extends KubeObject>(
  client: KubeClient,
  kind: Resource<T>,
  selection: Selection,
  options: WatchOptions<T>,
  cursor: Cursor,
): Promise<WatchOutput<T>> {
  const { pageSize = 500, project, signal } = options;
  const items: Stored<T>[] = [];
  let version: string | undefined;
  let next: string | undefined;
  do {
    const page = await client.list(kind, { ...selection, limit: pageSize, continue: next, signal });
    for (const item of page.items) items.push(project ? project(item) : item);
    version ??= page.resourceVersion; // of the first page: watching from a later one could miss what came between
    next = page.continue;
  } while (next !== undefined);
  cursor.version = version;
  return { type: "reset", items, resourceVersion: version };
}

/** One watch request. It returns when the server has ended it in good order. */
async function* watchOnce<T extends KubeObject>(
  client: KubeClient,
  kind: Resource<T>,
  selection: Selection,
  options: WatchOptions<T>,
  cursor: Cursor,
  backoff: Backoff,
): AsyncGenerator<WatchOutput<T>, void> {
  const { clock, random } = options;
  const { from, to } = options.timeoutSeconds ?? { from: 300, to: 600 };
  const timeoutSeconds = between(random, from, to);
  const silence = new Silence(options, kind, timeoutSeconds);
  const startedAt = clock.monotonic();
  let heard = false;
  try {
    const request = { ...selection, resourceVersion: cursor.version ?? "", timeoutSeconds, signal: silence.signal };
    for await (const event of client.watch(kind, request)) {
      const isBookmark = event.type === "BOOKMARK";
      heard = cursor.heard = true;
      silence.heard(isBookmark);
      backoff.reset();
      const version = isBookmark ? event.resourceVersion : event.object.metadata.resourceVersion;
      cursor.version = version;
      if (isBookmark) yield { type: "progress", resourceVersion: version };
      else yield { type: event.type === "DELETED" ? "delete" : "apply", object: event.object };
    }
  } finally {
    silence.end();
  }
  if (heard) return;
  if (clock.monotonic() - startedAt < QUICK_MS) {
    throw new WatchTrouble("quick-end", `the watch of ${kind.plural} ended at once`);
  }
  // A server that knows our version sends bookmarks. One that has been restored from a backup, and whose versions lie
  // before ours, sends nothing until they have caught up, and no error either: what happens meanwhile would be lost.
  if (clock.monotonic() - startedAt >= MUTE_MS) cursor.version = undefined;
}

/** Trouble that only the watcher can see. */
class WatchTrouble extends Error {
  override readonly name = "WatchTrouble";
  readonly trouble: "quick-end" | "silence";

  constructor(trouble: "quick-end" | "silence", message: string) {
    super(message);
    this.trouble = trouble;
  }
}

/** Ends a watch request from which nothing has come for too long: its connection is dead and nobody said so. */
class Silence {
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #kind: Resource;
  readonly #forward: () => void;
  readonly #quietMs: number;
  #limitMs: number;
  #heardAt: number;
  #timer: Timer;

  constructor(
    options: Pick<WatchOptions, "clock" | "signal" | "graceMs" | "quietMs">,
    kind: Resource,
    timeoutSeconds: number,
  ) {
    const { clock, signal, graceMs = 5_000, quietMs = 180_000 } = options;
    this.#clock = clock;
    this.#outer = signal;
    this.#kind = kind;
    this.#forward = () => this.#abort.abort(signal.reason);
    if (signal.aborted) this.#forward();
    signal.addEventListener("abort", this.#forward, { once: true });
    this.#limitMs = timeoutSeconds * 1000 + graceMs;
    this.#quietMs = Math.min(quietMs, this.#limitMs);
    this.#heardAt = clock.monotonic();
    this.#timer = this.#arm(this.#limitMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something has come. A server that has sent a bookmark sends one a minute: from then on silence tells sooner. */
  heard(isBookmark: boolean): void {
    this.#heardAt = this.#clock.monotonic();
    if (!isBookmark || this.#limitMs === this.#quietMs) return;
    this.#limitMs = this.#quietMs;
    this.#timer.cancel();
    this.#timer = this.#arm(this.#limitMs);
  }

  end(): void {
    this.#timer.cancel();
    this.#outer.removeEventListener("abort", this.#forward);
  }

  /** One timer that looks at the last event when it fires, instead of a new timer for each event. */
  #arm(ms: number): Timer {
    return this.#clock.after(ms, () => {
      const left = this.#heardAt + this.#limitMs - this.#clock.monotonic();
      if (left > 0) this.#timer = this.#arm(left);
      else {this.#abort.abort(
          new WatchTrouble("silence", `the watch of ${this.#kind.plural} has been silent for ${this.#limitMs} ms`),
        );}
    });
  }
}

function causeOf(error: unknown): WatchCause {
  if (error instanceof WatchTrouble) return error.trouble;
  if (error instanceof TransportError) return "connection";
  if (!(error instanceof KubeError)) return "other";
  return CAUSE_OF_KIND[error.kind] ?? "other";
}

const CAUSE_OF_KIND: Readonly<Partial<Record<KubeErrorKind, WatchCause>>> = {
  Gone: "expired",
  TooManyRequests: "throttled",
  Unauthorized: "unauthorized",
  Forbidden: "forbidden",
  NotFound: "not-found",
  Unavailable: "unavailable",
};
