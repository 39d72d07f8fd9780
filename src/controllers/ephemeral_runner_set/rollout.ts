/** How runners that were made from an old spec give way to new ones. Pure; docs/behaviour.md, "Scale set", 6. */
import { delayOf } from "../../lib/backoff.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Waits } from "../shared/waits.ts";
import type { Census, Needs } from "./count.ts";
import type { Revisions } from "./observe.ts";
import type { Trials } from "./trouble.ts";

/** What the replacement of old runners asks for now. */
export interface Rollout {
  /** Runners to be made beyond the wanted number. */
  readonly surge: number;
  /** Old runners to be removed. */
  readonly retire: number;
  /** Runners beyond the wanted number that are no surplus, for they take over from old ones. */
  readonly spared: number;
  /** A replacement fails, so the rest of the old ones stays. */
  readonly isStuck: boolean;
}

const DONE: Rollout = { surge: 0, retire: 0, spared: 0, isStuck: false };

/**
 * A quarter of the runners (at least one) at a time: new ones beyond the wanted number while that is below the limit,
 * and otherwise in place of old ones. The next ones wait until the last are ready; failures halt it, but for one new
 * runner now and then: what made them fail may be over.
 */
export function rolloutOf(seen: {
  readonly census: Census;
  readonly needs: Needs;
  readonly revisions: Revisions;
  readonly trouble: Trials;
  readonly maxRunners?: number;
  readonly waits: Waits;
}, now: Instant): Rollout {
  const { census, needs, revisions, trouble, maxRunners } = seen;
  const { old, freshPending } = revisions;
  if (old === 0) return DONE;
  const have = census.pending + census.idle;
  const wave = trouble.streak ? 1 : Math.max(1, Math.floor(have / 4));
  const excess = Math.max(0, -needs.lack);
  // Only what takes over is spared: old ones alone are a surplus like any other, also while the replacement is halted.
  const spared = Math.min(excess, wave, old, revisions.freshPending + revisions.freshIdle);
  if (trouble.deprecation || now < retryAt(trouble, seen.waits)) return { ...DONE, spared, isStuck: true };
  // Creation under way, or the last ones are not ready, or have been so for too short a time to be trusted.
  const isProven = now >= provenAt(trouble, seen.waits);
  if (needs.lack > 0 || freshPending > 0 || census.leaving > 0 || !isProven) return { ...DONE, spared };
  if (excess > 0) return { ...DONE, retire: Math.min(excess, old), spared };
  const held = have + census.busy + census.elsewhere + census.finishing + census.undecided;
  const room = maxRunners === undefined ? 0 : maxRunners - held;
  const surge = Math.min(wave, old, Math.max(0, room));
  return surge > 0 ? { ...DONE, surge, spared } : { ...DONE, retire: Math.min(wave, old), spared };
}

/** When the last runner made has had the time to show that it stays. */
export function provenAt({ lastBirthAt }: Trials, waits: Waits): Instant {
  return lastBirthAt === undefined ? 0 : lastBirthAt + waits.surplus;
}

/** When another new runner is tried after failures. */
function retryAt({ streak }: Trials, { failingFirst, failingMost }: Waits): Instant {
  return streak ? streak.at + delayOf({ firstMs: failingFirst, maxMs: failingMost }, streak.failures - 1) : 0;
}

/** Whether a replacement is halted: new runners fail, or none of them becomes ready in time. */
export function isHalted(revisions: Revisions, trials: Trials, waits: Waits, now: Instant): boolean {
  if (revisions.old === 0) return false;
  const { streak, deprecation, lastBirthAt = now } = trials;
  return streak !== undefined || deprecation !== undefined ||
    (revisions.freshPending > 0 && now - lastBirthAt >= waits.rollout);
}

/** When a replacement of old runners may go on, or has taken too long. */
export function rolloutTimes({ old, freshPending }: Revisions, trials: Trials, waits: Waits): Instant[] {
  const { lastBirthAt } = trials;
  if (old === 0) return [];
  const failed = trials.streak ? [retryAt(trials, waits)] : [];
  if (lastBirthAt === undefined) return failed;
  return [...failed, provenAt(trials, waits), ...(freshPending > 0 ? [lastBirthAt + waits.rollout] : [])];
}
