/** A value that others change, read again when it is old: a token file that rotates, a credential that expires. */
import type { Clock } from "./clock.ts";

/** Keeps what `read` gave for `maxAgeMs`; calls at the same time share one reading. */
export class Fresh<T> {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #read: () => Promise<T>;
  #last: { readonly value: T; readonly at: number } | undefined;
  #reading: Promise<T> | undefined;

  constructor(clock: Clock, maxAgeMs: number, read: () => Promise<T>) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
    this.#read = read;
  }

  /**
   * The value, at most `maxAgeMs` old. When it can't be read anew, the old one: it may still hold.
   * @throws what `read` throws, while there is no value at all
   */
  async get(): Promise<T> {
    const last = this.#last;
    if (last && this.#clock.monotonic() - last.at < this.#maxAgeMs) return last.value;
    this.#reading ??= this.#renew().finally(() => {
      this.#reading = undefined;
    });
    return await this.#reading;
  }

  /** Has the value read anew at its next use. Until that succeeds the old one holds. */
  expire(): void {
    if (this.#last) this.#last = { value: this.#last.value, at: -Infinity };
  }

  async #renew(): Promise<T> {
    const last = this.#last;
    try {
      const value = await this.#read();
      this.#last = { value, at: this.#clock.monotonic() };
      return value;
    } catch (error) {
      if (!last) throw error;
      // The next try is due after another age, not at each call.
      this.#last = { value: last.value, at: this.#clock.monotonic() };
      return last.value;
    }
  }
}
