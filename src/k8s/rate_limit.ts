import type { Clock } from "../lib/clock.ts";

/** How often something may happen. */
export interface RateLimit {
  /** A second, on average. */
  readonly qps: number;
  /** How many at once after a pause. */
  readonly burst: number;
}

/** A token bucket: callers come through in the order in which they asked. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #msPerToken: number;
  readonly #burstMs: number;
  /** When the bucket would be full again if nobody came: monotonic milliseconds. */
  #fullAt = 0;

  /** @throws RangeError for a limit that lets nothing through */
  constructor(limit: RateLimit, clock: Clock) {
    if (!(limit.qps > 0)) throw new RangeError(`qps: must be above 0, is ${limit.qps}`);
    if (!(limit.burst >= 1)) throw new RangeError(`burst: must be at least 1, is ${limit.burst}`);
    this.#clock = clock;
    this.#msPerToken = 1000 / limit.qps;
    this.#burstMs = this.#msPerToken * limit.burst;
  }

  /**
   * Resolves when the caller may go on.
   * @throws the signal's reason; the caller's turn is used up all the same
   */
  async turn(signal?: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#fullAt = Math.max(this.#fullAt, now) + this.#msPerToken;
    const wait = this.#fullAt - now - this.#burstMs;
    if (wait > 0) await this.#clock.sleep(wait, signal);
  }
}
