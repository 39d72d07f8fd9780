import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Census,
  type Demand,
  least,
  type Needs,
  needsOf,
  ripe,
  type Settling,
  unchanged,
} from "../../../../src/controllers/ephemeral_runner_set/count.ts";
import { allowanceOf, hasRecovered } from "../../../../src/controllers/ephemeral_runner_set/trouble.ts";
import { rolloutOf } from "../../../../src/controllers/ephemeral_runner_set/rollout.ts";
import { waitsOf } from "../../../../src/controllers/shared/waits.ts";
import { table } from "../../../support/table.ts";

function census(changes: Partial<Census> = {}): Census {
  return {
    pending: 0,
    idle: 0,
    busy: 0,
    elsewhere: 0,
    marked: 0,
    ended: 0,
    failed: 0,
    outdated: 0,
    deleting: 0,
    ahead: 0,
    gone: 0,
    endedLately: 0,
    finishing: 0,
    undecided: 0,
    leaving: 0,
    ...changes,
  };
}

interface Case {
  readonly have?: Partial<Census>;
  /** D and R. */
  readonly want: readonly [replicas: number, runningJobs?: number];
  readonly needs: Partial<Needs>;
}

table<Case>("needs", {
  "nothing is wanted, nothing is there": { want: [0, 0], needs: { lack: 0, late: 0, surplus: 0 } },
  "a burst": { want: [100, 0], needs: { lack: 100, late: 0, surplus: 0 } },
  "half of it is on its way": { have: { pending: 50 }, want: [100, 0], needs: { lack: 50 } },
  "all have jobs": { have: { busy: 3 }, want: [3, 3], needs: { lack: 0, late: 0, surplus: 0 } },
  "one ended before its JobCompleted came: it is not replaced": {
    have: { busy: 2, gone: 1 },
    want: [3, 3],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "one was deleted by hand a while ago, and finishes its job: it holds its slot": {
    have: { busy: 4, deleting: 1, finishing: 1 },
    want: [5, 5],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "an idle one was deleted by hand, and may have been given the job that is wanted: it is not replaced yet": {
    have: { deleting: 1, undecided: 1 },
    want: [1, 0],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "the same, GitHub has let it go": { have: { deleting: 1 }, want: [1, 0], needs: { lack: 1 } },
  "the same, it had been given a job, and its facts are late": {
    have: { deleting: 1, undecided: 1 },
    want: [1, 1],
    needs: { lack: -1, late: 0, surplus: 0 },
  },
  "the same, and another job comes": {
    have: { deleting: 1, undecided: 1 },
    want: [2, 1],
    needs: { lack: 0, late: 1, surplus: 0 },
  },
  "one is finishing while a new job comes": {
    have: { busy: 3 },
    want: [3, 2],
    needs: { lack: 1, late: 0, surplus: 0 },
  },
  "four have jobs in a set that this one replaces: they hold its slots": {
    have: { idle: 2, elsewhere: 4 },
    want: [6, 4],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "the same, where running jobs are not told": {
    have: { idle: 2, elsewhere: 4 },
    want: [6],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "an idle one was lost": { have: { idle: 2, busy: 1 }, want: [4, 1], needs: { lack: 1 } },
  "a busy one was lost: its job died with it": {
    have: { busy: 1, gone: 1 },
    want: [2, 2],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "a busy one was lost long ago, and is counted still": {
    have: { busy: 1 },
    want: [2, 2],
    needs: { lack: 0, late: 1, surplus: 0 },
  },
  "a job started that our set does not count yet": {
    have: { busy: 1, ahead: 1 },
    want: [1, 0],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "facts are late: the job's runner looks idle": {
    have: { idle: 1 },
    want: [1, 1],
    needs: { lack: -1, late: 0, surplus: 0 },
  },
  "facts are late and a new job comes": {
    have: { idle: 1 },
    want: [2, 1],
    needs: { lack: 0, late: 1, surplus: 0 },
  },
  "demand has gone": { have: { pending: 2, idle: 3 }, want: [1, 0], needs: { lack: -4, late: 0, surplus: 4 } },
  "demand has gone, some are leaving": { have: { idle: 5, leaving: 3 }, want: [1, 0], needs: { surplus: 1 } },
  "runners with jobs are no surplus": { have: { busy: 5 }, want: [0, 0], needs: { lack: 0, surplus: 0 } },
  "a marked runner holds no slot": { have: { marked: 1 }, want: [1, 0], needs: { lack: 1, surplus: 0 } },
  "failed, ended, outdated and deleting ones hold none": {
    have: { failed: 5, ended: 1, outdated: 1, deleting: 2 },
    want: [2, 0],
    needs: { lack: 2, surplus: 0 },
  },
  "another listener: all jobs of busy runners run": {
    have: { busy: 3, idle: 1 },
    want: [5],
    needs: { lack: 1, late: 0, surplus: 0 },
  },
  "another listener: one ended a moment ago": {
    have: { busy: 2, endedLately: 1, gone: 1 },
    want: [3],
    needs: { lack: 0, late: 0, surplus: 0 },
  },
  "another listener: and then it is replaced": {
    have: { busy: 2, gone: 1 },
    want: [3],
    needs: { lack: 1, surplus: 0 },
  },
}, ({ have, want: [replicas, runningJobs], needs }) => {
  const all = needsOf(census(have), { replicas, runningJobs });
  for (const [name, value] of Object.entries(needs)) assert.equal(all[name as keyof Needs], value, name);
});

const count = fc.nat({ max: 50 });
const censuses = fc.record({ pending: count, idle: count, busy: count, ahead: count, gone: count, leaving: count })
  .map((some) =>
    census({ ...some, ahead: Math.min(some.ahead, some.busy), leaving: Math.min(some.leaving, some.idle) })
  );
/** What a listener can ask for: the running jobs are among those wanted. */
const demands: fc.Arbitrary<Demand> = fc.record({ running: count, more: count })
  .map(({ running, more }) => ({ replicas: running + more, runningJobs: running }));

test("needs: a set never makes and removes runners at once", () => {
  fc.assert(fc.property(censuses, demands, (have, want) => {
    const { lack, late, surplus } = needsOf(have, want);
    assert.ok(!((lack > 0 || late > 0) && surplus > 0), JSON.stringify({ lack, late, surplus }));
  }));
});

test("needs: what is made at once never goes beyond what is wanted", () => {
  fc.assert(fc.property(censuses, demands, (have, want) => {
    const made = Math.max(0, needsOf(have, want).lack);
    assert.ok(made === 0 || have.pending + have.idle + made <= want.replicas);
  }));
});

test("needs: once they are met, nothing is lacking and nothing too much", () => {
  fc.assert(fc.property(censuses, demands, (have, want) => {
    const settled = { ...have, leaving: 0 };
    const { lack, late, surplus } = needsOf(settled, want);
    const made = Math.max(0, lack) + late;
    const removed = Math.min(surplus, settled.pending + settled.idle);
    const left = settled.pending + settled.idle + made - removed;
    const after = needsOf({ ...settled, pending: 0, idle: left }, want);
    assert.ok(after.lack <= 0, `lack ${after.lack}`);
    assert.equal(after.late, 0);
    assert.equal(after.surplus, 0);
  }));
});

test("a need that must not change starts anew when it does", () => {
  let seen: Settling | undefined;
  for (const [now, value] of [[0, 2], [5, 2], [9, 3], [12, 3]] as const) seen = unchanged(seen, value, now);
  assert.deepEqual(seen, { value: 3, since: 9 });
  assert.equal(unchanged(seen, 0, 13), undefined);
});

test("of a need that grows only that counts which was there all the time", () => {
  let seen: Settling | undefined;
  for (const [now, value] of [[0, 2], [5, 7], [9, 1], [12, 9]] as const) seen = least(seen, value, now);
  assert.deepEqual(seen, { value: 1, since: 0 });
  assert.deepEqual(ripe(seen, 15, 12), { value: 0, inMs: 3 });
  assert.deepEqual(ripe(seen, 10, 12), { value: 1 });
  assert.deepEqual(ripe(undefined, 10, 12), { value: 0 });
});

const WAITS = waitsOf();
const streak = (pauses: number) => ({ streak: { failures: pauses + 4, pauses, at: 0, reason: "Error", message: "" } });

table<{
  readonly trials: Parameters<typeof allowanceOf>[2];
  readonly pending?: number;
  readonly idle?: number;
  readonly now?: number;
  readonly allows: ReturnType<typeof allowanceOf>;
}>(
  "10 runners wanted",
  {
    "no trouble": { trials: {}, allows: { count: 10 } },
    "four failures": { trials: streak(0), allows: { count: 10 } },
    "five: after 5 s": { trials: streak(1), now: 1000, allows: { count: 0, inMs: 4000 } },
    "five: then one": { trials: streak(1), now: 5000, allows: { count: 1 } },
    "five: one is on its way": {
      trials: { ...streak(1), lastBirthAt: 5000 },
      pending: 1,
      now: 9000,
      allows: { count: 0 },
    },
    "five: one is online": {
      trials: { ...streak(1), lastBirthAt: 5000 },
      idle: 1,
      now: 9000,
      allows: { count: 0, inMs: 56_000 },
    },
    "five: the one was lost and has shown nothing: another after 5 s": {
      trials: { ...streak(1), lastBirthAt: 5000 },
      now: 9000,
      allows: { count: 0, inMs: 1000 },
    },
    "five: the one was lost long ago": {
      trials: { ...streak(1), lastBirthAt: 5000 },
      now: 90_000,
      allows: { count: 1 },
    },
    "the third trial failed: after 20 s": { trials: streak(3), now: 5000, allows: { count: 0, inMs: 15_000 } },
    "the fiftieth failed: after 5 min, not longer": {
      trials: streak(50),
      now: 5000,
      allows: { count: 0, inMs: 295_000 },
    },
    "refused for their version: one after 30 min": {
      trials: { deprecation: { at: 0 } },
      now: 1_790_000,
      allows: { count: 0, inMs: 10_000 },
    },
    "refused for their version, 30 min ago": {
      trials: { deprecation: { at: 0 } },
      now: 1_800_000,
      allows: { count: 1 },
    },
  },
  ({ trials, pending = 0, idle = 0, now = 0, allows }) =>
    assert.deepEqual(allowanceOf(10, { pending, idle }, trials, WAITS, now), allows),
);

test("a trial that is online for a minute ends the trouble, and not earlier", () => {
  const trials = { ...streak(3), lastBirthAt: 20_000 };
  const online = { pending: 0, idle: 1 };
  assert.equal(hasRecovered(online, trials, WAITS, 79_000), false);
  assert.equal(hasRecovered(online, trials, WAITS, 80_000), true);
  assert.equal(hasRecovered({ pending: 1, idle: 1 }, trials, WAITS, 80_000), false);
  assert.equal(hasRecovered({ pending: 0, idle: 0 }, trials, WAITS, 80_000), false);
  assert.equal(hasRecovered(online, streak(3), WAITS, 80_000), false, "no trial was made since");
  const once = { ...streak(0), lastBirthAt: 20_000 };
  assert.equal(hasRecovered(online, once, WAITS, 80_000), true, "a failure that earned no pause is over too");
});

table<{
  readonly have: Partial<Census>;
  readonly old: number;
  readonly freshPending?: number;
  readonly freshIdle?: number;
  readonly wanted: number;
  readonly max?: number;
  readonly failing?: boolean;
  readonly justMade?: boolean;
  readonly now?: number;
  readonly is: Partial<ReturnType<typeof rolloutOf>>;
}>("old runners", {
  "none": { have: { idle: 8 }, old: 0, wanted: 8, is: { surge: 0, retire: 0, spared: 0 } },
  "eight, with room: two new ones first": {
    have: { idle: 8 },
    old: 8,
    wanted: 8,
    max: 20,
    is: { surge: 2, retire: 0 },
  },
  "the new ones are on their way": {
    have: { idle: 8, pending: 2 },
    old: 8,
    freshPending: 2,
    wanted: 8,
    max: 20,
    is: { surge: 0, retire: 0, spared: 2 },
  },
  "the new ones are ready: two old ones go": {
    have: { idle: 10 },
    old: 8,
    freshIdle: 2,
    wanted: 8,
    max: 20,
    is: { surge: 0, retire: 2 },
  },
  "the new ones are ready since a moment": {
    have: { idle: 10 },
    old: 8,
    freshIdle: 2,
    wanted: 8,
    max: 20,
    justMade: true,
    is: { surge: 0, retire: 0, spared: 2 },
  },
  "at the limit: old ones first": { have: { idle: 8 }, old: 8, wanted: 8, max: 8, is: { surge: 0, retire: 2 } },
  "one of them is deleted and may have a job: it counts to the limit": {
    have: { idle: 7, deleting: 1, undecided: 1 },
    old: 7,
    wanted: 8,
    max: 8,
    is: { surge: 0, retire: 1 },
  },
  "no limit is known: old ones first": { have: { idle: 3 }, old: 3, wanted: 3, is: { surge: 0, retire: 1 } },
  "one runner": { have: { idle: 1 }, old: 1, wanted: 1, max: 5, is: { surge: 1, retire: 0 } },
  "runners are lacking: those first": { have: { idle: 4 }, old: 4, wanted: 6, max: 20, is: { surge: 0, retire: 0 } },
  "replacements fail": {
    have: { idle: 8 },
    old: 8,
    wanted: 8,
    max: 20,
    failing: true,
    is: { surge: 0, retire: 0, isStuck: true },
  },
  "replacements failed, some time ago: one is tried": {
    have: { idle: 8 },
    old: 8,
    wanted: 8,
    max: 20,
    failing: true,
    now: 600_000,
    is: { surge: 1, retire: 0, isStuck: false },
  },
  "replacements fail, and nobody is wanted any more": {
    have: { idle: 8 },
    old: 8,
    wanted: 0,
    max: 20,
    failing: true,
    is: { spared: 0, isStuck: true },
  },
}, ({ have, old, freshPending = 0, freshIdle = 0, wanted, max, failing, justMade, now = 0, is }) => {
  const all = census(have);
  const rollout = rolloutOf({
    census: all,
    needs: needsOf(all, { replicas: wanted, runningJobs: 0 }),
    revisions: { current: "new", freshPending, freshIdle, old },
    trouble: { ...(failing ? streak(1) : {}), lastBirthAt: justMade ? -5000 : -10_000 },
    waits: WAITS,
    ...(max === undefined ? {} : { maxRunners: max }),
  }, now);
  for (const [name, value] of Object.entries(is)) assert.equal(rollout[name as keyof typeof rollout], value, name);
});
