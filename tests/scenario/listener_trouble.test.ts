/** A listener in trouble says so on the scale set, wherever its loop lives, and takes it back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AutoscalingRunnerSet, EPHEMERAL_RUNNER_SETS } from "../../src/api/kinds.ts";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import type { CustomResourceDefinition } from "../../src/api/crd.ts";
import { referenceDefinitions } from "../support/reference.ts";
import type { SeenRequest } from "../../src/sim/network.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

const events = (system: SimSystem, reason: string) =>
  system.events().filter((event) => event.reason === reason && event.object === "AutoscalingRunnerSet linux");
const idle = (system: SimSystem) => system.service("linux")?.statistics.totalIdleRunners;
const report = (system: SimSystem) => system.runnerSet("linux")?.spec?.listenerReport;

/** Every state of the scale set's conditions Ready and Progressing that was ever written, as `Ready reason/Progressing reason`. */
function statesOf(system: SimSystem): string[] {
  const states: string[] = [];
  system.world.kube.onChange(({ plural, after }) => {
    if (plural !== "autoscalingrunnersets" || !after) return;
    const { conditions = [] } = (after as unknown as AutoscalingRunnerSet).status ?? {};
    const of = (type: string) => conditions.find((condition) => condition.type === type);
    const state = `${of("Ready")?.status} ${of("Ready")?.reason}/${of("Progressing")?.status} ${
      of("Progressing")?.reason
    }`;
    if (states.at(-1) !== state) states.push(state);
  });
  return states;
}

/** Half an hour with nothing to do: what is written in it. */
async function writesOfANight(system: SimSystem): Promise<string[]> {
  const mark = system.world.timeline.count;
  await system.run(1_800_000);
  return system.requests(mark).filter(({ client, what }) =>
    (client === "arc-controller" || client === "arc-listener") && /^(create|patch|update|delete) /.test(what)
  ).map(({ client, what }) => `${client}: ${what}`);
}

story("a new scale set is ready when its listener listens, and not before", {}, async (system) => {
  const states = statesOf(system);
  await system.createScaleSet("linux", { minRunners: 1 });
  await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
  await system.run(5_000);
  assert.notEqual(system.service("linux")?.sessionOwner, undefined);
  assert.equal(states.at(-1), "True Ready/False Done");
  const before = states.slice(0, -1);
  assert.ok(before.length > 0);
  assert.deepEqual(before.filter((state) => state.startsWith("True") || state.endsWith("Done")), [], before.join());
  assert.ok(before.includes("False ListenerPending/True ListenerPending"), before.join());
});

story("somebody else holds the session: said with an event, and over when it is over", {}, async (system) => {
  const id = await system.scaleSet("linux", { maxRunners: 5 });
  await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
  const { controls } = system.world.service;
  controls.stealSession(id, "intruder");
  await system.until("it is said", () => system.condition("linux", "Ready") === "False SessionConflict", 120_000);
  assert.equal(system.condition("linux", "Progressing"), "False SessionConflict");
  await system.run(60_000);
  assert.equal(events(system, "SessionConflict").length, 1);
  controls.loseSession(id);
  await system.until("it is over", () => system.condition("linux", "Ready") === "True Ready", 120_000);
  assert.equal(report(system), undefined);
  system.queueJobs("linux", 3);
  await system.allDone();
  system.assertEachJobOnce();
});

story("demand that can't be real: said with an event, and over when GitHub counts right", {}, async (system) => {
  const id = await system.scaleSet("linux", { maxRunners: 5 });
  system.world.service.controls.setPhantomJobs(id, 2);
  system.queueJobs("linux", 1);
  await system.allDone();
  await system.until("two stand ready in vain", () => idle(system) === 2, 120_000);
  await system.until("it is said", () => system.condition("linux", "PhantomDemand") === "True IdleRunners", 2_400_000);
  assert.equal(system.condition("linux", "Ready"), "True Ready");
  assert.equal(events(system, "PhantomDemand").length, 1);
  await system.quiet(0, 120_000);
  system.world.service.controls.setPhantomJobs(id, 0);
  system.queueJobs("linux", 1);
  await system.allDone();
  await system.until("it is over", () => system.condition("linux", "PhantomDemand") === undefined, 120_000);
  assert.equal(report(system), undefined);
});

test("a report of a listener that was killed is taken back by the next one", () =>
  SimSystem.story({}, async (system) => {
    const id = await system.scaleSet("linux", { maxRunners: 5 });
    system.world.service.controls.stealSession(id, "intruder");
    await system.until("it is said", () => system.condition("linux", "Ready") === "False SessionConflict", 120_000);
    const [pod] = system.listenerPods();
    await system.done(
      system.kubectl.delete({ group: "", version: "v1", kind: "Pod", plural: "pods", namespaced: true }, {
        namespace: pod!.metadata.namespace,
        name: pod!.metadata.name,
      }, { gracePeriodSeconds: 0 }),
    );
    system.world.service.controls.loseSession(id);
    await system.until("it is over", () => system.condition("linux", "Ready") === "True Ready", 120_000);
    assert.equal(report(system), undefined);
  }));

test("a report goes with the pod, when the loop comes home", () =>
  SimSystem.story({}, async (system) => {
    const id = await system.scaleSet("linux", { maxRunners: 5 });
    system.world.service.controls.stealSession(id, "intruder");
    await system.until("it is said", () => system.condition("linux", "Ready") === "False SessionConflict", 120_000);
    for (const controller of system.controllers) controller.kill();
    system.world.service.controls.loseSession(id);
    system.startController("embedded");
    await system.until("it is over", () => system.condition("linux", "Ready") === "True Ready", 180_000);
    assert.equal(report(system), undefined);
  }));

const isRunnerSet = (crd: object) => (crd as CustomResourceDefinition).spec.names.kind === EPHEMERAL_RUNNER_SETS.kind;
const ours = customResourceDefinitions();
const theirs = referenceDefinitions();
const OLD: Record<string, object[]> = {
  "all definitions are": theirs,
  "the runner set's definition is": [...ours.filter((crd) => !isRunnerSet(crd)), ...theirs.filter(isRunnerSet)],
  "all definitions but the runner set's are": [
    ...theirs.filter((crd) => !isRunnerSet(crd)),
    ...ours.filter(isRunnerSet),
  ],
};
for (const [name, crds] of Object.entries(OLD)) {
  story(`where ${name} ARC's nothing loops, in a conflict and out of it`, { crds }, async (system) => {
    const id = await system.scaleSet("linux", { maxRunners: 5 });
    await system.run(60_000);
    system.world.service.controls.stealSession(id, "intruder");
    await system.run(120_000);
    const inConflict = await writesOfANight(system);
    assert.ok(inConflict.length <= 6, JSON.stringify(inConflict));
    system.world.service.controls.loseSession(id);
    await system.run(120_000);
    const atRest = await writesOfANight(system);
    assert.ok(atRest.length <= 4, JSON.stringify(atRest));
    system.queueJobs("linux", 2);
    await system.allDone();
    system.assertEachJobOnce();
    if (name === "the runner set's definition is") assert.equal(system.condition("linux", "Ready"), "True Ready");
  });
}

/** What keeps a listener's pod from its work for a while, the word that it has for it, and how it ends. */
const TROUBLES: Readonly<Record<string, { readonly reason: string; bring(system: SimSystem): () => unknown }>> = {
  "the scale set is not there and can't be made": {
    reason: "ScaleSetNotFound",
    bring(system) {
      system.world.service.controls.forgetScaleSet(system.service("linux")!.id);
      return system.world.network.inject({
        name: "GitHub makes no scale set",
        matches: ({ method, url }) => method === "POST" && /\/runnerscalesets$/.test(url.pathname),
        effect: { kind: "status", status: 503 },
      });
    },
  },
  "the token is refused": {
    reason: "Unauthorized",
    bring(system) {
      const { controls } = system.world.service;
      controls.revokePat(SIMULATED_PAT);
      controls.expireTokens("admin");
      controls.expireTokens("queue");
      return () => controls.revokePat(SIMULATED_PAT, false);
    },
  },
};
for (const [name, { reason, bring }] of Object.entries(TROUBLES)) {
  story(`${name}: the listener says ${reason}, does not end, and works on`, {}, async (system) => {
    await system.scaleSet("linux", { maxRunners: 5 });
    await system.until("it is ready", () => system.condition("linux", "Ready") === "True Ready");
    const heal = bring(system);
    const said = () => system.listenerOf("linux")?.status?.conditions?.find(({ type }) => type === "Ready")?.reason;
    await system.until("the listener says it", () => said() === reason, 180_000);
    await system.run(1_000);
    assert.equal(system.condition("linux", "Ready"), `False ${reason}`);
    await system.run(60_000);
    heal();
    await system.until("it is over", () => system.condition("linux", "Ready") === "True Ready", 400_000);
    assert.equal(report(system), undefined);
    system.queueJobs("linux", 2);
    await system.allDone();
    system.assertEachJobOnce();
    assert.deepEqual(system.listenerExits.filter((code) => code !== 0), []);
  });
}

for (const fails of [false, true]) {
  const also = fails ? ", and reading the scale set fails once" : "";
  test(`a job is assigned while the answer to a session's opening is on its way${also}: it is served`, () =>
    SimSystem.story({ listenerMode: "embedded" }, async (system) => {
      system.world.service.behaviour.needsAcquire = false;
      await system.scaleSet("linux", { maxRunners: 5 });
      for (const controller of system.controllers) controller.kill();
      await system.run(70_000);
      system.world.network.inject({
        name: "a slow answer",
        matches: ({ method, url }) => method === "POST" && /\/sessions$/.test(url.pathname),
        effect: { kind: "late-answer", ms: 4_000 },
      });
      const { sessions, jobs } = system.world.service.ledger;
      const before = sessions.length;
      system.startController();
      await system.until("the session is open at GitHub", () => sessions.length > before);
      await system.run(500);
      const isReading = ({ method, url }: SeenRequest) =>
        method === "GET" && /\/runnerscalesets\/\d+$/.test(url.pathname);
      const effect = { kind: "status", status: 400 } as const;
      if (fails) system.world.network.inject({ name: "a reading fails", matches: isReading, effect, times: 1 });
      const [job] = system.queueJobs("linux", 1, { durationMs: 5_000 });
      await system.until("it runs", () => jobs.get(job!)?.startedAt !== undefined, 15_000);
    }));
}
