/**
 * The main job, from queued jobs to a clean cluster: the shipped executable on a real control plane, with the charts'
 * rights, against a simulated Actions Service.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { PODS } from "../../src/k8s/resource.ts";
import { between, type Random, seededRandom } from "../../src/lib/random.ts";
import { allDone, assertEachJobOnce, quantile, queueSeconds, replacements, runnersMade } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 4);
const MIN = 3;

let cluster: Cluster;
let controller: ControllerProcess;
let random: Random;
const jobs: string[] = [];
let wideId = 0;
let keptId = 0;

before(async () => {
  if (why !== undefined) return;
  random = seededRandom(SEED);
  cluster = await Cluster.start({ seed: SEED });
  controller = await cluster.startController();
  await cluster.ready(controller);
});
after(() => cluster?.stop());

/** Jobs of 1 to 5 s for a scale set, all at once. */
function burst(scaleSetName: string, count: number): void {
  for (let i = 0; i < count; i++) {
    jobs.push(cluster.service.queueJob({ scaleSetName, durationMs: between(random, 1000, 5000) }));
  }
}

/** The runners of the scale set that are registered, connected and without a job. */
const idle = (id: number) => cluster.service.controls.statistics(id).totalIdleRunners;

/** Everybody has done what there was to do: only the runners that are to be kept are left. */
const rested = () =>
  eventually("only the idle runners are left", async () => {
    const runners = await cluster.list(EPHEMERAL_RUNNERS);
    const pods = (await cluster.list(PODS)).filter(({ metadata }) => metadata.namespace === "arc-runners");
    return runners.length === MIN && pods.length === MIN && idle(keptId) === MIN;
  });

test("main job: scale sets get their listeners, and their idle runners", { skip }, async () => {
  console.log(`seed ${SEED}`);
  wideId = await cluster.createScaleSet({ name: "wide", min: 0, max: 50 });
  keptId = await cluster.createScaleSet({ name: "kept", min: MIN, max: 10 });
  await eventually(`${MIN} idle runners`, async () => idle(keptId) === MIN);
  assert.equal(idle(wideId), 0);
  assert.equal(runnersMade(cluster).pods, MIN);
});

test("main job: 200 jobs in bursts, each runs once", { skip }, async () => {
  burst("wide", 60);
  burst("kept", 10);
  await allDone(cluster, jobs.slice(0, 30));
  burst("wide", 50);
  await allDone(cluster, jobs.slice(0, 100));
  burst("kept", 30);
  burst("wide", 50);
  await allDone(cluster, jobs);
  assert.equal(jobs.length, 200);
  assertEachJobOnce(cluster, jobs);
  const seconds = queueSeconds(cluster, jobs);
  console.log(`200 jobs: queued for ${quantile(seconds, 0.5)} s (p50), ${quantile(seconds, 0.95)} s (p95)`);
});

test("main job: no runner was made but for a job, or to be kept", { skip }, async () => {
  await rested();
  const replaced = replacements(cluster);
  console.log(`${runnersMade(cluster).pods} runners, ${replaced} of them in the place of others`);
  assert.ok(replaced <= jobs.length * 0.05, `${replaced} replacements`);
  const wanted = jobs.length + MIN + replaced;
  const { registrations, containers } = runnersMade(cluster);
  assert.equal(registrations, wanted);
  assert.ok(containers <= wanted, `${containers} containers`);
  const { ledger } = cluster.service;
  assert.equal(ledger.callsOf("generatejitconfig"), wanted, "one JIT configuration each");
  const refused = [...ledger.refused.keys()].filter((what) => what !== "agent.delete 400");
  assert.deepEqual(refused, [], "the service had nothing to refuse, but to let a runner go that has a job");
});

test("main job: deleted scale sets leave nothing behind", { skip }, async () => {
  await cluster.deleteScaleSets();
  await eventually("nothing is left", async () => (await cluster.leftovers()).length === 0)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
  const listeners = cluster.kubelet.ledger.started("listener");
  assert.deepEqual(listeners.map(({ exitCode }) => exitCode), [0, 0], "each listener ended well, and only once");
  assertEachJobOnce(cluster, jobs);
});

test("main job: the controller ends with 0, and nobody saw a secret", { skip }, async () => {
  assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
  const logs = [controller.log(), ...cluster.listeners.map(({ pod }) => cluster.listenerLog(pod))].join("\n");
  assert.doesNotMatch(logs, /ghp_simulated|encodedJITConfig|eyJ[\w-]{20}/);
});
