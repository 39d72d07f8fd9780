import type { Random } from "./random.ts";

/** How delays between tries grow. */
export interface BackoffOptions {
  /** The first delay, in milliseconds. */
  readonly firstMs: number;
  /** No delay is longer than this, in milliseconds. */
  readonly maxMs: number;
  /** Each delay is this many times the one before. Default 2. */
  readonly factor?: number;
  /** The part of a delay that is left to chance, 0 to 1: 0.2 means -20 % to +0 %. Default 0. */
  readonly jitter?: number;
}

/** The delay before try `attempt` (0 = the first retry), in milliseconds. */
export function delayOf(options: BackoffOptions, attempt: number, random?: Random): number {
  const { firstMs, maxMs, factor = 2, jitter = 0 } = options;
  const full = Math.min(maxMs, firstMs * factor ** Math.min(attempt, 64));
  return random && jitter > 0 ? full * (1 - jitter * random.next()) : full;
}

/** A run of failures and the delay that each earns; a success forgets them. */
export class Backoff {
  #attempt = 0;
  readonly #options: BackoffOptions;
  readonly #random: Random | undefined;

  constructor(options: BackoffOptions, random?: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#attempt;
  }

  /** Counts a failure and gives the delay before the next try, in milliseconds. */
  next(): number {
    return delayOf(this.#options, this.#attempt++, this.#random);
  }

  /** Forgets the failures. */
  reset(): void {
    this.#attempt = 0;
  }
}
