import { type Clock, type Instant, sleepOn, type Timer } from "./clock.ts";

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

const STANDS_STILL_MS = 100;
/** More than a burst of hundreds of runners comes to, by far. */
const MOST_FIRED = 100_000;

/**
 * A clock that moves only when it is told to. Between two timers it lets every promise that can settle do so, so a
 * whole system that does its I/O in process runs deterministically, and hours of it take seconds.
 */
export class VirtualClock implements Clock {
  #elapsed = 0;
  #offset: number;
  #order = 0;
  readonly #heap: Pending[] = [];
  /** Timers that fired since time has moved by {@link STANDS_STILL_MS}, and when that was. */
  #fired = { since: 0, count: 0 };

  /** @param start the wall-clock time at which the clock begins */
  constructor(start: Instant = Date.UTC(2026, 0, 1)) {
    this.#offset = start;
  }

  now(): Instant {
    return this.#offset + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, action: () => void): Timer {
    const pending: Pending = { at: this.#elapsed + Math.max(ms, 0), order: this.#order++, action, cancelled: false };
    this.#push(pending);
    return {
      cancel: () => {
        pending.cancelled = true;
      },
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** Moves the wall clock by `ms` without moving the monotonic one: an operator or NTP set the time. */
  jump(ms: number): void {
    this.#offset += ms;
  }

  /** Lets `ms` milliseconds pass, running every timer that falls due, in order. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    await settle();
    for (let next = this.#next(); next && next.at <= until; next = this.#next()) await this.#fire(next);
    this.#elapsed = until;
  }

  /**
   * Lets time pass, from timer to timer, until `reached` says so.
   * @returns whether it did within `limitMs`
   */
  async runUntil(reached: () => boolean, limitMs: number): Promise<boolean> {
    const until = this.#elapsed + limitMs;
    await settle();
    while (!reached()) {
      const next = this.#next();
      if (!next || next.at > until) {
        this.#elapsed = until;
        return reached();
      }
      await this.#fire(next);
    }
    return true;
  }

  /** How many timers are pending: a leak shows as growth. */
  get pendingTimers(): number {
    return this.#heap.reduce((count, pending) => count + (pending.cancelled ? 0 : 1), 0);
  }

  async #fire(next: Pending): Promise<void> {
    this.#pop();
    this.#elapsed = Math.max(this.#elapsed, next.at);
    this.#checkProgress();
    next.action();
    await settle();
  }

  /** @throws Error when something runs hot: it would do so for ever */
  #checkProgress(): void {
    if (this.#elapsed - this.#fired.since >= STANDS_STILL_MS) this.#fired = { since: this.#elapsed, count: 0 };
    if (++this.#fired.count <= MOST_FIRED) return;
    this.#fired = { since: this.#elapsed, count: 0 };
    throw new Error(`${MOST_FIRED} timers fired within ${STANDS_STILL_MS} ms of virtual time: something runs hot`);
  }

  #next(): Pending | undefined {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0];
  }

  #push(item: Pending): void {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Pending, b: Pending): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves when every promise that can settle without time passing has settled: microtasks drain before a macrotask. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
