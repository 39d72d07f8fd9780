/** How many runners a set lacks or has too many of. Pure; the terms are those of docs/behaviour.md, "How many runners". */
import type { Instant } from "../../lib/clock.ts";

/** A set's runners, as this process sees them. Those whose container has ended count as ended, whatever they say. */
export interface Census {
  /** Not online yet. */
  readonly pending: number;
  /** Online, without a job. */
  readonly idle: number;
  /** With a job that has not ended. */
  readonly busy: number;
  /** Busy ones of the sets that this one replaces: their jobs are counted with its own, and they hold its slots. */
  readonly elsewhere: number;
  /** Their job has completed, and their container may still run. */
  readonly marked: number;
  readonly ended: number;
  readonly failed: number;
  readonly outdated: number;
  readonly deleting: number;
  /** Those of the deleting ones that are still at their job: somebody has deleted them, and they finish it. */
  readonly finishing: number;
  /** Those of the deleting ones that may have been given a job a moment ago: their pod runs, and GitHub has not let them go. */
  readonly undecided: number;
  /** Those of the busy ones whose job is not in `runningJobs` yet: a newer patch than the one we see counted it. */
  readonly ahead: number;
  /** Runners that ended or were lost with a job in the last minute. */
  readonly gone: number;
  /** Runners that ended with a job in the last moments, and were not marked. */
  readonly endedLately: number;
  /** Pending and idle runners that the service is being asked to let go, or has let go. */
  readonly leaving: number;
}

/** What the listener asks for. */
export interface Demand {
  /** Runners wanted, those with a job included. */
  readonly replicas: number;
  /** Jobs that the service counts as running; undefined where the CRD has no such field, or another listener writes. */
  readonly runningJobs: number | undefined;
}

/** Runners to make or to remove; each may be negative, and at most one of `lack` and `surplus` is positive. */
export interface Needs {
  /** To be made now: the idle runners that are wanted, less those that we have. */
  readonly lack: number;
  /** To be made besides, should it stay so: what the sum of all runners says and the idle ones do not. */
  readonly late: number;
  /** To be removed, should it stay so. */
  readonly surplus: number;
}

export function needsOf(census: Census, demand: Demand): Needs {
  const { ahead, gone, finishing, undecided } = census;
  const busy = census.busy + census.elsewhere;
  const { replicas, runningJobs = busy + finishing + census.endedLately } = demand;
  const have = census.pending + census.idle;
  const lack = replicas - runningJobs - ahead - have - undecided;
  const shortfall = replicas - (have + undecided + Math.min(busy + gone + finishing, runningJobs) + ahead);
  const surplus = have - census.leaving + Math.min(busy, runningJobs) - replicas;
  return { lack, late: Math.max(0, shortfall - Math.max(0, lack)), surplus: Math.max(0, surplus) };
}

/** A need that is believed once it has lasted. */
export interface Settling {
  readonly value: number;
  readonly since: Instant;
}

/** A need that must stay exactly as it is: any change starts the wait anew. */
export function unchanged(before: Settling | undefined, value: number, now: Instant): Settling | undefined {
  if (value <= 0) return undefined;
  return before?.value === value ? before : { value, since: now };
}

/** A need of which only that counts which was there all the time. */
export function least(before: Settling | undefined, value: number, now: Instant): Settling | undefined {
  if (value <= 0) return undefined;
  return before ? { value: Math.min(before.value, value), since: before.since } : { value, since: now };
}

/** What of a need may be acted on, and otherwise how long it has to last still (milliseconds; undefined: no need). */
export function ripe(
  settling: Settling | undefined,
  waitMs: number,
  now: Instant,
): { readonly value: number; readonly inMs?: number } {
  if (!settling) return { value: 0 };
  const left = settling.since + waitMs - now;
  return left <= 0 ? { value: settling.value } : { value: 0, inMs: left };
}
