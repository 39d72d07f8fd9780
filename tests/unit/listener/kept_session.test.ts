/** The session of a listener that died: the next one ends it, instead of waiting until the service does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptSession } from "../../../src/listener/kept_session.ts";
import { kubeRefuses, World } from "./world.ts";

const RUNNER_SET = { namespace: "arc-runners", name: "linux" };

/** A listener pod's process: what it keeps goes where its role lets it write. */
function start(world: World) {
  return world.start({ sessions: new KeptSession(world.cluster.client(), RUNNER_SET) });
}

const conflicts = (world: World) => world.lines.filter(({ message }) => /another session/.test(message)).length;

test("kept session: one that a killed listener left is ended first, and nobody waits", async () => {
  const world = new World();
  const first = start(world);
  await world.pass(10);
  assert.equal(world.cluster.spec.sessionId, "s-1");
  first.crash();
  const second = start(world);
  await world.pass(10);
  assert.equal(world.github.session, "s-2");
  assert.equal(world.cluster.spec.sessionId, "s-2");
  assert.equal(conflicts(world), 0);
  second.stop();
  await world.pass(1000);
  assert.equal(world.github.session, undefined);
  assert.equal(world.cluster.spec.sessionId, null, "nothing is left to end");
});

test("kept session: nobody else's is ended", async () => {
  const world = new World();
  world.cluster.spec.sessionId = "s-of-old";
  world.github.session = "other";
  const listener = start(world);
  await world.pass(60_000);
  assert.equal(world.github.session, "other");
  assert.ok(conflicts(world) > 0);
  world.github.session = undefined;
  await world.pass(40_000);
  assert.equal(world.github.session, "s-1");
  listener.stop();
  await world.pass(1000);
});

test("kept session: one whose id can't be read yet is asked for again", async () => {
  const world = new World();
  world.cluster.spec.sessionId = "old";
  world.github.session = "old";
  world.cluster.fail("set", kubeRefuses("Unavailable"), 2);
  const listener = start(world);
  await world.pass(10_000);
  assert.equal(world.github.session, "s-1");
  assert.equal(conflicts(world), 2);
  listener.stop();
  await world.pass(1000);
});

test("kept session: a runner set that keeps nothing is asked once", async () => {
  const world = new World();
  world.cluster.pruned = true;
  const kept = new KeptSession(world.cluster.client(), RUNNER_SET);
  await kept.keep("s-1");
  await kept.keep("s-2");
  await kept.keep(undefined);
  assert.deepEqual(world.cluster.writes, ["set"]);
  assert.equal(await kept.former(), undefined);
});

test("kept session: a runner set that is gone needs nothing", async () => {
  const world = new World();
  const kept = new KeptSession(world.cluster.client(), RUNNER_SET);
  world.cluster.fail("set", kubeRefuses("NotFound"));
  await kept.keep(undefined);
  world.cluster.fail("set", kubeRefuses("Unavailable"));
  await assert.rejects(kept.keep("s-1"));
});
