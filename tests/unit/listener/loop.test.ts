import assert from "node:assert/strict";
import { test } from "node:test";
import { ANNOTATIONS } from "../../../src/api/names.ts";
import { assigned, available, completed, started, stats } from "./events.ts";
import { kubeRefuses, refuse, World } from "./world.ts";

test("a job's way: offered, asked for, counted, its facts on its runner, and the queue empty", async () => {
  const world = new World();
  world.cluster.addRunners("runner-1");
  world.start();
  await world.pass(100);
  assert.equal(world.told, "0/0 #0");

  world.github.says([available(1)], stats(0));
  await world.pass(100);
  assert.deepEqual(world.github.acquired, [1]);
  world.github.says([assigned(1)], stats(1));
  await world.pass(100);
  assert.equal(world.told, "1/0 #1");
  world.github.says([started(1)], stats(1, 1));
  await world.pass(100);
  assert.equal(world.told, "1/1 #2");
  assert.deepEqual(world.cluster.runners.get("runner-1")?.status, {
    jobRequestId: 1,
    jobRepositoryName: "acme/api",
    jobId: "job-1",
    workflowRunId: 99,
    jobWorkflowRef: "acme/api/.github/workflows/ci.yml@refs/heads/main",
    jobDisplayName: "build",
    jobSetGeneration: world.cluster.generation,
  });
  world.github.says([completed(1)], stats(0, 0));
  await world.pass(100);
  assert.equal(world.told, "0/0 #3");
  assert.deepEqual(world.github.messages, []);
  assert.deepEqual(world.cluster.runners.get("runner-1")?.annotations, {}, "no marks where runningJobs is kept");
  await world.pass(50_000);
  assert.equal(world.told, "0/0 #0", "at rest a surplus may go");
});

test("a runner set that has heard nothing for ten minutes is told the same again", async () => {
  const world = new World();
  world.start();
  await world.pass(100);
  world.github.says([assigned(1)], stats(1));
  await world.pass(100);
  assert.equal(world.told, "1/0 #1");
  world.cluster.writes.length = 0;
  await world.pass(540_000);
  assert.deepEqual(world.cluster.writes, []);
  await world.pass(120_000);
  assert.deepEqual(world.cluster.writes, ["set"]);
  assert.equal(world.told, "1/0 #1");
});

test("an API server that is away is told the same later, and polling goes on", async () => {
  const world = new World();
  world.start();
  await world.pass(60_000);
  world.cluster.fail("set", kubeRefuses("Unavailable"), 5);
  world.cluster.writes.length = 0;
  const polls = () => world.github.calls.filter((call) => call === "poll").length;
  const before = polls();
  await world.pass(900_000);
  assert.equal(polls() - before, 18);
  assert.equal(world.cluster.writes.at(-1), "set");
});

test("the count is written before the facts", async () => {
  const world = new World();
  world.cluster.addRunners("runner-1", "runner-2");
  world.start();
  await world.pass(100);
  world.cluster.writes.length = 0;
  world.github.says([started(1), started(2)], stats(2, 2));
  await world.pass(100);
  assert.equal(world.cluster.writes[0], "set");
  assert.deepEqual(world.cluster.writes.slice(1).sort(), ["runner-1", "runner-2"]);
});

test("facts of a job with few facts have no empty fields", async () => {
  const world = new World();
  world.cluster.addRunners("runner-1");
  world.start();
  await world.pass(100);
  world.github.says([{ ...started(1), requestId: 0, ownerName: "", displayName: "" }], stats(1, 1));
  await world.pass(100);
  assert.deepEqual(Object.keys(world.cluster.runners.get("runner-1")!.status).sort(), [
    "jobId",
    "jobSetGeneration",
    "jobWorkflowRef",
    "workflowRunId",
  ]);
});

test("where runningJobs is pruned, completed jobs are marked on their runners", async () => {
  const world = new World();
  world.cluster.pruned = true;
  world.cluster.addRunners("runner-1");
  world.start();
  await world.pass(100);
  world.github.says([started(1)], stats(1, 1));
  world.github.says([completed(1), completed(2)], stats(0, 0));
  await world.pass(100);
  assert.equal(world.cluster.runners.get("runner-1")?.annotations[ANNOTATIONS.jobCompleted], "job-1");
  assert.deepEqual(world.github.messages, [], "a runner that is gone needs no mark");
});

test("a world at rest asks for nothing but messages, and tells nothing but the same every ten minutes", async () => {
  const world = new World();
  world.start();
  await world.pass(60_000);
  const { calls } = world.github;
  const writes = world.cluster.writes.length;
  const before = calls.length;
  await world.pass(3_600_000);
  assert.deepEqual([...new Set(calls.slice(before))], ["poll"]);
  assert.equal(calls.length - before, 72);
  assert.equal(world.cluster.writes.length, writes + 6);
});

test("the cursor is the message just handled, and a new session has none", async () => {
  const world = new World();
  world.start();
  await world.pass(100);
  const id = world.github.says([assigned(1)], stats(1));
  await world.pass(100);
  assert.equal(world.github.calls.at(-1), `poll ${id}`);
  world.github.session = undefined;
  await world.pass(60_000);
  const reopened = world.github.calls.lastIndexOf("open");
  assert.ok(reopened > 0);
  assert.equal(world.github.calls[reopened + 1], "poll");
});

test("capacity is what is advertised, and a change of limits comes at once, in the same session", async () => {
  const world = new World();
  world.github.statistics = stats(8, 2);
  world.start();
  await world.pass(100);
  assert.equal(world.told, "8/2 #0");
  assert.deepEqual(world.github.capacities, [10]);
  world.change({ minRunners: 1, maxRunners: 5 });
  await world.pass(100);
  assert.equal(world.told, "5/2 #1");
  assert.deepEqual(world.github.capacities, [10, 5]);
  world.change({ minRunners: 1, maxRunners: 0 });
  await world.pass(100);
  assert.equal(world.told, "5/2 #1", "a pause serves what is assigned, within the former limit");
  assert.deepEqual(world.github.capacities, [10, 5, 0]);
  assert.equal(world.github.calls.filter((call) => call === "open").length, 1);
  assert.equal((await world.metrics.samples()).get(gauge("gha_max_runners")), 0);
});

const gauge = (name: string) =>
  `${name}{enterprise="",name="linux",namespace="arc-runners",organization="acme",repository=""}`;

test("metrics: the service's figures, the wanted runners, jobs once", async () => {
  const world = new World();
  world.start();
  await world.pass(100);
  world.github.says([started(1)], { ...stats(3, 1, 2), totalRegisteredRunners: 4, totalBusyRunners: 1 });
  world.github.fail("delete", refuse("Unavailable"));
  await world.pass(10_000);
  const samples = await world.metrics.samples();
  const shown = [
    "assigned_jobs",
    "running_jobs",
    "registered_runners",
    "busy_runners",
    "idle_runners",
    "desired_runners",
  ]
    .map((name) => samples.get(gauge(`gha_${name}`)));
  assert.deepEqual(shown, [3, 1, 4, 1, 2, 3]);
  const jobs = [...samples].filter(([name]) => name.startsWith("gha_started_jobs_total"));
  assert.deepEqual(jobs.map(([, value]) => value), [1]);
});

test("told to end while it polls: it ends the session at once", async () => {
  const world = new World();
  const process = world.start();
  await world.pass(1000);
  process.stop();
  await world.pass(1);
  assert.equal(process.ended.is, true);
  assert.equal(world.github.session, undefined);
  assert.equal(world.clock.pendingTimers, 0);
});

test("told to end with a message in hand: it finishes it", async () => {
  const world = new World();
  const process = world.start();
  await world.pass(10);
  world.cluster.fail("set", kubeRefuses("Unavailable"));
  world.github.says([assigned(1)], stats(1));
  await world.pass(10);
  process.stop();
  await world.pass(100);
  assert.equal(process.ended.is, false);
  await world.pass(1000);
  assert.equal(process.ended.is, true);
  assert.equal(world.told, "1/0 #1");
  assert.equal(world.github.messages.length, 0);
  assert.equal(world.github.session, undefined);
});

test("told to end with a message that can't be finished: it ends within its time, and the message stays", async () => {
  const world = new World();
  const process = world.start();
  await world.pass(10);
  world.cluster.fail("set", kubeRefuses("Unavailable"), 1000);
  world.github.says([assigned(1)], stats(1));
  await world.pass(10);
  process.stop();
  await world.pass(25_000);
  assert.equal(process.ended.is, true);
  assert.equal(world.github.messages.length, 1);
  assert.equal(world.clock.pendingTimers, 0);
});

test("told to end while GitHub is silent: it does not wait for long", async () => {
  const world = new World();
  const process = world.start();
  await world.pass(10);
  world.github.fail("close", "silence");
  process.stop();
  await world.pass(20_001);
  assert.equal(process.ended.is, true);
});

test("a job that starts while a session is being opened is in its figures, and is not counted again", async () => {
  const world = new World();
  world.github.openMs = 3_000;
  world.start();
  await world.pass(1_000);
  const at = world.clock.now();
  world.github.says([assigned(1, { scaleSetAssignedAt: at }), started(1, { runnerAssignedAt: at })], stats(1, 1));
  await world.pass(5_000);
  assert.equal(world.told, "1/1 #0");
});
