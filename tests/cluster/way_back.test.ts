/**
 * What we leave when our controller dies in the middle of jobs, against what ARC needs to take it over: names, owners,
 * finalizers, labels, annotations and keys of secrets, and no field that it can't read. The facts are written by hand.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as kinds from "../../src/api/kinds.ts";
import { type KubeObject, PODS, type Resource, ROLE_BINDINGS, ROLES, SECRETS } from "../../src/k8s/resource.ts";
import { pathOf, SERVICE_ACCOUNTS, type Stored } from "../../src/k8s/resource.ts";
import { listenerNameOf } from "../../src/api/names.ts";
import { ADDITIVE } from "../support/additive.ts";
import { Cluster } from "../support/cluster.ts";
import { applyCrds } from "../support/cluster_crds.ts";
import { scaleSetObjects } from "../support/cluster_objects.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { undecodable } from "../support/decode.ts";
import { eventually } from "../support/eventually.ts";
import { REFERENCE_VERSIONS, referenceCrds, referenceSchema } from "../support/reference_crds.ts";

const why = whyNoControlPlane();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 43);
const IN_SET = "arc-runners";
const IN_SYSTEMS = "arc-systems";
const CUSTOM = [
  ...[kinds.AUTOSCALING_RUNNER_SETS, kinds.AUTOSCALING_LISTENERS],
  ...[kinds.EPHEMERAL_RUNNER_SETS, kinds.EPHEMERAL_RUNNERS],
] as Resource[];

let cluster: Cluster;
let listener = "";
let runners: string[] = [];

before(async () => {
  if (why !== undefined) return;
  console.log(`seed ${SEED}`);
  cluster = await Cluster.start({ seed: SEED });
  const controller = await cluster.startController();
  await cluster.ready(controller);
  const objects = scaleSetObjects({ name: "linux", min: 1, max: 10 }, cluster.configUrl);
  const scaleSet = objects.at(-1)!.object as { spec: Record<string, unknown> };
  scaleSet.spec.proxy = { https: { url: "http://proxy.example:3128" }, noProxy: ["127.0.0.1"] };
  await cluster.applyRelease(IN_SET, objects);
  const { service } = cluster;
  await eventually("one stands ready", async () => service.scaleSets()[0]?.statistics.totalIdleRunners === 1, 90_000);
  const job = service.queueJob({ scaleSetName: "linux", durationMs: 600_000 });
  await eventually("a job runs, and one runner stands ready", async () => {
    cluster.failOnDead();
    return service.ledger.jobs.get(job)?.startedAt !== undefined &&
      service.scaleSets()[0]?.statistics.totalIdleRunners === 1 &&
      (await cluster.list(kinds.EPHEMERAL_RUNNERS)).filter(({ status }) => status?.ready).length === 2;
  }, 60_000);
  await eventually("the runner's job is on it", async () => {
    return (await cluster.list(kinds.EPHEMERAL_RUNNERS)).some(({ status }) => status?.jobId === job);
  });
  await controller.stop("SIGKILL");
  listener = listenerNameOf({ name: "linux", namespace: IN_SET, githubConfigUrl: cluster.configUrl });
  runners = (await cluster.list(kinds.EPHEMERAL_RUNNERS)).map(({ metadata }) => metadata.name);
});
after(() => cluster?.stop());

/** What ARC asks of an object. Of labels and annotations what is named must be there; of a runner set, nothing else. */
interface Facts {
  readonly finalizers?: readonly string[];
  readonly owner?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string | RegExp>>;
  /** Of a secret. */
  readonly keys?: readonly string[];
  /** Of labels and annotations, nothing but what is named. */
  readonly exactly?: boolean;
}

const SCALE_SET = {
  "actions.github.com/scale-set-name": "linux",
  "actions.github.com/scale-set-namespace": IN_SET,
};
const OF_CHART = {
  "app.kubernetes.io/instance": "linux",
  "app.kubernetes.io/managed-by": "Helm",
  "app.kubernetes.io/name": "linux",
  "helm.sh/chart": "gha-rs-0.14.2",
};
const labelled = (component: string) => ({
  ...SCALE_SET,
  ...OF_CHART,
  "actions.github.com/organization": "acme",
  "app.kubernetes.io/component": component,
  "app.kubernetes.io/part-of": "gha-runner-scale-set",
  "app.kubernetes.io/version": "0.14.2",
});
const NAMES = {
  "actions.github.com/runner-group-name": "Default",
  "actions.github.com/runner-scale-set-name": "linux",
};
const ABROAD = { "auto-scaling-listener-namespace": IN_SYSTEMS };
const PROXY_KEYS = ["http_proxy", "https_proxy", "no_proxy"];

/** By kind; the objects that must be there, by their names, and what is asked of each. */
function expected(): readonly (readonly [Resource, string, string, Facts])[] {
  const ofListener = { labels: labelled("runner-scale-set-listener"), owner: `AutoscalingListener ${listener}` };
  return [
    [kinds.AUTOSCALING_RUNNER_SETS, IN_SET, "linux", {
      finalizers: ["autoscalingrunnerset.actions.github.com/finalizer"],
      annotations: { ...NAMES, "runner-scale-set-id": /^\d+$/ },
      labels: { ...OF_CHART, "actions.github.com/organization": "acme" },
    }],
    // Without a finalizer: 0.14.2 and its next release put on one each, and take off no other than their own.
    [kinds.EPHEMERAL_RUNNER_SETS, IN_SET, "linux", {
      finalizers: [],
      owner: "AutoscalingRunnerSet linux",
      labels: labelled("runner-set"),
      annotations: NAMES,
      exactly: true,
    }],
    [SECRETS, IN_SET, "linux-754b578d-runner-proxy", {
      owner: "EphemeralRunnerSet linux",
      labels: SCALE_SET,
      keys: PROXY_KEYS,
    }],
    [kinds.AUTOSCALING_LISTENERS, IN_SYSTEMS, listener, {
      finalizers: ["autoscalinglistener.actions.github.com/finalizer"],
      labels: labelled("runner-scale-set-listener"),
    }],
    [PODS, IN_SYSTEMS, listener, ofListener],
    [SERVICE_ACCOUNTS, IN_SYSTEMS, listener, ofListener],
    [ROLES, IN_SET, listener, { labels: { ...ABROAD, ...SCALE_SET, "auto-scaling-listener-name": listener } }],
    [ROLE_BINDINGS, IN_SET, listener, { labels: { ...ABROAD, ...SCALE_SET, "auto-scaling-listener-name": listener } }],
    [SECRETS, IN_SYSTEMS, `${listener}-config`, { owner: ofListener.owner, keys: ["config.json"] }],
    [SECRETS, IN_SYSTEMS, `${listener}-proxy`, { owner: ofListener.owner, labels: SCALE_SET, keys: PROXY_KEYS }],
    ...runners.flatMap((name) => {
      const owner = `EphemeralRunner ${name}`;
      return [
        [kinds.EPHEMERAL_RUNNERS, IN_SET, name, {
          finalizers: [
            "ephemeralrunner.actions.github.com/finalizer",
            "ephemeralrunner.actions.github.com/runner-registration-finalizer",
          ],
          owner: "EphemeralRunnerSet linux",
          labels: labelled("runner"),
          annotations: { ...NAMES, "actions.github.com/patch-id": /^\d+$/ },
        }],
        [SECRETS, IN_SET, name, { owner, keys: ["jitToken", "runnerId", "runnerName", "scaleSetId"] }],
        [PODS, IN_SET, name, {
          owner,
          labels: { ...labelled("runner"), "actions-ephemeral-runner": "True" },
          annotations: NAMES,
        }],
      ] as const;
    }),
  ] as const;
}

test(
  "way back: everything has the name, owner, finalizers, labels, annotations and keys that ARC knows",
  { skip },
  async () => {
    assert.equal(runners.length, 2);
    for (const [kind, namespace, name, facts] of expected()) {
      const { status, text } = await cluster.plane.call("GET", pathOf(kind, namespace, name));
      const what = `${kind.kind} ${name}`;
      assert.equal(status, 200, `${what}: ${text}`);
      const { metadata, ...object } = JSON.parse(text) as Stored<KubeObject> & { data?: Record<string, string> };
      const { labels = {}, annotations = {}, finalizers = [], ownerReferences = [] } = metadata;
      if (facts.finalizers) assert.deepEqual([...finalizers].sort(), facts.finalizers, `${what}: finalizers`);
      for (const [key, value] of Object.entries(facts.labels ?? {})) {
        assert.equal(
          labels[key],
          value,
          `${what}: ${key}`,
        );
      }
      for (const [key, value] of Object.entries(facts.annotations ?? {})) {
        assert.match(
          annotations[key] ?? "",
          value instanceof RegExp ? value : new RegExp(`^${value}$`),
          `${what}: ${key}`,
        );
      }
      if (facts.exactly) {
        assert.deepEqual(Object.keys(labels).sort(), Object.keys(facts.labels!).sort(), `${what}: labels`);
        assert.deepEqual(
          Object.keys(annotations).sort(),
          Object.keys(facts.annotations!).sort(),
          `${what}: annotations`,
        );
      }
      if (facts.owner) {
        const owners = ownerReferences.map((one) =>
          `${one.kind} ${one.name} ${one.controller} ${one.blockOwnerDeletion}`
        );
        assert.deepEqual(owners, [`${facts.owner} true true`], `${what}: owner`);
      }
      if (facts.keys) assert.deepEqual(Object.keys(object.data ?? {}).sort(), facts.keys, `${what}: keys`);
    }
  },
);

for (const version of REFERENCE_VERSIONS) {
  test(
    `way back: ${version} can read every field that it has, and what it has not is known to be ours`,
    { skip },
    async () => {
      for (const kind of CUSTOM) {
        const schema = referenceSchema(version, kind.kind);
        const objects = await cluster.list(kind);
        assert.ok(objects.length > 0, kind.kind);
        for (const object of objects) assert.deepEqual(undecodable(object, schema, ADDITIVE[kind.kind]), [], kind.kind);
      }
    },
  );

  test(`way back: under the definitions of ${version} everything is still there, and a strict API server takes it`, {
    skip,
  }, async () => {
    const before = await Promise.all(
      CUSTOM.map(async (kind) => (await cluster.list(kind)).map((it) => it.metadata.uid)),
    );
    await applyCrds(cluster.plane, referenceCrds(version));
    for (const [at, kind] of CUSTOM.entries()) {
      const objects = await eventually(`${kind.plural} are listed`, async () => {
        const found = await cluster.list(kind);
        return found.length === before[at]!.length && found;
      });
      assert.deepEqual(objects.map(({ metadata }) => metadata.uid), before[at]);
      for (const object of objects) {
        const path = pathOf(kind, object.metadata.namespace, object.metadata.name);
        const { status, text } = await cluster.plane.call("PUT", `${path}?dryRun=All&fieldValidation=Strict`, object);
        assert.equal(status, 200, `${kind.kind}: ${text}`);
      }
    }
  });
}

test("way back: the listener of a controller that is gone goes on", { skip }, async () => {
  const [pod] = cluster.listeners;
  assert.equal(cluster.listeners.length, 1);
  assert.doesNotMatch(cluster.listenerLog(pod!.pod), /"level":"ERROR"/);
  assert.ok(cluster.service.scaleSets()[0]?.sessionOwner, "it has its session");
});
