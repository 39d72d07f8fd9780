/** What can go wrong in a runner's life, under both controllers. */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNERS } from "../../../../src/api/kinds.ts";
import { type Pod, PODS, SECRETS, type Stored } from "../../../../src/k8s/resource.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { NAMESPACE } from "../../../support/builders.ts";
import { refusal } from "../../../support/memory_api.ts";
import { answer } from "../../../support/runner_world.ts";
import { idle, requests, story } from "../../../support/runner_story.ts";

story("a world at rest makes no request", {}, async (world) => {
  await idle(world, 3);
  world.api.requests.clear();
  await world.clock.advance(300_000);
  assert.equal(requests(world), 0);
  assert.equal(world.clock.pendingTimers <= 10, true);
  await world.clock.advance(400_000);
  assert.equal(requests(world), 0);
  assert.equal(world.service.calls.get("getRunner"), 3, "each registration is checked once in ten minutes");
});

story("a registration whose answer got lost is removed and made anew", {}, async (world) => {
  let lost = false;
  const real = world.service.refuse;
  world.service.refuse = (call) => {
    if (call !== "generateJitConfig" || lost) return real(call);
    lost = true;
    const [name] = world.runners.map(({ metadata }) => metadata.name);
    world.service.registrations.set(7, { id: 7, name: name!, scaleSetId: 7 });
  };
  await idle(world, 1);
  assert.equal(world.made, 1);
  assert.equal(world.service.registrations.size, 1);
  assert.equal(world.service.registrations.has(7), false);
});

story("a name that is another scale set's makes way for another runner", {}, async (world) => {
  let name = "";
  world.service.refuse = (call) => {
    if (call !== "generateJitConfig" || name !== "") return;
    name = world.runners[0]!.metadata.name;
    world.service.registrations.set(7, { id: 7, name, scaleSetId: 99 });
  };
  await idle(world, 1);
  assert.equal(world.made, 2);
  assert.ok(world.service.registrations.has(7), "what is not ours stays");
  assert.notEqual(world.runners[0]?.metadata.name, name);
});

story("the answer to a creation gets lost: nothing is made twice", {}, async (world) => {
  const real = world.api.create.bind(world.api);
  const lost = new Set<string>();
  world.api.create = (kind, object) => {
    const made = real(kind, object);
    if (!lost.has(kind.plural)) {
      lost.add(kind.plural);
      throw new TransportError("reset", "connection reset");
    }
    return made;
  };
  await idle(world, 1);
  assert.deepEqual([...lost].sort(), ["ephemeralrunners", "pods", "secrets"]);
  assert.equal(world.runners.length, 1);
  assert.equal(world.service.registrations.size, 1);
});

story("killed between secret and pod: the secret counts as used", {}, async (world) => {
  world.api.refuse = (verb, kind) => {
    if (verb === "create" && kind.plural === PODS.plural) throw refusal("Unavailable", 503, "later");
  };
  world.demand(1, 0);
  await world.clock.advance(300);
  assert.equal(world.api.all(SECRETS).length, 1);
  world.api.refuse = () => {};
  await world.restart();
  await world.clock.advance(3000);
  assert.equal(world.made, 2);
  assert.equal(world.idle.length, 1);
  assert.equal(world.service.registrations.size, 1, "the first registration is removed");
  assert.equal(world.started.length, 1);
});

story("killed between registration and secret: the same runner goes on", { jitMs: 200 }, async (world) => {
  world.demand(1, 0);
  await world.clock.advance(150);
  await world.restart();
  await world.clock.advance(4000);
  assert.equal(world.made, 1);
  assert.equal(world.idle.length, 1);
  assert.equal(world.service.registrations.size, 1);
});

story("an idle runner's pod is deleted by hand", {}, async (world) => {
  await idle(world, 2);
  world.api.delete(PODS, { namespace: NAMESPACE, name: world.pods[0]!.metadata.name }, 0);
  await world.clock.advance(3000);
  assert.equal(world.idle.length, 2);
  assert.equal(world.made, 3);
  assert.equal(world.service.registrations.size, 2, "the lost one's registration is removed");
  assert.deepEqual(world.events.map(({ reason }) => reason), ["RunnerLost"]);
});

story("a busy runner's pod is lost: told, and not replaced before the service asks", {}, async (world) => {
  await idle(world, 1);
  const [runner] = world.runners;
  world.assign(runner!);
  const generation = world.demand(1, 1, 2);
  world.facts(runner!, generation);
  await world.clock.advance(2000);
  world.api.delete(PODS, { namespace: NAMESPACE, name: runner!.metadata.name }, 0);
  await world.clock.advance(5000);
  assert.equal(world.made, 1);
  assert.match(world.events[0]?.message ?? "", /its pod has vanished.*job: acme\/api/);
  world.service.complete(runner!.metadata.name);
  world.demand(1, 0, 3);
  await world.clock.advance(3000);
  assert.equal(world.idle.length, 1);
});

story("runners that fail at once are made slower and slower, and one success clears it", {}, async (world) => {
  world.demand(10, 0);
  const crash = async (seconds: number) => {
    for (let tick = 0; tick < seconds * 2; tick++) {
      await world.clock.advance(500);
      for (const runner of world.idle) world.exit(runner, 1);
    }
  };
  await crash(120);
  const made = world.made;
  assert.ok(made >= 12 && made <= 20, `${made} runners in two minutes`);
  assert.ok(world.runners.filter(({ status }) => status?.phase === "Failed").length <= 5, "history is short");
  const condition = world.set.status?.conditions?.find(({ type }) => type === "RunnersFailing");
  assert.equal(condition?.status, "True");
  assert.match(condition?.message ?? "", /exited with code 1/);
  assert.ok(world.service.registrations.size <= 1, "failed runners are not registered any more");
  await world.clock.advance(300_000);
  const [good] = world.idle;
  world.assign(good!);
  const generation = world.demand(10, 1, 5);
  world.facts(good!, generation);
  await world.clock.advance(5000);
  assert.equal(world.idle.length, 9);
  assert.equal(world.set.status?.conditions?.find(({ type }) => type === "RunnersFailing")?.status, "False");
});

story("GitHub refuses the runner's version: one trial each 30 min until the template changes", {}, async (world) => {
  world.demand(5, 0);
  const refuse = async (seconds: number) => {
    for (let tick = 0; tick < seconds; tick++) {
      await world.clock.advance(1000);
      for (const runner of world.idle) world.exit(runner, 7);
    }
  };
  await refuse(60);
  const first = world.made;
  assert.ok(first <= 10, `${first} runners in the first minute`);
  await refuse(3 * 1800);
  assert.ok(world.made - first >= 2 && world.made - first <= 4, `${world.made - first} trials in 90 min`);
  assert.equal(world.set.status?.phase, "Running", "the set's phase is never Outdated");
  const condition = () => world.set.status?.conditions?.find(({ type }) => type === "RunnerVersionDeprecated")?.status;
  assert.equal(condition(), "True");
  const spec = { ephemeralRunnerSpec: { spec: { containers: [{ name: "runner", image: "runner:2" }] } } };
  world.api.patch({ ...EPHEMERAL_RUNNERS, plural: "ephemeralrunnersets" }, { namespace: NAMESPACE, name: "linux" }, {
    spec,
  });
  await world.clock.advance(5000);
  assert.equal(world.idle.length, 5);
  assert.equal(condition(), "False");
  assert.equal(world.runners.length, 5, "outdated ones of the old template are gone");
});

story(
  "GitHub refuses the runner's version, and nothing is wanted: trials go on, until one of them stays",
  {},
  async (world) => {
    await idle(world, 2);
    for (const runner of world.idle) world.exit(runner, 7);
    // The listener is told to take nothing.
    world.demand(0, 0, 0);
    await world.clock.advance(60_000);
    assert.deepEqual(world.idle, []);
    const before = world.made;
    await world.clock.advance(1_750_000);
    assert.equal(world.made, before + 1, "one trial after half an hour");
    const condition = () =>
      world.set.status?.conditions?.find(({ type }) => type === "RunnerVersionDeprecated")?.status;
    assert.equal(condition(), "True");
    await world.clock.advance(90_000);
    assert.equal(condition(), "False", "it has stayed for a minute");
    assert.deepEqual([world.runners.length, world.service.registrations.size], [0, 0], "nobody wants it");
    await world.clock.advance(3_600_000);
    assert.equal(world.made, before + 1);
  },
);

story("a quota of 3 pods: the next starts as one ends", {}, async (world) => {
  world.api.refuse = (verb, kind) => {
    if (verb === "create" && kind.plural === PODS.plural && world.pods.length >= 3) {
      throw refusal("QuotaExceeded", 403, "exceeded quota: pods, used: 3, limited: 3");
    }
  };
  world.demand(5, 0);
  await world.clock.advance(20_000);
  assert.equal(world.idle.length, 3);
  const reasons = world.runners.map(({ status }) => status?.reason ?? "").sort();
  assert.deepEqual(reasons, ["", "", "", "QuotaExceeded", "QuotaExceeded"]);
  const [runner] = world.idle;
  world.assign(runner!);
  world.facts(runner!, world.demand(5, 1, 2));
  await world.clock.advance(1000);
  world.service.complete(runner!.metadata.name);
  world.demand(4, 0, 3);
  world.exit(runner!);
  await world.clock.advance(900);
  assert.equal(world.idle.length, 3, "within a pod's start");
  assert.equal(world.made, 5);
  assert.ok((world.api.requests.get("create pods") ?? 0) < 25, "a quota is not hammered");
});

story("a pod that the API server refuses: failed with its words", {}, async (world) => {
  world.api.refuse = (verb, kind) => {
    if (verb === "create" && kind.plural === PODS.plural) {
      throw refusal("Invalid", 422, "spec.containers[0].image: Required");
    }
  };
  world.demand(1, 0);
  await world.clock.advance(3000);
  const failed = world.runners.find(({ status }) => status?.phase === "Failed");
  assert.equal(failed?.status?.reason, "InvalidPod");
  assert.equal(failed?.status?.message, "Failed to create the pod: spec.containers[0].image: Required");
});

story("an API server that has not read its roles yet refuses pods: no runner fails of it", {}, async (world) => {
  let started = false;
  world.api.refuse = (verb, kind) => {
    if (!started && verb === "create" && kind.plural === PODS.plural) {
      throw refusal("Forbidden", 403, 'pods is forbidden: User "arc" cannot create resource "pods" in API group ""');
    }
  };
  world.demand(5, 0);
  await world.clock.advance(4000);
  started = true;
  await world.clock.advance(10_000);
  assert.equal(world.idle.length, 5);
  assert.equal(world.made, 5, "the first ones serve");
});

const saysJob = ({ metadata }: Stored<Pod>) => metadata.annotations?.["karpenter.sh/do-not-disrupt"] === "true";

story("an API server that has not read its roles yet refuses patches of pods: it is asked again", {}, async (world) => {
  let refused = 0;
  let started = false;
  world.api.refuse = (verb, kind) => {
    if (verb !== "patch" || kind.plural !== PODS.plural || started) return;
    // Now and then one gets through: some of its parts know more than others.
    if (++refused % 7 === 3) return;
    throw refusal("Forbidden", 403, 'pods "x" is forbidden: User "arc" cannot patch resource "pods" in API group ""');
  };
  await idle(world, 20);
  for (const runner of world.runners) world.assign(runner);
  const generation = world.demand(20, 20);
  for (const runner of world.runners) world.facts(runner, generation);
  await world.clock.advance(6_000);
  started = true;
  await world.clock.advance(30_000);
  assert.equal(world.pods.filter(saysJob).length, 20);
  const told = world.logs.filter((line) => line.includes("pods are not told"));
  assert.equal(told.length, 1, told.join("\n"));
});

story("patches of pods that stay forbidden are given up", {}, async (world) => {
  world.api.refuse = (verb, kind) => {
    if (verb === "patch" && kind.plural === PODS.plural) throw refusal("Forbidden", 403, "not allowed");
  };
  await idle(world, 5);
  for (const runner of world.runners) world.assign(runner);
  const generation = world.demand(5, 5);
  for (const runner of world.runners) world.facts(runner, generation);
  await world.clock.advance(600_000);
  const tries = world.api.requests.get("patch pods") ?? 0;
  assert.ok(tries <= 30, `${tries} tries`);
  await world.clock.advance(1_800_000);
  assert.equal(world.api.requests.get("patch pods"), tries);
  assert.equal(world.pods.length, 5, "nothing else is missing");
  assert.equal(world.logs.filter((line) => line.includes("pods are not told")).length, 1);
});

story("a webhook that refuses what a pod is told holds up nothing else", {}, async (world) => {
  world.api.refuse = (verb, kind) => {
    if (verb === "patch" && kind.plural === PODS.plural) throw refusal("Invalid", 422, "labels may not be changed");
  };
  await idle(world, 1);
  const [runner] = world.runners;
  world.assign(runner!);
  world.facts(runner!, world.demand(1, 1));
  await world.clock.advance(5_000);
  assert.equal(world.logs.filter((line) => line.startsWith("warn")).join("\n"), "");
  assert.ok((world.api.requests.get("patch pods") ?? 0) <= 2);
});

story("many idle runners are checked two a second, and one that is to go meanwhile goes", {}, async (world) => {
  await idle(world, 40);
  const asked = () => world.service.calls.get("getRunner") ?? 0;
  await world.clock.advance(590_000);
  assert.equal(asked(), 0);
  await world.clock.advance(17_000);
  assert.ok(asked() >= 15 && asked() <= 36, `${asked()} checks so far`);
  world.demand(0, 0, 0);
  await world.clock.advance(4000);
  assert.deepEqual(world.runners, []);
});

story(
  "GitHub refuses the credentials for long: with the first that is registered again all others are",
  {},
  async (world) => {
    let isRefused = true;
    world.service.refuse = (call) => {
      if (call === "generateJitConfig" && isRefused) throw answer("Unauthorized", 401);
    };
    world.demand(5);
    // One of them has waited for less long than the others, and is tried before them.
    await world.clock.advance(200_000);
    world.demand(6);
    await world.clock.advance(1_000);
    assert.equal(world.service.registrations.size, 0);
    isRefused = false;
    for (let ms = 0; world.service.registrations.size === 0 && ms < 120_000; ms += 100) await world.clock.advance(100);
    await world.clock.advance(100);
    assert.equal(world.service.registrations.size, 6);
  },
);
