/** Others have a hand in what is ours: finalizers of theirs hold it, ours are taken away, calls are overtaken by a deletion. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import { type KubeObject, PODS, refOf, type Resource, ROLES, type Stored } from "../../src/k8s/resource.ts";
import { referenceDefinitions } from "../support/reference.ts";
import { RUNNER_NAMESPACE, SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

const THEIRS = "audit.example.com/keep";
const OURS: readonly string[] = Object.values(FINALIZERS);

const idle = (system: SimSystem) => system.service("linux")?.statistics.totalIdleRunners;

/** Sets the finalizers of an object, as a person with kubectl or somebody else's controller. */
async function finalizers<T extends KubeObject>(
  system: SimSystem,
  kind: Resource<T>,
  object: Stored<T>,
  wanted: readonly string[] | null,
): Promise<void> {
  await system.done(system.kubectl.patch(kind, refOf(object), { metadata: { finalizers: wanted } }));
}

async function hold<T extends KubeObject>(system: SimSystem, kind: Resource<T>, object: Stored<T>): Promise<void> {
  await finalizers(system, kind, object, [...object.metadata.finalizers ?? [], THEIRS]);
}

/** What is held by others alone is left alone; then it is let go. */
async function leftAlone<T extends KubeObject>(system: SimSystem, kind: Resource<T>, name: string): Promise<void> {
  const there = () => system.object(kind, name);
  const ours = () => there()?.metadata.finalizers?.filter((one) => OURS.includes(one)).length;
  await system.until(`of ${kind.kind} ${name} our finalizers are gone`, () => ours() === 0);
  await system.run(5_000);
  const mark = system.world.timeline.count;
  await system.run(60_000);
  assert.deepEqual(there()?.metadata.finalizers, [THEIRS]);
  const writes = system.requests(mark).filter(({ client, what }) =>
    client === "arc-controller" && /^(create|patch|update|delete) (?!events)/.test(what)
  );
  assert.deepEqual(writes, [], "nothing is written about it");
  await finalizers(system, kind, there()!, null);
}

story("objects that others hold are cleaned up around, and left alone", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 1 });
  await system.until("one stands ready", () => idle(system) === 1);
  const [runner] = system.runners();
  const listener = system.listenerOf("linux")!;
  await hold(system, AUTOSCALING_RUNNER_SETS, system.ars("linux")!);
  await hold(system, EPHEMERAL_RUNNER_SETS, system.runnerSet("linux")!);
  await hold(system, EPHEMERAL_RUNNERS, runner!);
  await hold(system, AUTOSCALING_LISTENERS, listener);
  await system.deleteScaleSet("linux");
  await leftAlone(system, AUTOSCALING_LISTENERS, listener.metadata.name);
  assert.deepEqual(system.listenerPods(), []);
  assert.equal(system.service("linux")?.sessionOwner, undefined, "its session is closed");
  await leftAlone(system, EPHEMERAL_RUNNERS, runner!.metadata.name);
  assert.deepEqual(system.runnerPods(), []);
  assert.deepEqual(system.world.service.registrations(), []);
  await leftAlone(system, EPHEMERAL_RUNNER_SETS, "linux");
  await leftAlone(system, AUTOSCALING_RUNNER_SETS, "linux");
  await system.run(2_000);
  assert.deepEqual(Object.values(system.world.report().leftovers).flat(), []);
});

test("a listener's role that others hold is waited for, then all goes on", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux");
    const role = system.object(ROLES, system.listenerOf("linux")!.metadata.name)!;
    await hold(system, ROLES, role);
    await system.deleteScaleSet("linux");
    await system.run(60_000);
    assert.deepEqual(system.listenerPods(), [], "its pod has gone");
    assert.ok(system.listenerOf("linux"), "its object waits for the role");
    assert.ok(system.service("linux"), "and the scale set for the listener");
    await finalizers(system, ROLES, system.object(ROLES, role.metadata.name)!, null);
    await system.until("all is gone", () => system.ars("linux") === undefined, 15_000);
    await system.run(2_000);
    assert.deepEqual(Object.values(system.world.report().leftovers).flat(), []);
  }));

story("a scale set that somebody makes vanish leaves nothing in the cluster", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 2 });
  await system.until("two stand ready", () => idle(system) === 2);
  const [controller] = system.controllers;
  controller!.stop();
  await system.until("the controller has ended", () => controller!.end !== undefined);
  await finalizers(system, AUTOSCALING_RUNNER_SETS, system.ars("linux")!, null);
  await system.deleteScaleSet("linux");
  assert.equal(system.ars("linux"), undefined);
  system.startController();
  await system.until(
    "nothing is left",
    () => system.objects(AUTOSCALING_LISTENERS).length + system.objects(EPHEMERAL_RUNNER_SETS).length === 0,
    120_000,
  );
  await system.run(5_000);
  const { scaleSets: _theirs, ...leftovers } = system.world.report().leftovers;
  assert.deepEqual(Object.values(leftovers).flat(), [], "only the scale set at GitHub, which nobody knows any more");
});

story("finalizers that somebody takes off a runner come back, and its job is finished", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 5 });
  system.queueJobs("linux", 1, { durationMs: 30_000 });
  await system.until("it runs", () => system.service("linux")?.statistics.totalRunningJobs === 1);
  await system.run(1_000);
  const [runner] = system.runners();
  await finalizers(system, EPHEMERAL_RUNNERS, runner!, null);
  await system.run(1_000);
  const back = system.runners()[0]!;
  assert.deepEqual(back.metadata.finalizers, runner!.metadata.finalizers);
  await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(back)));
  await system.run(5_000);
  assert.equal(system.runners().length, 1, "a deletion waits for the job again");
  await system.allDone();
  await system.quiet();
  system.assertEachJobOnce();
});

test("another template of the listener is another pod: the session is handed on, and no job sees it", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { minRunners: 1, maxRunners: 20 });
    await system.until("one stands ready", () => idle(system) === 1);
    system.queueJobs("linux", 4, { durationMs: 10_000 });
    await system.run(1_000);
    const [former] = system.listenerPods();
    const containers = [{ name: "listener", resources: { limits: { memory: "256Mi" } } }];
    await system.patchScaleSet("linux", { spec: { listenerTemplate: { spec: { containers } } } });
    const replaced = () => system.listenerPods().find(({ metadata }) => metadata.uid !== former!.metadata.uid);
    await system.until("there is another pod", () => replaced() !== undefined, 60_000);
    assert.equal(replaced()?.spec?.containers[0]?.resources?.limits?.memory, "256Mi");
    system.queueJobs("linux", 4);
    await system.allDone();
    await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
    await system.until("one stands ready", () => idle(system) === 1 && system.runners().length === 1, 60_000);
    system.assertEachJobOnce();
    assert.equal(system.listenerPods().length, 1);
    assert.deepEqual(system.listenerExits, [0], "the former one closed its session");
    assert.equal(system.world.service.ledger.sessions.length, 2);
  }));

story(
  "a runner set of the scale set's name that is somebody else's is waited for, and not touched",
  {},
  async (system) => {
    await system.scaleSet("other", {});
    const { spec } = system.runnerSet("other")!;
    const ref = { namespace: RUNNER_NAMESPACE, name: "linux" };
    const theirs = await system.done(system.kubectl.create(EPHEMERAL_RUNNER_SETS, { metadata: ref, spec }));
    await system.createScaleSet("linux", { minRunners: 1 });
    await system.until("it is said", () => system.condition("linux", "Progressing") === "True NameTaken");
    await system.run(60_000);
    assert.equal(system.runnerSet("linux")?.metadata.uid, theirs.metadata.uid);
    assert.deepEqual(system.runnerSet("linux")?.spec, theirs.spec);
    assert.equal(system.listenerOf("linux"), undefined);
    await system.done(system.kubectl.delete(EPHEMERAL_RUNNER_SETS, ref));
    await system.until("one stands ready", () => idle(system) === 1, 30_000);
    assert.equal(system.condition("linux", "Ready"), "True Ready");
  },
);

test("a listener's pod on a node that is silent is removed by force, and the next one listens", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    const [pod] = system.listenerPods();
    system.world.kubelet.loseNode(pod!.spec!.nodeName!, 3_600_000);
    await system.done(system.kubectl.delete(PODS, refOf(pod!)));
    await system.run(290_000);
    assert.equal(system.listenerPods()[0]?.metadata.uid, pod!.metadata.uid, "it may come back for so long");
    await system.until("there is another", () => system.listenerPods()[0]?.metadata.uid !== pod!.metadata.uid, 90_000);
    system.queueJobs("linux", 2);
    await system.allDone();
    await system.quiet();
    system.assertEachJobOnce();
    assert.equal(system.listenerPods().length, 1);
  }));

/** Where runners of completed jobs are marked it takes a minute; else GitHub has to be asked whether it knows the runner. */
const OUTLIVED = [
  { how: "its job was marked as completed", options: { crds: referenceDefinitions() }, least: 55_000, most: 90_000 },
  { how: "GitHub has forgotten it", options: {}, least: 600_000, most: 720_000 },
];
for (const { how, options, least, most } of OUTLIVED) {
  story(`a container that goes on after its job is ended when ${how}`, options, async (system) => {
    system.world.kubelet.fateOf = (_pod, role) => ({ kind: role === "runner" ? "zombie" : "normal" });
    await system.scaleSet("linux", { maxRunners: 5 });
    system.queueJobs("linux", 1);
    await system.allDone();
    await system.run(least);
    assert.equal(system.runnerPods().length, 1);
    system.queueJobs("linux", 1);
    await system.until("another job is served meanwhile", () => system.world.report().jobs.done === 2, 10_000);
    await system.quiet(0, 2 * most);
    system.assertEachJobOnce();
    assert.deepEqual(system.events().filter(({ reason }) => /^Runner(Failed|Lost)$/.test(reason ?? "")), []);
  });
}

const MAKES_SCALE_SET = /\/_apis\/runtime\/runnerscalesets$/;

story("a scale set that is deleted while GitHub is still making it is deleted there too", {}, async (system) => {
  const heal = system.world.network.inject({
    name: "GitHub answers late",
    matches: ({ method, url }) => method === "POST" && MAKES_SCALE_SET.test(url.pathname),
    effect: { kind: "late-answer", ms: 10_000 },
  });
  await system.createScaleSet("linux");
  await system.until("GitHub has it", () => system.service("linux") !== undefined);
  const { id } = system.service("linux")!;
  const away = system.world.network.inject({
    name: "GitHub deletes nothing",
    matches: ({ method, server }) => method === "DELETE" && server.startsWith("github"),
    effect: { kind: "status", status: 503 },
  });
  await system.deleteScaleSet("linux");
  await system.run(15_000);
  assert.equal(system.ars("linux")?.metadata.annotations?.["runner-scale-set-id"], String(id), "what is to be deleted");
  assert.equal(system.runnerSet("linux"), undefined);
  // The id is all that the next controller has to go by.
  for (const controller of system.controllers) controller.kill();
  heal();
  system.startController();
  await system.run(5_000);
  assert.ok(system.service("linux"));
  away();
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 120_000);
  assert.equal(system.service("linux"), undefined);
  assert.equal(system.world.service.ledger.callsOf("scaleset.create"), 1);
});

story("a scale set that GitHub fails to delete is tried again with waits, and goes when it can", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 1 });
  await system.until("one stands ready", () => idle(system) === 1);
  const heal = system.world.network.inject({
    name: "GitHub deletes no scale set",
    matches: ({ method, url }) => method === "DELETE" && /\/runnerscalesets\/\d+$/.test(url.pathname),
    effect: { kind: "status", status: 503 },
  });
  await system.deleteScaleSet("linux");
  await system.run(5_000);
  assert.deepEqual(system.listenerPods(), []);
  assert.deepEqual(system.runners(), [], "the cluster's side goes all the same");
  const mark = system.world.timeline.count;
  await system.run(120_000);
  const tries = system.requests(mark).filter(({ what }) => what === "DELETE /_apis/runtime/runnerscalesets/*").length;
  assert.ok(tries >= 3 && tries <= 60, `${tries} tries in two minutes`);
  assert.ok(system.ars("linux"), "its object stays until the time-box has run out");
  assert.ok(system.service("linux"));
  heal();
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 130_000);
  assert.equal(system.service("linux"), undefined);
  assert.deepEqual(system.events().filter(({ reason }) => reason === "ScaleSetMayRemain"), []);
});

story("a runner that ends before GitHub's leave has come back is no failure", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 3 });
  await system.until("three stand ready", () => idle(system) === 3);
  system.world.network.inject({
    name: "GitHub answers late",
    matches: ({ method, url }) => method === "DELETE" && /\/agents\/\d+$/.test(url.pathname),
    effect: { kind: "late-answer", ms: 15_000 },
  });
  await system.patchScaleSet("linux", { spec: { minRunners: 1 } });
  await system.until("GitHub has let two go", () => idle(system) === 1, 90_000);
  await system.until("their containers have ended", () => endedPods(system) === 2, 10_000);
  await system.run(12_000);
  assert.equal(system.runners().length, 3, "GitHub's word is waited for");
  await system.until("one is left", () => system.runners().length === 1 && system.runnerPods().length === 1, 30_000);
  await system.run(60_000);
  assert.equal(system.made, 3);
  assert.deepEqual(system.events().filter(({ reason }) => /^Runner(Failed|Lost)$/.test(reason ?? "")), []);
});

const endedPods = (system: SimSystem) =>
  system.runnerPods().filter(({ status }) => status?.phase === "Succeeded" || status?.phase === "Failed").length;

for (
  const [became, isDone] of [["is lost with its node: that is told", false], [
    "is done: GitHub says how it ended",
    true,
  ]] as const
) {
  story(`a runner is deleted by hand, and while no controller looks its job ${became}`, {}, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    system.queueJobs("linux", 1, { durationMs: 20_000 });
    await system.until("it runs", () => system.service("linux")?.statistics.totalRunningJobs === 1);
    await system.until("the runner says so", () => system.runners()[0]?.status?.jobId !== undefined);
    for (const controller of system.controllers) controller.kill();
    const [runner] = system.runners();
    await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(runner!)));
    if (isDone) {
      await system.run(25_000);
      await system.done(system.kubectl.delete(PODS, { namespace: RUNNER_NAMESPACE, name: runner!.metadata.name }));
    } else system.world.kubelet.loseNode(system.runnerPods()[0]!.spec!.nodeName!);
    await system.run(5_000);
    assert.deepEqual(system.runnerPods(), []);
    const heal = system.world.network.inject({
      name: "GitHub looks up no runner",
      matches: ({ method, url }) => method === "GET" && /\/agents/.test(url.pathname),
      effect: { kind: "status", status: 503 },
    });
    system.startController();
    await system.run(40_000);
    assert.deepEqual(
      system.runners().map(({ metadata }) => metadata.name),
      [runner!.metadata.name],
      "it is waited for",
    );
    heal();
    await system.until("the runner has gone", () => system.runners().length === 0, 700_000);
    const told = system.events().filter(({ reason }) => /^Runner(Lost|Vanished)$/.test(reason ?? ""));
    assert.deepEqual(told.map(({ reason }) => reason), [isDone ? "RunnerVanished" : "RunnerLost"]);
    assert.match(told[0]?.message ?? "", /, while it was being deleted; its job: /);
  });
}

for (
  const [became, isLost] of [["goes with a job of which nobody has heard: that is told", true], [
    "goes without a job: no word of it",
    false,
  ]] as const
) {
  const title = `a runner is deleted by hand, and while nobody looks or listens its pod ${became}`;
  const tell = async (system: SimSystem) => {
    system.world.service.behaviour.needsAcquire = false;
    await system.scaleSet("linux", { minRunners: 1, maxRunners: 5 });
    await system.until("it is idle", () => system.service("linux")?.statistics.totalIdleRunners === 1);
    await system.until("it is known to run", () => system.runners()[0]?.status?.phase === "Running");
    for (const controller of system.controllers) controller.kill();
    const [runner] = system.runners();
    if (isLost) system.queueJobs("linux", 1, { durationMs: 60_000 });
    await system.run(5_000);
    await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(runner!)));
    system.world.kubelet.loseNode(system.runnerPods()[0]!.spec!.nodeName!);
    await system.run(system.world.service.behaviour.suddenLossMs + 10_000);
    assert.deepEqual(system.runnerPods(), []);
    system.startController();
    await system.until(
      "the runner has gone",
      () => system.runners().every(({ metadata }) => metadata.uid !== runner!.metadata.uid),
      120_000,
    );
    const told = system.events().filter(({ reason }) => /^Runner(Lost|Vanished)$/.test(reason ?? ""));
    assert.deepEqual(told.map(({ reason }) => reason), isLost ? ["RunnerVanished"] : []);
    if (isLost) assert.match(told[0]?.message ?? "", /if it had a job, GitHub says how that ended/);
  };
  test(title, () => SimSystem.story({ listenerMode: "embedded" }, tell));
}

story(
  "an idle runner that is deleted while GitHub refuses to say whether it has a job keeps its pod for 5 min",
  {},
  async (system) => {
    await system.scaleSet("linux", { minRunners: 1 });
    await system.until("one stands ready", () => idle(system) === 1);
    system.world.network.inject({
      name: "GitHub removes no runner",
      matches: ({ method, url }) => method === "DELETE" && /\/agents\/\d+$/.test(url.pathname),
      effect: { kind: "status", status: 503 },
    });
    const [pod] = system.runnerPods();
    await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(system.runners()[0]!)));
    const there = () => system.object(PODS, pod!.metadata.name);
    await system.run(290_000);
    assert.equal(there()?.metadata.deletionTimestamp, undefined);
    await system.until("it is let go", () => there() === undefined, 90_000);
    const told = () => system.events().filter(({ reason }) => reason === "CleanupIncomplete").length;
    await system.until("what may remain at GitHub is told", () => told() === 1, 10_000);
  },
);
