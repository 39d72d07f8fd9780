import type { Instant } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { type BackoffOptions, delayOf } from "../lib/backoff.ts";
import type { Random } from "../lib/random.ts";

/** What has become of the calls made for one key: part of an observation. */
export interface Performance<Call, Result> {
  /** The call under way; a key has one at a time. */
  readonly running?: Call;
  /** The last call that ended, and how. */
  readonly last?: Outcome<Call, Result>;
  /** Failures in a row. */
  readonly failures: number;
  /** When the next call may start, after a failure. */
  readonly retryAt: Instant;
}

export type Outcome<Call, Result> =
  | { readonly call: Call; readonly at: Instant; readonly ok: true; readonly result: Result }
  | { readonly call: Call; readonly at: Instant; readonly ok: false; readonly error: unknown };

const NOTHING: Performance<never, never> = { failures: 0, retryAt: 0 };

/**
 * Runs calls that must hold no worker: 50 that hang stop nothing. One call per key is in flight; when it ends the key
 * is woken and the outcome stays, for observe to read, until the next call of the key or {@link Performer.forget}.
 */
export class Performer<Call, Result> {
  readonly #seen = new Map<string, Performance<Call, Result>>();
  readonly #tries = new Map<string, symbol>();
  readonly #clock: Clock;
  readonly #run: (key: string, call: Call) => Promise<Result>;
  readonly #wake: (key: string) => void;
  readonly #backoff: BackoffOptions;
  readonly #random: Random | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly run: (key: string, call: Call) => Promise<Result>;
    readonly wake: (key: string) => void;
    readonly backoff: BackoffOptions;
    readonly random?: Random;
  }) {
    this.#clock = options.clock;
    this.#run = options.run;
    this.#wake = options.wake;
    this.#backoff = options.backoff;
    this.#random = options.random;
  }

  /** What has become of the key's calls. */
  of(key: string): Performance<Call, Result> {
    return this.#seen.get(key) ?? NOTHING;
  }

  /** Calls in flight, all keys together. */
  get inFlight(): number {
    return this.#tries.size;
  }

  /** Starts a call, unless one of the key is in flight. */
  start(key: string, call: Call): void {
    if (this.#tries.has(key)) return;
    const before = this.of(key);
    const token = Symbol();
    this.#tries.set(key, token);
    this.#seen.set(key, { ...before, running: call });
    const settle = (outcome: Outcome<Call, Result>) => {
      if (this.#tries.get(key) !== token) return;
      this.#tries.delete(key);
      const failures = outcome.ok ? 0 : before.failures + 1;
      const retryAt = outcome.ok ? 0 : outcome.at + delayOf(this.#backoff, failures - 1, this.#random);
      this.#seen.set(key, { last: outcome, failures, retryAt });
      this.#wake(key);
    };
    this.#run(key, call).then(
      (result) => settle({ call, at: this.#clock.now(), ok: true, result }),
      (error) => settle({ call, at: this.#clock.now(), ok: false, error }),
    );
  }

  /** Drops what is known of a key; the outcome of a call in flight will not be kept. */
  forget(key: string): void {
    this.#seen.delete(key);
    this.#tries.delete(key);
  }
}
