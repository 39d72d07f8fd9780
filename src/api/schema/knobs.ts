/**
 * Settings of a scale set that the reference does not have. All of them are optional, and absent means: as without.
 * What is nonsense is refused by the API server, in words; `x-kubernetes-validations` are CEL (Kubernetes'
 * documentation, "Validation rules").
 */
import * as z from "zod";
import { optional } from "./shared.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;

/** A rule of the API server, and what it says when the rule is broken. */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
}

const ruled = (description: string, ...rules: readonly ValidationRule[]) => ({
  description,
  "x-kubernetes-validations": rules,
});

const between = (min: number, max: number, description: string) =>
  z.int().min(min).max(max).optional().describe(description);

const policy = z.object({
  maxIdleSeconds: between(
    60,
    365 * DAY,
    "A runner that has been online without a job for so long is replaced by a fresh one. Default: never.",
  ),
  maxLifetimeSeconds: between(
    60,
    365 * DAY,
    "A runner that was made so long ago is replaced by a fresh one; one with a job finishes it first. Default: never.",
  ),
  pendingTimeoutSeconds: between(
    30,
    DAY,
    "A runner that has not started so long after it was made is replaced. Default: it is waited for, except that " +
      "an image that can't be pulled fails it after 300.",
  ),
  maxFailures: between(
    1,
    1000,
    "After so many failures in a row runners are made one at a time, with growing pauses. Default: 5.",
  ),
  failureBackoffSeconds: between(
    1,
    HOUR,
    "The first of these pauses; each further one is twice as long, up to 300 (or this, if it is more). Default: 5.",
  ),
  scaleDownDelaySeconds: between(
    0,
    DAY,
    "Idle runners that are not wanted any more are kept for so long. Default: 10, and less when no job is left.",
  ),
  historyLimit: between(0, 100, "Failed runners that are kept for people to look at, for an hour. Default: 5."),
});

const POLICY = "How runners are replaced, retried and kept. Changes hold for the runners that are there, too.";

/** On the AutoscalingRunnerSet. */
export const runnerPolicy = policy.optional().meta(ruled(POLICY, {
  rule: "!has(self.maxIdleSeconds) || !has(self.maxLifetimeSeconds) || self.maxIdleSeconds <= self.maxLifetimeSeconds",
  message: "maxIdleSeconds must not be more than maxLifetimeSeconds",
}));

/** On the EphemeralRunnerSet, where the controller writes it. */
export const inheritedPolicy = policy.optional().describe("As in the AutoscalingRunnerSet, which says it.");

/** Five fields of a cron expression, in RE2. What is beyond this, the controller tells in the condition Ready. */
const CRON = `^${
  [
    "[0-5]?[0-9]",
    "(?:[01]?[0-9]|2[0-3])",
    "(?:0?[1-9]|[12][0-9]|3[01]|L)W?",
    "(?:0?[1-9]|1[0-2]|[A-Za-z]{3})",
    "(?:[0-7]|[A-Za-z]{3})(?:#[1-5]|L)?",
  ].map((value) => {
    const item = `(?:[*?]|${value}(?:-${value})?)(?:/[1-9][0-9]?)?`;
    return `${item}(?:,${item})*`;
  }).join(" +")
}$`;

const override = z.object({
  schedule: z.string().max(128).meta(ruled(
    "When it begins: a cron expression, minute hour day-of-month month day-of-week.",
    {
      rule: `self.matches(r'${CRON}')`,
      message: 'schedule must be a cron expression of five fields, as in "0 18 * * 1-5"',
    },
  )),
  timeZone: z.string().max(64).optional().meta(ruled(
    "Time zone of the schedule, by its IANA name, as in Europe/Berlin. Default: UTC.",
    {
      rule: "self == 'UTC' || (self.contains('/') && !self.contains(':') && " +
        "timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0)",
      message: "timeZone must be UTC or the IANA name of a time zone, as in Europe/Berlin",
    },
  )),
  duration: z.string().max(32).meta(ruled(
    'How long it lasts: "8h", "1h30m". Hours are hours, also where clocks are changed.',
    {
      rule: "self.matches(r'^(?:[0-9]{1,6}(?:[.][0-9]+)?[hms])+$') && " +
        "duration(self) >= duration('1m') && duration(self) <= duration('8784h')",
      message: 'duration must be like "8h" or "1h30m", from 1m to 8784h',
    },
  )),
  minRunners: optional.limit("minRunners while it lasts. Default: as in the spec."),
  maxRunners: optional.limit("maxRunners while it lasts. Default: as in the spec."),
}).meta({
  "x-kubernetes-validations": [
    {
      rule: "has(self.minRunners) || has(self.maxRunners)",
      message: "an override must set minRunners, maxRunners or both",
    },
    {
      rule: "!has(self.minRunners) || !has(self.maxRunners) || self.minRunners <= self.maxRunners",
      message: "minRunners of an override must not be more than its maxRunners",
    },
  ],
});

export const scheduledOverrides = z.array(override).max(32).optional().describe(
  "Other limits at some times. Of several that are in force at a time the last one of the list holds.",
);

export const paused = z.boolean().optional().describe(
  "Take no new jobs. Those that GitHub has already given are served, then no runner is left.",
);

export const disruption = z.object({
  protectBusy: z.boolean().optional().describe(
    "The pod of a runner with a job may not be evicted, by kubectl drain for one: a PodDisruptionBudget keeps it until " +
      "the job has ended. Runners without a job go. Default: false.",
  ),
}).optional().describe("What becomes of runners when nodes are drained.");

/** Status fields of a scale set with one of these settings. */
export const effective = {
  effectiveMinRunners: optional.number(
    "minRunners in force now: by the spec, an override, a pause, or 0 while GitHub refuses the runners' version.",
  ),
  effectiveMaxRunners: optional.number(
    "maxRunners in force now: by the spec, an override, a pause, or 0 while GitHub refuses the runners' version.",
  ),
  activeOverride: z.object({
    schedule: z.string().describe("Its schedule."),
    timeZone: z.string().describe("Time zone of the schedule."),
    until: z.string().meta({ description: "When it ends, unless it begins again before.", format: "date-time" }),
    minRunners: optional.number("minRunners while it lasts."),
    maxRunners: optional.number("maxRunners while it lasts."),
  }).optional().describe("The override that is in force now."),
};
