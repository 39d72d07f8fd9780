/** The limits in force: spec, overrides, pause; and what the status says of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AutoscalingRunnerSet,
  type AutoscalingRunnerSetSpec,
  NO_LIMIT,
  type ScheduledOverride,
} from "../../../../src/api/kinds.ts";
import { limitsOf, scheduleProblem } from "../../../../src/controllers/autoscaling_runner_set/limits.ts";
import { limitEvents, limitStatus } from "../../../../src/controllers/autoscaling_runner_set/status_limits.ts";
import { table } from "../../../support/table.ts";

const NIGHT: ScheduledOverride = {
  schedule: "0 18 * * 1-5",
  timeZone: "Europe/Berlin",
  duration: "12h",
  minRunners: 0,
};
const WEEKEND: ScheduledOverride = {
  schedule: "0 0 * * SAT",
  timeZone: "Europe/Berlin",
  duration: "48h",
  maxRunners: 2,
};
const RUSH: ScheduledOverride = { schedule: "0 9 * * *", duration: "1h", minRunners: 8, maxRunners: 40 };

interface Row {
  readonly spec: AutoscalingRunnerSetSpec;
  readonly at: string;
  /** minRunners-maxRunners. */
  readonly limits: string;
  readonly active?: ScheduledOverride;
  readonly until?: string;
  /** When they may change. */
  readonly next?: string;
}

const ABC = (duration: string, maxRunners: number): ScheduledOverride => ({
  schedule: "0 12 * * *",
  duration,
  maxRunners,
});

table<Row>("limits", {
  "without settings: the spec's": { spec: { minRunners: 1, maxRunners: 5 }, at: "2026-06-03T12:00:00Z", limits: "1-5" },
  "without anything": { spec: {}, at: "2026-06-03T12:00:00Z", limits: `0-${NO_LIMIT}` },
  "before an override": {
    spec: { minRunners: 4, scheduledOverrides: [NIGHT] },
    at: "2026-06-03T15:59:59Z",
    limits: `4-${NO_LIMIT}`,
    next: "2026-06-03T16:00:00Z",
  },
  "at its beginning": {
    spec: { minRunners: 4, scheduledOverrides: [NIGHT] },
    at: "2026-06-03T16:00:00Z",
    limits: `0-${NO_LIMIT}`,
    active: NIGHT,
    until: "2026-06-04T04:00:00Z",
    next: "2026-06-04T04:00:00Z",
  },
  "a start in the middle of it": {
    spec: { minRunners: 4, scheduledOverrides: [NIGHT] },
    at: "2026-06-04T03:59:59Z",
    limits: `0-${NO_LIMIT}`,
    active: NIGHT,
    until: "2026-06-04T04:00:00Z",
    next: "2026-06-04T04:00:00Z",
  },
  "its end is not in it": {
    spec: { minRunners: 4, scheduledOverrides: [NIGHT] },
    at: "2026-06-04T04:00:00Z",
    limits: `4-${NO_LIMIT}`,
    next: "2026-06-04T16:00:00Z",
  },
  "the last one of the list that is in force holds": {
    spec: { scheduledOverrides: [ABC("8h", 1), ABC("2h", 2), ABC("1h", 3)] },
    at: "2026-06-03T13:30:00Z",
    limits: "0-2",
    active: ABC("2h", 2),
    until: "2026-06-03T14:00:00Z",
    next: "2026-06-03T14:00:00Z",
  },
  "it holds as a whole: what it does not say, the spec says": {
    spec: {
      minRunners: 1,
      maxRunners: 9,
      scheduledOverrides: [RUSH, { ...RUSH, minRunners: undefined, maxRunners: 7 }],
    },
    at: "2026-06-03T09:10:00Z",
    limits: "1-7",
    active: { ...RUSH, minRunners: undefined, maxRunners: 7 },
    until: "2026-06-03T10:00:00Z",
    next: "2026-06-03T10:00:00Z",
  },
  "fewer at most than at least: the most holds": {
    spec: { minRunners: 5, maxRunners: 9, scheduledOverrides: [WEEKEND] },
    at: "2026-06-06T12:00:00Z",
    limits: "2-2",
    active: WEEKEND,
    until: "2026-06-07T22:00:00Z",
    next: "2026-06-07T22:00:00Z",
  },
  "hours are hours: 48 of them in a weekend of 47": {
    spec: { scheduledOverrides: [WEEKEND] },
    at: "2026-03-29T21:30:00Z",
    limits: "0-2",
    active: WEEKEND,
    until: "2026-03-29T23:00:00Z",
    next: "2026-03-29T23:00:00Z",
  },
  "one that begins again before its end goes on": {
    spec: { scheduledOverrides: [{ schedule: "*/10 * * * *", duration: "15m", maxRunners: 1 }] },
    at: "2026-06-03T12:19:00Z",
    limits: "0-1",
    active: { schedule: "*/10 * * * *", duration: "15m", maxRunners: 1 },
    until: "2026-06-03T12:25:00Z",
    next: "2026-06-03T12:25:00Z",
  },
  "one that can't be used is never in force": {
    spec: { maxRunners: 9, scheduledOverrides: [{ schedule: "x", duration: "8h", maxRunners: 1 }, ABC("no", 2)] },
    at: "2026-06-03T12:00:00Z",
    limits: "0-9",
  },
  "a pause is stronger": {
    spec: { paused: true, minRunners: 2, maxRunners: 9, scheduledOverrides: [RUSH] },
    at: "2026-06-03T09:10:00Z",
    limits: "0-0",
    active: RUSH,
    until: "2026-06-03T10:00:00Z",
    next: "2026-06-03T10:00:00Z",
  },
  "not paused": { spec: { paused: false, minRunners: 2 }, at: "2026-06-03T09:10:00Z", limits: `2-${NO_LIMIT}` },
}, ({ spec, at, limits, active, until, next }) => {
  const found = limitsOf(spec, Date.parse(at), false);
  const iso = (time: number | undefined) => time === undefined ? undefined : new Date(time).toISOString();
  const ms = (time: string | undefined) => time?.replace("Z", ".000Z");
  assert.equal(`${found.minRunners}-${found.maxRunners}`, limits);
  assert.deepEqual(found.active?.override, active);
  assert.equal(iso(found.active?.until), ms(until));
  assert.equal(iso(found.nextChange), ms(next));
});

table<readonly [override: Partial<ScheduledOverride>, says: RegExp | undefined]>("a schedule's problem", {
  "none": [{}, undefined],
  "no cron expression": [{ schedule: "0 0 * * FOO" }, /^scheduledOverrides\[1\]: "0 0 \* \* FOO" in UTC: /],
  "no time zone": [{ timeZone: "Mars/Phobos" }, /^scheduledOverrides\[1\]: .* in Mars\/Phobos: /],
  "no duration": [{ duration: "8 hours" }, /^scheduledOverrides\[1\]\.duration: "8 hours" is not like/],
  "a duration of nothing": [{ duration: "0s" }, /duration/],
  "a duration back": [{ duration: "-8h" }, /duration/],
  "fewer at most than at least": [{ minRunners: 3, maxRunners: 2 }, /maxRunners \(2\) is less than minRunners \(3\)/],
}, ([override, says]) => {
  const found = scheduleProblem({ scheduledOverrides: [NIGHT, { ...ABC("1h", 9), ...override }] });
  if (says) assert.match(found ?? "nothing", says);
  else assert.equal(found, undefined);
});

test("limits: while GitHub refuses the runners' version no job is taken", () => {
  const { minRunners, maxRunners } = limitsOf({ minRunners: 2, maxRunners: 5 }, AT, true);
  assert.deepEqual([minRunners, maxRunners], [0, 0]);
  const said = { effectiveMinRunners: 0, effectiveMaxRunners: 0 };
  assert.deepEqual(limitStatus(ars({ minRunners: 2, maxRunners: 5 }), AT, true), said);
});

test("limits: nothing changes before the time that is named for a change", () => {
  const override = fc.record({
    schedule: fc.tuple(
      fc.constantFrom("0", "30", "*/20"),
      fc.constantFrom("*", "2", "9-17"),
      fc.constantFrom("*", "1-5"),
    )
      .map(([minute, hour, day]) => `${minute} ${hour} * * ${day}`),
    timeZone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York"),
    duration: fc.constantFrom("5m", "1h", "8h", "30h"),
    maxRunners: fc.nat(9),
  });
  const at = fc.integer({ min: Date.UTC(2026, 0) / 60_000, max: Date.UTC(2027, 0) / 60_000 });
  fc.assert(
    fc.property(
      fc.array(override, { maxLength: 3 }),
      at,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (list, at, part) => {
        const now = at * 60_000;
        const found = limitsOf({ scheduledOverrides: list }, now, false);
        if (found.nextChange === undefined) return assert.equal(list.length, 0);
        assert.ok(found.nextChange > now);
        const later = limitsOf(
          { scheduledOverrides: list },
          now + Math.floor((found.nextChange - 1 - now) * part),
          false,
        );
        assert.deepEqual([later.minRunners, later.maxRunners], [found.minRunners, found.maxRunners]);
      },
    ),
    { numRuns: 300 },
  );
});

test("limits: whatever is written there, nothing breaks; what is wrong is told, and never in force", () => {
  const text = (...good: string[]) =>
    fc.oneof(fc.constantFrom(...good), fc.string(), fc.stringMatching(/^[0-9*,/ hms.-]{0,12}$/));
  const override = fc.record({
    schedule: text("* * * * *", "0 18 * * 1-5"),
    timeZone: fc.option(text("UTC", "Europe/Berlin"), { nil: undefined }),
    duration: text("8h", "1h30m"),
    maxRunners: fc.nat(9),
  });
  fc.assert(fc.property(override, (one) => {
    const spec = { scheduledOverrides: [one] };
    const problem = scheduleProblem(spec);
    const { active, maxRunners } = limitsOf(spec, AT, false);
    if (problem !== undefined) assert.deepEqual([active, maxRunners], [undefined, NO_LIMIT], problem);
  }));
});

const AT = Date.parse("2026-06-03T09:10:00Z");
const ars = (spec: AutoscalingRunnerSetSpec, status: AutoscalingRunnerSet["status"] = {}): AutoscalingRunnerSet => ({
  spec,
  status,
});
const SAID = { schedule: RUSH.schedule, timeZone: "UTC", until: "2026-06-03T10:00:00Z", minRunners: 8, maxRunners: 40 };
const IN_FORCE = { effectiveMinRunners: 8, effectiveMaxRunners: 40, activeOverride: SAID };
const PAUSED = { type: "Paused", status: "True", reason: "x", message: "", lastTransitionTime: "" } as const;

interface StatusRow {
  readonly ars: AutoscalingRunnerSet;
  readonly patch: unknown;
  readonly events: string[];
}

table<StatusRow>("status of limits", {
  "without settings nothing is said": { ars: ars({ minRunners: 1 }), patch: {}, events: [] },
  "an override in force": { ars: ars({ scheduledOverrides: [RUSH] }), patch: IN_FORCE, events: ["OverrideActive"] },
  "it is told once": { ars: ars({ scheduledOverrides: [RUSH] }, IN_FORCE), patch: IN_FORCE, events: [] },
  "it is over": {
    ars: ars({ maxRunners: 5, scheduledOverrides: [NIGHT] }, IN_FORCE),
    patch: { effectiveMinRunners: 0, effectiveMaxRunners: 5, activeOverride: null },
    events: ["OverrideEnded"],
  },
  "another one that says less: nothing of the one before is left": {
    ars: ars({ scheduledOverrides: [{ schedule: "5 9 * * *", duration: "1h", minRunners: 1 }] }, IN_FORCE),
    patch: {
      effectiveMinRunners: 1,
      effectiveMaxRunners: null,
      activeOverride: {
        schedule: "5 9 * * *",
        timeZone: "UTC",
        until: "2026-06-03T10:05:00Z",
        minRunners: 1,
        maxRunners: null,
      },
    },
    events: ["OverrideActive"],
  },
  "the settings are taken away: so is what was said of them": {
    ars: ars({}, IN_FORCE),
    patch: { effectiveMinRunners: null, effectiveMaxRunners: null, activeOverride: null },
    events: ["OverrideEnded"],
  },
  "a pause": {
    ars: ars({ paused: true, minRunners: 3 }),
    patch: { effectiveMinRunners: 0, effectiveMaxRunners: 0 },
    events: ["Paused"],
  },
  "and its end": { ars: ars({}, { conditions: [PAUSED] }), patch: {}, events: ["Resumed"] },
}, ({ ars, patch, events }) => {
  assert.deepEqual(limitStatus(ars, AT, false), patch);
  assert.deepEqual(limitEvents(ars, AT, false).map(({ reason }) => reason), events);
});
