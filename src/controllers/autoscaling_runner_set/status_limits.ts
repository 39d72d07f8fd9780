/** What a scale set's status says of its limits, where a pause or an override makes them others than the spec's. Pure. */
import {
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingRunnerSet,
  type AutoscalingRunnerSetStatus,
  NO_LIMIT,
} from "../../api/kinds.ts";
import { type Instant, rfc3339 } from "../../lib/clock.ts";
import type { EventStep } from "../../runtime/plan.ts";
import { conditionNamed, type Saying } from "../shared/conditions.ts";
import { type ActiveOverride, type Limits, limitsOf } from "./limits.ts";

type LimitStatus = Pick<AutoscalingRunnerSetStatus, "effectiveMinRunners" | "effectiveMaxRunners" | "activeOverride">;
/** In a merge patch null takes a field away. */
type Patch = { readonly [Key in keyof LimitStatus]: LimitStatus[Key] | null };

export const PAUSED = "Paused";

/** Fields of the status: there while a pause, overrides or an outdated runner matter, and taken away afterwards. */
export function limitStatus({ spec, status }: AutoscalingRunnerSet, now: Instant, outdated: boolean): Patch {
  const isPlain = !spec?.paused && !outdated && !spec?.scheduledOverrides?.length;
  const { minRunners, maxRunners, active } = limitsOf(spec, now, outdated);
  const wanted: LimitStatus = isPlain ? {} : {
    effectiveMinRunners: minRunners,
    ...(maxRunners !== NO_LIMIT && { effectiveMaxRunners: maxRunners }),
    ...(active && { activeOverride: wordsOf(active) }),
  };
  const over = (field: keyof LimitStatus) => wanted[field] === undefined && status?.[field] !== undefined;
  return {
    ...wanted,
    ...(over("effectiveMinRunners") && { effectiveMinRunners: null }),
    ...(over("effectiveMaxRunners") && { effectiveMaxRunners: null }),
    // Fields of an override are merged into those of the one before: what this one does not have is taken away.
    ...(over("activeOverride") && { activeOverride: null }),
    ...(active && { activeOverride: replaced(status?.activeOverride, wordsOf(active)) }),
  };
}

type Words = NonNullable<LimitStatus["activeOverride"]>;

function wordsOf({ override, timeZone, until }: ActiveOverride): Words {
  const { schedule, minRunners, maxRunners } = override;
  return {
    schedule,
    timeZone,
    until: rfc3339(until),
    ...(minRunners !== undefined && { minRunners }),
    ...(maxRunners !== undefined && { maxRunners }),
  };
}

function replaced(before: Words | undefined, after: Words): Words {
  const gone = Object.keys(before ?? {}).filter((field) => !(field in after));
  return { ...after, ...Object.fromEntries(gone.map((field) => [field, null])) };
}

/** A condition while the scale set is paused. */
export function pauseSaying({ spec, status }: AutoscalingRunnerSet): Saying[] {
  if (!spec?.paused) return [];
  const running = status?.currentRunners ?? 0;
  const rest = running > 0 ? `; ${running} runners are left for jobs that it has` : "";
  const message = `spec.paused is true: no new job is taken${rest}`;
  return [{ type: PAUSED, status: "True", reason: "PausedBySpec", message }];
}

/** What is told when a pause or an override comes or goes. */
export function limitEvents(ars: AutoscalingRunnerSet, now: Instant, outdated: boolean): EventStep[] {
  const { spec, status } = ars;
  const events: EventStep[] = [];
  const tell = (reason: string, message: string) =>
    events.push({ do: "event", kind: AUTOSCALING_RUNNER_SETS, about: ars, type: "Normal", reason, message });
  const was = conditionNamed(status?.conditions, PAUSED)?.status === "True";
  if (spec?.paused && !was) {
    tell("Paused", "spec.paused is true: no new job is taken, those that are assigned are served");
  }
  if (!spec?.paused && was) tell("Resumed", "spec.paused is not true any more: jobs are taken again");
  const limits = limitsOf(spec, now, outdated);
  const before = status?.activeOverride;
  const after = limits.active && wordsOf(limits.active);
  if (after && before?.schedule !== after.schedule) tell("OverrideActive", inForce(after, limits));
  if (before && !after) {
    tell("OverrideEnded", `the limits of ${named(before)} are over: those of the spec are in force`);
  }
  return events;
}

function inForce(words: Words, { minRunners, maxRunners }: Limits): string {
  const most = maxRunners === NO_LIMIT ? "no maxRunners" : `maxRunners ${maxRunners}`;
  return `${named(words)} is in force until ${words.until}: minRunners ${minRunners}, ${most}`;
}

function named({ schedule, timeZone }: Words): string {
  return `the scheduled override "${schedule}" (${timeZone})`;
}
