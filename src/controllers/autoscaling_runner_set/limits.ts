/** How many runners a scale set may have now: what the spec says, a scheduled override, a pause. Pure. */
import { type AutoscalingRunnerSetSpec, NO_LIMIT, type ScheduledOverride } from "../../api/kinds.ts";
import type { Instant } from "../../lib/clock.ts";
import { CronError, CronSchedule } from "../../lib/cron.ts";
import { parseDuration } from "../../lib/duration.ts";

/** An override that is in force. */
export interface ActiveOverride {
  readonly override: ScheduledOverride;
  readonly timeZone: string;
  /** When it ends, unless it begins again before. */
  readonly until: Instant;
}

export interface Limits {
  readonly minRunners: number;
  /** {@link NO_LIMIT}: none. */
  readonly maxRunners: number;
  readonly active?: ActiveOverride;
  /** When another override may come into force, or this one go. */
  readonly nextChange?: Instant;
}

const DEFAULT_ZONE = "UTC";

/**
 * The limits in force. An override that can't be used never is: {@link scheduleProblem} says so.
 * @param outdated GitHub refuses the runners' version: a job that is taken would wait for a runner in vain
 */
export function limitsOf(spec: AutoscalingRunnerSetSpec | undefined, now: Instant, outdated: boolean): Limits {
  const { scheduledOverrides = [], paused, minRunners = 0, maxRunners = NO_LIMIT } = spec ?? {};
  let active: ActiveOverride | undefined;
  let nextChange: Instant | undefined;
  for (const override of scheduledOverrides) {
    const { current, change } = windowOf(override, now);
    // The last one of those in force holds, as a whole.
    if (current) active = current;
    if (change !== undefined) nextChange = Math.min(change, nextChange ?? Infinity);
  }
  const most = active?.override.maxRunners ?? maxRunners;
  const least = Math.min(active?.override.minRunners ?? minRunners, most);
  return {
    // A pause is a limit of 0: what is assigned is served all the same.
    ...(paused || outdated ? { minRunners: 0, maxRunners: 0 } : { minRunners: least, maxRunners: most }),
    ...(active && { active }),
    ...(nextChange !== undefined && { nextChange }),
  };
}

/** What is wrong with the first override that can't be used. The API server refuses most of it, if the CRD is ours. */
export function scheduleProblem(spec: AutoscalingRunnerSetSpec | undefined): string | undefined {
  for (const [index, override] of (spec?.scheduledOverrides ?? []).entries()) {
    const where = `scheduledOverrides[${index}]`;
    if (!(lengthOf(override) > 0)) return `${where}.duration: ${quoted(override.duration)} is not like "8h" or "1h30m"`;
    try {
      scheduleOf(override);
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      return `${where}: ${quoted(override.schedule)} in ${zoneOf(override)}: ${error.message}`;
    }
    const { minRunners, maxRunners } = override;
    if (minRunners !== undefined && maxRunners !== undefined && maxRunners < minRunners) {
      return `${where}: maxRunners (${maxRunners}) is less than minRunners (${minRunners})`;
    }
  }
  return undefined;
}

/** Whether an override is in force, and when that changes. Its last beginning decides, also when others came before. */
function windowOf(
  override: ScheduledOverride,
  now: Instant,
): { readonly current?: ActiveOverride; readonly change?: Instant } {
  const schedule = usableOf(override);
  if (!schedule) return {};
  const begun = schedule.last(now);
  const until = begun === undefined ? undefined : begun + lengthOf(override);
  if (until === undefined || until <= now) return { change: schedule.next(now) };
  return { current: { override, timeZone: zoneOf(override), until }, change: until };
}

function usableOf(override: ScheduledOverride): CronSchedule | undefined {
  if (!(lengthOf(override) > 0)) return undefined;
  try {
    return scheduleOf(override);
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    return undefined;
  }
}

function scheduleOf(override: ScheduledOverride): CronSchedule {
  return new CronSchedule(override.schedule, zoneOf(override));
}

function zoneOf({ timeZone }: ScheduledOverride): string {
  return timeZone || DEFAULT_ZONE;
}

/** Milliseconds; 0 when it is no duration. */
function lengthOf({ duration }: ScheduledOverride): number {
  return parseDuration(duration) ?? 0;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
