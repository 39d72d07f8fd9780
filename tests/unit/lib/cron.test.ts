/** When a schedule comes, next and last, daylight saving time included. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CronError, CronSchedule } from "../../../src/lib/cron.ts";
import { table } from "../../support/table.ts";

const iso = (at: number | undefined) => at === undefined ? undefined : new Date(at).toISOString().replace(".000Z", "Z");

interface Row {
  readonly cron: string;
  readonly zone: string;
  readonly at: string;
  readonly last: string | undefined;
  readonly next: string | undefined;
}

table<Row>("cron", {
  "on time: it is the last one": {
    cron: "0 18 * * 1-5",
    zone: "America/New_York",
    at: "2026-06-01T22:00:00Z",
    last: "2026-06-01T22:00:00Z",
    next: "2026-06-02T22:00:00Z",
  },
  "a moment before": {
    cron: "0 18 * * 1-5",
    zone: "America/New_York",
    at: "2026-06-01T21:59:59.999Z",
    last: "2026-05-29T22:00:00Z",
    next: "2026-06-01T22:00:00Z",
  },
  "a moment after": {
    cron: "0 18 * * 1-5",
    zone: "America/New_York",
    at: "2026-06-01T22:00:00.001Z",
    last: "2026-06-01T22:00:00Z",
    next: "2026-06-02T22:00:00Z",
  },
  "winter and summer have another distance to UTC": {
    cron: "0 8 * * *",
    zone: "Europe/Berlin",
    at: "2026-03-29T00:00:00Z",
    last: "2026-03-28T07:00:00Z",
    next: "2026-03-29T06:00:00Z",
  },
  "an hour that is left out: the first moment after it": {
    cron: "30 2 * * *",
    zone: "Europe/Berlin",
    at: "2026-03-28T12:00:00Z",
    last: "2026-03-28T01:30:00Z",
    next: "2026-03-29T01:00:00Z",
  },
  "also in a list of hours": {
    cron: "30 2,14 * * *",
    zone: "Europe/Berlin",
    at: "2026-03-29T00:00:00Z",
    last: "2026-03-28T13:30:00Z",
    next: "2026-03-29T01:00:00Z",
  },
  "an hour that comes twice: its first coming": {
    cron: "30 2 * * *",
    zone: "Europe/Berlin",
    at: "2026-10-25T01:30:00Z",
    last: "2026-10-25T00:30:00Z",
    next: "2026-10-26T01:30:00Z",
  },
  "every hour is every hour, also that one": {
    cron: "0 * * * *",
    zone: "Europe/Berlin",
    at: "2026-10-25T00:30:00Z",
    last: "2026-10-25T00:00:00Z",
    next: "2026-10-25T01:00:00Z",
  },
  "names of days and months": {
    cron: "0 0 1 JAN,JUL MON",
    zone: "UTC",
    at: "2026-01-03T00:00:00Z",
    last: "2026-01-01T00:00:00Z",
    next: "2026-01-05T00:00:00Z",
  },
  "a day that comes every four years": {
    cron: "0 0 29 2 *",
    zone: "UTC",
    at: "2026-01-01T00:00:00Z",
    last: "2024-02-29T00:00:00Z",
    next: "2028-02-29T00:00:00Z",
  },
  "a day that never comes": {
    cron: "0 0 30 2 *",
    zone: "UTC",
    at: "2026-01-01T00:00:00Z",
    last: undefined,
    next: undefined,
  },
}, ({ cron, zone, at, last, next }) => {
  const schedule = new CronSchedule(cron, zone);
  const now = Date.parse(at);
  assert.deepEqual({ last: iso(schedule.last(now)), next: iso(schedule.next(now)) }, { last, next });
});

table<readonly [cron: string, zone: string, says: RegExp]>("cron refuses", {
  "a day of the week that there is not": ["0 18 * * 8", "UTC", /dayOfWeek: 8/],
  "four fields": ["0 18 * *", "UTC", /five/],
  "six fields": ["0 0 18 * * *", "UTC", /five|5/],
  "a range from high to low": ["0 20-10 * * *", "UTC", /20-10/],
  "a step of nothing": ["*/0 * * * *", "UTC", /0/],
  "words": ["every day", "UTC", /./],
  "nothing": ["", "UTC", /./],
  "a time zone that there is not": ["0 18 * * *", "Mars/Phobos", /Mars\/Phobos/],
}, ([cron, zone, says]) => {
  assert.throws(() => new CronSchedule(cron, zone), (error) => error instanceof CronError && says.test(error.message));
});

test("cron: whatever the text, there is a schedule or a CronError", () => {
  const field = fc.oneof(fc.constant("*"), fc.stringMatching(/^[0-9*,/L#?W-]{1,6}$/), fc.nat(70).map(String));
  const text = fc.oneof(fc.string(), fc.array(field, { minLength: 4, maxLength: 6 }).map((fields) => fields.join(" ")));
  fc.assert(fc.property(text, fc.oneof(fc.constant("Europe/Berlin"), fc.string()), (cron, zone) => {
    try {
      new CronSchedule(cron, zone);
    } catch (error) {
      assert.ok(error instanceof CronError, String(error));
    }
  }));
});

test("cron: between the last and the next time there is none", () => {
  const minute = 60_000;
  const at = fc.integer({ min: Date.UTC(2020, 0) / minute, max: Date.UTC(2035, 0) / minute }).map((it) => it * minute);
  const cron = fc.tuple(fc.nat(59), fc.nat(23), fc.constantFrom("*", "1-5", "0,6")).map(([m, h, d]) =>
    `${m} ${h} * * ${d}`
  );
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu");
  fc.assert(fc.property(cron, zone, at, (cron, zone, at) => {
    const schedule = new CronSchedule(cron, zone);
    const last = schedule.last(at)!;
    const next = schedule.next(at)!;
    assert.ok(last <= at && at < next, `${iso(last)} ${iso(at)} ${iso(next)}`);
    assert.equal(schedule.next(last), next);
    assert.equal(schedule.last(next - 1), last);
  }));
});

test("what is no text is refused: nothing is searched for ever", () => {
  const schedule = (expression: unknown, timeZone: unknown) => () =>
    new CronSchedule(expression as string, timeZone as string);
  assert.throws(schedule("0 8 * * 1-5", 2 ** 53), CronError);
  assert.throws(schedule("0 8 * * 1-5", ["UTC"]), CronError);
  assert.throws(schedule(8, "UTC"), CronError);
});
