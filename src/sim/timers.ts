import type { Clock, Timer } from "../lib/clock.ts";

/** Timers that end together: a simulated server that is closed leaves none behind, so that the process can end. */
export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Set<Timer>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `action` after `ms`, unless the group is closed before. */
  after(ms: number, action: () => void): Timer {
    if (this.#closed) return { cancel: () => {} };
    const timer = this.#clock.after(ms, () => {
      this.#pending.delete(timer);
      action();
    });
    this.#pending.add(timer);
    return {
      cancel: () => {
        this.#pending.delete(timer);
        timer.cancel();
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }
}
