/**
 * Halves of two installations on a real API server, as a migration has them for a while: a listener that knows nothing
 * of our additions with our controller, and our listener where the definitions drop what it adds. Each job runs once,
 * and hardly a runner is made in vain. (Our listener with ARC's own controller can only be tried with that controller.)
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { pathOf, PODS } from "../../src/k8s/resource.ts";
import { roleOf } from "../../src/sim/kubelet/roles.ts";
import { allDone, assertEachJobOnce, runnersMade } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { applyCrds, ourCrds } from "../support/cluster_crds.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { referenceCrds } from "../support/reference_crds.ts";
import { referenceListenerOn } from "../support/reference_installation.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 47);
const BURST = 12;

let cluster: Cluster;
let controller: ControllerProcess;
const died: unknown[] = [];
const jobs: string[] = [];

before(async () => {
  if (why !== undefined) return;
  console.log(`seed ${SEED}`);
  cluster = await Cluster.start({ seed: SEED });
  cluster.otherListener = referenceListenerOn(cluster, (error) => died.push(error));
  controller = await cluster.startController();
  await cluster.ready(controller);
  await cluster.createScaleSet({ name: "linux", min: 0, max: 30 }, 60_000);
});
after(() => cluster?.stop());

const queue = (durationMs: number) => cluster.service.queueJob({ scaleSetName: "linux", durationMs });
const spec = async () => (await cluster.list(EPHEMERAL_RUNNER_SETS))[0]?.spec;

/** A burst, then more while it runs. @returns how many runners were made for a job */
async function work(): Promise<number> {
  const before = runnersMade(cluster).registrations;
  const own = Array.from({ length: BURST }, () => queue(1_500));
  await allDone(cluster, own.slice(0, 2));
  own.push(...Array.from({ length: BURST / 2 }, () => queue(1_000)));
  await allDone(cluster, own);
  await eventually("no runner is left", async () => (await cluster.list(EPHEMERAL_RUNNERS)).length === 0, 90_000);
  assertEachJobOnce(cluster, own);
  jobs.push(...own);
  const made = (runnersMade(cluster).registrations - before) / own.length;
  console.log(`${made.toFixed(2)} runners for a job`);
  return made;
}

/** The listener's pod is deleted by hand; the next one runs what `otherListener` says. */
async function replaceListener(): Promise<void> {
  const { service } = cluster;
  const former = service.ledger.sessions.length;
  const pod = (await cluster.list(PODS)).find((one) => roleOf(one) === "listener")!;
  cluster.kubelet.excuse(pod.metadata.uid, "deleted by hand");
  await cluster.plane.call("DELETE", pathOf(PODS, pod.metadata.namespace, pod.metadata.name));
  await eventually("the next listener has its session", async () => {
    cluster.failOnDead();
    return service.ledger.sessions.length > former && service.scaleSets()[0]?.sessionOwner !== undefined;
  }, 90_000);
}

test("halves: a listener that writes as ARC's does, with our controller", { skip }, async () => {
  const ratio = await work();
  assert.equal((await spec())?.runningJobs, undefined, "it tells nothing of ours");
  assert.ok(ratio <= 1.25, `${ratio} runners for a job`);
});

test("halves: the same, where the definitions are ARC's", { skip }, async () => {
  await applyCrds(cluster.plane, referenceCrds("0.14.2"));
  const ratio = await work();
  assert.ok(ratio <= 1.25, `${ratio} runners for a job`);
});

test("halves: our listener, where the definitions drop what it adds", { skip }, async () => {
  cluster.otherListener = undefined;
  await replaceListener();
  const ratio = await work();
  assert.equal((await spec())?.runningJobs, undefined, "what it tells is dropped");
  assert.ok(ratio <= 1.25, `${ratio} runners for a job`);
});

test("halves: our listener and our definitions at last, and nothing stays behind", { skip }, async () => {
  await applyCrds(cluster.plane, ourCrds());
  const ratio = await work();
  assert.notEqual((await spec())?.runningJobs, undefined, "what it tells is kept, without a restart");
  assert.ok(ratio <= 1.25, `${ratio} runners for a job`);
  assert.deepEqual(died, [], "no listener died of what the other half does");
  assertEachJobOnce(cluster, jobs);
  await cluster.deleteScaleSets();
  await eventually("nothing is left", async () => (await cluster.leftovers()).length === 0)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
  assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
});
