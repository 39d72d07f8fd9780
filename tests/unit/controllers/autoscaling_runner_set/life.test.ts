/** The life of a scale set, from its making to its end: the controllers of scale sets and listeners together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_LISTENERS, AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS } from "../../../../src/api/kinds.ts";
import { PODS, type Resource, SECRETS } from "../../../../src/k8s/resource.ts";
import { scaleSet, secret } from "../../../support/builders_set.ts";
import { refusal } from "../../../support/memory_kube.ts";
import { serviceError } from "../../../support/memory_service.ts";
import { AL, ARS, atWork, POD, runListener, status } from "../../../support/set_life.ts";
import { setWorld } from "../../../support/set_world.ts";

test("a new scale set is made at the service and gets its runner set, listener and the listener's children", async () => {
  const world = await atWork({ runnerScaleSetLabels: ["gpu", "linux"] });
  assert.deepEqual(world.service.calls, ["find linux", "create linux"]);
  assert.deepEqual(world.service.scaleSets.get(7)?.labels, ["linux", "gpu"]);
  assert.deepEqual(world.kube.keys, [
    "autoscalinglisteners:arc-systems/linux-84bd964b-listener",
    "autoscalingrunnersets:arc-runners/linux",
    "ephemeralrunnersets:arc-runners/linux",
    "pods:arc-systems/linux-84bd964b-listener",
    "rolebindings:arc-runners/linux-84bd964b-listener",
    "roles:arc-runners/linux-84bd964b-listener",
    "secrets:arc-runners/gh",
    "secrets:arc-systems/linux-84bd964b-listener-config",
    "serviceaccounts:arc-systems/linux-84bd964b-listener",
  ]);
  const { ars, phase } = status(world);
  assert.deepEqual(ars.metadata.annotations, {
    "runner-scale-set-id": "7",
    "actions.github.com/runner-group-name": "Default",
    "actions.github.com/runner-scale-set-name": "linux",
  });
  assert.equal(ars.spec?.runnerScaleSetName, "linux");
  assert.equal(ars.metadata.labels?.["actions.github.com/organization"], "acme");
  assert.equal(phase, "Running");
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("ready when the listener runs, and then nothing is asked of anybody", async () => {
  const world = await atWork();
  assert.equal(status(world).ready?.reason, "ListenerPending");
  runListener(world);
  await world.pass(2_000);
  assert.equal(status(world).ready?.status, "True");
  assert.equal(status(world).ars.status?.observedGeneration, status(world).ars.metadata.generation);
  const before = world.kube.requests.length;
  await world.pass(9 * 60_000);
  assert.deepEqual(world.kube.requests.slice(before), []);
  assert.equal(world.service.calls.length, 2);
  await world.pass(30 * 60_000);
  assert.ok(world.kube.requests.slice(before).every(({ verb }) => verb === "get"), "a resync only reads");
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("CRDs that drop what we add make no loop of patches", async () => {
  const world = await atWork({}, {
    before: ({ kube }) => {
      kube.prune(AUTOSCALING_RUNNER_SETS, ["conditions", "observedGeneration", "finishedEphemeralRunners"]);
      kube.prune(AUTOSCALING_LISTENERS, ["conditions", "observedGeneration"]);
    },
  });
  runListener(world);
  await world.pass(5_000);
  const patches = world.kube.requests.filter(({ plural }) => plural.endsWith("/status")).length;
  assert.ok(patches <= 6, `${patches} status patches`);
  for (let i = 0; i < 5; i++) {
    world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { metadata: { annotations: { touched: String(i) } } });
    await world.pass(2_000);
  }
  assert.equal(world.kube.requests.filter(({ plural }) => plural.endsWith("/status")).length, patches);
  assert.equal(status(world).phase, "Running");
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("counts of the runner set are copied, at most twice a second", async () => {
  const world = await atWork();
  runListener(world);
  await world.pass(2_000);
  const before = world.kube.requests.length;
  for (let running = 1; running <= 20; running++) {
    world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, {
      status: { currentReplicas: running, runningEphemeralRunners: running, pendingEphemeralRunners: 0 },
    });
    await world.pass(50);
  }
  await world.pass(1_000);
  const ours = world.kube.requests.slice(before).filter(({ plural }) => plural === "autoscalingrunnersets/status");
  assert.ok(ours.length >= 2 && ours.length <= 3, `${ours.length} status patches in a second`);
  const { currentRunners, runningEphemeralRunners } = status(world).ars.status!;
  assert.deepEqual([currentRunners, runningEphemeralRunners], [20, 20]);
  await world.stop();
});

test("limits reach the config of the listener, whose pod stays", async () => {
  const world = await atWork();
  runListener(world);
  const { uid } = world.kube.find(PODS, POD)!.metadata;
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { minRunners: 2, maxRunners: 20 } });
  await world.pass();
  const config = world.kube.find(SECRETS, `${AL}-config`)!.data!["config.json"]!;
  const { min_runners, max_runners } = JSON.parse(Buffer.from(config, "base64").toString());
  assert.deepEqual([min_runners, max_runners], [2, 20]);
  assert.equal(world.kube.find(PODS, POD)?.metadata.uid, uid);
  assert.ok(world.kube.find(PODS, POD)?.metadata.annotations?.["actions.github.com/listener-config"]);
  await world.stop();
});

test("without the right to patch pods the kubelet is not told, which nobody retries", async () => {
  const world = await atWork({}, {
    before: ({ kube }) => {
      kube.refuse = ({ verb, plural }) => {
        if (verb === "patch" && plural === "pods") throw refusal("Forbidden");
      };
    },
  });
  runListener(world);
  for (const maxRunners of [20, 30]) {
    world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { maxRunners } });
    await world.pass(5_000);
  }
  assert.equal(world.kube.requests.filter(({ verb, plural }) => verb === "patch" && plural === "pods").length, 1);
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("a new template goes into the runner set in place; the listener does not notice", async () => {
  const world = await atWork();
  runListener(world);
  await world.pass();
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { spec: { replicas: 5, patchID: 3, runningJobs: 2 } });
  const listenerBefore = world.kube.find(AUTOSCALING_LISTENERS, AL)!.metadata.resourceVersion;
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, {
    spec: { template: { spec: { containers: [{ name: "runner", image: "runner:2" }] } } },
  });
  await world.pass();
  const { spec } = world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)!;
  assert.equal(spec?.ephemeralRunnerSpec.spec?.containers[0]?.image, "runner:2");
  assert.deepEqual([spec?.replicas, spec?.patchID, spec?.runningJobs], [5, 3, 2]);
  assert.equal(world.kube.find(AUTOSCALING_LISTENERS, AL)!.metadata.resourceVersion, listenerBefore);
  await world.stop();
});

test("group, name and labels change by one PATCH, in place", async () => {
  const world = await atWork();
  world.service.calls.length = 0;
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, {
    spec: { runnerScaleSetName: "big", runnerScaleSetLabels: ["gpu"] },
  });
  await world.pass();
  assert.deepEqual(world.service.calls, ["get 7", "update 7"]);
  assert.deepEqual(world.service.scaleSets.get(7)?.labels, ["big", "gpu"]);
  assert.equal(status(world).ars.metadata.annotations?.["actions.github.com/runner-scale-set-name"], "big");
  assert.equal(
    world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)?.metadata.annotations?.["actions.github.com/runner-scale-set-name"],
    "big",
  );
  await world.stop();
});

test("a changed group gives the listener another name: the old one goes before the new one comes", async () => {
  const world = await atWork();
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { runnerGroup: "gpu" } });
  await world.pass();
  assert.equal(world.kube.all(AUTOSCALING_LISTENERS).length, 1, "the old one waits for its pod");
  world.kube.vanish(PODS, POD);
  await world.pass();
  const [listener] = world.kube.all(AUTOSCALING_LISTENERS);
  assert.notEqual(`arc-systems/${listener?.metadata.name}`, AL);
  assert.deepEqual(world.kube.all(PODS).map(({ metadata }) => metadata.name), [listener?.metadata.name]);
  assert.equal(world.service.scaleSets.get(7)?.runnerGroupId, 5);
  await world.stop();
});

test("another URL: a scale set is made there, and what remains at the former one is said", async () => {
  const world = await atWork();
  world.service.scaleSets.delete(7); // the small service stands for the other place
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { githubConfigUrl: "https://github.com/other/api" } });
  await world.pass();
  world.kube.vanish(PODS, POD);
  await world.pass();
  assert.ok(world.events.includes("ScaleSetLeftBehind"));
  assert.deepEqual(world.service.calls.slice(2), ["find linux", "create linux"], "the old id is not believed there");
  const { githubConfigUrl, runnerScaleSetId } = world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)!.spec!.ephemeralRunnerSpec;
  assert.deepEqual([githubConfigUrl, runnerScaleSetId], ["https://github.com/other/api", 8]);
  assert.equal(world.kube.all(AUTOSCALING_LISTENERS)[0]?.spec?.githubConfigUrl, "https://github.com/other/api");
  await world.stop();
});

test("what children say of themselves is passed on", async () => {
  const world = await atWork();
  runListener(world);
  const said = (type: string, reason: string) => ({
    type,
    status: "True",
    reason,
    message: "",
    lastTransitionTime: "",
  });
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, {
    status: { conditions: [said("RunnersFailing", "OOMKilled"), said("RunnerVersionDeprecated", "Exit7")] },
  });
  await world.pass(2_000);
  assert.equal(status(world).of("RunnersFailing")?.reason, "OOMKilled");
  assert.equal(status(world).phase, "Outdated");
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { status: { conditions: [] } });
  await world.pass(2_000);
  assert.equal(status(world).of("RunnersFailing"), undefined);
  assert.equal(status(world).phase, "Running");
  await world.stop();
});

test("a scale set that GitHub has lost is made again when somebody is told so, and only then", async () => {
  const world = await atWork();
  world.service.scaleSets.clear();
  await world.pass(60 * 60_000);
  assert.equal(world.service.calls.length, 2);
  world.gone.report(ARS, 7);
  world.gone.report(ARS, 7);
  await world.pass();
  assert.deepEqual(world.service.calls.slice(2), ["get 7", "find linux", "create linux"]);
  assert.equal(world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)?.spec?.ephemeralRunnerSpec.runnerScaleSetId, 8);
  assert.equal(world.kube.find(AUTOSCALING_LISTENERS, AL)?.spec?.runnerScaleSetId, 8);
  world.gone.report(ARS, 7);
  await world.pass(60_000);
  assert.equal(world.service.calls.length, 5, "a late report of the former id means nothing");
  await world.stop();
});

test("a restarted controller asks once and changes nothing", async () => {
  const first = await atWork();
  const kinds: Resource[] = [AUTOSCALING_RUNNER_SETS, AUTOSCALING_LISTENERS, EPHEMERAL_RUNNER_SETS, PODS];
  const objects = kinds.flatMap((kind) => first.kube.all(kind).map((object) => ({ kind, object })));
  await first.stop();
  const world = setWorld({
    before({ kube, service }) {
      for (const { kind, object } of objects) kube.put(kind, object);
      const labels = ["linux"];
      service.scaleSets.set(7, { id: 7, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels });
    },
  });
  await world.pass();
  assert.deepEqual(world.service.calls, ["get 7"]);
  assert.deepEqual(
    world.kube.requests.filter(({ verb, plural }) => verb !== "get" && plural.startsWith("autoscalingrunnersets")),
    [],
  );
  await world.stop();
});

test("while GitHub is down a known scale set is served all the same", async () => {
  const world = await atWork();
  world.service.refuse = () => {
    throw serviceError("Unavailable", 503);
  };
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { maxRunners: 3, runnerScaleSetLabels: ["x"] } });
  await world.pass();
  assert.equal(world.kube.find(AUTOSCALING_LISTENERS, AL)?.spec?.maxRunners, 3);
  assert.equal(status(world).ready?.reason, "ServiceUnavailable");
  assert.equal(status(world).phase, "Running");
  const before = world.service.calls.length;
  await world.pass(3_600_000);
  assert.ok(world.service.calls.length - before < 25, `${world.service.calls.length - before} calls in an hour`);
  world.service.refuse = () => {};
  await world.pass(300_000);
  assert.deepEqual(world.service.scaleSets.get(7)?.labels, ["linux", "x"]);
  assert.notEqual(status(world).ready?.reason, "ServiceUnavailable");
  await world.stop();
});

test("a secret that is not there yet: said so, read every 30 s, and taken", async () => {
  const world = setWorld();
  world.kube.drop(SECRETS, "arc-runners/gh");
  world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet());
  await world.pass();
  assert.equal(status(world).ready?.reason, "SecretNotFound");
  assert.match(status(world).ready?.message ?? "", /arc-runners\/gh/);
  assert.deepEqual(world.events, ["SecretNotFound"]);
  const reads = () => world.kube.requests.filter(({ key }) => key === "arc-runners/gh").length;
  const before = reads();
  await world.pass(300_000);
  assert.equal(reads() - before, 10);
  world.kube.put(SECRETS, secret("gh", { github_token: "ghp_y\n" }));
  await world.pass(31_000);
  assert.equal(status(world).phase, "Running");
  await world.stop();
});

test("a repaired object is looked at at once", async () => {
  const world = await atWork({ runnerGroup: "nobody" });
  assert.equal(status(world).ready?.reason, "RunnerGroupNotFound");
  await world.pass(600_000);
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { runnerGroup: "gpu" } });
  await world.pass(100);
  assert.equal(status(world).phase, "Running");
  await world.stop();
});

test("runner sets of older releases: the new one is made at once, the old ones drain and go", async () => {
  const world = setWorld();
  const owner = (
    uid: string,
  ) => [{ apiVersion: "v1", kind: "AutoscalingRunnerSet", name: "linux", uid, controller: true }];
  const { uid } = world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet()).metadata;
  world.kube.put(EPHEMERAL_RUNNER_SETS, {
    metadata: { name: "linux-abcde", namespace: "arc-runners", ownerReferences: owner(uid) },
    spec: {
      replicas: 3,
      patchID: 9,
      ephemeralRunnerSpec: {
        githubConfigUrl: "https://github.com/acme/api",
        githubConfigSecret: "gh",
        runnerScaleSetId: 7,
      },
    },
    status: { currentReplicas: 2, runningEphemeralRunners: 2 },
  });
  await world.pass();
  assert.ok(world.kube.find(EPHEMERAL_RUNNER_SETS, ARS));
  assert.equal(world.kube.find(EPHEMERAL_RUNNER_SETS, "arc-runners/linux-abcde")?.spec?.replicas, undefined);
  assert.equal(status(world).ars.status?.currentRunners, 2);
  // One that failed is no reason to stay.
  const left = (running: number) => ({
    status: { currentReplicas: running + 1, runningEphemeralRunners: running, failedEphemeralRunners: 1 },
  });
  world.kube.change(EPHEMERAL_RUNNER_SETS, "arc-runners/linux-abcde", left(1));
  await world.pass();
  assert.ok(world.kube.find(EPHEMERAL_RUNNER_SETS, "arc-runners/linux-abcde"), "its job is not done");
  world.kube.change(EPHEMERAL_RUNNER_SETS, "arc-runners/linux-abcde", left(0));
  await world.pass();
  assert.equal(world.kube.find(EPHEMERAL_RUNNER_SETS, "arc-runners/linux-abcde"), undefined);
  await world.stop();
});

test("another version is told of and served: never is a user's object deleted", async () => {
  const world = setWorld();
  world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet({}, { labels: { "app.kubernetes.io/version": "0.9.3" } }));
  await world.pass();
  assert.equal(status(world).phase, "Running");
  assert.equal(status(world).of("VersionSkew")?.status, "True");
  await world.stop();
});

test("what is said of a listener pod, where there is none, is said to have no effect", async () => {
  const spec = { listenerMetrics: { gauges: {} }, listenerTemplate: { spec: { containers: [] } } };
  const embedded = await atWork(spec, { settings: { listenerMode: "embedded" } });
  const told = status(embedded).of("ListenerSettingsIgnored");
  assert.equal(told?.reason, "EmbeddedListener");
  assert.match(
    told?.message ?? "",
    /^spec\.listenerTemplate and spec\.listenerMetrics: no effect .*--listener-mode=pod$/,
  );
  embedded.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { listenerTemplate: undefined } });
  await embedded.pass();
  assert.match(status(embedded).of("ListenerSettingsIgnored")?.message ?? "", /^spec\.listenerMetrics: /);
  embedded.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { listenerMetrics: undefined } });
  await embedded.pass();
  assert.equal(status(embedded).of("ListenerSettingsIgnored"), undefined);
  await embedded.stop();
  const pods = await atWork(spec);
  assert.equal(status(pods).of("ListenerSettingsIgnored"), undefined);
  await pods.stop();
});

test("the runner set bears exactly the labels that propagate, whoever adds others", async () => {
  const world = await atWork();
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { metadata: { labels: { foreign: "1", team: "wrong" } } });
  await world.pass();
  const { labels } = world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)!.metadata;
  assert.deepEqual([labels?.foreign, labels?.team], [undefined, "core"]);
  await world.stop();
});
