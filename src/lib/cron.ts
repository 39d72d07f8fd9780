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
  /** It would be looked for through all the years to come, at each question: half a second each. */
  readonly #never: boolean;

  /**
   * @param timeZone an IANA name, as in "Europe/Berlin"
   * @throws CronError
   */
  constructor(expression: string, timeZone: string) {
    // Of an API server that checks nothing they can be anything, and a time zone that is a number is searched for ever.
    if (typeof expression !== "string") throw new CronError("the expression must be a text");
    if (typeof timeZone !== "string") throw new CronError("the time zone must be a text, like Europe/Berlin");
    this.#never = neverComes(expression);
    try {
      this.#cron = new Cron(expression, {
        timezone: timeZone,
        mode: "5-part",
        fixedTimeRule: "no-wildcard",
        paused: true,
      });
      // A time zone is looked up at its first use.
      const used = this.#never ? new Cron("0 0 1 1 *", { timezone: timeZone, paused: true }) : this.#cron;
      used.nextRun(new Date(0));
    } catch (error) {
      throw new CronError(messageOf(error).split(" Original error: ")[0]!, { cause: error });
    }
  }

  /** The first time after `at`; undefined when there is none. */
  next(at: Instant): Instant | undefined {
    return this.#never ? undefined : this.#cron.nextRun(new Date(at))?.getTime();
  }

  /** The last time that is not after `at`; undefined when there is none. */
  last(at: Instant): Instant | undefined {
    return this.#never ? undefined : this.#cron.previousRuns(1, new Date(at + 1))[0]?.getTime();
  }
}

const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether its days are given by numbers that none of its months has. */
function neverComes(expression: string): boolean {
  const [, , day = "*", month = "*", weekday = "*"] = expression.trim().split(/\s+/);
  const days = firstNumbersOf(day);
  const months = numbersOf(month);
  if (!/^[*?]$/.test(weekday) || !days || !months) return false;
  return Math.min(...days) > Math.max(...months.map((number) => LONGEST[number - 1] ?? 31));
}

/** The numbers of `1,4-6`; undefined for what is written in any other way. */
function numbersOf(field: string): number[] | undefined {
  if (!/^\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*$/.test(field)) return undefined;
  return field.split(",").flatMap((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return Array.from({ length: Math.max(0, to - from) + 1 }, (_, at) => from + at);
  });
}

/** As {@link numbersOf}; of `4-30/3`, too, the first ones. */
function firstNumbersOf(field: string): number[] | undefined {
  return numbersOf(field.replaceAll(/\/\d{1,2}/g, ""));
}
