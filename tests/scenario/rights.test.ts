/** The API server does not let the controller do what it must: said, waited for, and given up in good order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FINALIZERS } from "../../src/api/names.ts";
import { type KubeObject, resource, ROLES, SERVICE_ACCOUNTS } from "../../src/k8s/resource.ts";
import { type Withheld, withhold } from "../support/no_rights.ts";
import { RUNNER_NAMESPACE, SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

interface Quota extends KubeObject {
  readonly spec: { readonly hard: Readonly<Record<string, string>> };
}
const QUOTAS = resource<Quota>("", "v1", "ResourceQuota", "resourcequotas");

const idle = (system: SimSystem) => system.service("linux")?.statistics.totalIdleRunners;
const waitingSaid = (system: SimSystem) => {
  const said = system.ars("linux")?.status?.conditions?.find(({ type }) => type === "RunnersWaiting");
  return said ? `${said.status} ${said.reason} ${said.message}` : "";
};
const eventsOf = (system: SimSystem, reason: string) => system.events().filter((event) => event.reason === reason);

/** As where the chart's role in the runners' namespace is not there. */
const READ_ROLES: Withheld = {
  verb: "get",
  resource: "roles",
  namespace: RUNNER_NAMESPACE,
  matches: ({ method, url }) => method === "GET" && url.pathname.includes(`/namespaces/${RUNNER_NAMESPACE}/roles/`),
};

const CREATE_PODS: Withheld = {
  verb: "create",
  resource: "pods",
  namespace: RUNNER_NAMESPACE,
  matches: ({ method, url }) => method === "POST" && url.pathname.endsWith(`/namespaces/${RUNNER_NAMESPACE}/pods`),
};

/** Neither by name nor in a list. */
const SEE_ACCOUNT: Withheld = {
  verb: "get",
  resource: "serviceaccounts",
  namespace: RUNNER_NAMESPACE,
  matches: ({ method, url }) =>
    method === "GET" && url.pathname.includes(`/namespaces/${RUNNER_NAMESPACE}/serviceaccounts`),
};

test("a listener whose role may not be read waits for the right, and says which", () =>
  SimSystem.story({}, async (system) => {
    const give = withhold(system, READ_ROLES);
    await system.createScaleSet("linux", { maxRunners: 5 });
    await system.until("it is said", () => system.condition("linux", "Ready") === "False Forbidden");
    const { message } = system.ars("linux")!.status!.conditions!.find(({ type }) => type === "Ready")!;
    assert.match(message ?? "", /role arc-runners\/linux.*403.*its role in that namespace is missing/);
    assert.deepEqual(system.listenerPods(), []);
    const mark = system.world.timeline.count;
    await system.run(600_000);
    const reads = system.requests(mark).filter(({ what }) => what === "get roles").length;
    assert.ok(reads >= 10 && reads <= 30, `${reads} tries in 10 minutes`);
    give();
    await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready", 40_000);
    system.queueJobs("linux", 2);
    await system.allDone();
    system.assertEachJobOnce();
  }));

story("a listener whose role may not be read goes when the right is given", {}, async (system) => {
  await system.scaleSet("linux", { minRunners: 1 });
  await system.until("one stands ready", () => idle(system) === 1);
  // What was read before is believed for ten minutes.
  for (const controller of system.controllers) controller.kill();
  const give = withhold(system, READ_ROLES);
  system.startController();
  await system.deleteScaleSet("linux");
  await system.run(200_000);
  assert.ok(system.listenerOf("linux"), "the listener's object waits");
  assert.deepEqual(system.listenerPods(), []);
  assert.ok(system.service("linux"), "the scale set is not deleted at GitHub before its listener has gone");
  assert.equal(system.service("linux")?.sessionOwner, undefined);
  give();
  await system.until("all is gone", () => system.ars("linux") === undefined, 60_000);
  assert.deepEqual(eventsOf(system, "ChildrenMayRemain"), []);
  await system.run(5_000);
  assert.deepEqual(Object.values(system.world.report().leftovers).flat(), []);
});

test("a listener whose role may never be read goes after five minutes, and says what may remain", () =>
  SimSystem.story({}, async (system) => {
    await system.scaleSet("linux", { minRunners: 1 });
    await system.until("one stands ready", () => idle(system) === 1);
    for (const controller of system.controllers) controller.kill();
    withhold(system, READ_ROLES);
    system.startController();
    const listener = system.listenerOf("linux")!.metadata.name;
    await system.deleteScaleSet("linux");
    await system.run(280_000);
    assert.ok(system.ars("linux"), "not before the time-box has run out");
    await system.until("the scale set is gone", () => system.ars("linux") === undefined, 90_000);
    const [warning, ...more] = eventsOf(system, "ChildrenMayRemain");
    assert.deepEqual(more, []);
    assert.match(warning?.message ?? "", new RegExp(`role arc-runners/${listener} may remain.*403`));
    assert.ok(system.object(ROLES, listener), "it does remain");
    assert.equal(system.service("linux"), undefined);
    assert.equal(system.runners().length, 0);
  }));

/** An account that the chart protects. @returns the annotation that names it */
async function protectedAccount(system: SimSystem): Promise<Record<string, string>> {
  const metadata = { namespace: RUNNER_NAMESPACE, name: "no-permission", finalizers: [FINALIZERS.cleanupProtection] };
  await system.done(system.kubectl.create(SERVICE_ACCOUNTS, { metadata }));
  return { "actions.github.com/cleanup-no-permission-service-account-name": "no-permission" };
}

story("a protected object that may not be seen is released when it may", {}, async (system) => {
  await system.scaleSet("linux", { annotations: await protectedAccount(system) });
  const give = withhold(system, SEE_ACCOUNT);
  await system.deleteScaleSet("linux");
  await system.run(120_000);
  assert.ok(system.ars("linux"), "the scale set waits");
  assert.equal(system.service("linux"), undefined, "GitHub's side has gone");
  assert.deepEqual(system.object(SERVICE_ACCOUNTS, "no-permission")?.metadata.finalizers, [
    FINALIZERS.cleanupProtection,
  ]);
  give();
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 35_000);
  assert.equal(system.object(SERVICE_ACCOUNTS, "no-permission")?.metadata.finalizers, undefined);
  assert.deepEqual(eventsOf(system, "ProtectedObjectsRemain"), []);
});

story("a protected object that may never be seen is given up after five minutes, by name", {}, async (system) => {
  await system.scaleSet("linux", { annotations: await protectedAccount(system) });
  withhold(system, SEE_ACCOUNT);
  await system.deleteScaleSet("linux");
  await system.run(280_000);
  assert.ok(system.ars("linux"), "not before the time-box has run out");
  await system.until("the scale set is gone", () => system.ars("linux") === undefined, 90_000);
  const [warning, ...more] = eventsOf(system, "ProtectedObjectsRemain");
  assert.deepEqual(more, []);
  assert.match(warning?.message ?? "", /cleanup-protection.*ServiceAccount no-permission: remove it by hand/);
  assert.equal(system.object(SERVICE_ACCOUNTS, "no-permission")?.metadata.finalizers?.length, 1);
});

story("a right to make pods that comes late costs no runner", {}, async (system) => {
  const give = withhold(system, CREATE_PODS);
  await system.scaleSet("linux", { minRunners: 2 });
  await system.run(10_000);
  assert.equal(system.runners().length, 2);
  assert.deepEqual(system.runnerPods(), []);
  assert.deepEqual(system.runners().map(({ status }) => status?.reason), [undefined, undefined], "nothing is said yet");
  const tries = system.requests().filter(({ client, what }) => client === "arc-controller" && what === "create pods");
  assert.ok(tries.length <= 12, `${tries.length} tries in 10 s`);
  give();
  await system.until("two stand ready", () => idle(system) === 2, 30_000);
  assert.equal(system.made, 2, "those that waited were registered once");
  assert.equal(eventsOf(system, "RunnerFailed").length, 0);
});

story("a right to make pods that does not come is a runner's failure after half a minute", {}, async (system) => {
  const give = withhold(system, CREATE_PODS);
  await system.scaleSet("linux", { minRunners: 1 });
  const failed = () => system.runners().filter(({ status }) => status?.phase === "Failed");
  await system.until("it has failed", () => failed().length === 1, 60_000);
  assert.equal(failed()[0]?.status?.reason, "InvalidPod");
  assert.match(failed()[0]?.status?.message ?? "", /cannot create resource "pods"/);
  give();
  await system.until("one stands ready", () => idle(system) === 1, 120_000);
  system.assertSound();
});

story("a quota for pods: what waits says so, and goes on as pods go", {}, async (system) => {
  await system.done(system.kubectl.create(QUOTAS, {
    metadata: { namespace: RUNNER_NAMESPACE, name: "tight" },
    spec: { hard: { pods: "2" } },
  }));
  await system.scaleSet("linux", { maxRunners: 10 });
  system.queueJobs("linux", 6, { durationMs: 20_000 });
  const waiting = () => system.runners().filter(({ status }) => status?.reason === "QuotaExceeded");
  await system.until("four wait for room", () => waiting().length === 4, 15_000);
  assert.ok(waiting().every(({ status }) => /exceeded quota: tight/.test(status?.message ?? "")));
  assert.equal(system.runnerPods().length, 2);
  await system.until("the scale set says so", () => /waits: .*exceeded quota: tight/.test(waitingSaid(system)), 5_000);
  assert.match(waitingSaid(system), /^True QuotaExceeded /);
  assert.equal(
    eventsOf(system, "QuotaExceeded").filter(({ object }) => object.startsWith("EphemeralRunnerSet")).length,
    1,
  );
  const mark = system.world.timeline.count;
  await system.allDone(90_000);
  await system.quiet();
  system.assertEachJobOnce();
  assert.match(waitingSaid(system), /^False RunnersStart/);
  assert.equal(system.made, 6, "one runner for each job: those that waited kept their registration");
  assert.equal(eventsOf(system, "RunnerFailed").length, 0);
  const tries = system.requests(mark).filter(({ client, what }) =>
    client === "arc-controller" && what === "create pods"
  );
  assert.ok(tries.length <= 40, `${tries.length} tries`);
});

story("a runner that a quota keeps out for ten minutes gives way to another", {}, async (system) => {
  const quota = { namespace: RUNNER_NAMESPACE, name: "shut" };
  await system.done(system.kubectl.create(QUOTAS, { metadata: quota, spec: { hard: { pods: "0" } } }));
  await system.scaleSet("linux", { minRunners: 1 });
  await system.until("it waits", () => system.runners()[0]?.status?.reason === "QuotaExceeded");
  const [first] = system.runners();
  await system.run(590_000);
  assert.equal(system.runners()[0]?.metadata.uid, first!.metadata.uid);
  await system.run(40_000);
  assert.equal(system.runners().length, 1);
  assert.notEqual(system.runners()[0]?.metadata.uid, first!.metadata.uid);
  assert.deepEqual(system.runners().filter(({ status }) => status?.phase === "Failed"), []);
  await system.done(system.kubectl.delete(QUOTAS, quota));
  await system.until("one stands ready", () => idle(system) === 1, 60_000);
  assert.equal(system.world.service.registrations().length, 1);
});
