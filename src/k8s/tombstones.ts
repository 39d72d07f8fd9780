import type { Clock } from "../lib/clock.ts";

/** How long the dead are remembered after the watch has told of their end, in milliseconds. */
const TOLD_MS = 60_000;
/** How long while it has not: longer than a watch request lasts, for that long can a dead connection keep it from us. */
const UNTOLD_MS = 15 * 60_000;

/**
 * UIDs of objects of which we know, from our own writes, that they are gone for good: the watch may lag behind that and
 * still tell of their life. What the watch itself tells needs no memory, because it comes in order.
 */
export class Tombstones {
  readonly #clock: Clock;
  /** Until when, in monotonic milliseconds; oldest first. */
  readonly #untold = new Map<string, number>();
  readonly #told = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#untold.size + this.#told.size;
  }

  has(uid: string): boolean {
    return this.#untold.has(uid) || this.#told.has(uid);
  }

  /** The object is gone for good. */
  add(uid: string): void {
    if (!this.has(uid)) this.#untold.set(uid, this.#clock.monotonic() + UNTOLD_MS);
    this.#purge();
  }

  /**
   * The watch has told that the object is gone, or has left its selection: then it may return there once more before
   * the watch comes to its end.
   */
  told(uid: string): void {
    if (this.#untold.delete(uid)) this.#told.set(uid, this.#clock.monotonic() + TOLD_MS);
    this.#purge();
  }

  clear(): void {
    this.#untold.clear();
    this.#told.clear();
  }

  #purge(): void {
    const now = this.#clock.monotonic();
    for (const map of [this.#untold, this.#told]) {
      for (const [uid, until] of map) {
        if (until > now) break;
        map.delete(uid);
      }
    }
  }
}
