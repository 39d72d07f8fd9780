import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JobEvent, Statistics } from "../../../src/github/service.ts";
import { FRESH, type Limits, next, type ScaleState } from "../../../src/listener/scale.ts";
import { table } from "../../support/table.ts";
import { assigned, available, cancelled, completed, each, started, stats } from "./events.ts";
import { ASKED, type Happening, live, OPENED, QUIET, shown } from "./story.ts";

table("wanted and running", {
  "nothing to do": { limits: [0, 10], assigned: 0, running: 0, shows: "0/0" },
  "idle runners are kept ready": { limits: [3, 10], assigned: 0, running: 0, shows: "3/0" },
  "on top of assigned jobs": { limits: [3, 10], assigned: 4, running: 1, shows: "7/1" },
  "up to the limit": { limits: [3, 10], assigned: 9, running: 2, shows: "10/2" },
  "more jobs run than a lowered limit allows": { limits: [0, 2], assigned: 5, running: 5, shows: "2/5" },
  "a pause serves what is assigned": { limits: [3, 0], assigned: 4, running: 1, shows: "4/1" },
  "a pause with nothing assigned": { limits: [3, 0], assigned: 0, running: 0, shows: "0/0" },
  "no limit": { limits: [1, 2147483647], assigned: 5000, running: 0, shows: "5001/0" },
} as Record<string, { limits: [number, number]; assigned: number; running: number; shows: string }>, (example) => {
  const [minRunners, maxRunners] = example.limits;
  const { last } = live([{ session: stats(example.assigned, example.running) }], { minRunners, maxRunners });
  assert.equal(shown(last), `${example.shows} #0`);
});

table("stories, told in patches", {
  "a job's way": {
    story: [
      { session: stats(0) },
      { says: [available(1)], stats: stats(0) },
      { says: [assigned(1)], stats: stats(1) },
      { says: [started(1)], stats: stats(1, 1) },
      { says: [completed(1)], stats: stats(0, 0) },
      { empty: true },
      { empty: true },
    ],
    patches: ["0/0 #0", "1/0 #1", "1/1 #2", "0/0 #3", "0/0 #0"],
  },
  "numbers go on after a rest": {
    story: [
      { session: stats(0) },
      { says: [assigned(1)], stats: stats(1) },
      { says: [cancelled(1)], stats: stats(0) },
      { empty: true },
      { says: [assigned(2)], stats: stats(1) },
    ],
    patches: ["0/0 #0", "1/0 #1", "0/0 #2", "0/0 #0", "1/0 #4"],
  },
  "an empty poll while jobs run is no rest": {
    story: [{ session: stats(2, 1) }, { says: [started(2)], stats: stats(2, 2) }, { empty: true }, { empty: true }],
    patches: ["2/1 #0", "2/2 #1"],
  },
  "a message that changes nothing is not told": {
    story: [{ session: stats(2, 2) }, { says: [started(3), completed(1)], stats: stats(2, 2) }, {
      says: [],
      stats: stats(2, 2),
    }],
    patches: ["2/2 #0"],
  },
  "50 starts and 50 ends in one message": {
    story: [
      { session: stats(100, 50) },
      { says: [...each(started, 51, 100), ...each(completed, 1, 50)], stats: stats(50, 50) },
    ],
    patches: ["100/50 #0", "50/50 #1"],
  },
  "50 ends before 50 starts in one message": {
    story: [
      { session: stats(50, 0) },
      { says: [...each(started, 1, 50)], stats: stats(100, 50) },
      { says: [...each(completed, 1, 50), ...each(started, 51, 100)], stats: stats(50, 0) },
    ],
    patches: ["50/0 #0", "100/50 #1", "50/50 #2"],
  },
  "statistics that lag behind starts": {
    story: [
      { session: stats(0) },
      { says: each(assigned, 1, 3), stats: stats(3, 0) },
      { says: [started(1), started(2)], stats: stats(3, 0) },
      { says: [started(3)], stats: stats(3, 1) },
    ],
    patches: ["0/0 #0", "3/0 #1", "3/2 #2", "3/3 #3"],
  },
  "statistics that lag behind ends": {
    story: [{ session: stats(3, 3) }, { says: [completed(1)], stats: stats(3, 3) }, {
      says: [completed(2)],
      stats: stats(2, 2),
    }],
    patches: ["3/3 #0", "2/2 #1"],
  },
  "a job that was cancelled before it started had no runner": {
    story: [{ session: stats(2, 1) }, { says: [cancelled(2)], stats: stats(1, 1) }],
    patches: ["2/1 #0", "1/1 #1"],
  },
  "the same message again changes nothing, whatever its statistics were": {
    story: [
      { session: stats(0) },
      { says: [assigned(1)], stats: stats(1) },
      { says: [started(1)], stats: stats(1, 1) },
      { says: [assigned(1)], stats: stats(1) },
      { says: [started(1)], stats: stats(9, 9) },
    ],
    patches: ["0/0 #0", "1/0 #1", "1/1 #2"],
  },
  "also in another session of the same process": {
    story: [
      { session: stats(0) },
      { says: each(assigned, 1, 5), stats: stats(5) },
      { says: each(started, 1, 5), stats: stats(5, 5) },
      { session: stats(5, 5) },
      { says: each(started, 1, 5), stats: stats(5, 0) },
      { says: [completed(1)], stats: stats(4, 4) },
    ],
    patches: ["0/0 #0", "5/0 #1", "5/5 #2", "4/4 #3"],
  },
  "a new process counts no event that is older than its session": {
    story: [
      { session: stats(50, 50) },
      { says: each((n) => started(n, { runnerAssignedAt: ASKED - 5 }), 1, 50), stats: stats(50, 0) },
      { says: [assigned(51)], stats: stats(51, 50) },
    ],
    patches: ["50/50 #0", "51/50 #1"],
  },
  "a start that is told late, after an end that is younger than the session: it is in its figures": {
    story: [
      { session: stats(3, 3) },
      { says: [completed(1, { finishedAt: OPENED + 1_000 })], stats: stats(2, 2) },
      { says: [started(2, { runnerAssignedAt: ASKED - 500 })], stats: stats(2, 1) },
    ],
    patches: ["3/3 #0", "2/2 #1"],
  },
  "and in a second session soon after": {
    story: [
      { session: stats(3, 3) },
      { says: [completed(1, { finishedAt: OPENED + 1_000 })], stats: stats(2, 2) },
      { session: stats(2, 2) },
      { says: [started(2, { runnerAssignedAt: ASKED - 500 })], stats: stats(2, 1) },
    ],
    patches: ["3/3 #0", "2/2 #1"],
  },
  "no statistics, and the end of a job that is told before its start: another job runs": {
    story: [
      { session: stats(1, 1) },
      { empty: true },
      { says: [assigned(2)], stats: null },
      { says: [completed(2)], stats: null },
      { says: [started(2)], stats: null },
    ],
    patches: ["1/1 #0", "2/1 #1", "1/1 #2"],
  },
  "a server that tells whole seconds: what it says of the one before the opening may be of after it": {
    story: [{ session: stats(1, 0) }, { says: [started(1, { runnerAssignedAt: OPENED - 1_000 })], stats: stats(1, 0) }],
    patches: ["1/0 #0", "1/1 #1"],
  },
  "a time that is a whole second by chance": {
    story: [{ session: stats(1, 0) }, {
      says: [started(1, { queuedAt: OPENED - 9_001, runnerAssignedAt: OPENED - 1_000 })],
      stats: stats(1, 0),
    }],
    patches: ["1/0 #0"],
  },
  "an offer that a session finds in its queue: the figures that came with it are older than the session's": {
    story: [{ session: stats(1, 0) }, { says: [available(2, { queuedAt: ASKED - 500 })], stats: stats(2, 1) }],
    patches: ["1/0 #0"],
  },
  "an offer that has just been made": {
    story: [{ session: stats(1, 0) }, { says: [available(2, { queuedAt: OPENED })], stats: stats(1, 1) }],
    patches: ["1/0 #0", "1/1 #1"],
  },
  "an old offer that is made again when the queue has been told": {
    story: [{ session: stats(1, 0) }, { empty: true }, {
      says: [available(2, { queuedAt: ASKED - 500 })],
      stats: stats(1, 1),
    }],
    patches: ["1/0 #0", "1/1 #1"],
  },
  "assigned while the session was being opened, after its figures were taken: those of the message hold it": {
    story: [{ session: stats(0) }, { says: [assigned(1, { scaleSetAssignedAt: OPENED - 1_000 })], stats: stats(1) }],
    patches: ["0/0 #0", "1/0 #1"],
  },
  "no statistics: what we count ourselves": {
    story: [
      { session: stats(2, 1) },
      { says: [assigned(3)], stats: null },
      { says: [started(2)], stats: null },
      { says: [completed(1), cancelled(3)], stats: null },
    ],
    patches: ["2/1 #0", "3/1 #1", "3/2 #2", "1/1 #3"],
  },
  "never any statistics": {
    story: [{ session: null }, { says: [assigned(1)] }, { says: [started(1)] }, { says: [completed(1)] }],
    patches: ["0/0 #0", "1/0 #1", "1/1 #2", "0/0 #3"],
  },
  "a message of an unknown kind": {
    story: [{ session: stats(2, 1) }, { says: [], stats: null }],
    patches: ["2/1 #0"],
  },
  "limits that change": {
    story: [
      { session: stats(5, 2) },
      { limits: { minRunners: 2, maxRunners: 6 } },
      { limits: { minRunners: 0, maxRunners: 3 } },
      { limits: { minRunners: 0, maxRunners: 0 } },
      { limits: { minRunners: 0, maxRunners: 0 } },
    ],
    patches: ["5/2 #0", "6/2 #1", "3/2 #2"],
  },
  "a pause after a limit: what is assigned is served within that limit, as jobs end": {
    story: [
      { limits: { minRunners: 1, maxRunners: 3 } },
      { session: stats(5, 3) },
      { limits: { minRunners: 0, maxRunners: 0 } },
      { says: [completed(1)], stats: stats(4, 2) },
      { says: [completed(2), completed(3)], stats: stats(2, 0) },
    ],
    patches: ["1/0 #0", "3/3 #1", "3/2 #2", "2/0 #3"],
  },
  "jobs that are known to wait, though the statistics lag, are served when the queue is quiet": {
    story: [QUIET, { empty: true }, { says: each(assigned, 1, 40), stats: stats(0) }, { read: stats(0) }, {
      read: stats(40),
    }],
    patches: ["0/0 #0", "40/0 #1"],
  },
  "while more may be in the queue they are not: they may have ended": {
    story: [{ session: stats(0) }, { says: each(assigned, 1, 40), stats: stats(0) }],
    patches: ["0/0 #0"],
  },
} as Record<string, { story: Happening[]; patches: string[] }>, ({ story, patches }) => {
  assert.deepEqual(live(story).patches.map(shown), patches);
});

test("where runningJobs is pruned, every message with a job moves the number on", () => {
  const story: Happening[] = [
    { session: stats(2, 2) },
    { says: [started(3), completed(1)], stats: stats(2, 2) },
    { says: [], stats: stats(2, 2) },
    { says: [started(3)], stats: stats(2, 2) },
  ];
  assert.deepEqual(live(story, undefined, true).patches.map(shown), ["2/2 #0", "2/2 #1"]);
});

test("numbers begin again at 1 after the largest one", () => {
  const { state } = live([{ session: stats(0) }]);
  const near = { ...state, patches: 2147483647 };
  const first = next(near, { kind: "message", at: 0, events: [assigned(1)], statistics: stats(1) }, {
    minRunners: 0,
    maxRunners: 9,
  });
  const second = next(first.state, { kind: "message", at: 0, events: [assigned(2)], statistics: stats(2) }, {
    minRunners: 0,
    maxRunners: 9,
  });
  assert.deepEqual([first.patch?.patchID, second.patch?.patchID], [2147483647, 1]);
});

table("offers", {
  "are asked for": { says: [available(1), available(2)], ids: [1, 2] },
  "again when they come again": { says: [available(1)], before: [available(1)], ids: [1, 1] },
  "not twice in one message": { says: [available(1), available(1)], ids: [1] },
  "not without a request id": { says: [{ ...available(1), requestId: 0 }], ids: [] },
  "not in a pause": { says: [available(1)], limits: { minRunners: 0, maxRunners: 0 }, ids: [] },
} as Record<string, { says: JobEvent[]; before?: JobEvent[]; limits?: Limits; ids: number[] }>, (example) => {
  const { says, before, limits, ids } = example;
  const story: Happening[] = [{ session: stats(0) }, { says: before ?? [], stats: stats(0) }, {
    says,
    stats: stats(0),
  }];
  const { acquired, fresh } = live(story, limits);
  assert.deepEqual(acquired, ids);
  assert.deepEqual(fresh, []);
});

test("events are told once, and by request id where a job has no id", () => {
  const nameless = { ...started(1), jobId: "" };
  const other = { ...started(2), jobId: "" };
  const { fresh } = live([
    { session: stats(0) },
    { says: [nameless, nameless], stats: stats(1, 1) },
    { says: [nameless, other], stats: stats(2, 2) },
  ]);
  assert.deepEqual(fresh, [nameless, other]);
});

test("memory of events is bounded", () => {
  let state: ScaleState = FRESH;
  for (let i = 0; i < 2000; i++) {
    const events = each(started, i * 50, i * 50 + 49);
    state = next(state, { kind: "message", at: 0, events }, { minRunners: 0, maxRunners: 1 }).state;
  }
  const size = state.known.reduce((sum, set) => sum + set.size, 0);
  assert.ok(size >= 25_000 && size <= 30_000, `${size} keys`);
});

/** A service that says the truth, in messages of some size, with statistics of their delivery. */
test("at the end of any history that is told truly, the runner set has the service's figures", () => {
  const history = fc.array(fc.record({ job: fc.integer({ min: 1, max: 30 }), size: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 80,
  });
  fc.assert(fc.property(history, fc.boolean(), (moves, twice) => {
    const at = new Map<number, number>();
    const story: Happening[] = [{ session: stats(0) }];
    let batch: JobEvent[] = [];
    for (const { job, size } of moves) {
      const stage = at.get(job) ?? 0;
      if (stage > 2) continue;
      at.set(job, stage + 1);
      batch.push([assigned, started, completed][stage]!(job));
      if (batch.length < size) continue;
      const now = truth(at);
      story.push({ says: batch, stats: now });
      if (twice) story.push({ says: batch, stats: stats(99, 77) });
      batch = [];
    }
    const end = truth(at);
    if (batch.length > 0) story.push({ says: batch, stats: end });
    const { state, last } = live(story);
    const wanted = next(state, { kind: "empty", at: 0 }, { minRunners: 0, maxRunners: 1000 });
    assert.equal(wanted.state.own.running, end.totalRunningJobs);
    assert.equal(last?.runningJobs ?? 0, end.totalRunningJobs);
    assert.equal(last?.replicas ?? 0, end.totalAssignedJobs);
  }));
});

function truth(at: ReadonlyMap<number, number>): Statistics {
  const stages = [...at.values()];
  return stats(
    stages.filter((stage) => stage === 1 || stage === 2).length,
    stages.filter((stage) => stage === 2).length,
  );
}
