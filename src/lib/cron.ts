/** Times by which people plan: a cron expression of five fields in a time zone. Nothing here keeps a clock. */
import { Cron } from "croner";
import type { Instant } from "./clock.ts";
import { messageOf } from "./errors.ts";

/** The expression or the time zone can't be used; the message says why. */
export class CronError extends Error {
  override readonly name = "CronError";
}

/**
 * Minute, hour, day of month, month, day of week; where both days are given, either will do.
 *
 * Across a change to or from daylight saving time: what stands at fixed hours happens once a day, in the hour that is
 * left out at the first moment after it, in the hour that comes twice at its first coming; what is given with `*` or a
 * step follows the hours as they pass.
 */
export class CronSchedule {
  readonly #cron: Cron;

  /**
   * @param timeZone an IANA name, as in "Europe/Berlin"
   * @throws CronError
   */
  constructor(expression: string, timeZone: string) {
    try {
      this.#cron = new Cron(expression, {
        timezone: timeZone,
        mode: "5-part",
        fixedTimeRule: "no-wildcard",
        paused: true,
      });
      // A time zone is looked up at its first use.
      this.#cron.nextRun(new Date(0));
    } catch (error) {
      throw new CronError(messageOf(error).split(" Original error: ")[0]!, { cause: error });
    }
  }

  /** The first time after `at`; undefined when there is none. */
  next(at: Instant): Instant | undefined {
    return this.#cron.nextRun(new Date(at))?.getTime();
  }

  /** The last time that is not after `at`; undefined when there is none. */
  last(at: Instant): Instant | undefined {
    return this.#cron.previousRuns(1, new Date(at + 1))[0]?.getTime();
  }
}
