/**
 * A node is drained while jobs run, as kubectl drain does it: by evictions, again and again while some are refused. The
 * shipped executable on a real control plane, with the rights of the scale set's chart; the control plane's own
 * disruption controller counts.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { LABELS } from "../../src/api/names.ts";
import { pathOf, type Pod, POD_DISRUPTION_BUDGETS, PODS, type Stored } from "../../src/k8s/resource.ts";
import { allDone, assertEachJobOnce } from "../support/books.ts";
import { Cluster } from "../support/cluster.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const NAMESPACE = "arc-runners";
const SET = pathOf(AUTOSCALING_RUNNER_SETS, NAMESPACE, "linux");

let cluster: Cluster;
let id = 0;
const jobs: string[] = [];

before(async () => {
  if (why !== undefined) return;
  cluster = await Cluster.start({ seed: 3 });
  const controller = await cluster.startController();
  await cluster.ready(controller);
});
after(() => cluster?.stop());

const statistics = () => cluster.service.controls.statistics(id);
const budgets = () => cluster.list(POD_DISRUPTION_BUDGETS);
const isBusy = ({ metadata }: Stored<Pod>) => metadata.labels?.[LABELS.busy] !== undefined;

async function runnerPods(): Promise<Stored<Pod>[]> {
  const pods = await cluster.list(PODS);
  return pods.filter(({ metadata }) => metadata.labels?.[LABELS.ephemeralRunner] === "True");
}

async function condition(name: string, namespace = NAMESPACE): Promise<string | undefined> {
  const sets = await cluster.list(AUTOSCALING_RUNNER_SETS);
  const found = sets.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
    ?.status?.conditions?.find(({ type }) => type === "BusyRunnersProtected");
  return found && `${found.status} ${found.reason}`;
}

async function evict({ metadata: { namespace = "", name } }: Stored<Pod>): Promise<{ status: number; text: string }> {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
  return await cluster.plane.call("POST", pathOf(PODS, namespace, name, "eviction"), body);
}

async function protect(protectBusy: boolean): Promise<void> {
  const { text } = await cluster.plane.call("GET", SET);
  const set = JSON.parse(text) as { spec: Record<string, unknown> };
  const { status } = await cluster.plane.call("PUT", SET, {
    ...set,
    spec: { ...set.spec, disruption: { protectBusy } },
  });
  assert.equal(status, 200);
}

test("drain: a scale set with protection has a budget, which the control plane can work out", { skip }, async () => {
  const spec = { disruption: { protectBusy: true } };
  id = await cluster.createScaleSet({ name: "linux", min: 2, max: 10, extraRights: true, spec });
  await eventually("it is in force", async () => await condition("linux") === "True BudgetInPlace");
  await eventually("two stand ready", async () => statistics().totalIdleRunners === 2);
  const [budget, ...others] = await budgets();
  assert.deepEqual(others, []);
  assert.equal(budget?.metadata.name, "linux-busy-runners");
  jobs.push(cluster.service.queueJob({ scaleSetName: "linux", durationMs: 20_000 }));
  await eventually("one has a job, and two stand ready again", async () => {
    const { totalRunningJobs, totalIdleRunners } = statistics();
    return totalRunningJobs === 1 && totalIdleRunners === 2;
  });
  await eventually("its pod is marked", async () => (await runnerPods()).filter(isBusy).length === 1);
  const counted = await eventually("the budget counts one pod", async () => {
    const [{ status } = {}] = await budgets();
    return status?.expectedPods === 1 ? status : undefined;
  });
  assert.equal(counted.disruptionsAllowed, 0);
  assert.equal(counted.conditions?.[0]?.reason, "InsufficientPods", "not SyncFailed");
});

test("drain: idle runners go at once, the one with a job when its job has ended", { skip }, async () => {
  const pods = await runnerPods();
  const [busy, ...more] = pods.filter(isBusy);
  assert.deepEqual(more, []);
  const refusal = await evict(busy!);
  assert.equal(refusal.status, 429, refusal.text);
  assert.match(refusal.text, /linux-busy-runners/);
  for (const pod of pods.filter((one) => !isBusy(one))) {
    const { status, text } = await evict(pod);
    assert.equal(status, 201, text);
  }
  await eventually("the idle ones are replaced", async () => {
    const now = await runnerPods();
    const old = pods.filter((pod) => !isBusy(pod)).map(({ metadata }) => metadata.uid);
    return statistics().totalIdleRunners === 2 && now.every(({ metadata }) => !old.includes(metadata.uid));
  });
  let refused = 0;
  await eventually("the pod of the job is drained", async () => {
    const { status } = await evict(busy!);
    if (status === 429) refused++;
    return status === 404 ||
      (await cluster.plane.call("GET", pathOf(PODS, NAMESPACE, busy!.metadata.name))).status === 404;
  }, 40_000);
  assert.ok(refused > 0, "it was refused while the job ran");
  await allDone(cluster, jobs);
  assertEachJobOnce(cluster, jobs);
  await eventually(
    "two stand ready",
    async () => statistics().totalIdleRunners === 2 && (await cluster.list(EPHEMERAL_RUNNERS)).length === 2,
  );
});

test("drain: switched off, the budget goes and evictions are free", { skip }, async () => {
  await protect(false);
  await eventually("the budget is gone", async () => (await budgets()).length === 0);
  await eventually("so is the condition", async () => await condition("linux") === undefined);
  await protect(true);
  await eventually("it is back", async () => await condition("linux") === "True BudgetInPlace");
});

test("drain: without the rights it is said, and everything else goes on", { skip }, async () => {
  const spec = { disruption: { protectBusy: true } };
  await cluster.createScaleSet({ name: "bare", namespace: "elsewhere", max: 5, spec });
  await eventually("it is said", async () => await condition("bare", "elsewhere") === "False Forbidden");
  const job = cluster.service.queueJob({ scaleSetName: "bare", durationMs: 2_000 });
  await allDone(cluster, [job]);
  assertEachJobOnce(cluster, [job]);
  const sets = await cluster.list(EPHEMERAL_RUNNER_SETS);
  const said = sets.find(({ metadata }) => metadata.name === "bare")?.status?.conditions?.find(({ type }) =>
    type === "BusyRunnersProtected"
  );
  assert.match(said?.message ?? "", /may not \w+ poddisruptionbudgets in this namespace \(403\): set rbac\.extra/);
});

test("drain: the budget goes with the scale set", { skip }, async () => {
  await cluster.deleteScaleSets();
  await eventually("no budget is left", async () => (await budgets()).length === 0);
  assert.deepEqual(await cluster.leftovers(), []);
});
