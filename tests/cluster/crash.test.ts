/**
 * The controller dies without a word, ten times in bursts of jobs, also exactly between two steps of a runner: every
 * job runs once all the same, and nothing stays behind.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { PODS, SECRETS } from "../../src/k8s/resource.ts";
import { between, type Random, seededRandom } from "../../src/lib/random.ts";
import { allDone, assertEachJobOnce, runnersMade } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { CONTROLLER } from "../support/cluster_objects.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { type Gate, gateTo, type Passing } from "../support/gate.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 11);
const NAMESPACE = "arc-runners";

/** A moment at which the controller is killed. */
type Moment =
  /** The service has made a JIT configuration; its answer is lost. */
  | "configured"
  /** The controller has the JIT configuration and wants to write the secret: it is never written. */
  | "before-secret"
  /** The secret is there, there is no pod yet. */
  | "after-secret"
  /** The pod is there; the controller never learns it. */
  | "after-pod"
  /** The runner object is there; the controller never learns it. */
  | "after-runner"
  /** Some time after jobs came, whatever it does then. */
  | "any";

const MOMENTS: readonly Moment[] = [
  ...["configured", "before-secret", "after-secret", "after-pod", "after-runner"] as const,
  ...["any", "any", "any", "any", "any"] as const,
];

let cluster: Cluster;
let gate: Gate;
let random: Random;
let controller: ControllerProcess;
const jobs: string[] = [];

before(async () => {
  if (why !== undefined) return;
  random = seededRandom(SEED);
  cluster = await Cluster.start({ seed: SEED });
  const token = await cluster.plane.serviceAccountToken(CONTROLLER.namespace, CONTROLLER.name);
  gate = await gateTo(cluster.plane, token, CONTROLLER.namespace);
});
after(async () => {
  await gate?.close();
  await cluster?.stop();
});

async function start(): Promise<void> {
  controller = await cluster.startController({ kubeconfig: gate.kubeconfig });
  await cluster.ready(controller);
}

/** Ends the controller without a word. The connection that is being served never gets its answer. */
async function kill(): Promise<never> {
  await controller.stop("SIGKILL");
  throw new Error("killed");
}

const creates = ({ method, path }: Passing, kind: { plural: string }) =>
  method === "POST" && path.endsWith(`/namespaces/${NAMESPACE}/${kind.plural}`);

/** Lays the trap. @returns what resolves with the path at which the controller died */
function trap(moment: Moment): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let armed = true;
  const spring = (path: string): Promise<never> => {
    armed = false;
    resolve(path);
    return kill();
  };
  const after = (kind: { plural: string }) => async (request: Passing, status: number) => {
    if (armed && status === 201 && creates(request, kind)) await spring(request.path);
  };
  if (moment === "configured") {
    cluster.intercept = async (request, answer) => {
      const response = await answer(request);
      if (armed && request.url.includes("/generatejitconfig") && response.status === 200) await spring(request.url);
      return response;
    };
  } else if (moment === "before-secret") {
    gate.arriving = async (request) => {
      if (armed && creates(request, SECRETS)) await spring(request.path);
    };
  } else if (moment === "after-secret") gate.answered = after(SECRETS);
  else if (moment === "after-pod") gate.answered = after(PODS);
  else if (moment === "after-runner") gate.answered = after(EPHEMERAL_RUNNERS);
  else void delay(between(random, 20, 1500)).then(() => spring("a moment of chance")).catch(() => {}); // no one waits
  return promise;
}

function disarm(): void {
  cluster.intercept = undefined;
  gate.arriving = () => Promise.resolve();
  gate.answered = () => Promise.resolve();
}

function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(between(random, 0, left.length - 1), 1)[0]!);
}

test("crash: killed ten times in bursts, every job runs once", { skip }, async () => {
  console.log(`seed ${SEED}`);
  await start();
  await cluster.createScaleSet({ name: "crash", min: 0, max: 50 });
  for (const moment of shuffled(MOMENTS)) {
    const died = trap(moment);
    const before = jobs.length;
    for (let i = 0; i < 12; i++) {
      jobs.push(cluster.service.queueJob({ scaleSetName: "crash", durationMs: between(random, 500, 2500) }));
    }
    const late = delay(30_000, undefined, { ref: false }).then(() => {
      throw new Error(`the moment ${moment} did not come: ${controller.logTail()}`);
    });
    await Promise.race([died, late]);
    assert.deepEqual(await controller.ended, { code: null, signal: "SIGKILL" });
    disarm();
    await delay(between(random, 0, 300));
    await start();
    // half of the kills hit a world with work left over from the kill before
    if (random.next() < 0.5) await allDone(cluster, jobs.slice(0, before));
  }
  await allDone(cluster, jobs);
  assert.equal(cluster.controllers.length, MOMENTS.length + 1);
  assertEachJobOnce(cluster, jobs);
});

test("crash: no more runners than the kills explain, and none is left", { skip }, async () => {
  await eventually("no runner is left", async () => {
    const pods = (await cluster.list(PODS)).filter(({ metadata }) => metadata.namespace === NAMESPACE);
    return pods.length === 0 && (await cluster.list(EPHEMERAL_RUNNERS)).length === 0 &&
      cluster.service.registrations().length === 0;
  }, 90_000);
  const made = runnersMade(cluster);
  console.log(`${jobs.length} jobs, ${MOMENTS.length} kills: ${JSON.stringify(made)}`);
  // a controller that dies knows nothing of what it had in hand: each of these may be registered or made once more
  const inHand = 12 * MOMENTS.length;
  assert.ok(made.containers <= jobs.length + MOMENTS.length, `${made.containers} containers for ${jobs.length} jobs`);
  assert.ok(made.registrations <= jobs.length + inHand, `${made.registrations} registrations`);
});

test("crash: deleted, it leaves nothing behind", { skip }, async () => {
  await cluster.deleteScaleSets();
  await eventually("nothing is left", async () => (await cluster.leftovers()).length === 0)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
  assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
  const listeners = cluster.kubelet.ledger.started("listener");
  assert.deepEqual(listeners.map(({ exitCode }) => exitCode), [0], "one listener lived through it all");
});
