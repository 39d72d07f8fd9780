import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceBehaviour } from "../../../../src/sim/actions_service/behaviour.ts";
import type { RunnerLink } from "../../../../src/sim/actions_service/runner_link.ts";
import { eventsOf, Fixture } from "./client.ts";

/** A scale set at a service that assigns by itself, with a listener that reads and deletes every message. */
async function working(behaviour: Partial<ServiceBehaviour> = {}) {
  const world = new Fixture({ behaviour: { needsAcquire: false, ...behaviour } });
  const id = await world.scaleSet();
  const session = await world.session(id);
  const types: string[] = [];
  const read = async () => {
    let last: number | undefined;
    for (;;) {
      const reply = await world.startPoll(session, 1000, last);
      if (reply.status === 202) continue;
      if (reply.status !== 200) return;
      for (const event of eventsOf(reply)) types.push(`${event["messageType"]} ${event["result"] ?? ""}`.trim());
      last = reply.json["messageId"]!;
      await world.deleteMessage(session, last);
    }
  };
  void read();
  await world.clock.advance(0);
  const runner = async (name: string): Promise<RunnerLink> => {
    const connection = world.service.connectRunner((await world.register(id, name)).jit);
    assert.ok(connection.kind === "connected");
    return connection.link;
  };
  const job = (more = {}) => world.service.queueJob({ scaleSetName: "linux", durationMs: 1000, ...more });
  return { world, id, types, runner, job, record: (jobId: string) => world.service.ledger.jobs.get(jobId)! };
}

test("a runner with a job is not removed", async () => {
  const { world, runner, job } = await working();
  const link = await runner("r-1");
  job();
  await link.job;
  const reply = await world.call("DELETE", `distributedtask/pools/0/agents/${link.agentId}`);
  assert.equal(reply.status, 400);
  assert.match(reply.json["typeName"]!, /JobStillRunningException/);
  link.finish("succeeded");
  assert.equal((await world.call("DELETE", `distributedtask/pools/0/agents/${link.agentId}`)).status, 204);
  assert.equal(world.service.ledger.refused.get("agent.delete 400"), 1);
});

test("a job that is cancelled before it started ends without a runner", async () => {
  const { world, types, job, record } = await working();
  const id = job();
  await world.clock.advance(100);
  world.service.cancel(id);
  await world.clock.advance(100);
  assert.deepEqual(types, ["JobAssigned", "JobCompleted canceled"]);
  assert.deepEqual([record(id).result, record(id).runners], ["canceled", []]);
});

test("a job that is cancelled while it runs tells its runner", async () => {
  const { world, runner, job } = await working();
  const link = await runner("r-1");
  const id = job();
  const given = await link.job;
  world.service.cancel(id);
  assert.equal(given?.cancelled.aborted, true);
});

test("the job of a runner that stopped politely fails within half a minute; of one that was killed, much later", async () => {
  for (const [politely, from, to] of [[true, 15_000, 26_000], [false, 576_000, 576_000]] as const) {
    const { world, runner, job, record } = await working();
    const link = await runner("r-1");
    const id = job();
    await link.job;
    const before = world.clock.now();
    link.leave(politely);
    await world.clock.advance(600_000);
    const waited = record(id).completedAt! - before;
    assert.ok(waited >= from && waited <= to, `${waited} ms`);
    assert.deepEqual([record(id).lost, record(id).result], [true, "failed"]);
    assert.deepEqual(world.service.registrations(), []);
  }
});

test("an assigned job that no runner takes goes back, three times at most", async () => {
  const { world, types, job, record } = await working({ giveBackAfterMs: 60_000 });
  const id = job();
  await world.clock.advance(600_000);
  assert.equal(record(id).givenBack, 3);
  assert.deepEqual(types, ["JobAssigned", "JobAssigned", "JobAssigned", "JobAssigned"]);
});

test("a job that nobody ran is given up after a day", async () => {
  const { world, types, job, record } = await working({ queueTokenMs: 1e9 });
  const id = job();
  await world.clock.advance(86_400_100);
  assert.equal(record(id).result, "abandoned");
  assert.deepEqual(types, ["JobAssigned", "JobCompleted abandoned"]);
});

test("a job waits for a scale set that has all its labels", async () => {
  const { world, id, job, record } = await working();
  const gpu = job({ scaleSetName: undefined, labels: ["Linux", "gpu"] });
  await world.clock.advance(100);
  assert.equal(record(gpu).scaleSetId, undefined);
  const labels = [{ type: "System", name: "linux" }, { type: "System", name: "gpu" }];
  await world.call("PATCH", `runtime/runnerscalesets/${id}`, { labels });
  assert.equal(record(gpu).scaleSetId, id);
});

test("a scale set that is deleted behind everybody's back leaves its jobs to the next one", async () => {
  const { world, id, job, record } = await working();
  const jobId = job();
  world.service.controls.forgetScaleSet(id);
  assert.equal((await world.call("GET", `runtime/runnerscalesets/${id}`)).status, 404);
  const next = await world.scaleSet();
  assert.equal(record(jobId).scaleSetId, next);
});

test("facts can be late: JobStarted after its fact, completion after the runner's report", async () => {
  const { world, types, runner, job, record } = await working({ startedEventDelayMs: 1000, completionDelayMs: 2000 });
  const link = await runner("r-1");
  const id = job();
  await link.job;
  await world.clock.advance(900);
  assert.deepEqual(types, ["JobAssigned"]);
  link.finish("succeeded");
  await world.clock.advance(1900);
  assert.deepEqual(types, ["JobAssigned", "JobStarted"]);
  assert.equal(record(id).completedAt, undefined);
  await world.clock.advance(300);
  assert.deepEqual(types, ["JobAssigned", "JobStarted", "JobCompleted succeeded"]);
});

test("jobs that no longer exist can still be counted", async () => {
  const { world, id } = await working();
  world.service.controls.setPhantomJobs(id, 3);
  const reply = await world.call("GET", `runtime/runnerscalesets/${id}`);
  assert.equal(reply.json["statistics"]!["totalAssignedJobs"], 3);
});

test("a deprecated runner version takes no job", async () => {
  const { world, id } = await working({ runnerDeprecated: true });
  assert.equal(world.service.connectRunner((await world.register(id, "r-1")).jit).kind, "deprecated");
});

test("a closed service has no timers left", async () => {
  const { world, job } = await working();
  job();
  world.service.close();
  await world.clock.advance(0);
  assert.equal(world.clock.pendingTimers, 0);
});
