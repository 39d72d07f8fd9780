/** The life of a listener: its pod, what is around it, the loop in its stead, and its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_LISTENERS, AUTOSCALING_RUNNER_SETS } from "../../../../src/api/kinds.ts";
import { type KubeObject, PODS, type Resource, ROLES, SECRETS } from "../../../../src/k8s/resource.ts";
import { scaleSet, secret } from "../../../support/builders_set.ts";
import { refusal } from "../../../support/memory_kube.ts";
import { type SetWorld, setWorld } from "../../../support/set_world.ts";

const ARS = "arc-runners/linux";
const AL = "arc-systems/linux-84bd964b-listener";

async function atWork(spec: Parameters<typeof scaleSet>[0] = {}, options: Parameters<typeof setWorld>[0] = {}) {
  const world = setWorld(options);
  world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet(spec));
  await world.pass();
  if (world.kube.find(PODS, AL)) run(world);
  await world.pass();
  return world;
}

function run(world: SetWorld): void {
  containerState(world, { running: {} }, "Running");
}

function containerState(world: SetWorld, state: object, phase: string): void {
  const containerStatuses = [{ name: "listener", state }];
  world.kube.change(PODS, AL, { status: { phase, containerStatuses } });
}

function readiness(world: SetWorld) {
  return world.kube.find(AUTOSCALING_LISTENERS, AL)?.status?.conditions?.[0];
}

function podUid(world: SetWorld): string | undefined {
  return world.kube.find(PODS, AL)?.metadata.uid;
}

/** The node has stopped the pod's containers. */
function stopPod(world: SetWorld): void {
  if (world.kube.find(PODS, AL)?.metadata.deletionTimestamp) world.kube.vanish(PODS, AL);
}

async function fails(world: SetWorld, exitCode = 1): Promise<void> {
  containerState(world, { terminated: { exitCode, reason: "Error" } }, "Failed");
  await world.pass(1);
  stopPod(world);
  await world.pass(1);
}

test("a listener that ends by itself is made again after 1, 2, 4 ... 60 s", async () => {
  const world = await atWork();
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    await fails(world);
    const since = world.clock.now();
    await world.clock.runUntil(() => podUid(world) !== undefined, 120_000);
    waits.push(Math.round((world.clock.now() - since) / 1000));
    await world.pass(1);
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
  assert.equal(world.events.filter((reason) => reason === "ListenerEnded").length, 8);
  await world.stop();
});

test("one that ran for long before it ended is made again soon", async () => {
  const world = await atWork();
  for (let i = 0; i < 5; i++) {
    await fails(world);
    await world.pass(60_000);
  }
  const terminated = { exitCode: 1, startedAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T01:00:00Z" };
  containerState(world, { terminated }, "Failed");
  await world.pass(1);
  stopPod(world);
  await world.pass(1_100);
  assert.ok(podUid(world));
  await world.stop();
});

test("the listener's container counts, not the pod: side-cars may go on", async () => {
  const world = await atWork();
  const before = podUid(world);
  containerState(world, { terminated: { exitCode: 2 } }, "Running");
  await world.pass(1);
  assert.ok(world.kube.find(PODS, AL)?.metadata.deletionTimestamp);
  stopPod(world);
  await world.pass(2_000);
  assert.notEqual(podUid(world), before);
  await world.stop();
});

test("a pod that was deleted by hand is made again at once", async () => {
  const world = await atWork();
  world.kube.vanish(PODS, AL);
  await world.pass(10);
  assert.ok(podUid(world));
  await world.stop();
});

test("the pod is replaced when what it is made from has changed, and only then", async () => {
  const world = await atWork();
  const before = podUid(world);
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { maxRunners: 4, runnerScaleSetLabels: ["a"] } });
  await world.pass();
  assert.equal(podUid(world), before);
  const listenerTemplate = { spec: { containers: [{ name: "listener", resources: { limits: { cpu: "1" } } }] } };
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { listenerTemplate } });
  await world.pass();
  stopPod(world);
  await world.pass();
  assert.notEqual(podUid(world), before);
  assert.deepEqual(world.kube.find(PODS, AL)?.spec?.containers[0]?.resources, { limits: { cpu: "1" } });
  await world.stop();
});

test("a webhook that changes the pod starts no fight", async () => {
  const world = await atWork();
  const before = podUid(world);
  world.kube.change(PODS, AL, { spec: { containers: [{ name: "listener", image: "mirror.example/arc" }] } });
  await world.pass(20 * 60_000);
  assert.equal(podUid(world), before);
  await world.stop();
});

test("children that somebody has changed are put right at the next resync", async () => {
  const world = await atWork();
  world.kube.change(ROLES, "arc-runners/linux-84bd964b-listener", { rules: [] });
  world.kube.vanish(SECRETS, `${AL}-config`);
  await world.pass(11 * 60_000);
  assert.equal(world.kube.find(ROLES, "arc-runners/linux-84bd964b-listener")?.rules?.length, 2);
  assert.ok(world.kube.find(SECRETS, `${AL}-config`));
  await world.stop();
});

test("a changed secret reaches config.json at the next resync, without another pod", async () => {
  const world = await atWork();
  const before = podUid(world);
  world.kube.change(SECRETS, "arc-runners/gh", secret("gh", { github_token: "ghp_new" }));
  await world.pass(11 * 60_000);
  const config = Buffer.from(world.kube.find(SECRETS, `${AL}-config`)!.data!["config.json"]!, "base64").toString();
  assert.equal(JSON.parse(config).github_token, "ghp_new");
  assert.equal(podUid(world), before);
  await world.stop();
});

test("an API server that does not know the role yet is asked again, and nobody is alarmed", async () => {
  let refusals = 2;
  const world = await atWork({}, {
    before: ({ kube }) => {
      kube.refuse = ({ verb, plural, key }) => {
        if (verb !== "create" || plural !== "rolebindings") return;
        if (!kube.find(ROLES, key) || refusals-- > 0) throw refusal("NotFound");
      };
    },
  });
  assert.ok(world.kube.find(PODS, AL));
  assert.ok(world.kube.keys.includes("rolebindings:arc-runners/linux-84bd964b-listener"));
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("the proxy secret comes and goes with the proxy", async () => {
  const world = await atWork({ proxy: { https: { url: "http://proxy:1", credentialSecretRef: "pw" } } }, {
    before: ({ kube }) => void kube.put(SECRETS, secret("pw", { username: "a b", password: "p@ss" })),
  });
  const data = world.kube.find(SECRETS, `${AL}-proxy`)?.data;
  assert.equal(Buffer.from(data?.https_proxy ?? "", "base64").toString(), "http://a%20b:p%40ss@proxy:1");
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { proxy: null } });
  await world.pass();
  assert.equal(world.kube.find(SECRETS, `${AL}-proxy`), undefined);
  await world.stop();
});

test("a secret that has gone bad leaves the running listener alone and says so", async () => {
  const world = await atWork();
  const before = podUid(world);
  world.kube.change(SECRETS, "arc-runners/gh", { data: { github_token: null, github_app_id: "MTI=" } });
  await world.pass(11 * 60_000);
  assert.equal(podUid(world), before);
  assert.equal(readiness(world)?.reason, "SecretInvalid");
  world.kube.change(SECRETS, "arc-runners/gh", secret("gh", { github_token: "ghp_new" }));
  await world.pass(31_000);
  assert.equal(readiness(world)?.status, "True");
  await world.stop();
});

test("deletion: the pod first, then what it needed, then the object", async () => {
  const world = await atWork();
  world.kube.drop(AUTOSCALING_LISTENERS, AL);
  await world.pass(100);
  assert.ok(world.kube.find(SECRETS, `${AL}-config`), "the pod ends its session with the config it has");
  world.kube.vanish(PODS, AL);
  await world.pass(100);
  const deleted = world.kube.requests.filter(({ verb }) => verb === "delete").map(({ plural }) => plural);
  assert.deepEqual(deleted.slice(0, 5), ["pods", "secrets", "rolebindings", "roles", "serviceaccounts"]);
  await world.stop();
});

test("a pod on a node that does not answer is removed by force, some time after its grace period", async () => {
  const world = await atWork();
  world.kube.drop(AUTOSCALING_LISTENERS, AL);
  await world.pass(5 * 60_000);
  const deletes = () => world.kube.requests.filter(({ verb, plural }) => verb === "delete" && plural === "pods").length;
  assert.equal(deletes(), 1);
  await world.pass(2 * 60_000);
  assert.ok(deletes() >= 2);
  await world.stop();
});

test("rights that are missing are named, and do not keep an uninstall from ending", async () => {
  const world = await atWork();
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  world.kube.refuse = ({ verb, plural }) => {
    if (verb === "get" && plural.startsWith("role")) throw refusal("Forbidden");
  };
  await world.pass(10 * 60_000);
  stopPod(world);
  await world.pass(20 * 60_000);
  assert.equal(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS), undefined);
  await world.stop();
});

test("a listener whose scale set was removed by force goes too", async () => {
  const world = await atWork();
  world.kube.vanish(AUTOSCALING_RUNNER_SETS, ARS);
  world.kube.change(PODS, AL, { metadata: { labels: { touched: "1" } } });
  await world.pass(100);
  world.kube.vanish(PODS, AL);
  await world.pass(100);
  assert.equal(world.kube.find(AUTOSCALING_LISTENERS, AL), undefined);
  await world.stop();
});

test("embedded: a loop and no children", async () => {
  const world = await atWork({}, { settings: { listenerMode: "embedded" } });
  assert.deepEqual(world.kube.keys.filter((key) => !key.startsWith("autoscaling") && !key.startsWith("ephemeral")), [
    "secrets:arc-runners/gh",
  ]);
  assert.deepEqual(world.loops.get(AL)?.runnerSet, { namespace: "arc-runners", name: "linux" });
  assert.equal(world.loops.get(AL)?.scaleSetId, 7);
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { spec: { maxRunners: 3 } });
  await world.pass();
  assert.equal(world.loops.get(AL)?.maxRunners, 3);
  assert.equal(readiness(world)?.status, "True");
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass();
  assert.equal(world.loops.size, 0);
  assert.deepEqual(world.kube.keys, ["secrets:arc-runners/gh"]);
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("embedded: a loop ends whose listener and scale set were removed by force", async () => {
  const world = await atWork({}, { settings: { listenerMode: "embedded" } });
  assert.equal(world.loops.size, 1);
  world.kube.vanish(AUTOSCALING_RUNNER_SETS, ARS);
  world.kube.vanish(AUTOSCALING_LISTENERS, AL);
  await world.pass();
  assert.equal(world.loops.size, 0);
  await world.stop();
});

test("from pod to embedded: the loop starts only when the pod is gone", async () => {
  const first = await atWork();
  const kinds = [...new Set(first.kube.keys.map((key) => key.split(":")[0]!))].filter((plural) => plural !== "secrets");
  const objects = kinds.flatMap((plural) => {
    const kind: Resource = { group: "", version: "v1", kind: plural, plural, namespaced: true };
    return first.kube.all<KubeObject>(kind).map((object) => ({ kind, object }));
  });
  await first.stop();
  const world = setWorld({
    settings: { listenerMode: "embedded" },
    before({ kube, service }) {
      for (const { kind, object } of objects) kube.put(kind, object);
      const labels = ["linux"];
      service.scaleSets.set(7, { id: 7, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels });
    },
  });
  await world.pass();
  assert.ok(world.kube.find(PODS, AL)?.metadata.deletionTimestamp);
  assert.equal(world.loops.size, 0);
  world.kube.vanish(PODS, AL);
  await world.pass();
  assert.equal(world.loops.size, 1);
  assert.equal(world.kube.find(ROLES, "arc-runners/linux-84bd964b-listener"), undefined);
  await world.stop();
});
