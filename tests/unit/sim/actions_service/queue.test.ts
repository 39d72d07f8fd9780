import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, Fixture, type Reply, typesOf } from "./client.ts";

const ASSIGNS = { behaviour: { needsAcquire: false, zeroRequestIds: true } };

test("a poll with nothing to say is answered 202 after fifty seconds", async () => {
  const world = new Fixture();
  const session = await world.session(await world.scaleSet());
  const before = world.clock.monotonic();
  const reply = await world.poll(session);
  assert.equal(reply.status, 202);
  assert.equal(world.clock.monotonic() - before, 50_000);
});

test("a session is refused while one lives, also to the same owner, and until it has idled out", async () => {
  const world = new Fixture({ behaviour: { sessionIdleMs: 30_000 } });
  const id = await world.scaleSet();
  await world.session(id, "me");
  const open = () => world.call("POST", `runtime/runnerscalesets/${id}/sessions`, { ownerName: "me" });
  const conflict = await open();
  assert.equal(conflict.status, 409);
  assert.match(conflict.json["message"]!, /me/);
  await world.clock.advance(30_000);
  assert.equal((await open()).status, 200);
});

test("an undeleted message comes again in five minutes, and to a new session at once", async () => {
  const world = new Fixture(ASSIGNS);
  const id = await world.scaleSet();
  const first = await world.session(id);
  world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  const message = await world.poll(first);
  const messageId = message.json["messageId"]!;
  for (let poll = 0; poll < 6; poll++) {
    const reply = await world.poll(first, 100, messageId);
    if (poll < 5) assert.equal(reply.status, 202, `poll ${poll}`);
    else assert.deepEqual([reply.status, reply.json?.["messageId"]], [200, messageId]);
  }
  await world.call("DELETE", `runtime/runnerscalesets/${id}/sessions/${first.id}`);
  const second = await world.session(id);
  assert.equal((await world.poll(second)).json["messageId"], messageId);
  assert.equal((await world.deleteMessage(second, messageId)).status, 204);
  assert.equal((await world.poll(second, 100, messageId)).status, 202);
});

test("capacity releases jobs one by one and takes nothing back", async () => {
  const world = new Fixture(ASSIGNS);
  const id = await world.scaleSet();
  const session = await world.session(id);
  for (let job = 0; job < 3; job++) world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  assert.equal((await world.poll(session, 0)).status, 202);
  const one = await world.poll(session, 1);
  assert.deepEqual(typesOf(one), ["JobAssigned"]);
  await world.deleteMessage(session, one.json["messageId"]!);
  const two = await world.poll(session, 2, one.json["messageId"]!);
  assert.deepEqual(typesOf(two), ["JobAssigned"]);
  await world.deleteMessage(session, two.json["messageId"]!);
  assert.equal((await world.poll(session, 0, two.json["messageId"]!)).status, 202);
  assert.equal(world.service.controls.statistics(id).totalAssignedJobs, 2);
});

test("a message holds fifty events; the rest comes next", async () => {
  const world = new Fixture(ASSIGNS);
  const session = await world.session(await world.scaleSet());
  for (let job = 0; job < 120; job++) world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  const sizes: number[] = [];
  let last: number | undefined;
  for (let message = 0; message < 3; message++) {
    const reply = await world.poll(session, 1000, last);
    sizes.push(eventsOf(reply).length);
    last = reply.json["messageId"]!;
    await world.deleteMessage(session, last);
  }
  assert.deepEqual(sizes, [50, 50, 20]);
});

test("statistics are of a message's delivery or of its creation", async () => {
  const shown: number[] = [];
  for (const statisticsAt of ["delivery", "creation"] as const) {
    const world = new Fixture({ behaviour: { ...ASSIGNS.behaviour, statisticsAt } });
    const session = await world.session(await world.scaleSet());
    for (let job = 0; job < 60; job++) world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
    shown.push((await world.poll(session, 1000)).json["statistics"]!["totalAssignedJobs"]!);
  }
  assert.deepEqual(shown, [60, 50]);
});

test("statistics that lag are corrected by a message without events", async () => {
  const world = new Fixture({ behaviour: { ...ASSIGNS.behaviour, statisticsLagMs: 1000 } });
  const session = await world.session(await world.scaleSet());
  await world.clock.advance(5000);
  world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  const late = await world.poll(session);
  assert.equal(late.json["statistics"]!["totalAssignedJobs"], 0);
  await world.deleteMessage(session, late.json["messageId"]!);
  const right = await world.poll(session, 100, late.json["messageId"]!);
  assert.equal(right.json["body"], "[]");
  assert.equal(right.json["statistics"]!["totalAssignedJobs"], 1);
});

test("a queue token that has ended gets 401; a refreshed session has a good one", async () => {
  const world = new Fixture({ behaviour: { ...ASSIGNS.behaviour, queueTokenMs: 10_000, sessionIdleMs: 1e9 } });
  const id = await world.scaleSet();
  const session = await world.session(id);
  await world.clock.advance(10_000);
  assert.equal((await world.poll(session)).status, 401);
  assert.equal((await world.deleteMessage(session, 1)).status, 401);
  const fresh = await world.call("PATCH", `runtime/runnerscalesets/${id}/sessions/${session.id}`, {});
  assert.equal(fresh.status, 200);
  assert.equal((await world.poll({ ...session, token: fresh.json["messageQueueAccessToken"]! })).status, 202);
});

test("a lost session answers its poll 404; one that was taken refuses its old owner", async () => {
  const world = new Fixture();
  const id = await world.scaleSet();
  const session = await world.session(id);
  let reply: Reply | undefined;
  void world.startPoll(session).then((answer) => reply = answer);
  await world.clock.advance(1000);
  world.service.controls.stealSession(id, "thief");
  await world.clock.advance(0);
  assert.equal(reply?.status, 404);
  const conflict = await world.call("POST", `runtime/runnerscalesets/${id}/sessions`, { ownerName: "me" });
  assert.equal(conflict.status, 409);
  assert.match(conflict.json["message"]!, /thief/);
});

test("message ids that restart leave a client with a cursor deaf", async () => {
  const world = new Fixture({ behaviour: { ...ASSIGNS.behaviour, lastMessageId: 2 ** 31 } });
  const id = await world.scaleSet();
  const session = await world.session(id);
  world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  const first = (await world.poll(session)).json["messageId"]!;
  await world.deleteMessage(session, first);
  world.service.controls.restartMessageIds(id, 100_000_000);
  world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  assert.equal((await world.poll(session, 100, first)).status, 202);
  assert.equal((await world.poll(session)).json["messageId"], 100_000_001);
});

test("a backend that assigns by itself has no acquirejobs", async () => {
  const world = new Fixture(ASSIGNS);
  const id = await world.scaleSet();
  const session = await world.session(id);
  world.service.queueJob({ scaleSetName: "linux", durationMs: 1000 });
  assert.equal(eventsOf(await world.poll(session))[0]!["runnerRequestId"], 0);
  assert.equal((await world.acquire(id, session, [0])).status, 404);
});

test("an aborted poll leaves nothing behind", async () => {
  const world = new Fixture();
  const session = await world.session(await world.scaleSet());
  const abort = new AbortController();
  const poll = world.startPoll(session, 100, undefined, abort.signal);
  const failed = assert.rejects(poll, /gone/);
  await world.clock.advance(10);
  const timers = world.clock.pendingTimers;
  abort.abort(new Error("gone"));
  await failed;
  assert.equal(world.clock.pendingTimers, timers - 1);
});
