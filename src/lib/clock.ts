/**
 * Time comes into the program through a {@link Clock}: the real one here, a virtual one in simulated worlds and tests.
 * No other module reads the time or sets a timer.
 */

/** Milliseconds since the Unix epoch. */
export type Instant = number;

/** A pending timer. */
export interface Timer {
  /** Stops the timer; harmless when it has fired already. */
  cancel(): void;
}

/** A source of time. */
export interface Clock {
  /** Wall-clock time. It may jump; use it for what people and other machines read. */
  now(): Instant;
  /** Milliseconds of a clock that never jumps and never goes back. Use it to measure durations. */
  monotonic(): number;
  /** Runs `action` once after `ms` milliseconds. */
  after(ms: number, action: () => void): Timer;
  /**
   * Resolves after `ms` milliseconds.
   * @throws the signal's reason, as soon as `signal` is aborted
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. Its timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, action) {
    const id = setTimeout(action, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
    return { cancel: () => clearTimeout(id) };
  },
  sleep(ms, signal) {
    return sleepOn(this, ms, signal);
  },
};

/** {@link Clock.sleep}, written over {@link Clock.after}: shared by every clock. */
export function sleepOn(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** RFC 3339 with seconds, as Kubernetes writes `metav1.Time`. */
export function rfc3339(at: Instant): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** RFC 3339 with microseconds, as Kubernetes writes `metav1.MicroTime`. */
export function rfc3339Micro(at: Instant): string {
  return new Date(at).toISOString().replace(/Z$/, "000Z");
}

/** The instant of an RFC 3339 text, or undefined when it is absent or no time. */
export function instantOf(text: string | null | undefined): Instant | undefined {
  if (!text) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
