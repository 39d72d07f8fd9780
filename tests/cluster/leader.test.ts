/** Two controllers, one leads: what happens when it stands still, and when it goes, in good order and without a word. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LEASES, pathOf } from "../../src/k8s/resource.ts";
import type { Lease } from "../../src/k8s/resource.ts";
import { between, type Random, seededRandom } from "../../src/lib/random.ts";
import { allDone, assertEachJobOnce, runnersMade } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { CONTROLLER } from "../support/cluster_objects.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { type Gate, gateTo } from "../support/gate.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 23);
const FLAGS = ["--enable-leader-election", "--leader-election-id=arc-test"];
/** A lease lasts 15 s: who is followed earlier has given it back. The times themselves are printed, and belong to the machine. */
const POLITE_MS = 10_000;
/** The rest of the lease, a turn of the other's, and what a busy machine adds. */
const HARD_MS = 30_000;

let cluster: Cluster;
/** The first leader's way to the API server: what it sends can be seen. */
let gate: Gate;
let random: Random;
let leader: ControllerProcess;
let other: ControllerProcess;
let producer: NodeJS.Timeout | undefined;
const jobs: string[] = [];

before(async () => {
  if (why !== undefined) return;
  random = seededRandom(SEED);
  cluster = await Cluster.start({ seed: SEED });
  const token = await cluster.plane.serviceAccountToken(CONTROLLER.namespace, CONTROLLER.name);
  gate = await gateTo(cluster.plane, token, CONTROLLER.namespace);
});
after(async () => {
  clearInterval(producer);
  await gate?.close();
  await cluster?.stop();
});

/** Jobs come all the time. */
function work(): void {
  producer = setInterval(() => {
    jobs.push(cluster.service.queueJob({ scaleSetName: "led", durationMs: between(random, 1000, 3000) }));
  }, 1000);
}

/** Who holds the lease; "" when nobody does. */
async function holder(): Promise<string> {
  const { status, text } = await cluster.plane.call("GET", pathOf(LEASES, CONTROLLER.namespace, "arc-test"));
  return status === 200 ? (JSON.parse(text) as Lease).spec?.holderIdentity ?? "" : "";
}

/** Waits for the other one. @returns how long it took until it led, and until it had made a pod, in ms */
async function followed(before: string, signal: string): Promise<{ lease: number; pod: number }> {
  const began = performance.now();
  await eventually("another one holds the lease", async () => !["", before].includes(await holder()), 40_000);
  const lease = performance.now() - began;
  const pods = runnersMade(cluster).pods;
  await eventually("the new leader makes a pod", async () => runnersMade(cluster).pods > pods, 90_000);
  const pod = performance.now() - began;
  console.log(`${signal}: lease after ${Math.round(lease)} ms, first pod after ${Math.round(pod)} ms`);
  return { lease, pod };
}

/** The other one leads now: a third one takes its place. */
async function fillUp(): Promise<void> {
  [leader, other] = [other, await cluster.startController({ flags: FLAGS })];
  await cluster.ready(other);
}

/** Ends the leader. @returns how long it took until the other one led, and until that one had made a pod, in ms */
async function handOver(signal: "SIGTERM" | "SIGKILL"): Promise<{ lease: number; pod: number }> {
  const before = await holder();
  const end = leader.stop(signal);
  const times = await followed(before, signal);
  const expected = signal === "SIGTERM" ? { code: 0, signal: null } : { code: null, signal };
  assert.deepEqual(await end, expected, leader.logTail());
  await fillUp();
  return times;
}

test("leader: one of two leads, and the other is ready", { skip }, async () => {
  console.log(`seed ${SEED}`);
  leader = await cluster.startController({ flags: FLAGS, kubeconfig: gate.kubeconfig });
  await eventually("it holds the lease", async () => (await holder()) !== "");
  other = await cluster.startController({ flags: FLAGS });
  await cluster.ready(leader);
  await cluster.ready(other);
  await cluster.createScaleSet({ name: "led", min: 0, max: 30 });
  const mark = cluster.audit.mark();
  work();
  await eventually("jobs are done", async () => {
    return [...cluster.service.ledger.jobs.values()].filter(({ completedAt }) => completedAt !== undefined).length >= 3;
  });
  const writes = cluster.audit.since(mark).filter(({ verb, resource, user }) =>
    user.endsWith(`:${CONTROLLER.name}`) && !["get", "list", "watch"].includes(verb) && resource !== "leases"
  );
  assert.ok(writes.length > 0, "the leader works");
});

test(
  "leader: one that stands still is followed when its lease has run out, and writes nothing when it goes on",
  { skip },
  async () => {
    // in the middle of its work: it has writes in mind that the next leader has done long since
    for (let i = 0; i < 10; i++) jobs.push(cluster.service.queueJob({ scaleSetName: "led", durationMs: 2000 }));
    const pods = runnersMade(cluster).pods;
    await eventually("it is at work on a burst", async () => runnersMade(cluster).pods > pods);
    const before = await holder();
    leader.signal("SIGSTOP");
    const { lease } = await followed(before, "SIGSTOP");
    assert.ok(lease <= HARD_MS, `${lease} ms`);
    const sent: string[] = [];
    gate.arriving = async ({ method, path }) => {
      if (method !== "GET" && !path.includes("/leases/")) sent.push(`${method} ${path}`);
    };
    // a renewal that was on its way names the version that it knew: it can't take the lease back
    gate.answered = async ({ method, path }, status) => {
      if (method !== "GET" && path.includes("/leases/") && status < 400) sent.push(`${method} ${path} ${status}`);
    };
    const began = performance.now();
    leader.signal("SIGCONT");
    const end = await eventually("it has seen that it leads no more", async () => leader.end);
    console.log(`SIGCONT: it ended after ${Math.round(performance.now() - began)} ms`);
    const log = leader.logTail();
    await fillUp();
    assert.deepEqual(end, { code: 1, signal: null }, log);
    assert.deepEqual(sent, [], "it wrote nothing");
  },
);

test("leader: one that leaves in good order gives its lease back and is followed at once", { skip }, async () => {
  const { lease } = await handOver("SIGTERM");
  assert.ok(lease <= POLITE_MS, `${lease} ms`);
});

test("leader: one that dies is followed when its lease has run out", { skip }, async () => {
  const { lease } = await handOver("SIGKILL");
  assert.ok(lease <= HARD_MS, `${lease} ms`);
});

test("leader: no job has noticed", { skip }, async () => {
  clearInterval(producer);
  await allDone(cluster, jobs);
  assertEachJobOnce(cluster, jobs);
  const { containers } = runnersMade(cluster);
  console.log(`${jobs.length} jobs, 3 hand-overs, ${containers} runners`);
  // what one that stood still or died had in hand may be made once more
  assert.ok(containers <= jobs.length + 3, `${containers} runners for ${jobs.length} jobs`);
  await cluster.deleteScaleSets();
  await eventually("nothing is left", async () => (await cluster.leftovers()).length === 0)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
});
