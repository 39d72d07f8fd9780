/** Settings that ARC does not have, each once in a world; and what becomes of them where the definitions are ARC's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CustomResourceDefinition } from "../../src/api/crd.ts";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { EPHEMERAL_RUNNER_SETS } from "../../src/api/kinds.ts";
import { referenceDefinitions } from "../support/reference.ts";
import { RUNNER_NAMESPACE, SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

const idle = (system: SimSystem) => system.service("linux")?.statistics.totalIdleRunners;
const events = (system: SimSystem, reason: string) => system.events().filter((event) => event.reason === reason).length;
const sessions = (system: SimSystem) => system.world.service.ledger.sessions.length;

story("a scale set that nobody uses and that was deleted at GitHub is made again", {}, async (system) => {
  const id = await system.scaleSet("linux", { maxRunners: 5 });
  await system.run(60_000);
  system.world.service.controls.forgetScaleSet(id);
  await system.until("there is another", () => (system.service("linux")?.id ?? id) !== id, 120_000);
  await system.until("it is listened for", () => system.service("linux")?.sessionOwner !== undefined, 60_000);
  system.queueJobs("linux", 3);
  await system.allDone();
  await system.quiet();
  system.assertEachJobOnce();
  const { spec } = system.runnerSet("linux")!;
  assert.equal(spec?.missingScaleSetId, undefined, "the report is taken away");
  assert.equal(spec?.ephemeralRunnerSpec.runnerScaleSetId, system.service("linux")?.id);
  assert.equal(system.condition("linux", "Ready"), "True Ready");
});

test("a report that is a false alarm is taken away, and nothing is made", () =>
  SimSystem.story({}, async (system) => {
    const id = await system.scaleSet("linux", { maxRunners: 5 });
    await system.run(60_000);
    const runnerSet = { namespace: RUNNER_NAMESPACE, name: "linux" };
    await system.done(
      system.kubectl.patch(EPHEMERAL_RUNNER_SETS, runnerSet, { spec: { missingScaleSetId: id } }),
    );
    await system.until("it is gone", () => system.runnerSet("linux")?.spec?.missingScaleSetId === undefined, 60_000);
    await system.run(60_000);
    assert.equal(system.service("linux")?.id, id);
    assert.equal(sessions(system), 1);
  }));

story(
  "a pause: nothing new is taken, what is assigned is served, and on it goes with the same session",
  {},
  async (system) => {
    await system.scaleSet("linux", { minRunners: 2, maxRunners: 4 });
    await system.until("two stand ready", () => idle(system) === 2);
    system.queueJobs("linux", 4, { durationMs: 40_000 });
    await system.until("four run", () => system.service("linux")?.statistics.totalRunningJobs === 4);
    await system.patchScaleSet("linux", { spec: { paused: true } });
    await system.run(2_000);
    assert.equal(system.condition("linux", "Paused"), "True PausedBySpec");
    assert.equal(system.condition("linux", "Ready"), "True Ready");
    const { effectiveMinRunners, effectiveMaxRunners } = system.ars("linux")!.status!;
    assert.deepEqual([effectiveMinRunners, effectiveMaxRunners], [0, 0]);
    system.queueJobs("linux", 3);
    await system.jobsDone(4);
    await system.quiet(0, 120_000);
    await system.run(120_000);
    assert.equal(system.world.report().jobs.waiting, 3, "nothing new is taken");
    assert.equal(system.made, 4);
    await system.patchScaleSet("linux", { spec: { paused: null } });
    await system.allDone();
    await system.until("two stand ready", () => idle(system) === 2 && system.runners().length === 2);
    assert.equal(system.condition("linux", "Paused"), undefined);
    assert.equal(system.ars("linux")?.status?.effectiveMaxRunners, undefined);
    assert.equal(sessions(system), 1, "one session all the time");
    assert.deepEqual([events(system, "Paused"), events(system, "Resumed")], [1, 1]);
    system.assertEachJobOnce();
  },
);

story(
  "a scheduled override comes and goes, also when the controller starts in the middle of it",
  {},
  async (system) => {
    const begun = system.clock.now();
    const at = new Date(begun + 10 * 60_000);
    const schedule = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
    await system.scaleSet("linux", {
      maxRunners: 5,
      scheduledOverrides: [{ schedule, duration: "20m", minRunners: 3 }],
    });
    await system.run(9 * 60_000);
    assert.equal(system.runners().length, 0);
    assert.equal(system.ars("linux")?.status?.activeOverride, undefined);
    await system.run(at.getTime() - at.getUTCSeconds() * 1000 - system.clock.now() + 1_000);
    await system.until("three stand ready", () => idle(system) === 3);
    const { status } = system.ars("linux")!;
    assert.equal(status?.activeOverride?.schedule, schedule);
    assert.deepEqual([status?.effectiveMinRunners, status?.effectiveMaxRunners], [3, 5]);
    for (const controller of system.controllers) controller.kill();
    await system.run(60_000);
    system.startController();
    await system.run(60_000);
    assert.equal(system.runners().length, 3);
    await system.run(20 * 60_000);
    await system.quiet();
    assert.equal(system.ars("linux")?.status?.activeOverride, undefined);
    assert.equal(system.ars("linux")?.status?.effectiveMinRunners, 0);
    assert.deepEqual([events(system, "OverrideActive"), events(system, "OverrideEnded")], [1, 1]);
    system.assertSound();
  },
);

story("idle runners that are old are replaced by fresh ones, while jobs come and go", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 4, maxRunners: 20, runnerPolicy: { maxIdleSeconds: 300 } });
  await system.until("four stand ready", () => idle(system) === 4);
  const first = system.runners().map(({ metadata }) => metadata.name);
  let least = 4;
  for (let minute = 0; minute < 12; minute++) {
    const [job] = system.queueJobs("linux", 1, { durationMs: 400_000 });
    await system.until("it runs", () => system.world.service.ledger.jobs.get(job!)?.startedAt !== undefined, 30_000);
    for (let second = 0; second < 50; second++) {
      await system.run(1_000);
      least = Math.min(least, idle(system) ?? 0);
    }
  }
  await system.allDone(600_000);
  await system.until("four stand ready", () => idle(system) === 4);
  assert.deepEqual(system.runners().filter(({ metadata }) => first.includes(metadata.name)), []);
  assert.ok(least >= 3, `only ${least} idle runners at a time`);
  assert.ok(events(system, "RunnerExpired") >= 4);
  assert.deepEqual(system.events().filter(({ reason }) => reason === "RunnerFailed"), []);
  assert.equal(system.condition("linux", "Progressing"), "False Done");
  system.assertEachJobOnce();
});

test("where all definitions are ARC's the settings are dropped, and nothing loops", () =>
  SimSystem.story({ crds: referenceDefinitions() }, async (system) => {
    await system.scaleSet("linux", { minRunners: 1, paused: true, runnerPolicy: { maxIdleSeconds: 60 } });
    await system.until("one stands ready: there is no pause", () => idle(system) === 1);
    await quietNight(system);
    assert.equal(system.runners().length, 1);
  }));

test("where only the runner set's definition is ARC's a policy is not in force, and that is said", () => {
  const isRunnerSet = (crd: object) => (crd as CustomResourceDefinition).spec.names.kind === "EphemeralRunnerSet";
  const crds = [
    ...customResourceDefinitions().filter((crd) => !isRunnerSet(crd)),
    ...referenceDefinitions().filter(isRunnerSet),
  ];
  return SimSystem.story({ crds }, async (system) => {
    await system.scaleSet("linux", { minRunners: 1, runnerPolicy: { maxIdleSeconds: 60 } });
    await system.until("one stands ready", () => idle(system) === 1);
    assert.equal(system.condition("linux", "RunnerPolicyIgnored"), "True OldCRD");
    await system.patchScaleSet("linux", { spec: { maxRunners: 7 } });
    await system.until("the listener knows", () => system.listenerOf("linux")?.spec?.maxRunners === 7);
    await quietNight(system);
    assert.equal(system.made, 1);
  });
});

story("GitHub serves a version again that it has refused: a trial after half an hour shows it", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 1, maxRunners: 5 });
  await system.until("one stands ready", () => idle(system) === 1);
  system.world.service.controls.refuseVersion(true);
  system.queueJobs("linux", 1);
  await system.until("it is said", () => system.condition("linux", "RunnerVersionDeprecated") === "True Outdated");
  await system.allDone();
  system.world.service.controls.refuseVersion(false);
  const { made } = system;
  await system.run(25 * 60_000);
  assert.equal(system.made, made, "not yet, and nobody wants a runner: the limit is 0 meanwhile");
  await system.until("one stands ready", () => idle(system) === 1, 15 * 60_000);
  await system.until(
    "that is believed",
    () => system.condition("linux", "RunnerVersionDeprecated") === "False Accepted",
    300_000,
  );
  system.assertEachJobOnce();
});

story("runners of a version that GitHub refuses: no job is taken until there are others", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 1, maxRunners: 5 });
  await system.until("one stands ready", () => idle(system) === 1);
  system.world.service.controls.refuseVersion(true);
  system.queueJobs("linux", 2);
  await system.until("it is said", () => system.condition("linux", "RunnerVersionDeprecated") === "True Outdated");
  await system.run(60_000);
  assert.equal(system.ars("linux")?.status?.phase, "Outdated");
  assert.equal(system.ars("linux")?.status?.effectiveMaxRunners, 0);
  const assigned = system.service("linux")?.statistics.totalAssignedJobs;
  system.queueJobs("linux", 3);
  await system.run(600_000);
  assert.equal(system.service("linux")?.statistics.totalAssignedJobs, assigned, "nothing new is taken");
  assert.ok(system.made < 10, `${system.made} runners made`);
  system.world.service.controls.refuseVersion(false);
  const containers = [{ name: "runner", image: "ghcr.io/actions/actions-runner:newer" }];
  await system.patchScaleSet("linux", { spec: { template: { spec: { containers } } } });
  await system.allDone();
  await system.until("one stands ready", () => idle(system) === 1);
  assert.equal(system.condition("linux", "RunnerVersionDeprecated"), "False Accepted");
  assert.equal(system.ars("linux")?.status?.phase, "Running");
  assert.equal(system.ars("linux")?.status?.effectiveMaxRunners, undefined);
  assert.equal(sessions(system), 1);
  system.assertEachJobOnce();
});

/** Half an hour with nothing to do: nothing is written, but for a try every ten minutes. */
async function quietNight(system: SimSystem): Promise<void> {
  await system.run(60_000);
  const mark = system.world.timeline.count;
  await system.run(1_800_000);
  const writes = system.requests(mark).filter(({ client, what }) =>
    client === "arc-controller" && /^(create|patch|update|delete) /.test(what)
  );
  assert.ok(writes.length <= 3, JSON.stringify(writes));
}
