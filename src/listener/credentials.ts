import type { ActionsService } from "../github/service.ts";
import type { LoopDeps, LoopWaits } from "./loop_deps.ts";

/** Other credentials are tried at once, but no more often than this: what looks new again and again would be tried hot. */
const HURRY_MS = 5_000;

/**
 * What a loop does about credentials that GitHub refuses: they are read again before anybody is alarmed, for they may
 * have been rotated, and others are tried at once, whenever they come.
 */
export class Credentials {
  readonly #deps: Pick<LoopDeps, "clock" | "service" | "onRefused">;
  readonly #waits: Pick<LoopWaits, "rereadMs">;
  /** Ends all waiting. */
  readonly #stop: AbortSignal;
  /** The wait that is under way, and for whose sake. */
  #waiting: { readonly refused: ActionsService; readonly over: AbortController } | undefined;
  /** On the monotonic clock, when other credentials may be tried at once again. */
  #hurryAt = 0;

  constructor(deps: LoopDeps, waits: LoopWaits, stop: AbortSignal) {
    this.#deps = deps;
    this.#waits = waits;
    this.#stop = stop;
  }

  /** GitHub refused these: whether there are others by now, which may be tried at once. */
  async areReplaced(refused: ActionsService): Promise<boolean> {
    const { clock, onRefused, service } = this.#deps;
    if (onRefused) {
      const read = new AbortController();
      void onRefused().finally(() => read.abort(new Error("the credentials have been read")));
      await this.#sleep(clock.sleep(this.#waits.rereadMs, AbortSignal.any([this.#stop, read.signal])));
    }
    return service() !== refused && this.#mayHurry();
  }

  /** Waits so long, but not when others come. */
  async wait(ms: number, refused: ActionsService): Promise<void> {
    const over = new AbortController();
    this.#waiting = { refused, over };
    await this.#sleep(this.#deps.clock.sleep(ms, AbortSignal.any([this.#stop, over.signal])));
    this.#waiting = undefined;
  }

  /** There may be others. */
  changed(): void {
    if (!this.#waiting || this.#waiting.refused === this.#deps.service() || !this.#mayHurry()) return;
    this.#waiting.over.abort(new Error("there are other credentials"));
  }

  #mayHurry(): boolean {
    const now = this.#deps.clock.monotonic();
    if (now < this.#hurryAt) return false;
    this.#hurryAt = now + HURRY_MS;
    return true;
  }

  /** Only a signal ends a sleep early, and each of them is for the caller to see. */
  async #sleep(sleep: Promise<void>): Promise<void> {
    await sleep.catch(() => {}); // the caller looks at what the signals stand for
  }
}
