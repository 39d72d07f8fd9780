/** What the system asks for: counted on the network, not timed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SimSystem } from "../support/sim_system.ts";

const MODES = ["pod", "embedded"] as const;

function sum(counts: Readonly<Record<string, number>>, test: (kind: string) => boolean): number {
  return Object.entries(counts).reduce((total, [kind, count]) => total + (test(kind) ? count : 0), 0);
}

const toKube = (kind: string) => /^arc-(controller|listener): /.test(kind);
const isWatch = (kind: string) => /: (watch|list) /.test(kind);

for (const [listenerMode, jobs] of [["pod", 300], ["embedded", 40]] as const) {
  test(`a burst of ${jobs} costs at most 9.5 requests and one call to GitHub a runner (${listenerMode})`, () =>
    SimSystem.story({ listenerMode }, async (system) => {
      await system.scaleSet("linux", { maxRunners: jobs });
      const mark = system.world.timeline.count;
      system.queueJobs("linux", jobs);
      await system.allDone();
      await system.quiet();
      await system.run(5_000);
      system.assertEachJobOnce();
      assert.equal(system.made, jobs);
      const spent = system.spent(mark);
      const requests = sum(spent, (kind) => toKube(kind) && !isWatch(kind));
      assert.ok(requests / jobs <= 9.5, `${requests / jobs} requests a runner: ${JSON.stringify(spent, null, 1)}`);
      assert.equal(
        sum(spent, (kind) => toKube(kind) && / (get|list) /.test(kind)),
        0,
        "a finished runner costs no read",
      );
      const calls = system.world.report().calls;
      assert.equal(calls["generatejitconfig"], jobs);
      assert.equal(calls["agent.delete"] ?? 0, 0);
    }));
}

for (const listenerMode of MODES) {
  // Nine of its own, three counts, and two statuses each of its set and its scale set.
  test(`a job alone costs at most 16 requests (${listenerMode})`, () =>
    SimSystem.story({ listenerMode }, async (system) => {
      await system.scaleSet("linux", { maxRunners: 10 });
      await system.run(20_000);
      const mark = system.world.timeline.count;
      system.queueJobs("linux", 1);
      await system.allDone();
      await system.quiet();
      await system.run(5_000);
      const requests = sum(system.spent(mark), (kind) => toKube(kind) && !isWatch(kind));
      assert.ok(requests <= 16, `${requests}: ${JSON.stringify(system.spent(mark), null, 1)}`);
    }));
}

/** What a world at rest may ask for in half an hour, and how often at most: two scale sets, two idle runners. */
const SETS = 2;
const RESYNCS = 3;
const AT_REST: Readonly<Record<string, number>> = {
  "arc-controller: update leases": 900,
  // Each is asked for anew after 5 to 10 minutes; two of pods.
  "arc-controller: watch autoscalingrunnersets": 6,
  "arc-controller: watch autoscalinglisteners": 6,
  "arc-controller: watch ephemeralrunnersets": 6,
  "arc-controller: watch ephemeralrunners": 6,
  "arc-controller: watch pods": 12,
  // The resync of what is not watched: a listener's children, and the secret that both sets share.
  "arc-controller: get serviceaccounts": RESYNCS * SETS,
  "arc-controller: get roles": RESYNCS * SETS,
  "arc-controller: get rolebindings": RESYNCS * SETS,
  "arc-controller: get secrets": RESYNCS * (2 * SETS + 1),
  "gha-scale-set-controller: GET /_apis/distributedtask/pools/*/agents/*": RESYNCS * 2,
  // What listeners repeat, from where they are.
  "arc-controller: patch ephemeralrunnersets": RESYNCS * SETS,
  "arc-listener: patch ephemeralrunnersets": RESYNCS * SETS,
};
const POLLS = "GET /_apis/runtime/messages/*";

for (const listenerMode of MODES) {
  test(`a world at rest asks for no more than it must (${listenerMode})`, () =>
    SimSystem.story({ listenerMode, leaderElection: true }, async (system) => {
      await system.scaleSet("linux", { minRunners: 2, maxRunners: 10 });
      await system.scaleSet("windows", { minRunners: 0, maxRunners: 10 });
      await system.until("two stand ready", () => system.service("linux")?.statistics.totalIdleRunners === 2);
      await system.run(120_000);
      const mark = system.world.timeline.count;
      await system.run(1_800_000);
      const spent = system.spent(mark);
      const polls = sum(spent, (kind) => kind.endsWith(POLLS));
      assert.ok(polls > 0 && polls <= SETS * 36, `${polls} polls`);
      for (const [kind, count] of Object.entries(spent)) {
        if (!kind.endsWith(POLLS)) assert.ok(count <= (AT_REST[kind] ?? 0), `${count} times ${kind}`);
      }
    }));
}

async function costOfOneJob(present: number): Promise<Record<string, number>> {
  let spent: Record<string, number> = {};
  await SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { minRunners: present, maxRunners: present + 10 });
    await system.until("all stand ready", () => system.service("linux")?.statistics.totalIdleRunners === present);
    await system.run(20_000);
    const mark = system.world.timeline.count;
    system.queueJobs("linux", 1);
    await system.run(20_000);
    spent = system.spent(mark);
    system.assertEachJobOnce();
  });
  return spent;
}

test("one job costs the same with few runners and with many", async () => {
  const [few, many] = [await costOfOneJob(10), await costOfOneJob(100)];
  assert.deepEqual(many, few);
});
