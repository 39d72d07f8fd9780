/** The controller's own namespace is not there: said on the scale set, and healed when it comes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Namespace, type Resource } from "../../src/k8s/resource.ts";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";
import { CONTROLLER_NAMESPACE } from "../support/sim_view.ts";

const NAMESPACES: Resource<Namespace> = {
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  namespaced: false,
};

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

const events = (system: SimSystem) => system.events().filter(({ reason }) => reason === "NamespaceNotFound");
const message = (system: SimSystem) =>
  system.ars("linux")?.status?.conditions?.find(({ type }) => type === "Ready")?.message ?? "";
const tries = (system: SimSystem, mark: number) =>
  system.requests(mark).filter(({ what }) => what === "create autoscalinglisteners").length;

async function dropNamespace(system: SimSystem): Promise<void> {
  await system.done(system.kubectl.delete(NAMESPACES, { name: CONTROLLER_NAMESPACE }));
  await system.run(30_000);
  assert.equal(system.object(NAMESPACES, CONTROLLER_NAMESPACE), undefined);
}

const makeNamespace = (system: SimSystem) =>
  system.done(system.kubectl.create(NAMESPACES, { metadata: { name: CONTROLLER_NAMESPACE } }));

story("a controller whose namespace is not there says so on the scale set, at a bounded rate", {}, async (system) => {
  await dropNamespace(system);
  await system.createScaleSet("linux", { maxRunners: 5 });
  await system.until("it is said", () => system.condition("linux", "Ready") === "False NamespaceNotFound");
  assert.equal(system.condition("linux", "Progressing"), "False NamespaceNotFound");
  assert.match(message(system), /kubectl create namespace arc-systems, or set CONTROLLER_MANAGER_POD_NAMESPACE/);
  const mark = system.world.timeline.count;
  await system.run(3_600_000);
  assert.ok(tries(system, mark) >= 100 && tries(system, mark) <= 125, `${tries(system, mark)} tries in an hour`);
  assert.equal(events(system).length, 1);
  await makeNamespace(system);
  await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
  system.queueJobs("linux", 2);
  await system.allDone();
  system.assertEachJobOnce();
});

story("a controller's namespace that is deleted while scale sets work", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 5 });
  await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
  await dropNamespace(system);
  await system.until("it is said", () => system.condition("linux", "Ready") === "False NamespaceNotFound", 120_000);
  await makeNamespace(system);
  await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
  system.queueJobs("linux", 2);
  await system.allDone();
  system.assertEachJobOnce();
});
