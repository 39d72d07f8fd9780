/** The API server dies and comes back, etcd stays: what was under way goes on, and jobs that run notice nothing. */
import assert from "node:assert/strict";
import { type Story, story } from "../support/story.ts";

const ELECTION = { flags: ["--enable-leader-election", "--leader-election-id=arc-story"] };

/** A burst comes, and in the middle of it the API server is away for a while. */
async function outage(it: Story, downForMs: number): Promise<void> {
  it.work();
  await it.flow();
  it.burst(20);
  await it.flow(3);
  const began = Date.now();
  const stamped = it.started();
  await it.cluster.plane.restart("kube-apiserver", downForMs);
  it.note("the API server was away for", `${it.secondsSince(began)} s`);
  it.note("jobs that started meanwhile", it.started() - stamped);
}

story("the API server is killed in a burst", { seed: 51 }, async (it) => {
  const { cluster } = it;
  await outage(it, 0);
  it.note("five more jobs started after", `${await it.flow()} s`);
  assert.equal(it.controller.end, undefined, "the controller has lived through it");
  assert.equal(cluster.listeners.length, 1, "and so has the listener");
});

story(
  "the API server is away for 30 s, two controllers",
  { seed: 52, controllers: [ELECTION, ELECTION], restarts: true },
  async (it) => {
    const { cluster } = it;
    await outage(it, 30_000);
    it.note("five more jobs started after", `${await it.flow()} s`);
    // who leads can't know whether it still does: it ends, and its Deployment starts it again
    const ends = cluster.controllers.flatMap(({ end }) => end ?? []);
    assert.ok(ends.length >= 1, "the leader has ended");
    assert.deepEqual(ends.filter(({ code }) => code !== 1), [], "each because it had lost its lease");
    assert.equal(cluster.listeners.length, 1, "the listener has lived through it");
  },
);
