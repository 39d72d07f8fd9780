/**
 * A cut watch comes back when etcd has forgotten what it missed (410 Gone): the controller reads everything anew and
 * finds what has ended, begun and vanished meanwhile.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { PODS } from "../../src/k8s/resource.ts";
import { CONTROLLER } from "../support/cluster_objects.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

/** The longest back-off of a watch, and a list. */
const BACK_OFF_MS = 35_000;

story("etcd is compacted while the watches are cut", { seed: 61, doors: true }, async (it) => {
  const { cluster } = it;
  const { api } = it.doors!;
  it.work();
  it.burst(10, { durationMs: [6000, 8000] });
  await it.flow(8);
  api.set("refused");
  const mark = cluster.audit.mark();
  const began = Date.now();
  // What it can't see: jobs end, and their containers with them.
  const done = () => [...cluster.kubelet.ledger.pods.values()].filter(({ endedAt }) => endedAt !== undefined).length;
  const before = done();
  await delay(5000);
  await cluster.plane.compact();
  const missed = done() - before;
  assert.ok(missed > 0, "some runners have ended unseen");
  const back = Date.now();
  api.set("open");
  it.note("the controller was blind for", `${it.secondsSince(began)} s`);
  it.note("runners that ended meanwhile", missed);
  it.note("five more jobs started after", `${await it.flow()} s`);
  const lists = () =>
    cluster.audit.since(mark).filter(({ user, verb, status }) =>
      user.endsWith(`:${CONTROLLER.name}`) && verb === "list" && status === 200
    ).map(({ resource }) => resource);
  for (const { plural } of [PODS, EPHEMERAL_RUNNERS]) {
    await eventually(`${plural} are read anew`, async () => lists().includes(plural), BACK_OFF_MS);
  }
  it.note("both kinds were read anew after", `${it.secondsSince(back)} s`);
  it.note("lists", lists());
  assert.ok(lists().length <= 16, "a list of each kind, and another where the server was not ready");
});
