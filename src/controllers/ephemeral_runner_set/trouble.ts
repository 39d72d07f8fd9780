/** How fast a set whose runners fail may make new ones. Pure. */
import { delayOf } from "../../lib/backoff.ts";
import type { EphemeralRunner } from "../../api/kinds.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import type { Waits } from "../shared/waits.ts";

/** Failures in a row, without a success in between. */
export interface Streak {
  readonly failures: number;
  /** Pauses earned: runners that were made together and fail together earn one. 0 while patience lasts. */
  readonly pauses: number;
  /** When the last runner failed. */
  readonly at: Instant;
  readonly reason: string;
  readonly message: string;
}

/** From so many failures in a row on, runners are made one at a time. */
export const PATIENCE = 5;

/** Runners that GitHub refuses for their version. */
export interface Deprecation {
  /** When a runner was last refused. */
  readonly at: Instant;
}

/** How a set's runners do. */
export interface Trials {
  readonly streak?: Streak;
  readonly deprecation?: Deprecation;
  /** When a runner of the set was last made. */
  readonly lastBirthAt?: Instant;
}

/** How many of the wanted runners may be made now, and when there will be more (milliseconds). */
export interface Allowance {
  readonly count: number;
  readonly inMs?: number;
}

/**
 * @param wanted runners to be made, more than 0
 * @param have runners that were made and are not online yet, and those that are and have no job
 */
export function allowanceOf(
  wanted: number,
  have: { readonly pending: number; readonly idle: number },
  trials: Trials,
  waits: Waits,
  now: Instant,
): Allowance {
  const trouble = troubleOf(trials, waits);
  if (!trouble) return { count: wanted };
  const { since, pauseMs } = trouble;
  const { lastBirthAt = 0 } = trials;
  // A trial is out. While it is pending its own change will wake us; once it is online, a minute without a failure clears all.
  if (lastBirthAt > since && have.pending > 0) return { count: 0 };
  if (lastBirthAt > since && have.idle > 0) {
    return { count: 0, inMs: Math.max(1, lastBirthAt + waits.shortLife - now) };
  }
  // A trial that was lost without having failed, with its node say, has shown nothing.
  const due = Math.max(since, lastBirthAt) + pauseMs;
  return now < due ? { count: 0, inMs: due - now } : { count: 1 };
}

/** Whether a runner that was made after the last failure has been online for long enough to be a success. */
export function hasRecovered(
  seen: { readonly pending: number; readonly idle: number },
  trials: Trials,
  waits: Waits,
  now: Instant,
): boolean {
  const { lastBirthAt = 0, deprecation, streak } = trials;
  const since = deprecation?.at ?? streak?.at;
  return since !== undefined && lastBirthAt > since && seen.pending === 0 && seen.idle > 0 &&
    now - lastBirthAt >= waits.shortLife;
}

function troubleOf({ streak, deprecation }: Trials, waits: Waits) {
  if (deprecation) return { since: deprecation.at, pauseMs: waits.outdatedTrial };
  if (!streak || streak.pauses === 0) return undefined;
  const pauseMs = delayOf({ firstMs: waits.failingFirst, maxMs: waits.failingMost }, streak.pauses - 1);
  return { since: streak.at, pauseMs };
}

/**
 * Whether a runner was made before GitHub said that it refuses its version.
 * @param seenAt when it was first seen: where a clock was set back, its object may say that it is older than it is
 */
export function isRefused(
  { metadata }: EphemeralRunner,
  seenAt: Instant | undefined,
  deprecation: Deprecation | undefined,
): boolean {
  // Objects know whole seconds: what happened in one second is taken for one moment.
  const born = Math.max(instantOf(metadata?.creationTimestamp) ?? 0, Math.floor((seenAt ?? 0) / 1000) * 1000);
  return deprecation !== undefined && born <= deprecation.at;
}
