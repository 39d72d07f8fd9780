/** What older releases left in the cluster is taken over: no job is lost, nothing is made twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_LISTENERS, EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { controlledBy, refOf } from "../../src/k8s/resource.ts";
import { referenceDefinitions } from "../support/reference.ts";
import { SimSystem } from "../support/sim_system.ts";

const OLD = "linux-x7k2p";

/** Makes the cluster look as 0.14.2 leaves it: the runner set has a name with a random end. */
async function asOlderRelease(system: SimSystem): Promise<void> {
  const { kubectl } = system;
  const set = system.runnerSet("linux")!;
  const { labels, annotations, finalizers, ownerReferences, namespace } = set.metadata;
  const metadata = { namespace, name: OLD, labels, annotations, finalizers, ownerReferences };
  const old = await system.done(kubectl.create(EPHEMERAL_RUNNER_SETS, { metadata, spec: set.spec }));
  const owner = controlledBy(EPHEMERAL_RUNNER_SETS, old);
  for (const runner of system.runners()) {
    await system.done(kubectl.patch(EPHEMERAL_RUNNERS, refOf(runner), { metadata: { ownerReferences: [owner] } }));
  }
  const listener = refOf(system.listenerOf("linux")!);
  await system.done(kubectl.patch(AUTOSCALING_LISTENERS, listener, { spec: { ephemeralRunnerSetName: OLD } }));
  await system.done(kubectl.patch(EPHEMERAL_RUNNER_SETS, refOf(set), { metadata: { finalizers: null } }));
  await system.done(kubectl.delete(EPHEMERAL_RUNNER_SETS, refOf(set), { propagationPolicy: "Orphan" }));
}

for (const listenerMode of ["pod", "embedded"] as const) {
  test(`a runner set of an older release (${listenerMode})`, () =>
    SimSystem.story({ listenerMode }, async (system) => {
      const { service } = system.world;
      await system.scaleSet("linux", { minRunners: 2, maxRunners: 6 });
      const busy = system.queueJobs("linux", 3, { durationMs: 60_000 });
      const idle = () => service.scaleSets()[0]?.statistics.totalIdleRunners;
      await system.until("three work and two stand ready", () => idle() === 2 && system.runners().length === 5);
      system.controllers[0]!.kill();
      await asOlderRelease(system);
      const before = system.runners().map(({ metadata }) => metadata.name);

      system.startController();
      await system.until("the set has its own name", () => system.runnerSet("linux") !== undefined, 10_000);
      await system.until(
        "the listener has been pointed to it",
        () => system.listenerOf("linux")?.spec?.ephemeralRunnerSetName === "linux",
        10_000,
      );
      const jobs = system.queueJobs("linux", 3, { durationMs: 5_000 });
      // A listener whose controller was killed may hold the session for a minute.
      await system.until(
        "new jobs are done",
        () => jobs.every((id) => service.ledger.jobs.get(id)?.completedAt),
        90_000,
      );
      await system.until("the old set is gone", () => system.runnerSet(OLD) === undefined, 120_000);
      assert.ok(busy.every((id) => service.ledger.jobs.get(id)?.result === "succeeded"), "jobs in hand were finished");
      await system.until("two stand ready", () => idle() === 2 && system.runners().length === 2, 60_000);
      system.assertEachJobOnce();
      assert.deepEqual(system.runners().filter(({ metadata }) => before.includes(metadata.name)), []);
      assert.ok(system.made <= 10, `${system.made}: five of old, three jobs, two that stand ready`);
      assert.equal(service.ledger.callsOf("scaleset.create"), 1);
    }));
}

for (const prunes of [false, true]) {
  test(`runners of an older release that have a job hold slots of the new set (prunes: ${prunes})`, () =>
    SimSystem.story(prunes ? { crds: referenceDefinitions() } : {}, async (system) => {
      const { service } = system.world;
      await system.scaleSet("linux", { minRunners: 2, maxRunners: 6 });
      system.queueJobs("linux", 4, { durationMs: 120_000 });
      const idle = () => service.scaleSets()[0]?.statistics.totalIdleRunners;
      await system.until("four work and two stand ready", () => idle() === 2 && system.runners().length === 6);
      system.controllers[0]!.kill();
      await asOlderRelease(system);
      system.startController();
      const live = () => system.runners().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const ofOld = () => live().filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === OLD);
      await system.until("two others stand ready", () => idle() === 2 && ofOld().length === 4, 60_000);
      for (let second = 0; second < 60; second++) {
        await system.run(1_000);
        assert.ok(live().length <= 6, `${live().length} runners, of which ${ofOld().length} of the old set`);
      }
      await system.allDone(200_000);
      await system.until("the old set is gone", () => system.runnerSet(OLD) === undefined, 120_000);
      await system.until("two stand ready", () => idle() === 2 && system.runners().length === 2, 60_000);
      system.assertEachJobOnce();
    }));
}

for (const prunes of [false, true]) {
  const crds = prunes ? { crds: referenceDefinitions() } : {};
  test(`a runner set that is deleted by hand is made again, and jobs go on (${prunes ? "ARC's" : "our"} CRDs)`, () =>
    SimSystem.story(crds, async (system) => {
      const { service } = system.world;
      await system.scaleSet("linux", { minRunners: 1, maxRunners: 4 });
      system.queueJobs("linux", 2, { durationMs: 60_000 });
      const idle = () => service.scaleSets()[0]?.statistics.totalIdleRunners;
      await system.until("two work and one stands ready", () => idle() === 1 && system.runners().length === 3);
      await system.run(2_000);
      const { uid, finalizers } = system.runnerSet("linux")!.metadata;
      assert.equal(finalizers, undefined, "the next controller puts on its own, and takes off no other");
      await system.done(system.kubectl.delete(EPHEMERAL_RUNNER_SETS, refOf(system.runnerSet("linux")!)));
      const isNew = () => ![undefined, uid].includes(system.runnerSet("linux")?.metadata.uid);
      await system.until("there is another", isNew, 10_000);
      await system.until("another runner stands ready", () => idle() === 1, 60_000);
      await system.run(20_000);
      assert.equal(system.runners().length, 3, "two still work, and hold their places");
      await system.allDone(120_000);
      await system.until("only that one is left", () => system.runners().length === 1 && idle() === 1, 60_000);
      system.assertEachJobOnce();
      assert.equal(system.made, 4, "two with a job, two that stood ready");
    }));
}

for (const listenerMode of ["pod", "embedded"] as const) {
  test(`a runner set that is deleted by hand at rest has its idle runners again at once (${listenerMode})`, () =>
    SimSystem.story({ listenerMode }, async (system) => {
      const { service } = system.world;
      await system.scaleSet("linux", { minRunners: 2, maxRunners: 4 });
      const idle = () => service.scaleSets()[0]?.statistics.totalIdleRunners;
      await system.until("two stand ready", () => idle() === 2);
      await system.run(120_000);
      const former = new Set(system.runners().map(({ metadata }) => metadata.uid));
      await system.done(system.kubectl.delete(EPHEMERAL_RUNNER_SETS, refOf(system.runnerSet("linux")!)));
      const isNew = () => system.runners().filter(({ metadata }) => !former.has(metadata.uid)).length === 2;
      await system.until("two others stand ready", () => isNew() && idle() === 2, 30_000);
      system.queueJobs("linux", 2);
      await system.allDone(60_000);
      system.assertEachJobOnce();
    }));
}

test("a runner set that is deleted by hand while no controller runs is told its count again", () =>
  SimSystem.story({}, async (system) => {
    const { service } = system.world;
    await system.scaleSet("linux", { minRunners: 2, maxRunners: 4 });
    const idle = () => service.scaleSets()[0]?.statistics.totalIdleRunners;
    await system.until("two stand ready", () => idle() === 2);
    await system.run(120_000);
    for (const controller of system.controllers) controller.kill();
    await system.done(system.kubectl.delete(EPHEMERAL_RUNNER_SETS, refOf(system.runnerSet("linux")!)));
    await system.run(10_000);
    system.startController();
    await system.until("the former ones are gone", () => idle() === 0, 60_000);
    await system.until("two others stand ready", () => idle() === 2, 660_000);
    system.assertEachJobOnce();
  }));

for (const isAway of [false, true]) {
  const when = isAway ? "by hand while no controller runs" : "by hand";
  test(`a scale set whose runner set is deleted ${when} waits for its jobs before it goes`, () =>
    SimSystem.story({}, async (system) => {
      const { service } = system.world;
      await system.scaleSet("linux", { maxRunners: 4 });
      system.queueJobs("linux", 2, { durationMs: 60_000 });
      await system.until("two work", () => service.scaleSets()[0]?.statistics.totalRunningJobs === 2);
      await system.run(2_000);
      if (isAway) { for (const controller of system.controllers) controller.kill(); }
      await system.done(system.kubectl.delete(EPHEMERAL_RUNNER_SETS, refOf(system.runnerSet("linux")!)));
      await system.deleteScaleSet("linux");
      await system.run(5_000);
      if (isAway) system.startController();
      await system.run(25_000);
      assert.equal(service.scaleSets().length, 1, "its runners are at work");
      assert.ok(system.ars("linux"));
      await system.allDone(120_000);
      await system.until("it is gone", () => system.ars("linux") === undefined, 60_000);
      assert.deepEqual([service.scaleSets(), service.registrations(), system.runners()], [[], [], []]);
      system.assertEachJobOnce();
    }));
}

for (const listenerMode of ["pod", "embedded"] as const) {
  test(`a runner of an older release's set is deleted by hand, and GitHub is slow to let it go: it is replaced when it has gone (${listenerMode})`, () =>
    SimSystem.story({ listenerMode }, async (system) => {
      await system.scaleSet("linux", { minRunners: 1, maxRunners: 6 });
      const idle = () => system.world.service.scaleSets()[0]?.statistics.totalIdleRunners;
      await system.until("one stands ready", () => idle() === 1);
      system.controllers[0]!.kill();
      await asOlderRelease(system);
      const [before] = system.runners();
      const heal = system.world.network.inject({
        name: "GitHub removes no runner",
        matches: ({ method, url }) => method === "DELETE" && /\/agents\/\d+$/.test(url.pathname),
        effect: { kind: "status", status: 503 },
      });
      await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(before!)));
      system.startController();
      await system.until("the set has its own name", () => system.runnerSet("linux") !== undefined, 20_000);
      await system.run(120_000);
      heal();
      await system.until(
        "the old one is gone",
        () => !system.runners().some(({ metadata }) => metadata.uid === before!.metadata.uid),
        120_000,
      );
      await system.until("another stands ready", () => idle() === 1 && system.runners().length === 1, 120_000);
    }));
}
