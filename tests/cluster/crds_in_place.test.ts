/**
 * Definitions that are put over others in place, while controller and listener are at work and jobs run: from ARC's to
 * ours and back. Objects live on, no job notices, and no field that an API server drops makes anybody write it again.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { AUTOSCALING_LISTENERS, AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS } from "../../src/api/kinds.ts";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { type KubeObject, PODS, type Resource, SECRETS, type Stored } from "../../src/k8s/resource.ts";
import { ADDITIVE } from "../support/additive.ts";
import { countByKind } from "../support/audit.ts";
import { allDone, assertEachJobOnce, recordsOf, replacements, runnersMade } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { applyCrds, ourCrds } from "../support/cluster_crds.ts";
import { CONTROLLER } from "../support/cluster_objects.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { referenceCrds } from "../support/reference_crds.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 17);
const MIN = 2;
const QUIET_MS = 60_000;
/** What settles by itself after work: surplus after 10 s, patches that are put together. */
const SETTLE_MS = 15_000;
const KINDS: readonly Resource[] = [
  ...[AUTOSCALING_RUNNER_SETS, AUTOSCALING_LISTENERS, EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS],
  ...[PODS, SECRETS],
];

let cluster: Cluster;
let controller: ControllerProcess;
const long: string[] = [];
const short: string[] = [];

before(async () => {
  if (why !== undefined) return;
  cluster = await Cluster.start({ seed: SEED, crds: referenceCrds("0.14.2") });
  controller = await cluster.startController();
  await cluster.ready(controller);
});
after(() => cluster?.stop());

const queue = (durationMs: number) => cluster.service.queueJob({ scaleSetName: "linux", durationMs });
const idle = () => cluster.service.scaleSets()[0]?.statistics.totalIdleRunners;

/** What there is, by kind and name, and whether it is what it was: its UID. */
async function identities(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const kind of KINDS) {
    for (const { metadata } of await cluster.list(kind)) {
      if (metadata.namespace !== "kube-system") found.set(`${kind.kind} ${metadata.name}`, metadata.uid);
    }
  }
  return found;
}

/** Nobody of ours writes anything for a minute. */
async function assertQuiet(under: string): Promise<void> {
  await delay(SETTLE_MS);
  const mark = cluster.audit.mark();
  await delay(QUIET_MS);
  const requests = cluster.audit.since(mark).filter(({ user }) =>
    user.startsWith(`system:serviceaccount:${CONTROLLER.namespace}:`)
  );
  // ARC's role has no right to patch pods. An API server may say so only because it has just started: a few are tried.
  const refused = requests.filter(({ verb, resource, forbidden }) =>
    verb === "patch" && resource === "pods" && forbidden
  );
  const writes = requests.filter((request) =>
    !["get", "list", "watch"].includes(request.verb) && !refused.includes(request)
  );
  console.log(`a minute under ${under}: ${JSON.stringify(Object.fromEntries(countByKind(requests)))}`);
  assert.deepEqual(Object.fromEntries(countByKind(writes)), {}, `writes under ${under}`);
  assert.ok(refused.length <= 3 * long.length, `${refused.length} patches of pods under ${under}`);
  assert.ok(requests.length - refused.length <= KINDS.length, `${requests.length} requests under ${under}`);
}

/** Puts definitions over those that there are. Everything that there was is still there, and says what it said. */
async function replaceCrds(definitions: readonly KubeObject[]): Promise<void> {
  const before = await identities();
  const specs = await specsOf();
  await applyCrds(cluster.plane, definitions);
  // For a moment after a change an API server answers some lists with an error; objects that are not there stay away.
  await eventually("all lists are answered, and show what there was", async () => {
    return isDeepStrictEqual(await identities(), before) && isDeepStrictEqual(await specsOf(), specs);
  }).catch(async () => {
    assert.deepEqual(await identities(), before);
    assert.deepEqual(await specsOf(), specs);
  });
}

/** What the objects of the four kinds say, but for what is ours to add. */
async function specsOf(): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const kind of KINDS.slice(0, 4)) {
    for (const { metadata, spec } of await cluster.list(kind as Resource<KubeObject & { spec?: object }>)) {
      const additive = ADDITIVE[kind.kind] ?? [];
      const rest = Object.entries(spec ?? {}).filter(([field]) => !additive.includes(`spec.${field}`));
      const { labels, annotations, finalizers, ownerReferences, generation } = metadata;
      found.push({ kind: kind.kind, labels, annotations, finalizers, ownerReferences, generation, rest });
    }
  }
  return found;
}

/** Three jobs, one after the other and at once, come and go beside those that run for long. */
async function work(): Promise<void> {
  const jobs = [queue(500), queue(1500)];
  await allDone(cluster, jobs);
  jobs.push(queue(200));
  await allDone(cluster, jobs);
  short.push(...jobs);
  // The secrets of runners that are gone are the garbage collector's: it comes when it likes.
  await eventually("as many stand ready as before, and nothing is left of others", async () => {
    const runners = (await cluster.list(EPHEMERAL_RUNNERS)).map(({ metadata }) => metadata.name);
    const others = [...await cluster.list(PODS), ...await cluster.list(SECRETS)].filter(({ metadata }) =>
      /-runner-[a-z0-9]{5}$/.test(metadata.name) && !runners.includes(metadata.name)
    );
    return idle() === MIN && runners.length === MIN + long.length && others.length === 0;
  });
}

const statusOf = async <T extends KubeObject>(kind: Resource<T>) =>
  (await cluster.list(kind)).map((it: Stored<T>) => (it as { status?: { conditions?: unknown[] } }).status);

test("in place: under ARC's definitions, with jobs that run", { skip }, async () => {
  console.log(`seed ${SEED}`);
  await cluster.createScaleSet({ name: "linux", min: MIN, max: 10 });
  long.push(queue(600_000), queue(600_000));
  await eventually("two run, two stand ready", async () => {
    return recordsOf(cluster, long).every(({ startedAt }) => startedAt !== undefined) && idle() === MIN;
  });
  await work();
  await assertQuiet("the definitions of 0.14.2");
  assert.deepEqual((await statusOf(AUTOSCALING_RUNNER_SETS)).map((status) => status?.conditions), [undefined]);
});

test("in place: ours put over them", { skip }, async () => {
  await replaceCrds(ourCrds());
  await work();
  await eventually("what ARC's definitions dropped is there now", async () => {
    const sets = await statusOf(AUTOSCALING_RUNNER_SETS);
    return sets.every((status) => (status?.conditions?.length ?? 0) > 0);
  });
  await assertQuiet("our definitions");
});

test("in place: those of ARC's next release put over ours", { skip }, async () => {
  await replaceCrds(referenceCrds("main"));
  await work();
  await assertQuiet("the definitions of main");
  const conditions = (await statusOf(AUTOSCALING_RUNNER_SETS)).map((status) => status?.conditions);
  assert.deepEqual(conditions, [undefined], "an API server shows no field that its definitions lack");
});

test(
  "in place: a controller that starts under other definitions than its objects were made under",
  { skip },
  async () => {
    for (const [name, definitions] of [["ours", ourCrds()], ["0.14.2", referenceCrds("0.14.2")]] as const) {
      assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
      await replaceCrds(definitions);
      controller = await cluster.startController({ name: `controller-under-${name}` });
      await cluster.ready(controller);
      await work();
    }
    await assertQuiet("the definitions of 0.14.2, again");
  },
);

test("in place: no job has noticed, and nothing stays behind", { skip }, async () => {
  for (const id of long) assert.equal(recordsOf(cluster, [id])[0]?.completedAt, undefined, "it still runs");
  assertEachJobOnce(cluster, short);
  const { registrations } = runnersMade(cluster);
  const replaced = replacements(cluster);
  assert.ok(replaced <= 2, `${replaced} runners were made in the place of others`);
  assert.equal(registrations, short.length + long.length + MIN + replaced, "a runner for each job, and those ready");
  assert.equal(cluster.listeners.length, 1, "the listener went on throughout");
  assert.equal(cluster.service.ledger.callsOf("scaleset.create"), 1);
  for (const id of long) cluster.service.cancel(id);
  await allDone(cluster, long);
  await cluster.deleteScaleSets();
  await eventually("nothing is left", async () => (await cluster.leftovers()).length === 0)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
});
