import assert from "node:assert/strict";
import { test } from "node:test";
import { violationsOf } from "../../../../src/sim/invariants.ts";
import type { PodFate } from "../../../../src/sim/kubelet/fate.ts";
import { table } from "../../../support/table.ts";
import { TestWorld } from "../world_fixture.ts";

async function withFate(fate: PodFate): Promise<TestWorld> {
  const world = new TestWorld();
  await world.scaleSet();
  world.world.kubelet.fateOf = () => fate;
  return world;
}

test("a runner pod is bound, starts, does its job and ends with exit code 0", async () => {
  const world = await withFate({ kind: "normal" });
  const jobId = world.job(2000);
  const { metadata } = await world.runner("r-1");
  await world.clock.advance(40);
  assert.equal((await world.podNow("r-1"))?.spec?.nodeName, undefined);
  await world.clock.advance(100);
  assert.equal((await world.podNow("r-1"))?.spec?.nodeName, "node-1");
  assert.equal((await world.podNow("r-1"))?.status?.phase, "Pending");
  await world.clock.advance(500);
  const running = await world.podNow("r-1");
  assert.equal(running?.status?.phase, "Running");
  assert.equal(running?.status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
  await world.clock.advance(2500);
  assert.equal((await world.podNow("r-1"))?.status?.phase, "Succeeded");
  assert.equal((await world.stateOf("r-1"))?.terminated?.exitCode, 0);
  const record = world.world.kubelet.ledger.pods.get(metadata!.uid!)!;
  assert.deepEqual([record.jobId, record.exitCode], [jobId, 0]);
  await world.deletePod("r-1");
  await world.clock.advance(50);
  assert.equal(await world.podNow("r-1"), undefined);
  assert.deepEqual(violationsOf(world.world.books()), []);
});

interface FateCase {
  readonly fate: PodFate;
  readonly phase: string;
  readonly waiting?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly after?: number;
}

table<FateCase>("a pod's fate", {
  "exits 1 at start": { fate: { kind: "exit", code: 1, afterMs: 10 }, phase: "Failed", exitCode: 1 },
  "out of memory": {
    fate: { kind: "exit", code: 137, afterMs: 10, reason: "OOMKilled" },
    phase: "Failed",
    exitCode: 137,
    reason: "OOMKilled",
  },
  "out of memory with its job": {
    fate: { kind: "exit-with-job", code: 137, afterMs: 10, reason: "OOMKilled" },
    phase: "Failed",
    exitCode: 137,
    reason: "OOMKilled",
  },
  "image that can't be pulled": {
    fate: { kind: "waiting", reason: "ImagePullBackOff" },
    phase: "Pending",
    waiting: "ImagePullBackOff",
  },
  "image that is pulled at last": {
    fate: { kind: "waiting", reason: "ErrImagePull", forMs: 10_000 },
    phase: "Succeeded",
    exitCode: 0,
    after: 20_000,
  },
  "no room": { fate: { kind: "unschedulable" }, phase: "Pending" },
  "no room for a while": {
    fate: { kind: "unschedulable", forMs: 5000 },
    phase: "Succeeded",
    exitCode: 0,
    after: 20_000,
  },
  "refused by its node": { fate: { kind: "rejected", reason: "OutOfcpu" }, phase: "Failed", reason: "OutOfcpu" },
  "slow": { fate: { kind: "slow", ms: 10_000 }, phase: "Pending", waiting: undefined },
  "an init container fails": { fate: { kind: "init-failure", code: 3 }, phase: "Failed" },
  "deaf": { fate: { kind: "deaf" }, phase: "Running" },
  "outlives its job": { fate: { kind: "zombie" }, phase: "Running" },
}, async ({ fate, phase, waiting, exitCode, reason, after = 5000 }) => {
  const world = await withFate(fate);
  world.job(1000);
  await world.runner("r-1", { initContainers: [{ name: "init", image: "init" }] });
  await world.clock.advance(after);
  const pod = await world.podNow("r-1");
  const state = await world.stateOf("r-1");
  assert.equal(pod?.status?.phase, phase);
  if (waiting) assert.equal(state?.waiting?.reason, waiting);
  if (exitCode !== undefined) assert.equal(state?.terminated?.exitCode, exitCode);
  if (reason) assert.ok([pod?.status?.reason, state?.terminated?.reason].includes(reason));
  if (fate.kind === "init-failure") {
    assert.equal(pod?.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 3);
  }
  if (fate.kind === "unschedulable" && phase === "Pending") {
    assert.equal(pod?.status?.conditions?.find(({ type }) => type === "PodScheduled")?.reason, "Unschedulable");
  }
  // Whatever became of it, it can be deleted.
  await world.deletePod("r-1", 1);
  await world.clock.advance(2000);
  assert.equal(await world.podNow("r-1"), undefined);
  assert.deepEqual(world.world.kubelet.ledger.problems, []);
});

test("a pod waits for a secret that is missing", async () => {
  const world = await withFate({ kind: "normal" });
  await world.pod("r-1");
  await world.clock.advance(1000);
  assert.equal((await world.stateOf("r-1"))?.waiting?.reason, "CreateContainerConfigError");
  await world.kube("POST", "/api/v1/namespaces/default/secrets", {
    metadata: { name: "r-1" },
    data: { jitToken: "eA==" },
  });
  await world.clock.advance(3000);
  assert.equal((await world.stateOf("r-1"))?.terminated?.exitCode, 0, "a JIT configuration that nobody knows");
});

test("an idle runner that is told to end goes at once", async () => {
  const world = await withFate({ kind: "normal" });
  await world.runner("r-1");
  await world.clock.advance(1000);
  await world.deletePod("r-1", 30);
  await world.clock.advance(50);
  assert.equal(await world.podNow("r-1"), undefined);
  assert.deepEqual(violationsOf(world.world.books()), []);
});

test("a busy runner that is told to end finishes when its grace lasts, and it is a violation", async () => {
  const world = await withFate({ kind: "normal" });
  const jobId = world.job(5000);
  await world.runner("r-1");
  await world.clock.advance(1000);
  await world.deletePod("r-1", 30);
  await world.clock.advance(10_000);
  assert.equal(await world.podNow("r-1"), undefined);
  assert.equal(world.world.service.ledger.jobs.get(jobId)?.result, "succeeded");
  assert.match(violationsOf(world.world.books()).join(), /r-1 was told to end while its runner had a job/);
});

test("a pod that is bound although the answer to that got lost starts all the same", async () => {
  const world = await withFate({ kind: "normal" });
  world.world.network.inject({
    name: "lost",
    effect: { kind: "lose-answer" },
    matches: ({ url }) => url.pathname.endsWith("/binding"),
    times: 1,
  });
  world.job(1000);
  await world.runner("r-1");
  await world.clock.advance(10_000);
  assert.equal((await world.stateOf("r-1"))?.terminated?.exitCode, 0);
  assert.deepEqual(world.world.kubelet.ledger.problems, []);
});

test("a busy runner is killed when its grace is over, and its job is lost", async () => {
  const world = await withFate({ kind: "normal" });
  const jobId = world.job(600_000);
  const pod = await world.runner("r-1");
  await world.clock.advance(1000);
  await world.deletePod("r-1", 5);
  await world.clock.advance(40_000);
  assert.equal(await world.podNow("r-1"), undefined);
  const job = world.world.service.ledger.jobs.get(jobId)!;
  assert.deepEqual([job.lost, job.result], [true, "failed"]);
  assert.equal(world.world.kubelet.ledger.pods.get(pod.metadata!.uid!)?.exitCode, 137);
  assert.equal(violationsOf(world.world.books()).length, 2, "the deletion, and the loss that no fault explains");
});

test("a pod that is removed with grace 0 takes its container with it", async () => {
  const world = await withFate({ kind: "normal" });
  world.job(600_000);
  await world.runner("r-1");
  await world.clock.advance(1000);
  await world.deletePod("r-1", 0);
  await world.clock.advance(10);
  assert.equal(world.world.kubelet.ledger.running().length, 0);
});

test("an evicted pod is Failed, its job lost, and nobody is to blame", async () => {
  const world = await withFate({ kind: "normal" });
  world.job(600_000);
  const pod = await world.runner("r-1");
  await world.clock.advance(1000);
  world.world.kubelet.evict(pod.metadata!.uid!);
  await world.clock.advance(600_000);
  const now = await world.podNow("r-1");
  assert.deepEqual([now?.status?.phase, now?.status?.reason], ["Failed", "Evicted"]);
  assert.deepEqual(violationsOf(world.world.books()), []);
});

test("a lost node takes its pods; another one comes", async () => {
  const world = await withFate({ kind: "normal" });
  await world.runner("r-1");
  await world.runner("r-2");
  await world.clock.advance(1000);
  world.world.kubelet.loseNode("node-1", 5000, true);
  await world.clock.advance(1000);
  assert.deepEqual([(await world.podNow("r-1"))?.status?.phase, (await world.podNow("r-2"))?.status?.phase], [
    "Unknown",
    "Running",
  ]);
  await world.clock.advance(5000);
  assert.equal(await world.podNow("r-1"), undefined);
  assert.deepEqual(world.world.kubelet.nodes, ["node-1r2", "node-2", "node-3"]);
});

test("a side-car keeps its pod running after the runner's end", async () => {
  const world = await withFate({ kind: "normal" });
  world.job(1000);
  await world.runner("r-1", {}, [{ name: "dind", image: "dind" }]);
  await world.clock.advance(5000);
  assert.equal((await world.podNow("r-1"))?.status?.phase, "Running");
  assert.equal((await world.stateOf("r-1"))?.terminated?.exitCode, 0);
  assert.ok((await world.stateOf("r-1", "dind"))?.running);
});

test("a deprecated runner exits 7", async () => {
  const world = await withFate({ kind: "normal" });
  world.world.service.behaviour.runnerDeprecated = true;
  await world.runner("r-1");
  await world.clock.advance(1000);
  assert.equal((await world.stateOf("r-1"))?.terminated?.exitCode, 7);
});

test("a cancelled job ends its runner with exit code 0", async () => {
  const world = await withFate({ kind: "normal" });
  const jobId = world.job(600_000);
  await world.runner("r-1");
  await world.clock.advance(1000);
  world.world.service.cancel(jobId);
  await world.clock.advance(500);
  assert.equal((await world.stateOf("r-1"))?.terminated?.exitCode, 0);
  assert.equal(world.world.service.ledger.jobs.get(jobId)?.result, "canceled");
});

test("a kubelet that was cut off knows again what is there, and starts nothing twice", async () => {
  const world = await withFate({ kind: "normal" });
  await world.runner("r-1");
  await world.runner("r-2");
  await world.clock.advance(1000);
  world.world.kube.compact();
  world.world.kube.cutWatches("pods");
  await world.deletePod("r-1", 0);
  await world.clock.advance(2000);
  assert.deepEqual(world.world.kubelet.pods().map((pod) => pod.metadata?.name), ["r-2"]);
  assert.equal(world.world.kubelet.ledger.started("runner").length, 2);
  assert.deepEqual(violationsOf(world.world.books()), []);
});

test("a closed world leaves no timer", async () => {
  const world = await withFate({ kind: "normal" });
  world.job(60_000);
  await world.runner("r-1");
  await world.clock.advance(1000);
  await world.world.close();
  await world.clock.advance(0);
  assert.equal(world.clock.pendingTimers, 0);
});
