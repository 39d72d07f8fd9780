/**
 * A node is gone with a hundred runners in mid-job: GitHub takes long to notice, its figures go on counting those jobs,
 * and new jobs get fresh runners within seconds all the same. Each loss is told, and told once.
 */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { recordsOf } from "../support/books.ts";
import { eventually } from "../support/eventually.ts";
import { ask, freePort } from "../support/http.ts";
import { story } from "../support/story.ts";

const LOST = 100;
const FRESH = 20;
const NODE = "node-of-many";
/** The node controller and the kubelet's lease say so after a while; then the pods go. */
const EVICTED_MS = 2000;
/** When the service gives up a runner that says nothing any more. */
const NOTICED_MS = 30_000;
const METRICS = `127.0.0.1:${await freePort()}`;

story("a node is lost with a hundred jobs", {
  seed: 101,
  mayLose: LOST,
  sets: [{ name: "story", min: 0, max: LOST + FRESH }],
  controllers: [{ flags: [`--metrics-addr=${METRICS}`] }],
  behaviour: { suddenLossMs: NOTICED_MS },
}, async (it) => {
  const { cluster } = it;
  const { kubelet } = cluster;
  const usual = kubelet.settings.nextNode;
  kubelet.settings.nextNode = () => NODE;
  it.burst(LOST, { durationMs: [600_000, 600_000] });
  await it.flow(LOST, 120_000);
  kubelet.settings.nextNode = usual;
  await eventually("each runner's job is known", async () => {
    const runners = await cluster.list(EPHEMERAL_RUNNERS);
    return runners.filter(({ status }) => status?.jobId !== undefined).length === LOST;
  });
  const began = Date.now();
  kubelet.loseNode(NODE, EVICTED_MS, true);
  const fresh = it.burst(FRESH);
  const seconds = await it.flow(FRESH);
  it.note(`${FRESH} new jobs had runners after`, `${seconds} s`);
  const unnoticed = recordsOf(cluster, it.jobs).filter(({ lost, completedAt }) => lost && completedAt === undefined);
  it.note("lost jobs that GitHub still took for running then", unnoticed.length);
  assert.ok(seconds < NOTICED_MS / 1000, `the new jobs waited ${seconds} s: until GitHub had noticed`);
  await eventually("the lost runners are gone", async () => {
    const there = await cluster.list(EPHEMERAL_RUNNERS);
    return there.every(({ status }) => status?.jobId === undefined || fresh.includes(status.jobId));
  }, 60_000);
  it.note("the lost runners were gone after", `${it.secondsSince(began)} s`);

  const lost = recordsOf(cluster, it.jobs).filter((job) => job.lost);
  assert.equal(lost.length, LOST, "jobs that were lost");
  const names = lost.map(({ runners }) => cluster.service.ledger.jits.get(runners[0]!)!.name);
  const said = it.controller.log().split("\n").filter((line) => line.includes('"reason":"RunnerLost"'));
  const times = names.map((name) => said.filter((line) => line.includes(`"${name}"`)).length);
  assert.deepEqual(times.filter((count) => count !== 1), [], "the log tells of each loss once");
  const { text } = await ask(`http://${METRICS}/metrics`, { method: "GET" });
  const ended = [...text.matchAll(/^gha_controller_ephemeral_runners_ended_total\{.*outcome="lost".*\} (\d+)$/gm)];
  assert.equal(ended.reduce((sum, [, count]) => sum + Number(count), 0), LOST, "the metric counts each loss once");
});
