/** Waiting for one of several things, without leaving timers behind. */
import type { Clock } from "../../lib/clock.ts";

/** Resolves when one of the signals is aborted. */
export function until(...signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}

/** Rejects with the signal's reason when it is aborted. */
export function rejection(signal: AbortSignal): Promise<never> {
  return until(signal).then(() => {
    throw signal.reason;
  });
}

/** Which of these promises resolves first. Undefined ones never do. */
export function first(choices: Readonly<Record<string, Promise<unknown> | undefined>>): Promise<string> {
  const pending = Object.entries(choices).flatMap(([name, promise]) => promise ? [promise.then(() => name)] : []);
  return Promise.race(pending);
}

/** A span of time that can be called off. */
export function timeout(clock: Clock, ms: number): { readonly passed: Promise<void>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(ms, resolve);
  return { passed: promise, cancel: () => timer.cancel() };
}
