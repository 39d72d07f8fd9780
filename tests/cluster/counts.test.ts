/** What a runner costs and what rest costs: counted in the API server's audit log and the service's books. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { allDone, assertEachJobOnce, replacements, runnersMade } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { burstTimes, markOf, spentSince, total } from "../support/figures.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 31);
const JOBS = 100;
/**
 * Eight requests are those of a runner's life: create runner, secret, pod; status Running; job facts; delete runner,
 * delete pod; finalizers. The rest are patches of the set, coalesced, which weigh more in a burst of 100 than of 300.
 */
const REQUESTS_PER_RUNNER = 9.5;
const REST_MS = 30_000;

let cluster: Cluster;
let controller: ControllerProcess;

before(async () => {
  if (why !== undefined) return;
  cluster = await Cluster.start({ seed: SEED });
  controller = await cluster.startController();
  await cluster.ready(controller);
  await cluster.createScaleSet({ name: "counted", min: 0, max: JOBS });
});
after(() => cluster?.stop());

test("counts: a burst of 100 jobs makes 100 runners, with few requests", { skip }, async () => {
  console.log(`seed ${SEED}`);
  const mark = markOf(cluster);
  const jobs: string[] = [];
  for (let i = 0; i < JOBS; i++) jobs.push(cluster.service.queueJob({ scaleSetName: "counted", durationMs: 5000 }));
  await allDone(cluster, jobs);
  const times = await burstTimes(cluster, jobs, mark.at);
  const { requests, calls, cpuSeconds } = spentSince(cluster, mark);
  assertEachJobOnce(cluster, jobs);
  const replaced = replacements(cluster);
  assert.ok(replaced <= JOBS * 0.05, `${replaced} replacements`);
  assert.equal(runnersMade(cluster).registrations, JOBS + replaced);
  assert.equal(calls.get("generatejitconfig"), JOBS + replaced);
  const others = ["agent.delete", "agent.get", "agent.find"].reduce((sum, kind) => sum + (calls.get(kind) ?? 0), 0);
  assert.ok(others <= JOBS * 0.1, `${others} more calls for ${JOBS} runners: a finished one needs none`);
  const perRunner = total(requests) / JOBS;
  console.log(`times ${JSON.stringify(times)}`);
  console.log(`${perRunner} requests a runner: ${JSON.stringify(Object.fromEntries(requests))}`);
  console.log(
    `calls ${JSON.stringify(Object.fromEntries(calls))}; cpu ${JSON.stringify(Object.fromEntries(cpuSeconds))}`,
  );
  assert.ok(perRunner <= REQUESTS_PER_RUNNER, `${perRunner} requests a runner`);
});

test("counts: at rest nobody asks for anything", { skip }, async () => {
  await delay(12_000); // what settles after a burst: surplus after 10 s, patches that were put together
  const mark = markOf(cluster);
  await delay(REST_MS);
  const { requests, calls } = spentSince(cluster, mark);
  assert.deepEqual([...requests], [], "requests to the API server");
  const polls = calls.get("message.get") ?? 0;
  assert.deepEqual([...calls.keys()].filter((kind) => kind !== "message.get"), [], "calls to the service");
  assert.ok(polls <= 1, `${polls} polls in ${REST_MS / 1000} s: a poll waits for 50 s`);
  assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
});
