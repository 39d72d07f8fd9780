/** Nodes are drained: evictions, with and without protection of the runners that have a job. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathOf, type Pod, POD_DISRUPTION_BUDGETS, PODS, type Stored } from "../../src/k8s/resource.ts";
import { LABELS } from "../../src/api/names.ts";
import { referenceDefinitions } from "../support/reference.ts";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

const idle = (system: SimSystem) => system.service("linux")?.statistics.totalIdleRunners;
const running = (system: SimSystem) => system.service("linux")?.statistics.totalRunningJobs;
const budgets = (system: SimSystem) => system.objects(POD_DISRUPTION_BUDGETS);
const isBusy = ({ metadata }: Stored<Pod>) => metadata.labels?.[LABELS.busy] !== undefined;

/** POSTs an eviction, as kubectl drain does. @returns the status of the answer */
async function evict(system: SimSystem, { metadata: { namespace, name } }: Stored<Pod>): Promise<number> {
  const { baseUrl, transport } = system.world.kubeServer();
  const body = JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } });
  const { status } = await system.done(transport({
    method: "POST",
    url: baseUrl + pathOf(PODS, namespace, name, "eviction"),
    headers: { "content-type": "application/json", "user-agent": "kubectl" },
    body,
    signal: new AbortController().signal,
  }));
  return status;
}

/** Evicts all runners, again and again while some are refused. @returns the answers by pod */
async function drain(system: SimSystem, pods: readonly Stored<Pod>[], limitMs: number): Promise<Map<string, number[]>> {
  const answers = new Map<string, number[]>(pods.map(({ metadata }) => [metadata.uid, []]));
  for (let waited = 0; waited <= limitMs; waited += 5_000) {
    const there = system.runnerPods().filter(({ metadata }) => answers.has(metadata.uid));
    if (there.length === 0) return answers;
    for (const pod of there) {
      if (pod.metadata.deletionTimestamp === undefined) answers.get(pod.metadata.uid)!.push(await evict(system, pod));
    }
    await system.run(5_000);
  }
  return assert.fail(`not drained within ${limitMs} ms`);
}

story("a drain takes idle runners at once and waits for those with a job", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 2, maxRunners: 10, disruption: { protectBusy: true } });
  await system.until("two stand ready", () => idle(system) === 2);
  await system.until("it is said", () => system.condition("linux", "BusyRunnersProtected") === "True BudgetInPlace");
  assert.equal(budgets(system).length, 1);
  system.queueJobs("linux", 2, { durationMs: 60_000 });
  await system.until("two run beside two idle ones", () => running(system) === 2 && idle(system) === 2);
  await system.run(1_000);
  const pods = system.runnerPods();
  const busy = pods.filter(isBusy);
  assert.equal(busy.length, 2);
  const answers = await drain(system, pods, 120_000);
  for (const [uid, statuses] of answers) {
    const isOfJob = busy.some(({ metadata }) => metadata.uid === uid);
    if (isOfJob) assert.ok(statuses.length > 5 && statuses.slice(0, 5).every((status) => status === 429));
    else assert.deepEqual(statuses, [201]);
  }
  await system.allDone();
  await system.until("two stand ready again", () => idle(system) === 2 && system.runners().length === 2);
  system.assertEachJobOnce();
  assert.deepEqual(system.events().filter(({ reason }) => reason === "RunnerFailed"), []);
});

story("without protection an eviction ends the job, and that is told", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  system.queueJobs("linux", 1, { durationMs: 60_000 });
  await system.until("it runs", () => running(system) === 1);
  await system.run(1_000);
  assert.deepEqual(budgets(system), []);
  const [pod] = system.runnerPods();
  assert.equal(isBusy(pod!), false);
  assert.equal(await evict(system, pod!), 201);
  await system.until("it is told", () => system.events().some(({ reason }) => reason === "RunnerLost"), 120_000);
});

story("protection is switched on and off while a job runs, and goes with the scale set", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  system.queueJobs("linux", 1, { durationMs: 200_000 });
  await system.until("it runs", () => running(system) === 1);
  await system.run(1_000);
  const protect = (protectBusy: boolean) => system.patchScaleSet("linux", { spec: { disruption: { protectBusy } } });
  await protect(true);
  await system.until(
    "it is in force",
    () => system.condition("linux", "BusyRunnersProtected") === "True BudgetInPlace",
  );
  await system.run(1_000);
  const [pod] = system.runnerPods();
  assert.equal(await evict(system, pod!), 429);
  await protect(false);
  await system.until("the budget is gone", () => budgets(system).length === 0);
  await system.until("so is the condition", () => system.condition("linux", "BusyRunnersProtected") === undefined);
  await protect(true);
  await system.until("it is back", () => budgets(system).length === 1);
  await system.deleteScaleSet("linux");
  await system.run(60_000);
  assert.equal(await evict(system, pod!), 429, "a scale set that goes lets its jobs end");
  await system.until("all is gone", () => system.ars("linux") === undefined, 300_000);
  await system.run(1_000);
  assert.deepEqual(budgets(system), []);
  system.assertEachJobOnce();
});

story("another controller takes the budget away that this one made", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 1, disruption: { protectBusy: true } });
  await system.until(
    "it is in force",
    () => system.condition("linux", "BusyRunnersProtected") === "True BudgetInPlace",
  );
  for (const controller of system.controllers) controller.kill();
  await system.patchScaleSet("linux", { spec: { disruption: null } });
  await system.run(5_000);
  system.startController();
  await system.until("the budget is gone", () => budgets(system).length === 0);
  await system.until("so is the condition", () => system.condition("linux", "BusyRunnersProtected") === undefined);
});

story(
  "where the definitions are ARC's there is no budget, and nothing loops",
  { crds: referenceDefinitions() },
  async (system) => {
    await system.scaleSet("linux", { minRunners: 1, disruption: { protectBusy: true } });
    await system.until("one stands ready", () => idle(system) === 1);
    await system.run(60_000);
    const mark = system.world.timeline.count;
    await system.run(1_800_000);
    assert.deepEqual(budgets(system), []);
    const writes = system.requests(mark).filter(({ client, what }) =>
      client === "arc-controller" && /^(create|patch|update|delete) /.test(what)
    );
    assert.ok(writes.length <= 3, JSON.stringify(writes));
  },
);
