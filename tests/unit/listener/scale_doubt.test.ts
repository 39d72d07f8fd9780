import assert from "node:assert/strict";
import { test } from "node:test";
import { next, PHANTOM_AFTER_MS, wantsReading } from "../../../src/listener/scale.ts";
import { table } from "../../support/table.ts";
import { assigned, available, completed, started, stats } from "./events.ts";
import { type Happening, live, OPENED, QUIET, shown } from "./story.ts";

table("readings", {
  "none when the figures agree": {
    story: [QUIET, { empty: true }, { says: [assigned(1)], stats: stats(1) }],
    wants: false,
  },
  "when the statistics lag": { story: [QUIET, { empty: true }, { says: [assigned(1)], stats: stats(0) }], wants: true },
  "after a repeat": {
    story: [QUIET, { empty: true }, { says: [assigned(1)], stats: stats(1) }, { says: [assigned(1)], stats: stats(1) }],
    wants: true,
  },
  "after a repeat one reading is enough": {
    story: [
      QUIET,
      { empty: true },
      { says: [assigned(1)], stats: stats(1) },
      { says: [assigned(1)], stats: stats(1) },
      { read: stats(7, 3) },
    ],
    wants: false,
    shows: "7/3",
  },
  "after a message that was overtaken: what it says is of the past, and so are its figures": {
    story: [
      QUIET,
      { empty: true },
      { says: [completed(1)], stats: stats(0) },
      { says: [assigned(1), started(1)], stats: stats(1, 1), isLate: true },
    ],
    wants: true,
  },
  "after an end that was overtaken: younger figures hold it already, and its runner is not made twice": {
    story: [
      { session: stats(3, 3) },
      { empty: true },
      { says: [assigned(4)], stats: stats(3, 2) },
      { read: stats(3, 2) },
      { says: [completed(1)], stats: stats(2, 2), isLate: true },
    ],
    wants: true,
    shows: "3/2",
  },
  "message ids have started again: a message that looks overtaken is news, and the jobs that it tells of run": {
    story: [
      { session: stats(4, 2) },
      { empty: true },
      { says: [completed(1), assigned(5), started(5), completed(5), assigned(6)], stats: stats(4, 3), isLate: true },
    ],
    wants: true,
    shows: "4/3",
  },
  "and the reading puts it right": {
    story: [
      QUIET,
      { empty: true },
      { says: [completed(1)], stats: stats(0) },
      { says: [assigned(1), started(1)], stats: stats(1, 1), isLate: true },
      { read: stats(0) },
    ],
    wants: false,
    shows: "0/0",
  },
  "an old job that is offered anew while the session catches up: figures that are not taken may be news": {
    story: [
      { session: stats(1, 0) },
      { says: [available(2, { queuedAt: OPENED - 60_000 })], stats: stats(0) },
      { empty: true },
    ],
    wants: true,
    shows: "1/0",
  },
  "a new session does not undo what we have seen": {
    story: [QUIET, { empty: true }, { says: [started(1)], stats: stats(1, 1) }, { session: stats(1, 0) }],
    wants: true,
    shows: "1/1",
  },
  "an end that is told before its start takes nothing off for good": {
    story: [
      QUIET,
      { empty: true },
      { says: [assigned(1)], stats: stats(1, 1) },
      { says: [completed(1)], stats: stats(0) },
      { says: [started(1)], stats: stats(0) },
    ],
    wants: true,
    shows: "0/0",
  },
  "an assignment that got lost on its way comes again when its job has long ended": {
    story: [
      QUIET,
      { empty: true },
      { says: [started(1)], stats: stats(1, 1) },
      { says: [completed(1)], stats: stats(0) },
      { session: stats(0) },
      { says: [assigned(1)], stats: stats(1) },
    ],
    wants: true,
  },
  "the clock was set back after the session had been opened: what comes long after counts, and is looked up": {
    story: [
      { session: stats(1, 0) },
      { after: 20_000 },
      { says: [started(1, { runnerAssignedAt: OPENED - 7_200_000 })], stats: stats(1, 1) },
    ],
    wants: true,
    shows: "1/1",
  },
  "a service that gave no figures once is asked again when its messages have some": {
    story: [
      QUIET,
      { empty: true },
      { says: [assigned(1)], stats: null },
      { says: [assigned(1)], stats: null },
      { read: null },
      { says: [started(1)], stats: stats(1, 0) },
    ],
    wants: true,
    shows: "1/1",
  },
  "one that differs from our count is not believed at once": {
    story: [QUIET, { empty: true }, { says: [started(1)], stats: stats(1, 0) }, { read: stats(1, 0) }],
    wants: true,
    shows: "1/1",
  },
  "but the fourth time": {
    story: [
      QUIET,
      { empty: true },
      { says: [started(1)], stats: stats(1, 0) },
      ...[1, 2, 3, 4].map(() => ({ read: stats(1, 0) })),
    ],
    wants: false,
    shows: "1/0",
  },
  "or after an empty poll": {
    story: [QUIET, { empty: true }, { says: [started(1)], stats: stats(1, 0) }, { empty: true }, { read: stats(1, 0) }],
    wants: false,
    shows: "1/0",
  },
  "an empty poll alone does not undo what we have seen": {
    story: [QUIET, { empty: true }, { says: [started(1)], stats: stats(1, 0) }, { empty: true }],
    wants: true,
    shows: "1/1",
  },
  "one is the truth when a new session begins with what may be old": {
    story: [{ session: stats(1) }, { says: [assigned(1)], stats: stats(1) }, { read: stats(1) }],
    wants: false,
    shows: "1/0",
  },
  "of no use where the service gives no figures": {
    story: [QUIET, { empty: true }, { says: [started(1)], stats: stats(1, 0) }, { read: null }],
    wants: false,
    shows: "1/1",
  },
  "a server that tells of no assignment is believed at once": {
    story: [QUIET, { empty: true }, { says: [], stats: stats(5, 0) }, { read: stats(5, 0) }],
    wants: false,
    shows: "5/0",
  },
} as Record<string, { story: Happening[]; wants: boolean; shows?: string }>, ({ story, wants, shows }) => {
  const { state, at, last } = live(story);
  assert.equal(wantsReading(state, at), wants);
  if (shows) assert.equal(shown(last)?.split(" ")[0], shows);
});

const LONG: Happening = { after: PHANTOM_AFTER_MS };

table("demand that can't be real", {
  "is trimmed after 15 minutes with as many idle runners": {
    story: [{ session: stats(0) }, { says: [], stats: stats(3, 0, 0) }, { read: stats(3, 0, 3) }, LONG, {
      read: stats(3, 0, 3),
    }],
    shows: "2/0",
    phantom: 3,
  },
  "stays trimmed": {
    story: [{ session: stats(3, 0, 5) }, LONG, { read: stats(3, 0, 5) }, { after: 60_000 }, { empty: true }],
    shows: "2/0",
    phantom: 3,
  },
  "a new job is served on top": {
    story: [{ session: stats(3, 0, 5) }, LONG, { read: stats(3, 0, 5) }, {
      says: [assigned(9)],
      stats: stats(4, 0, 0),
    }],
    shows: "3/0",
    phantom: 3,
  },
  "is forgotten when the service takes it back": {
    story: [{ session: stats(3, 0, 5) }, LONG, { read: stats(3, 0, 5) }, { says: [], stats: stats(1, 0, 0) }, {
      says: [],
      stats: stats(3, 0, 0),
    }],
    shows: "4/0",
    phantom: 1,
  },
  "too few idle runners: it is real": {
    story: [{ session: stats(3, 0, 2) }, LONG, { read: stats(3, 0, 2) }],
    shows: "5/0",
    phantom: 0,
  },
  "not yet long": {
    story: [{ session: stats(3, 0, 5) }, { after: PHANTOM_AFTER_MS - 1 }, { read: stats(3, 0, 5) }],
    shows: "5/0",
    phantom: 0,
  },
  "a change begins the time anew": {
    story: [{ session: stats(3, 0, 5) }, { after: 600_000 }, { says: [started(1)], stats: stats(3, 1, 4) }, {
      after: 600_000,
    }, { read: stats(3, 1, 4) }],
    shows: "5/1",
    phantom: 0,
  },
} as Record<string, { story: Happening[]; shows: string; phantom: number }>, ({ story, shows, phantom }) => {
  const { state, last } = live(story, { minRunners: 2, maxRunners: 100 });
  assert.equal(shown(last)?.split(" ")[0], shows);
  assert.equal(state.phantom, phantom);
});

test("the reading that finds phantom demand is wanted once in 15 minutes", () => {
  const { state } = live([{ session: stats(3, 0, 0) }]);
  assert.equal(wantsReading(state, PHANTOM_AFTER_MS - 1), false);
  assert.equal(wantsReading(state, PHANTOM_AFTER_MS), true);
  const read = next(state, { kind: "figures", at: PHANTOM_AFTER_MS, statistics: stats(3, 0, 0) }, {
    minRunners: 0,
    maxRunners: 9,
  });
  assert.equal(wantsReading(read.state, PHANTOM_AFTER_MS + 1), false);
});
