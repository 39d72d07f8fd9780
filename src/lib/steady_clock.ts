import { type Clock, type Instant, sleepOn } from "./clock.ts";

/** Differences between the two clocks that are no jump, in milliseconds. */
const JITTER_MS = 100;

/**
 * A clock whose wall-clock time never goes back, for those who wait until an instant: where the machine's time is set
 * back by an hour, nothing waits an hour longer. What it says then goes at half the pace until the machine's time has
 * caught up, so that it is right again in the end. A jump forward is followed at once.
 */
export function steadyClock(clock: Clock): Clock {
  let seen = { wall: clock.now(), monotonic: clock.monotonic() };
  /** How far what it says is ahead of the machine's time. */
  let ahead = 0;
  const now = (): Instant => {
    const [wall, monotonic] = [clock.now(), clock.monotonic()];
    const passed = monotonic - seen.monotonic;
    const jump = wall - seen.wall - passed;
    seen = { wall, monotonic };
    if (Math.abs(jump) > JITTER_MS) ahead = Math.max(0, ahead - jump);
    ahead = Math.max(0, ahead - passed / 2);
    return Math.floor(wall + ahead);
  };
  const steady: Clock = {
    now,
    monotonic: () => clock.monotonic(),
    after: (ms, action) => clock.after(ms, action),
    sleep: (ms, signal) => sleepOn(steady, ms, signal),
  };
  return steady;
}
