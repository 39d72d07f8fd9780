import { type BackoffOptions, delayOf } from "../lib/backoff.ts";
import type { Clock, Timer } from "../lib/clock.ts";

export interface QueueOptions {
  readonly clock: Clock;
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  /** Delays of a key that fails again and again. */
  readonly backoff: BackoffOptions;
}

/** Called as keys move; the metrics of the queue are made of it. Durations in seconds. */
export interface QueueObserver {
  added(): void;
  retried(): void;
  depth(count: number): void;
  waited(seconds: number): void;
  worked(seconds: number): void;
}

interface Waiting {
  readonly dueAt: number;
  readonly timer: Timer;
}

/**
 * Work by key. A key stands in it once, however often it is added; the earlier of two times wins; a key that is being
 * worked on waits until that has ended. There is no limit on the rate of all keys together.
 */
export class Queue {
  readonly #options: QueueOptions;
  #observer: QueueObserver | undefined;
  /** Keys whose time has come, oldest first, with the moment since when they wait for a worker. */
  readonly #due = new Map<string, number>();
  readonly #later = new Map<string, Waiting>();
  readonly #working = new Set<string>();
  /** Keys added while they were worked on, with the moment at which they are due. */
  readonly #again = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #work: ((key: string) => Promise<void>) | undefined;
  #idle: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  observe(observer: QueueObserver): void {
    this.#observer = observer;
  }

  /** Keys that wait for nothing but a worker. */
  get due(): number {
    return this.#due.size;
  }

  /** Keys in it, in whatever state. */
  get size(): number {
    return this.#due.size + this.#later.size + this.#working.size;
  }

  /** Adds a key, to be worked on after `ms` milliseconds. */
  add(key: string, ms = 0): void {
    const now = this.#options.clock.monotonic();
    const dueAt = now + Math.max(ms, 0);
    if (this.#working.has(key)) {
      const known = this.#again.get(key);
      if (known === undefined || dueAt < known) this.#again.set(key, dueAt);
      return;
    }
    if (this.#due.has(key)) return;
    const waiting = this.#later.get(key);
    if (waiting && waiting.dueAt <= dueAt) return;
    waiting?.timer.cancel();
    this.#later.delete(key);
    if (ms > 0) this.#wait(key, dueAt, ms);
    else this.#enter(key, now);
  }

  /** Adds a key that failed, after its back-off or `atLeastMs`. @returns the delay in milliseconds */
  retry(key: string, atLeastMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delay = Math.max(atLeastMs, delayOf(this.#options.backoff, failures));
    this.#observer?.retried();
    this.add(key, delay);
    return delay;
  }

  /** The key succeeded: its next failure earns the shortest delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Works on keys until the signal is aborted; resolves when the work under way has ended. */
  async run(work: (key: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#work = work;
    this.#dispatch();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#work = undefined;
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
    if (this.#working.size > 0) await new Promise<void>((resolve) => this.#idle = resolve);
  }

  #wait(key: string, dueAt: number, ms: number): void {
    const timer = this.#options.clock.after(ms, () => {
      this.#later.delete(key);
      this.#enter(key, this.#options.clock.monotonic());
    });
    this.#later.set(key, { dueAt, timer });
  }

  #enter(key: string, now: number): void {
    this.#due.set(key, now);
    this.#observer?.added();
    this.#observer?.depth(this.#due.size);
    this.#dispatch();
  }

  #dispatch(): void {
    const { concurrency, clock } = this.#options;
    while (this.#work && this.#working.size < concurrency) {
      const next = this.#due.entries().next().value;
      if (!next) return;
      const [key, since] = next;
      this.#due.delete(key);
      this.#working.add(key);
      this.#observer?.depth(this.#due.size);
      const started = clock.monotonic();
      this.#observer?.waited((started - since) / 1000);
      this.#work(key).finally(() => this.#done(key, started));
    }
  }

  #done(key: string, started: number): void {
    const now = this.#options.clock.monotonic();
    this.#working.delete(key);
    this.#observer?.worked((now - started) / 1000);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined) this.add(key, again - now);
    this.#dispatch();
    if (this.#working.size === 0) this.#idle?.();
  }
}
