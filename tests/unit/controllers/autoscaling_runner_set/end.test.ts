/** The end of a scale set, in order and out of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS } from "../../../../src/api/kinds.ts";
import { FINALIZERS } from "../../../../src/api/names.ts";
import { PODS, ROLE_BINDINGS, ROLES, SECRETS } from "../../../../src/k8s/resource.ts";
import { scaleSet } from "../../../support/builders_set.ts";
import { refusal } from "../../../support/memory_kube.ts";
import { serviceError } from "../../../support/memory_service.ts";
import { ARS, atWork, POD } from "../../../support/set_life.ts";
import { setWorld } from "../../../support/set_world.ts";

test("deletion: listener, runners, scale set, protected objects, finalizer; nothing is left", async () => {
  const protection = { finalizers: [FINALIZERS.cleanupProtection, "other/finalizer"] };
  const world = setWorld({
    before({ kube }) {
      kube.put(ROLE_BINDINGS, { metadata: { name: "mrb", namespace: "arc-runners", ...protection } } as never);
      kube.put(ROLES, { metadata: { name: "mr", namespace: "arc-runners", ...protection } } as never);
      kube.change(SECRETS, "arc-runners/gh", { metadata: protection });
    },
  });
  world.kube.put(
    AUTOSCALING_RUNNER_SETS,
    scaleSet({}, {
      annotations: {
        "actions.github.com/cleanup-manager-role-binding": "mrb",
        "actions.github.com/cleanup-manager-role-name": "mr",
        "actions.github.com/cleanup-github-secret-name": "gh",
      },
    }),
  );
  await world.pass();
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { metadata: { finalizers: [FINALIZERS.ephemeralRunnerSet] } });
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass();
  assert.ok(world.kube.find(PODS, POD)?.metadata.deletionTimestamp, "the listener's pod is asked to go first");
  assert.equal(world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)?.metadata.deletionTimestamp, undefined);
  world.kube.vanish(PODS, POD);
  await world.pass();
  assert.ok(world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)?.metadata.deletionTimestamp, "then the runners");
  assert.equal(world.service.scaleSets.size, 1);
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { metadata: { finalizers: [] } });
  await world.pass();
  assert.equal(world.service.scaleSets.size, 0);
  assert.deepEqual(world.kube.keys, ["rolebindings:arc-runners/mrb", "roles:arc-runners/mr", "secrets:arc-runners/gh"]);
  for (const kind of [ROLE_BINDINGS, ROLES, SECRETS]) {
    assert.deepEqual(world.kube.all<{ metadata?: object }>(kind)[0]?.metadata.finalizers, ["other/finalizer"]);
  }
  const released = world.kube.requests.filter(({ verb, key }) => verb === "patch" && /\/(gh|mrb|mr)$/.test(key));
  assert.deepEqual(released.map(({ key }) => key), ["arc-runners/gh", "arc-runners/mrb", "arc-runners/mr"]);
  assert.deepEqual(world.warnings, []);
  await world.stop();
});

test("deletion without GitHub: five minutes of trying, then a warning and a clean cluster", async () => {
  const world = await atWork();
  world.service.refuse = () => {
    throw serviceError("Unauthorized", 401);
  };
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass();
  world.kube.vanish(PODS, POD);
  await world.pass(290_000);
  assert.ok(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS));
  await world.pass(15_000);
  assert.deepEqual(world.kube.keys, ["secrets:arc-runners/gh"]);
  assert.ok(world.events.includes("ScaleSetMayRemain"));
  assert.ok(world.service.refreshed.length > 0, "the secret was read again");
  await world.stop();
});

test("deletion of one whose id is no id: what is protected is released all the same", async () => {
  const protection = { finalizers: [FINALIZERS.cleanupProtection] };
  const world = await atWork({}, {
    before({ kube }) {
      kube.change(SECRETS, "arc-runners/gh", { metadata: protection });
    },
  });
  const annotations = { "runner-scale-set-id": "none", "actions.github.com/cleanup-github-secret-name": "gh" };
  world.service.refuse = () => {
    throw serviceError("Unavailable", 503);
  };
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { metadata: { annotations } });
  await world.pass();
  world.kube.vanish(PODS, POD);
  await world.pass(700_000);
  assert.equal(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS), undefined);
  assert.deepEqual(world.kube.find(SECRETS, "arc-runners/gh")?.metadata.finalizers, []);
  await world.stop();
});

test("a new scale set of the same name has five minutes of its own", async () => {
  const world = await atWork();
  world.service.refuse = () => {
    throw serviceError("Unavailable", 503);
  };
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass();
  world.kube.vanish(PODS, POD);
  await world.pass(280_000);
  const annotations = { "runner-scale-set-id": "7" };
  world.kube.vanish(AUTOSCALING_RUNNER_SETS, ARS);
  world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet({}, { annotations, finalizers: [FINALIZERS.autoscalingRunnerSet] }));
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass(280_000);
  assert.ok(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS));
  await world.pass(40_000);
  assert.equal(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS), undefined);
  await world.stop();
});

test("deletion: what may not be read any more is found by a list", async () => {
  const role = { metadata: { name: "mr", namespace: "arc-runners", finalizers: [FINALIZERS.cleanupProtection] } };
  const world = setWorld({
    before({ kube }) {
      kube.put(ROLES, role as never);
      kube.refuse = ({ verb, key }) => {
        if (verb === "get" && key === "arc-runners/mr") throw refusal("Forbidden");
      };
    },
  });
  const annotations = { "actions.github.com/cleanup-manager-role-name": "mr" };
  world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet({}, { annotations }));
  await world.pass();
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass();
  world.kube.vanish(PODS, POD);
  await world.pass();
  assert.equal(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS), undefined);
  assert.deepEqual(world.kube.find(ROLES, "arc-runners/mr")?.metadata.finalizers, []);
  await world.stop();
});

test("deletion when rights are gone: what can't be released is named, after five minutes", async () => {
  const world = setWorld({
    before: ({ kube }) =>
      kube.change(SECRETS, "arc-runners/gh", { metadata: { finalizers: [FINALIZERS.cleanupProtection] } }),
  });
  world.kube.put(
    AUTOSCALING_RUNNER_SETS,
    scaleSet({}, { annotations: { "actions.github.com/cleanup-github-secret-name": "gh" } }),
  );
  await world.pass();
  world.kube.refuse = ({ verb, key }) => {
    if (verb === "patch" && key === "arc-runners/gh") throw refusal("Forbidden");
  };
  world.kube.drop(AUTOSCALING_RUNNER_SETS, ARS);
  await world.pass();
  world.kube.vanish(PODS, POD);
  await world.pass(280_000);
  assert.ok(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS));
  await world.pass(1_000_000);
  assert.equal(world.kube.find(AUTOSCALING_RUNNER_SETS, ARS), undefined);
  assert.ok(world.events.includes("ProtectedObjectsRemain"));
  await world.stop();
});
