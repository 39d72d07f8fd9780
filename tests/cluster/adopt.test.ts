/**
 * A scale set that ARC leaves in the middle of jobs is taken over on a real API server: of 0.14.2 and of its next
 * release, under its own definitions and under ours. No job is lost, no runner and no listener is made twice, and in the
 * end nothing is left.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as kinds from "../../src/api/kinds.ts";
import { PODS } from "../../src/k8s/resource.ts";
import { allDone, assertEachJobOnce, assertNothingForbidden, recordsOf, runnersMade } from "../support/books.ts";
import { Cluster } from "../support/cluster.ts";
import { ourCrds } from "../support/cluster_crds.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { referenceCrds, type ReferenceVersion } from "../support/reference_crds.ts";
import { ReferenceInstallation, referenceListenerOn } from "../support/reference_installation.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 41);
const LONG_MS = 45_000;

const STORIES: readonly { readonly version: ReferenceVersion; readonly under: "its" | "our" }[] = [
  { version: "0.14.2", under: "its" },
  { version: "0.14.2", under: "our" },
  { version: "main", under: "its" },
  { version: "main", under: "our" },
];

for (const { version, under } of STORIES) {
  test(`adoption of ${version}, under ${under} definitions`, { skip }, async () => {
    console.log(`seed ${SEED}`);
    const cluster = await Cluster.start({ seed: SEED, crds: under === "its" ? referenceCrds(version) : ourCrds() });
    try {
      await adopt(cluster, version);
    } finally {
      await cluster.stop();
    }
  });
}

async function adopt(cluster: Cluster, version: ReferenceVersion): Promise<void> {
  const { service, kubelet } = cluster;
  const died: unknown[] = [];
  cluster.otherListener = referenceListenerOn(cluster, (error) => died.push(error));
  const former = new ReferenceInstallation(cluster, version, LONG_MS);
  await former.install();
  const registered = runnersMade(cluster).registrations;
  const working = [...former.running.values()];
  const pods = await podsOf(cluster, [...former.running.keys()]);
  const listenerPods = () => [...kubelet.ledger.pods.values()].filter(({ role }) => role === "listener");
  const idle = () => service.controls.statistics(former.scaleSetId).totalIdleRunners;
  const named = async (kind: typeof kinds.EPHEMERAL_RUNNERS) =>
    (await cluster.list(kind)).map(({ metadata }) => metadata.name);

  // From here on every listener's pod is ours.
  cluster.otherListener = undefined;
  const controller = await cluster.startController();
  await cluster.ready(controller);
  await eventually("our listener has the session", async () => {
    cluster.failOnDead();
    const open = service.ledger.sessions.filter(({ closedAt }) => closedAt === undefined);
    return open.length === 1 && open[0]!.owner !== "reference" && listenerPods().length === 2;
  }, 60_000);
  const jobs = [1, 2, 3].map(() => service.queueJob({ scaleSetName: "linux", durationMs: 2_000 }));
  await allDone(cluster, jobs);
  for (const record of recordsOf(cluster, working)) {
    assert.equal(record.completedAt, undefined, "those that ran before run yet, or this shows nothing");
  }
  assert.deepEqual(await podsOf(cluster, [...former.running.keys()]), pods, "in the pods that they had");

  await allDone(cluster, working);
  const all = [...former.done.values(), ...working, ...jobs];
  assertEachJobOnce(cluster, all);
  await eventually("one runner stands ready, and of what ARC had there is no other", async () => {
    const names = (await named(kinds.EPHEMERAL_RUNNERS)).filter((name) => name !== former.runner("x6z7b"));
    const sets = (await cluster.list(kinds.EPHEMERAL_RUNNER_SETS)).map(({ metadata }) => metadata.name);
    return idle() === 1 && names.length === 1 && sets.length === 1 && sets[0] === "linux";
  }, 120_000).catch(async (error) => {
    throw new Error(`${await named(kinds.EPHEMERAL_RUNNERS)} ${JSON.stringify(service.scaleSets())}`, { cause: error });
  });
  // Runners of a former set that wait for a job give way to others; those of a set that is the scale set's own stay.
  const made = runnersMade(cluster).registrations - registered;
  console.log(`${version}: ${registered} runners were there, ${made} were made`);
  assert.ok(made <= jobs.length + (version === "main" ? 1 : 3), `${made} runners made for ${jobs.length} jobs`);
  assert.equal(service.ledger.callsOf("scaleset.create"), 1, "the scale set is the one that there was");
  assert.equal(service.ledger.sessions.length, 2, "one session after the other");
  assert.equal(listenerPods().length, 2, "the listener was replaced once");
  assert.deepEqual(died, [], "the former listener ended in good order");
  assert.ok(cluster.audit.written(kinds.EPHEMERAL_RUNNER_SETS.plural).length > 0, "the log has what sets became");

  await former.uninstall();
  await eventually("nothing is left", async () => (await cluster.leftovers()).every(isByHand), 60_000)
    .catch(async (error) => assert.deepEqual(await cluster.leftovers(), [], String(error)));
  assertNothingForbidden(cluster);
  assert.deepEqual(await controller.stop("SIGTERM"), { code: 0, signal: null }, controller.logTail());
}

/** What the controller's user has made and not yet deleted. */
function isByHand(path: string): boolean {
  return path.endsWith("/secrets/proxy-user");
}

/** The UIDs of pods, by their names. */
async function podsOf(cluster: Cluster, names: readonly string[]): Promise<Record<string, string>> {
  const found = (await cluster.list(PODS)).filter(({ metadata }) => names.includes(metadata.name));
  return Object.fromEntries(found.map(({ metadata: { name, uid } }) => [name, uid]).sort());
}
