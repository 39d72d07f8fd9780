import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, Fixture, typesOf } from "./client.ts";

test("a job's whole way, with an acquire step", async () => {
  const world = new Fixture();
  const id = await world.scaleSet();
  const session = await world.session(id);
  const jobId = world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });

  const offer = await world.poll(session);
  assert.equal(offer.status, 200);
  assert.deepEqual(typesOf(offer), ["JobAvailable"]);
  const requestId = eventsOf(offer)[0]!["runnerRequestId"]!;
  assert.deepEqual((await world.acquire(id, session, [requestId, 99])).json["value"], [requestId]);
  await world.deleteMessage(session, offer.json["messageId"]!);

  const assigned = await world.poll(session, 100, offer.json["messageId"]!);
  assert.deepEqual(typesOf(assigned), ["JobAssigned"]);
  assert.equal(assigned.json["statistics"]!["totalAssignedJobs"], 1);
  await world.deleteMessage(session, assigned.json["messageId"]!);

  const runner = await world.register(id, "linux-runner-a");
  const connection = world.service.connectRunner(runner.jit);
  assert.equal(connection.kind, "connected");
  if (connection.kind !== "connected") return;
  assert.equal((await connection.link.job)?.id, jobId);
  const started = await world.poll(session, 100, assigned.json["messageId"]!);
  assert.deepEqual(typesOf(started), ["JobStarted"]);
  assert.equal(eventsOf(started)[0]!["runnerName"], "linux-runner-a");
  assert.equal(started.json["statistics"]!["totalBusyRunners"], 1);
  await world.deleteMessage(session, started.json["messageId"]!);

  connection.link.finish("succeeded");
  const completed = await world.poll(session, 100, started.json["messageId"]!);
  assert.deepEqual(typesOf(completed), ["JobCompleted"]);
  assert.equal(completed.json["statistics"]!["totalAssignedJobs"], 0);
  assert.equal((await world.call("GET", `distributedtask/pools/0/agents/${runner.id}`)).status, 404);
  const record = world.service.ledger.jobs.get(jobId)!;
  assert.deepEqual([record.startedEvents, record.completedEvents, record.result], [1, 1, "succeeded"]);
  assert.deepEqual(world.service.ledger.violations, []);
});
