/** A scale set from its first day to its last, with its loop in a pod and in the controller. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { CLEANUP_ANNOTATIONS, FINALIZERS } from "../../src/api/names.ts";
import {
  type KubeObject,
  type Resource,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../../src/k8s/resource.ts";
import { RUNNER_NAMESPACE, type ScaleSetSpec, SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

/** The runners of a scale set that stand ready. */
const idle = (system: SimSystem, name = "linux") => system.service(name)?.statistics.totalIdleRunners;

story("idle runners, jobs, fewer runners, the end", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 2, maxRunners: 10 });
  await system.until("two runners stand ready", () => idle(system) === 2);
  await system.run(20_000);
  assert.equal(system.made, 2);
  assert.equal(system.condition("linux", "Ready"), "True Ready");

  system.queueJobs("linux", 6, { durationMs: 5_000 });
  await system.until("two stand ready above the jobs", () => idle(system) === 2, 10_000);
  await system.allDone();
  await system.run(30_000);
  assert.equal(idle(system), 2);
  assert.equal(system.runners().length, 2);
  assert.equal(system.made, 8, "one runner for each job, and the minimum");
  assert.equal(system.ars("linux")?.status?.currentRunners, 2);

  await system.deleteScaleSet("linux");
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 60_000);
  await system.run(5_000);
  system.assertEachJobOnce();
  const { leftovers } = system.world.report();
  assert.deepEqual(Object.values(leftovers).flat(), []);
  assert.deepEqual(system.listenerExits.filter((code) => code !== 0), []);
});

story("limits change while the session stays", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 0, maxRunners: 2 });
  system.queueJobs("linux", 8, { durationMs: 60_000 });
  await system.run(10_000);
  assert.equal(system.made, 2, "not more than maxRunners");
  await system.patchScaleSet("linux", { spec: { maxRunners: 5 } });
  await system.until("five run", () => system.service("linux")?.statistics.totalRunningJobs === 5, 70_000);
  await system.run(1_000);
  await system.patchScaleSet("linux", { spec: { maxRunners: 0 } });
  await system.jobsDone(5);
  await system.run(90_000);
  assert.equal(system.world.report().jobs.waiting, 8 - system.world.report().jobs.done);
  assert.equal(system.runners().length, 0, "nothing new is taken");
  await system.patchScaleSet("linux", { spec: { maxRunners: 20, minRunners: 3 } });
  await system.allDone(200_000);
  await system.until("three stand ready", () => idle(system) === 3);
  await system.patchScaleSet("linux", { spec: { minRunners: 1 } });
  await system.until("one stands ready", () => system.runners().length === 1, 90_000);
  assert.equal(system.world.service.ledger.sessions.length, 1, "one session all the time");
  assert.equal(system.world.service.ledger.callsOf("scaleset.delete"), 0);
  system.assertEachJobOnce();
});

story("a scale set that was deleted at GitHub is made again", {}, async (system) => {
  const id = await system.scaleSet("linux", { minRunners: 1, maxRunners: 5 });
  await system.until("one stands ready", () => idle(system) === 1);
  system.world.service.controls.forgetScaleSet(id);
  await system.until("there is another", () => (system.service("linux")?.id ?? id) !== id, 120_000);
  system.queueJobs("linux", 4);
  await system.allDone();
  await system.until("one stands ready", () => idle(system) === 1 && system.runners().length === 1, 90_000);
  system.assertEachJobOnce();
  assert.equal(system.ars("linux")?.metadata.annotations?.["runner-scale-set-id"], String(system.service("linux")?.id));
  assert.equal(system.condition("linux", "Ready"), "True Ready");
});

const MODES = ["pod", "embedded"] as const;

test("the home of the message loop changes, there and back, amid jobs", () =>
  SimSystem.story({ listenerMode: "pod" }, async (system) => {
    await system.scaleSet("linux", { minRunners: 1, maxRunners: 20 });
    for (const listenerMode of [MODES[1], MODES[0]]) {
      system.queueJobs("linux", 4, { durationMs: 10_000 });
      await system.run(1_000);
      const leader = system.controllers.at(-1)!;
      leader.stop();
      await system.until("the controller has ended", () => leader.end !== undefined);
      system.startController(listenerMode);
      await system.run(20_000);
      system.queueJobs("linux", 4);
      await system.allDone();
      assert.equal(system.listenerPods().length, listenerMode === "pod" ? 1 : 0);
    }
    await system.until("one stands ready", () => idle(system) === 1 && system.runners().length === 1, 60_000);
    system.assertEachJobOnce();
    const { refused, sessions } = system.world.service.ledger;
    assert.deepEqual([...refused.keys()].filter((refusal) => refusal.endsWith(" 409")), [], "never two at one time");
    assert.equal(sessions.length, 3);
    assert.deepEqual(system.listenerExits, [0]);
  }));

test("a listener's pod that is evicted comes again", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { minRunners: 1, maxRunners: 20 });
    for (let round = 0; round < 3; round++) {
      system.queueJobs("linux", 2, { durationMs: 10_000 });
      await system.run(1_000);
      for (const { metadata } of system.listenerPods()) system.world.kubelet.evict(metadata.uid);
      await system.run(5_000);
    }
    system.queueJobs("linux", 2);
    await system.allDone(180_000);
    await system.until("one stands ready", () => idle(system) === 1 && system.runners().length === 1, 120_000);
    await system.run(30_000);
    system.assertEachJobOnce();
    assert.equal(system.listenerPods().length, 1);
    assert.equal(system.condition("linux", "Ready"), "True Ready");
  }));

/** The objects that a chart makes beside a scale set, each kept until the controller releases it. */
const PROTECTED: readonly (readonly [kind: Resource<KubeObject>, name: string])[] = [
  [ROLE_BINDINGS, "kubernetes-mode-binding"],
  [ROLES, "kubernetes-mode-role"],
  [SERVICE_ACCOUNTS, "kubernetes-mode-account"],
  [SERVICE_ACCOUNTS, "no-permission"],
  [SECRETS, "chart-secret"],
  [ROLE_BINDINGS, "manager-binding"],
  [ROLES, "manager-role"],
];

async function createProtected(system: SimSystem): Promise<ScaleSetSpec> {
  for (const [kind, name] of PROTECTED) {
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "manager-role" };
    const body = kind === SECRETS
      ? { stringData: { github_token: "ghp_simulated" } }
      : kind === ROLE_BINDINGS
      ? { roleRef, subjects: [] }
      : kind === ROLES
      ? { rules: [] }
      : {};
    const metadata = { namespace: RUNNER_NAMESPACE, name, finalizers: [FINALIZERS.cleanupProtection] };
    await system.done(system.kubectl.create(kind, { metadata, ...body } as KubeObject));
  }
  const annotations = Object.fromEntries(CLEANUP_ANNOTATIONS.map((key, at) => [key, PROTECTED[at]![1]]));
  return { annotations, githubConfigSecret: "chart-secret" };
}

/** As `helm uninstall` does it: everything at once. */
async function uninstall(system: SimSystem): Promise<void> {
  for (const [kind, name] of PROTECTED) {
    await system.done(system.kubectl.delete(kind, { namespace: RUNNER_NAMESPACE, name }));
  }
  await system.deleteScaleSet("linux");
}

story("an uninstall goes in the contract's order, and a job in hand is finished", {}, async (system) => {
  const chart = await createProtected(system);
  await system.scaleSet("linux", { ...chart, minRunners: 1, maxRunners: 5 });
  await system.until("one stands ready", () => idle(system) === 1);
  system.queueJobs("linux", 1, { durationMs: 20_000 });
  await system.until("the job runs, another stands ready", () => idle(system) === 1 && system.runners().length === 2);
  const mark = system.world.timeline.count;
  await uninstall(system);
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 60_000);
  system.assertEachJobOnce();

  const requests = system.requests(mark);
  const when = (what: string, name?: string) => {
    const found = requests.findLastIndex((one) =>
      one.client !== "kubectl" && one.client !== "kubelet" && one.what === what &&
      (name === undefined || one.name === name)
    );
    assert.ok(
      found >= 0,
      `no ${what} ${name ?? ""} in ${JSON.stringify([...new Set(requests.map((one) => one.what))])}`,
    );
    return found;
  };
  const kinds = {
    rolebindings: "rolebindings",
    roles: "roles",
    serviceaccounts: "serviceaccounts",
    secrets: "secrets",
  };
  const order = [
    when("DELETE /_apis/runtime/runnerscalesets/*/sessions/*"),
    when("delete ephemeralrunnersets"),
    when("patch ephemeralrunnersets"),
    when("DELETE /_apis/runtime/runnerscalesets/*"),
    ...PROTECTED.map(([kind, name]) => when(`patch ${kinds[kind.plural as keyof typeof kinds]}`, name)),
    when("patch autoscalingrunnersets"),
  ];
  assert.deepEqual(order, [...order].sort((a, b) => a - b), "one after the other");
  assert.ok(when("delete autoscalinglisteners") < when("delete ephemeralrunnersets"));
  await system.run(2_000);
  assert.deepEqual(Object.values(system.world.report().leftovers).flat(), []);
  for (const [kind, name] of PROTECTED) assert.equal(system.object(kind, name), undefined, `${name} is gone`);
});

story("an uninstall while GitHub is away ends, and says what may be left there", {}, async (system) => {
  const chart = await createProtected(system);
  await system.scaleSet("linux", { ...chart, minRunners: 2, maxRunners: 5 });
  await system.until("two stand ready", () => idle(system) === 2);
  system.world.network.inject({
    name: "GitHub is away",
    matches: ({ server }) => server.startsWith("github"),
    effect: { kind: "fail", failure: "refused" },
  });
  await uninstall(system);
  await system.run(240_000);
  assert.ok(system.ars("linux"), "not before the time-box has run out");
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 180_000);
  await system.run(5_000);
  const { leftovers } = system.world.report();
  const { registrations: _r, sessions: _s, scaleSets: _c, ...inCluster } = leftovers;
  assert.deepEqual(Object.values(inCluster).flat(), []);
  for (const [kind, name] of PROTECTED) assert.equal(system.object(kind, name), undefined, `${name} is gone`);
  const warnings = system.events().filter(({ type, object }) =>
    type === "Warning" && object === "AutoscalingRunnerSet linux"
  );
  assert.ok(warnings.some(({ reason }) => reason === "ScaleSetMayRemain"), JSON.stringify(warnings));
  assert.equal(system.objects(EPHEMERAL_RUNNERS).length, 0);
});
