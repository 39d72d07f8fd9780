import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";

/** A part of a process that is started and stopped as a whole. */
export interface Component {
  readonly name: string;
  /** Resolves when what comes after it may start. */
  start(): Promise<void>;
  /** Resolves when it has ended. Called once, also after a start that failed halfway. */
  stop(): Promise<void>;
  /** Settles when the part has ended by itself, which ends the whole. */
  readonly ended?: Promise<string>;
}

/** Starts components in order and stops them in reverse: what is needed last is given up last. */
export class Manager {
  readonly #components: readonly Component[];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopWithinMs: number;

  constructor(
    components: readonly Component[],
    options: { readonly clock: Clock; readonly log: Log; readonly stopWithinMs?: number },
  ) {
    this.#components = components;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#stopWithinMs = options.stopWithinMs ?? 20_000;
  }

  /**
   * Runs until the signal is aborted or a component ends by itself.
   * @returns why a component ended, or undefined after the signal
   */
  async run(signal: AbortSignal): Promise<string | undefined> {
    const stopped = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const started: Component[] = [];
    const ends: Promise<string | undefined>[] = [stopped];
    try {
      for (const component of this.#components) {
        started.push(component);
        if (component.ended) ends.push(component.ended);
        const first = await Promise.race([component.start().then(() => "started" as const), ...ends.map(endOf)]);
        if (first !== "started") return first.why;
      }
      return await Promise.race(ends);
    } finally {
      for (const component of started.reverse()) await this.#stop(component);
    }
  }

  async #stop(component: Component): Promise<void> {
    const limit = new AbortController();
    const late = this.#clock.sleep(this.#stopWithinMs, limit.signal).then(() => "late", () => "done");
    try {
      const outcome = await Promise.race([component.stop(), late]);
      if (outcome === "late") this.#log.warn("did not stop in time", { component: component.name });
    } catch (error) {
      this.#log.warn("stop failed", { component: component.name, error: messageOf(error) });
    } finally {
      limit.abort();
    }
  }
}

async function endOf(end: Promise<string | undefined>): Promise<{ why: string | undefined }> {
  return { why: await end };
}

/** A component that is a loop: it runs until its signal is aborted. */
export function loop(name: string, run: (signal: AbortSignal) => Promise<void>): Component {
  const abort = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const ended = Promise.withResolvers<string>();
  return {
    name,
    ended: ended.promise,
    start() {
      running = run(abort.signal);
      running.catch((error) => ended.resolve(`${name} failed: ${messageOf(error)}`));
      return Promise.resolve();
    },
    async stop() {
      abort.abort();
      await running.catch(() => "said by `ended`");
    },
  };
}
