/** Tokens and sessions that end, and secrets that change: the listening goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SECRETS } from "../../src/k8s/resource.ts";
import { RUNNER_NAMESPACE, SimSystem, type SystemOptions } from "../support/sim_system.ts";

function story(name: string, options: SystemOptions, tell: (system: SimSystem) => Promise<void>): void {
  for (const listenerMode of ["pod", "embedded"] as const) {
    test(`${name} (${listenerMode})`, () => SimSystem.story({ ...options, listenerMode }, tell));
  }
}

/** Jobs one after the other, and nothing of them left. */
async function works(system: SimSystem, jobs = 3): Promise<void> {
  for (let job = 0; job < jobs; job++) {
    system.queueJobs("linux", 1);
    await system.run(1_000);
  }
  await system.allDone();
  await system.quiet();
  system.assertEachJobOnce();
}

const PATS = { pats: ["ghp_simulated", "ghp_second"] };

story("a secret is rotated: the session stays, nothing starts again", { credentials: PATS }, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  await works(system);
  const { controls, ledger } = system.world.service;
  const pods = system.listenerPods().map(({ metadata }) => metadata.uid);
  const ref = { namespace: RUNNER_NAMESPACE, name: "github" };
  await system.done(system.kubectl.patch(SECRETS, ref, { stringData: { github_token: "ghp_second" } }));
  await system.run(2_000);
  controls.revokePat("ghp_simulated");
  controls.expireTokens("admin");
  await works(system);
  controls.expireTokens("queue");
  await works(system);
  await system.run(120_000);
  assert.equal(ledger.sessions.length, 1, "one session all the time");
  assert.deepEqual(system.listenerPods().map(({ metadata }) => metadata.uid), pods);
  assert.equal(system.controllers.length, 1);
  assert.equal(system.condition("linux", "Ready"), "True Ready");
  assert.equal(system.made, 9);
});

/** A token is revoked, and the new one comes a minute later. */
async function revokeAndReplace(system: SimSystem): Promise<void> {
  const { controls } = system.world.service;
  controls.revokePat("ghp_simulated");
  controls.expireTokens("admin");
  controls.expireTokens("queue");
  system.queueJobs("linux", 3);
  await system.run(60_000);
  const ref = { namespace: RUNNER_NAMESPACE, name: "github" };
  await system.done(system.kubectl.patch(SECRETS, ref, { stringData: { github_token: "ghp_second" } }));
}

test("a token is revoked before there is another: the object says so and the new one is taken up (embedded)", () =>
  SimSystem.story({ credentials: PATS, listenerMode: "embedded" }, async (system) => {
    await system.scaleSet("linux", { maxRunners: 10 });
    await revokeAndReplace(system);
    assert.equal(system.condition("linux", "Ready"), "False Unauthorized");
    await system.allDone(60_000);
    await system.until("the object is well", () => system.condition("linux", "Ready") === "True Ready", 60_000);
    await works(system);
  }));

test("a token is revoked before there is another: the listener's pod gets the new one at the resync", () =>
  SimSystem.story({ credentials: PATS }, async (system) => {
    await system.scaleSet("linux", { maxRunners: 10 });
    await revokeAndReplace(system);
    await system.allDone(660_000);
    await works(system);
    assert.deepEqual(system.listenerExits, [], "it waits, and does not end");
  }));

story("a token is revoked while a session lives: who makes runners says it of the scale set", {
  credentials: PATS,
}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  const { controls } = system.world.service;
  controls.revokePat("ghp_simulated");
  controls.expireTokens("admin");
  await system.run(60_000);
  assert.equal(system.condition("linux", "Ready"), "True Ready", "nobody has asked GitHub for anything yet");
  system.queueJobs("linux", 3);
  const says = (what: string) => () => system.condition("linux", "Ready") === what;
  await system.until("the scale set says it", says("False Unauthorized"), 60_000);
  await system.run(1_200_000);
  assert.equal(system.condition("linux", "Ready"), "False Unauthorized");
  controls.revokePat("ghp_simulated", false);
  await system.until("it is well again", says("True Ready"), 330_000);
  await system.allDone(330_000);
  await system.quiet();
  system.assertEachJobOnce();
});

story("a secret is deleted while a session lives: who makes runners says it of the scale set", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  const ref = { namespace: RUNNER_NAMESPACE, name: "github" };
  const secret = await system.done(system.kubectl.get(SECRETS, ref));
  await system.done(system.kubectl.delete(SECRETS, { ...ref, uid: secret.metadata.uid }));
  await system.run(660_000);
  system.queueJobs("linux", 3);
  const says = (what: string) => () => system.condition("linux", "Ready") === what;
  await system.until("the scale set says it", says("False SecretNotFound"), 60_000);
  const { labels, name, namespace } = secret.metadata;
  await system.done(
    system.kubectl.create(SECRETS, { ...secret, metadata: { name, namespace, labels } }),
  );
  await system.until("it is well again", says("True Ready"), 330_000);
  await system.allDone(330_000);
  system.assertEachJobOnce();
});

story("tokens end before their time, again and again", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  for (let round = 0; round < 6; round++) {
    system.queueJobs("linux", 3);
    await system.run(500);
    system.world.service.controls.expireTokens(round % 2 === 0 ? "admin" : "queue");
    await system.run(2_000);
  }
  await works(system);
  assert.equal(system.made, 21);
  assert.equal(system.world.service.ledger.sessions.length, 1);
});

story("tokens of an hour end in a long night", {}, async (system) => {
  await system.scaleSet("linux", { maxRunners: 10 });
  for (let hour = 0; hour < 3; hour++) {
    await system.run(3_700_000);
    system.queueJobs("linux", 2);
    await system.allDone();
  }
  await system.quiet();
  system.assertEachJobOnce();
  assert.equal(system.world.service.ledger.sessions.length, 1);
});

story("somebody else takes the session", {}, async (system) => {
  const id = await system.scaleSet("linux", { maxRunners: 10 });
  system.queueJobs("linux", 3, { durationMs: 30_000 });
  await system.run(1_000);
  system.world.service.controls.stealSession(id, "a listener of another cluster");
  await system.until(
    "the listener says who has it",
    () =>
      system.said.some(({ message, text }) =>
        /another session/.test(message) && text.includes("a listener of another cluster")
      ),
  );
  system.queueJobs("linux", 3);
  await system.allDone(180_000);
  await system.quiet();
  system.assertEachJobOnce();
  assert.deepEqual(system.listenerExits, [], "it waits, and does not end");
});

story("a session that GitHub has lost is replaced at once", {}, async (system) => {
  const id = await system.scaleSet("linux", { maxRunners: 10 });
  for (let round = 0; round < 4; round++) {
    system.queueJobs("linux", 3);
    await system.run(700);
    system.world.service.controls.loseSession(id);
    await system.run(1_500);
  }
  await works(system);
  assert.equal(system.made, 15);
});

test("a secret goes while a listener's pod works: the object says so, the pod works on", () =>
  SimSystem.story({ credentials: PATS }, async (system) => {
    await system.createSecret("own", { github_token: "ghp_second" });
    await system.scaleSet("linux", { githubConfigSecret: "own", maxRunners: 10 });
    await works(system);
    const pods = system.listenerPods().map(({ metadata }) => metadata.uid);
    await system.done(system.kubectl.delete(SECRETS, { namespace: RUNNER_NAMESPACE, name: "own" }));
    for (const controller of system.controllers) controller.kill();
    system.startController();
    await system.until("it is said", () => system.condition("linux", "Ready") === "False SecretNotFound");
    assert.deepEqual(
      conditionsOf(system).filter((condition) => condition.startsWith("Ready")),
      ["Ready False SecretNotFound"],
    );
    await system.createSecret("own", { github_token: "ghp_second" });
    await system.until("it is well", () => system.condition("linux", "Ready") === "True Ready", 70_000);
    await works(system);
    assert.deepEqual(system.listenerPods().map(({ metadata }) => metadata.uid), pods);
    assert.equal(system.world.service.ledger.sessions.length, 1, "one session all the time");
  }));

const conditionsOf = (system: SimSystem) =>
  (system.listenerOf("linux")?.status?.conditions ?? []).map(({ type, status, reason }) =>
    `${type} ${status} ${reason}`
  );
