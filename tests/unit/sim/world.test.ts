import assert from "node:assert/strict";
import { test } from "node:test";
import type { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { FAULT_SETS, type FaultSetName } from "../../../src/sim/faults.ts";
import { World, type WorldOptions } from "../../../src/sim/world.ts";
import { table } from "../../support/table.ts";
import { CrudeProgram } from "./crude_program.ts";

/** Ten minutes with thirty jobs, then ten without faults. */
async function run(options: Partial<WorldOptions>): Promise<World> {
  const world = new World({ seed: 1, crds: [], faultGapMs: 2000, behaviour: { needsAcquire: false }, ...options });
  const clock = world.clock as VirtualClock;
  const program = new CrudeProgram(world);
  world.start();
  program.start();
  for (let job = 0; job < 30; job++) {
    world.service.queueJob({ scaleSetName: "linux", durationMs: 5000 });
    await clock.advance(20_000);
  }
  world.faults.stop();
  await clock.advance(600_000);
  program.stop();
  await world.close();
  await clock.advance(0);
  return world;
}

test("in a world without faults every job runs once, and nothing is wrong", async () => {
  const world = await run({});
  const { violations, problems, jobs, runners, leftovers, queueTimeMs, faults } = world.report([
    { scaleSetId: 1, maxRunners: 30, patienceMs: 5000 },
  ]);
  assert.deepEqual([violations, problems, faults], [[], [], {}]);
  assert.deepEqual(jobs, { total: 30, waiting: 0, running: 0, done: 30, ranOnce: 30, cancelled: 0, lost: 0 });
  assert.deepEqual(runners, { made: 30, withJob: 30, idle: 0, disturbed: 0, unused: 0 });
  assert.deepEqual([leftovers.pods, leftovers.secrets, leftovers.registrations], [[], [], []]);
  assert.deepEqual(leftovers.scaleSets, ["linux"]);
  assert.ok((queueTimeMs.p95 ?? 0) > 500 && (queueTimeMs.p95 ?? 0) < 1500, `${queueTimeMs.p95}`);
  assert.equal((world.clock as VirtualClock).pendingTimers, 0, "a closed world has no timers");
});

test("the same seed gives the same timeline, byte for byte, with every fault; another seed another one", async () => {
  const options = { faults: "all", behaviour: "drawn" } as const;
  const [one, two] = [await run({ ...options, seed: 7 }), await run({ ...options, seed: 7 })];
  assert.ok(one.timeline.count > 1000, `${one.timeline.count} lines`);
  assert.equal(one.timeline.text(), two.timeline.text());
  assert.deepEqual([one.timeline.count, one.timeline.digest], [two.timeline.count, two.timeline.digest]);
  assert.deepEqual(one.report(), two.report());
  const other = await run({ ...options, seed: 8 });
  assert.notEqual(one.timeline.digest, other.timeline.digest);
});

test("no secret is in a timeline", async () => {
  const world = await run({});
  assert.doesNotMatch(world.timeline.text(), /ghp_|ghs_|AREG|jitToken|Bearer|eyJ/);
});

table<{ set: FaultSetName }>("the faults of a set are felt, and the world itself stays sound", {
  "api": { set: "api" },
  "github": { set: "github" },
  "nodes": { set: "nodes" },
  "all": { set: "all" },
}, async ({ set }) => {
  const world = await run({ faults: set, seed: 3 });
  const { faults, problems } = world.report();
  assert.ok(Object.keys(faults).length >= 5, JSON.stringify(faults));
  const names = new Set(FAULT_SETS[set].map(({ name }) => name));
  assert.deepEqual(Object.keys(faults).filter((name) => !names.has(name)), []);
  assert.deepEqual(problems, []);
  const twice = [...world.service.ledger.jobs.values()].filter((job) => job.runners.length > 1);
  assert.deepEqual(twice, []);
  assert.equal((world.clock as VirtualClock).pendingTimers, 0);
});

table(
  "a fault can be brought by its name",
  Object.fromEntries(FAULT_SETS.all.map(({ name }) => [name, name])),
  async (name) => {
    const world = new World({ seed: 5, crds: [], behaviour: { needsAcquire: false } });
    const clock = world.clock as VirtualClock;
    const program = new CrudeProgram(world);
    world.start();
    program.start();
    await clock.advance(5000);
    for (let job = 0; job < 4; job++) world.service.queueJob({ scaleSetName: "linux", durationMs: 60_000 });
    await clock.advance(10_000);
    world.faults.bring(name);
    for (let job = 0; job < 4; job++) world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
    await clock.advance(60_000);
    world.faults.stop();
    program.stop();
    await world.close();
    await clock.advance(0);
    // No program here patches or watches: what only such requests feel cannot fire.
    const needsMore = /^(api conflict|watch)/.test(name);
    if (!needsMore) assert.ok((world.faults.fired.get(name) ?? 0) > 0, world.timeline.text().slice(-3000));
    assert.equal(clock.pendingTimers, 0);
  },
);

test("a fault that does not exist is refused by name", () => {
  assert.throws(() => new World({ seed: 1, crds: [] }).faults.bring("nope"), /there is no fault "nope"/);
});
