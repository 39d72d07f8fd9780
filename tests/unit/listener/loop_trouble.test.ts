import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "../../../src/github/errors.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { table } from "../../support/table.ts";
import { assigned, available, each, started, stats } from "./events.ts";
import { kubeRefuses, refuse, World } from "./world.ts";

table("a disturbance heals by itself", {
  "a lost connection": { fault: refuse("Unavailable"), opens: 1 },
  "a broken transport": { fault: new TransportError("reset", "EOF"), opens: 1 },
  "429": { fault: refuse("RateLimited"), opens: 1 },
  "a reply that can't be understood": { fault: refuse("BadReply"), opens: 1 },
  "the session is gone": { fault: refuse("SessionNotFound"), opens: 2 },
  "the scale set is gone for a moment": { fault: refuse("ScaleSetNotFound"), opens: 2 },
  "401": { fault: refuse("Unauthorized"), opens: 2 },
  "a fault of our own": { fault: new TypeError("undefined is no function"), opens: 1 },
}, async ({ fault, opens }) => {
  const world = new World();
  const forgets = ServiceError.is(fault, "SessionNotFound", "ScaleSetNotFound");
  const { ended } = world.start();
  await world.pass(49_000);
  world.github.fail("poll", forgets ? () => world.github.forget(fault) : fault);
  await world.pass(1_500);
  world.github.says([assigned(1)], stats(1));
  await world.pass(5000);
  assert.equal(world.told.split(" ")[0], "1/0");
  assert.deepEqual(world.github.messages, []);
  assert.equal(world.github.calls.filter((call) => call === "open").length, opens);
  assert.equal(world.health.problem, undefined);
  assert.equal(ended.is, false);
});

test("hours of trouble are borne with growing delays, and end by themselves", async () => {
  const world = new World();
  world.github.fail("open", ...Array.from({ length: 200 }, () => refuse("Unavailable", "down")));
  const { ended } = world.start();
  await world.pass(3_600_000);
  assert.equal(ended.is, false);
  const opens = world.github.calls.length;
  assert.ok(opens > 110 && opens < 200, `${opens} calls in an hour`);
  assert.equal(world.health.problem?.kind, "ServiceUnavailable");
  assert.match(world.health.failing() ?? "", /^no completed poll for 3600 s \(ServiceUnavailable: down\)$/);
  await world.pass(3_600_000);
  assert.equal(world.health.failing(), undefined);
  assert.equal(world.told, "0/0 #0");
});

test("409: it waits in the process, says so, and goes on when the other session has ended", async () => {
  const world = new World();
  world.github.session = "other";
  const { ended } = world.start();
  await world.pass(300_000);
  assert.equal(ended.is, false);
  assert.equal(world.health.problem?.kind, "SessionConflict");
  const tries = world.github.calls.length;
  assert.ok(tries < 20, `${tries} tries in 5 minutes`);
  assert.equal(world.github.session, "other", "another's session is not ended");
  world.github.session = undefined;
  await world.pass(31_000);
  assert.equal(world.health.problem?.kind, "SessionConflict", "until a poll is completed");
  await world.pass(50_000);
  assert.equal(world.health.problem, undefined);
});

test("a session that a former process left is ended first, and ours is kept for the next one", async () => {
  const world = new World();
  world.github.session = "old";
  const kept: (string | undefined)[] = [];
  const process = world.start({
    sessions: {
      former: async () => "old",
      keep: async (id) => {
        kept.push(id);
      },
    },
  });
  await world.pass(10);
  assert.equal(world.github.session, "s-1");
  process.stop();
  await world.pass(10);
  assert.deepEqual(kept, ["s-1", undefined]);
});

test("a poll that hangs is dropped after 3 minutes and the session refreshed", async () => {
  const world = new World();
  world.github.fail("poll", "silence");
  world.start();
  await world.pass(179_000);
  assert.equal(world.github.calls.includes("refresh"), false);
  await world.pass(5_000);
  assert.deepEqual(world.github.calls, ["open", "poll", "refresh", "poll", "read"]);
  assert.equal(world.health.failing(), undefined);
});

test("a deaf listener is not ready after 5 minutes", async () => {
  const world = new World();
  world.github.fail("poll", ...Array.from({ length: 9 }, () => "silence" as const));
  world.start();
  await world.pass(299_000);
  assert.equal(world.health.failing(), undefined);
  await world.pass(1_000);
  assert.match(world.health.failing() ?? "", /^no completed poll for 300 s/);
});

test("the runner set can't be written: the message waits, and nothing is lost", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  world.cluster.fail("set", kubeRefuses("Unavailable"), 3);
  world.github.says([assigned(1)], stats(1));
  await world.pass(500);
  assert.equal(world.health.problem?.kind, "RunnerSetNotWritten");
  assert.equal(world.github.messages.length, 1);
  await world.pass(10_000);
  assert.equal(world.told, "1/0 #1");
  assert.equal(world.github.messages.length, 0);
  assert.equal(world.health.problem, undefined);
});

test("a fact that can't be written for 30 s holds up nothing, and is written later", async () => {
  const world = new World();
  world.cluster.addRunners("runner-1", "runner-2");
  world.start();
  await world.pass(10);
  world.cluster.fail("runner", kubeRefuses("Unavailable"), 1000);
  world.github.says([started(1)], stats(1, 1));
  await world.pass(29_000);
  assert.equal(world.github.messages.length, 1);
  await world.pass(2_000);
  assert.equal(world.github.messages.length, 0);
  world.github.says([assigned(3)], stats(2, 1));
  await world.pass(100);
  assert.equal(world.told, "2/1 #2", "polling continues");
  world.cluster.heal();
  await world.pass(40_000);
  assert.equal(world.cluster.runners.get("runner-1")?.status["jobId"], "job-1");
});

test("a fact that the API server finds invalid is given up at once", async () => {
  const world = new World();
  world.cluster.addRunners("runner-1");
  world.start();
  await world.pass(10);
  world.cluster.fail("runner", kubeRefuses("Invalid"));
  world.github.says([started(1)], stats(1, 1));
  await world.pass(10);
  assert.equal(world.github.messages.length, 0);
  assert.ok(world.lines.some(({ level }) => level === "error"));
});

test("offers that could not be asked for come again; what else the message said is done at once", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  world.github.fail("acquire", refuse("Unavailable"));
  world.github.says([available(5), assigned(1)], stats(1));
  await world.pass(10);
  assert.equal(world.told, "1/0 #1");
  assert.deepEqual(world.github.acquired, []);
  await world.pass(2000);
  assert.deepEqual(world.github.acquired, [5]);
  assert.equal(world.github.messages.length, 0);
});

test("offers that come again in a pause are asked for after it", async () => {
  const world = new World();
  world.change({ minRunners: 0, maxRunners: 0 });
  world.start();
  await world.pass(10);
  world.github.says([available(1), available(2)], stats(0));
  const before = world.github.calls.length;
  await world.pass(200_000);
  assert.deepEqual(world.github.acquired, []);
  assert.ok(world.github.calls.length - before <= 20, `${world.github.calls.length - before} calls in a long pause`);
  world.change({ minRunners: 0, maxRunners: 10 });
  await world.pass(60_000);
  assert.deepEqual(world.github.acquired, [1, 2]);
  assert.equal(world.github.messages.length, 0);
});

test("a server that assigns by itself is asked for an hour, with waits: its answers may be mistakes, and offers come again", async () => {
  const world = new World();
  world.github.assignsByItself = true;
  world.start();
  await world.pass(10);
  world.github.says([available(1)], stats(0));
  await world.pass(10);
  assert.equal(world.github.messages.length, 1, "the offer is not thrown away");
  for (const id of [2, 3, 4, 5]) world.github.says([available(id)], stats(0));
  await world.pass(10);
  const asked = () => world.github.calls.filter((call) => call === "acquire").length;
  assert.equal(asked(), 3);
  assert.equal(world.github.messages.length, 5, "nor those after it");
  await world.pass(30 * 60_000);
  assert.ok(asked() >= 6 && asked() <= 9, `asked ${asked()} times`);
  assert.equal(world.github.messages.length, 5);
  await world.pass(60 * 60_000);
  assert.equal(world.github.messages.length, 0, "what it offers is not waited for");
  world.github.says([available(6)], stats(0));
  await world.pass(60_000);
  assert.equal(world.github.messages.length, 0, "nor ever again");
  world.github.assignsByItself = false;
  await world.pass(10 * 60_000);
  world.github.says([available(7)], stats(0));
  await world.pass(60_000);
  assert.deepEqual(world.github.acquired, [7], "but for another try now and then");
  assert.equal(world.github.calls.filter((call) => call === "open").length, 1);
});

test("a message that can't be deleted is handled once, and polling goes on", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  world.github.fail("delete", refuse("Forbidden"));
  world.github.says([assigned(1)], stats(1));
  await world.pass(2000);
  world.github.says([assigned(2)], stats(2));
  await world.pass(2000);
  assert.equal(world.told, "2/0 #2");
  assert.equal(world.github.messages.length, 1, "the service sends it again some day");
});

test("where no message can be deleted, each new one is heard at once, and one that is told again and again is waited for", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  world.github.fail("delete", ...Array.from({ length: 8 }, () => refuse("Forbidden")));
  for (let i = 1; i <= 4; i++) {
    world.github.says([assigned(i)], stats(i));
    await world.pass(10);
    assert.equal(world.told, `${i}/0 #${i}`);
  }
  const before = world.github.calls.length;
  await world.pass(60_000); // polls that ask for everything again get all four again
  assert.ok(world.github.calls.length - before < 40, `${world.github.calls.length - before} calls in a minute`);
});

test("a crash between the count and the deletion: the next process does it all again and counts nothing twice", async () => {
  const world = new World();
  world.cluster.addRunners("runner-1", "runner-2");
  const first = world.start();
  await world.pass(10);
  world.cluster.fail("runner", kubeRefuses("Unavailable"), 4);
  world.github.says(
    [
      started(1, { runnerAssignedAt: world.clock.now() }),
      started(2, { runnerAssignedAt: world.clock.now() }),
    ],
    stats(2, 2),
  );
  await world.pass(10);
  assert.equal(world.told, "2/2 #1");
  first.crash();
  world.cluster.heal();
  await world.pass(5000);
  world.github.session = undefined;

  world.start();
  await world.pass(3000);
  assert.equal(world.told, "2/2 #0");
  assert.equal(world.cluster.runners.get("runner-1")?.status["jobId"], "job-1");
  assert.equal(world.cluster.runners.get("runner-2")?.status["jobId"], "job-2");
  world.github.says([assigned(3)], stats(3, 2));
  await world.pass(3000);
  assert.equal(world.told, "3/2 #1");
});

test("figures in doubt are read once when the queue is quiet, and the runner set learns them", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  world.github.says(each(assigned, 1, 40), stats(0));
  await world.pass(10);
  assert.equal(world.told, "0/0 #0");
  world.github.statistics = stats(40);
  await world.pass(2000);
  assert.equal(world.told, "10/0 #1");
  await world.pass(40_000);
  assert.equal(world.github.calls.filter((call) => call === "read").length, 1);
});

test("after a session that began with a repeated message the scale set is read, and believed", async () => {
  const world = new World();
  world.start();
  await world.pass(10);
  world.github.fail("delete", () => world.github.forget());
  world.github.says(each(started, 1, 5), stats(5, 5));
  await world.pass(1);
  world.github.statistics = stats(4, 4);
  await world.pass(5000);
  assert.equal(world.github.messages.length, 0);
  assert.equal(world.told.split(" ")[0], "4/4");
  assert.equal(world.github.calls.filter((call) => call === "read").length, 1);
});

table("a message that got lost on its way comes with a new session", {
  "a start": { says: [started(1, { runnerAssignedAt: Date.UTC(2026, 0, 1, 12) })], after: stats(1, 1), told: "1/1" },
  "an offer": { says: [available(1)], after: { ...stats(0), totalAvailableJobs: 1 }, told: "0/0" },
}, async ({ says, after, told }) => {
  const world = new World();
  world.github.fail("poll", () => {
    world.github.says(says, after);
    return world.github.lose();
  });
  world.start();
  await world.pass(5_000);
  assert.equal(world.told.split(" ")[0], told);
  assert.deepEqual(world.github.messages, []);
  assert.equal(world.github.calls.filter((call) => call === "open").length, 2);
  await world.pass(120_000);
  assert.equal(world.github.calls.filter((call) => call === "open").length, 2, "the new session is not suspected too");
});

test("a connection that breaks with nothing on its way costs one reading, and no session", async () => {
  const world = new World();
  world.start();
  await world.pass(49_000);
  world.github.fail("poll", refuse("Unavailable"), refuse("Unavailable"));
  await world.pass(60_000);
  assert.equal(world.github.calls.filter((call) => call === "open").length, 1);
  assert.equal(world.github.calls.filter((call) => call === "read").length, 1);
});

test("a server that lets no poll wait is asked more and more slowly, and hears of jobs all the same", async () => {
  const world = new World();
  world.github.pollMs = 10;
  world.start();
  await world.pass(60_000);
  const polls = () => world.github.calls.filter((call) => call.startsWith("poll")).length;
  assert.ok(polls() < 30, `${polls()} polls in a minute`);
  world.github.says([assigned(1)], stats(1));
  await world.pass(7_000);
  assert.equal(world.told.split(" ")[0], "1/0");
  world.github.pollMs = 50_000;
  await world.pass(60_000);
  const before = polls();
  await world.pass(500_000);
  assert.equal(polls() - before, 10, "one that does is polled without a pause");
});
