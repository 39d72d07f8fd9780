/** The controller's chart is upgraded and rolled back on a real control plane, while jobs come and run. */
import assert from "node:assert/strict";
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { type Lease, LEASES, pathOf } from "../../src/k8s/resource.ts";
import { between, seededRandom } from "../../src/lib/random.ts";
import { allDone, assertEachJobOnce, recordsOf } from "../support/books.ts";
import { CONTROLLER_CHART, type Manifest } from "../support/charts.ts";
import { eventually } from "../support/eventually.ts";
import { type ChartController, CONTROLLER_NAMESPACE } from "../support/helm_cluster.ts";
import { HelmStories, IN_SYSTEMS } from "../support/helm_story.ts";

const SEED = Number(process.env.SEED ?? 9);
const stories = new HelmStories({ seed: SEED });
const random = seededRandom(SEED);
const PROBES = { healthProbeBindAddress: ":8081" };

/** Jobs come all the time while a story is told; each must have run once when it ends. */
async function underLoad(tell: (jobs: string[]) => Promise<void>): Promise<void> {
  const { cluster } = stories.world;
  const jobs: string[] = [];
  const come = setInterval(() => {
    jobs.push(cluster.service.queueJob({ scaleSetName: "linux", durationMs: between(random, 2000, 5000) }));
  }, 700);
  try {
    await tell(jobs);
  } finally {
    clearInterval(come);
  }
  await allDone(cluster, jobs);
  assertEachJobOnce(cluster, jobs);
  assert.ok(jobs.length >= 5, `${jobs.length} jobs`);
}

/**
 * Does something while jobs run, and does it again with longer jobs until one has run all the while: how long it takes
 * is the machine's business.
 */
async function midJob(jobs: string[], act: () => Promise<void>): Promise<void> {
  const { cluster } = stories.world;
  for (let durationMs = 5_000;; durationMs *= 2) {
    const long = [0, 1].map(() => cluster.service.queueJob({ scaleSetName: "linux", durationMs }));
    jobs.push(...long);
    const records = recordsOf(cluster, long);
    await eventually("the long jobs run", () => Promise.resolve(records.every(({ startedAt }) => startedAt)), 120_000);
    await act();
    if (records.some(({ completedAt }) => completedAt === undefined)) return;
    assert.ok(durationMs < 80_000, "no job was long enough");
  }
}

async function upgrade(...args: string[]): Promise<void> {
  const { helm } = stories.world;
  await helm.run(["upgrade", "arc", helm.chart(CONTROLLER_CHART), ...IN_SYSTEMS, "--reuse-values", ...args]);
}

async function start(): Promise<ChartController> {
  const controller = await stories.world.startController();
  await stories.world.cluster.ready(controller);
  return controller;
}

async function stop(controller: ChartController): Promise<void> {
  const { code } = await controller.stop("SIGTERM");
  assert.equal(code, 0, controller.logTail());
}

/** What a Deployment of one replica does when its template has changed. */
async function replace(old: ChartController): Promise<ChartController> {
  await stop(old);
  return await start();
}

async function crds(): Promise<Manifest[]> {
  const { text } = await stories.world.cluster.plane.call(
    "GET",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  );
  const { items } = JSON.parse(text) as { items: Manifest[] };
  return items.filter(({ metadata }) => metadata.name.endsWith(".actions.github.com"));
}

const ownersOf = (objects: readonly Manifest[]) =>
  objects.map(({ metadata }) => metadata.annotations?.["meta.helm.sh/release-name"]);

stories.story("the controller is upgraded, with its CRDs, and rolled back while jobs run", async () => {
  const { world } = stories;
  const { cluster } = world;
  let controller = await stories.installController({ flags: PROBES });
  await stories.installSet({ minRunners: 1 });
  await world.listening();
  await world.collectGarbage();
  const [before] = await cluster.list(AUTOSCALING_RUNNER_SETS);
  const registered = cluster.service.scaleSets()[0]?.id;

  await underLoad(async (jobs) => {
    await upgrade("--set", "flags.logLevel=info,flags.logFormat=json,crds.install=true", "--take-ownership");
    await midJob(jobs, async () => {
      controller = await replace(controller);
    });
    assert.match(controller.log(), /^\{/, "the new values are in force");
    assert.deepEqual(ownersOf(await crds()), Array(4).fill("arc"), "the CRDs are a part of the release");
    await world.helm.run(["rollback", "arc", "1", ...IN_SYSTEMS]);
    await midJob(jobs, async () => {
      controller = await replace(controller);
    });
    assert.doesNotMatch(controller.log(), /^\{/, "the old values are in force");
    assert.equal((await crds()).length, 4, "the CRDs stay when they leave the release");
  });

  const [after] = await cluster.list(AUTOSCALING_RUNNER_SETS);
  assert.equal(after?.metadata.uid, before?.metadata.uid);
  assert.equal(cluster.service.scaleSets()[0]?.id, registered);
  await stories.uninstall([controller]);
});

/** Who holds the lease; "" when nobody does. */
async function holder(): Promise<string> {
  const path = pathOf(LEASES, CONTROLLER_NAMESPACE, "arc-gha-rs-controller");
  const { status, text } = await stories.world.cluster.plane.call("GET", path);
  return status === 200 ? (JSON.parse(text) as Lease).spec?.holderIdentity ?? "" : "";
}

stories.story("two replicas: both are replaced one after the other while jobs run", async () => {
  const { world } = stories;
  const first = await stories.installController({ replicaCount: 2, flags: PROBES });
  const second = await start();
  await stories.installSet({ minRunners: 1 });
  await world.listening();
  await world.collectGarbage();
  const leader = await holder();
  assert.notEqual(leader, "");

  let replicas = [first, second];
  await underLoad(async (jobs) => {
    await upgrade("--set", "flags.logLevel=info");
    await midJob(jobs, async () => {
      for (const old of replicas) {
        replicas = [...replicas.filter((one) => one !== old), await start()];
        await stop(old);
      }
      await eventually("a new one leads", async () => !["", leader].includes(await holder()));
    });
  });
  await stories.uninstall(replicas);
});

stories.noSecrets();
