/** How fast a set whose runners fail may make new ones. Pure. */
import { delayOf } from "../../lib/backoff.ts";
import type { EphemeralRunner } from "../../api/kinds.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import type { Waits } from "../shared/waits.ts";

/** Failures in a row, without a runner that had a job in between. */
export interface Streak {
  readonly failures: number;
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

/** How many of the wanted runners may be made now, and when there will be more (milliseconds). */
export interface Allowance {
  readonly count: number;
  readonly inMs?: number;
}

/**
 * @param wanted runners to be made, more than 0
 * @param trying runners that were made and are not online yet: one of them is the trial
 */
export function allowanceOf(
  wanted: number,
  trying: number,
  trouble: { readonly streak?: Streak; readonly deprecation?: Deprecation },
  waits: Waits,
  now: Instant,
): Allowance {
  const { streak, deprecation } = trouble;
  if (deprecation) return oneAfter(deprecation.at + waits.outdatedTrial, trying, now);
  if (!streak || streak.failures < PATIENCE) return { count: wanted };
  const pause = delayOf({ firstMs: waits.failingFirst, maxMs: waits.failingMost }, streak.failures - PATIENCE);
  return oneAfter(streak.at + pause, trying, now);
}

function oneAfter(due: Instant, trying: number, now: Instant): Allowance {
  if (now < due) return { count: 0, inMs: due - now };
  return { count: trying === 0 ? 1 : 0 };
}

/** Whether a runner was made before GitHub said that it refuses its version. */
export function isRefused({ metadata }: EphemeralRunner, deprecation: Deprecation | undefined): boolean {
  return deprecation !== undefined && (instantOf(metadata?.creationTimestamp) ?? 0) <= deprecation.at;
}
