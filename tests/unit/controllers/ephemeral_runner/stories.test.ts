/** What can go wrong in a runner's life, under both controllers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EPHEMERAL_RUNNERS } from "../../../../src/api/kinds.ts";
import { PODS, SECRETS } from "../../../../src/k8s/resource.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { refusal } from "../../../support/memory_api.ts";
import { NAMESPACE } from "../../../support/builders.ts";
import { answer, RunnerWorld, type WorldOptions } from "../../../support/runner_world.ts";

function story(name: string, options: WorldOptions, tell: (world: RunnerWorld) => Promise<void>): void {
  test(`story: ${name}`, async () => {
    const world = new RunnerWorld(options);
    await world.clock.advance(1500);
    try {
      await tell(world);
    } finally {
      await world.stop();
    }
  });
}

async function idle(world: RunnerWorld, count: number): Promise<void> {
  world.demand(count, 0);
  await world.clock.advance(3000);
  assert.equal(world.idle.length, count);
}

const requests = (world: RunnerWorld) => [...world.api.requests.values()].reduce((sum, one) => sum + one, 0);

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

story("the service keeps a runner that was just given a job", {}, async (world) => {
  await idle(world, 2);
  const [first] = world.idle;
  world.assign(first!);
  world.demand(1, 0, 0);
  await world.clock.advance(5000);
  assert.deepEqual(world.live.map(({ metadata }) => metadata.name).includes(first!.metadata.name), true);
  assert.equal(world.live.length, 1, "the other one goes instead");
  assert.ok(world.service.busy.has(world.service.idOf(first!.metadata.name)!), "the job goes on");
});

story("surplus goes at once with patchID 0, and after 10 s otherwise", {}, async (world) => {
  await idle(world, 6);
  world.demand(4, 0, 0);
  await world.clock.advance(3000);
  assert.equal(world.live.length, 4);
  world.demand(2, 0, 5);
  await world.clock.advance(9000);
  assert.equal(world.live.length, 4);
  await world.clock.advance(4000);
  assert.equal(world.live.length, 2);
  assert.equal(world.service.registrations.size, 2);
  assert.equal(world.service.calls.get("removeRunner"), 4, "one call a runner");
  assert.deepEqual(world.events, []);
});

story("a set is deleted: idle ones go, the busy one finishes, nothing is left", {}, async (world) => {
  await idle(world, 3);
  const [busy] = world.idle;
  world.assign(busy!);
  world.facts(busy!, world.demand(3, 1, 2));
  await world.clock.advance(1000);
  world.api.delete({ ...EPHEMERAL_RUNNERS, plural: "ephemeralrunnersets" }, { namespace: NAMESPACE, name: "linux" });
  await world.clock.advance(60_000);
  assert.deepEqual(world.runners.map(({ metadata }) => metadata.name), [busy!.metadata.name]);
  assert.equal(world.pods.length, 1);
  world.service.complete(busy!.metadata.name);
  world.exit(busy!);
  await world.clock.advance(5000);
  assert.deepEqual([world.runners.length, world.pods.length, world.service.registrations.size], [0, 0, 0]);
  assert.equal(world.set, undefined);
});

story("a set is deleted while GitHub is away: five minutes, then a warning", {}, async (world) => {
  await idle(world, 2);
  world.service.refuse = () => {
    throw answer("Unavailable", 0);
  };
  world.api.delete({ ...EPHEMERAL_RUNNERS, plural: "ephemeralrunnersets" }, { namespace: NAMESPACE, name: "linux" });
  await world.clock.advance(290_000);
  assert.equal(world.runners.length, 2);
  await world.clock.advance(60_000);
  assert.deepEqual([world.runners.length, world.pods.length, world.set], [0, 0, undefined]);
  assert.ok(world.events.some(({ type, reason }) => type === "Warning" && reason === "CleanupIncomplete"));
  const calls = [...world.service.calls.values()].reduce((sum, one) => sum + one, 0);
  assert.ok(calls < 60, `${calls} calls`);
});

story("a runner with a job is deleted by hand: the job goes on", {}, async (world) => {
  await idle(world, 1);
  const [runner] = world.runners;
  world.assign(runner!);
  world.facts(runner!, world.demand(1, 1, 2));
  await world.clock.advance(1000);
  world.api.delete(EPHEMERAL_RUNNERS, { namespace: NAMESPACE, name: runner!.metadata.name });
  await world.clock.advance(600_000);
  assert.equal(world.pods.find(({ metadata }) => metadata.name === runner!.metadata.name)?.status?.phase, "Running");
  const asked = world.service.calls.get("removeRunner") ?? 0;
  assert.ok(asked > 15 && asked < 30, `${asked} questions in ten minutes`);
  world.service.complete(runner!.metadata.name);
  world.demand(0, 0, 0);
  world.exit(runner!);
  await world.clock.advance(5000);
  assert.deepEqual(world.runners, []);
});

story("CRDs that prune what we add: no error, no loop", {}, async (world) => {
  world.api.prune = (kind, object) => {
    const { spec, status, ...rest } = object as { spec?: Record<string, unknown>; status?: Record<string, unknown> };
    const added = [
      "finishedEphemeralRunners",
      "deletingEphemeralRunners",
      "observedGeneration",
      "conditions",
      "jobSetGeneration",
    ];
    for (const field of added) delete status?.[field];
    if (kind.plural === "ephemeralrunnersets") delete spec?.runningJobs;
    return { ...rest, ...(spec && { spec }), ...(status && { status }) } as typeof object;
  };
  await idle(world, 3);
  world.api.requests.clear();
  world.demand(3, 0, 2);
  await world.clock.advance(10_000);
  const status = world.api.requests.get("patch status ephemeralrunnersets") ?? 0;
  assert.ok(status <= 2, `${status} status writes`);
  world.api.requests.clear();
  await world.clock.advance(60_000);
  assert.equal(requests(world), 0);
  assert.deepEqual(world.set.status, {
    currentReplicas: 3,
    pendingEphemeralRunners: 0,
    runningEphemeralRunners: 3,
    failedEphemeralRunners: 0,
    phase: "Running",
  });
});

story("a new spec: old idle runners give way by quarters, and enough stay ready", { maxRunners: 10 }, async (world) => {
  await idle(world, 8);
  const spec = { ephemeralRunnerSpec: { spec: { containers: [{ name: "runner", image: "runner:2" }] } } };
  world.api.patch({ ...EPHEMERAL_RUNNERS, plural: "ephemeralrunnersets" }, { namespace: NAMESPACE, name: "linux" }, {
    spec,
  });
  let fewest = Infinity;
  let most = 0;
  for (let tick = 0; tick < 1200; tick++) {
    await world.clock.advance(100);
    fewest = Math.min(fewest, world.idle.length);
    most = Math.max(most, world.live.length);
  }
  const images = world.runners.map((one) => one.spec?.spec?.containers?.[0]?.image);
  assert.deepEqual(images, Array(8).fill("runner:2"));
  assert.ok(fewest >= 8, `${fewest} were ready at least`);
  assert.ok(most <= 10, `${most} at once`);
  assert.equal(world.made, 16);
  assert.deepEqual(world.events, []);
});

story("the proxy's secret is there before any pod refers to it, and goes with the set", {
  spec: {
    ephemeralRunnerSpec: {
      githubConfigUrl: "https://github.com/acme/api",
      githubConfigSecret: "github",
      runnerScaleSetId: 7,
      proxy: { https: { url: "http://proxy" } },
      spec: { containers: [{ name: "runner", image: "runner:1" }] },
    },
  },
}, async (world) => {
  const names = () => world.api.all(SECRETS).map(({ metadata }) => metadata.name).sort();
  assert.deepEqual(names(), ["linux-754b578d-runner-proxy"]);
  await idle(world, 1);
  assert.equal(names().length, 2);
  world.api.delete({ ...EPHEMERAL_RUNNERS, plural: "ephemeralrunnersets" }, { namespace: NAMESPACE, name: "linux" });
  await world.clock.advance(10_000);
  assert.deepEqual(names(), []);
  assert.equal(world.set, undefined);
});

story("what container hooks made goes with the runner", {
  spec: {
    ephemeralRunnerSpec: {
      githubConfigUrl: "https://github.com/acme/api",
      githubConfigSecret: "github",
      runnerScaleSetId: 7,
      spec: {
        containers: [{ name: "runner", env: [{ name: "ACTIONS_RUNNER_CONTAINER_HOOKS", value: "/k8s/index.js" }] }],
      },
    },
  },
}, async (world) => {
  await idle(world, 1);
  const [runner] = world.runners;
  const labels = { "runner-pod": runner!.metadata.name };
  world.api.create(PODS, { metadata: { name: "step", namespace: NAMESPACE, labels } });
  world.api.create(SECRETS, { metadata: { name: "step-env", namespace: NAMESPACE, labels } });
  world.api.create(PODS, { metadata: { name: "other", namespace: NAMESPACE, labels: { "runner-pod": "other" } } });
  world.demand(0, 0, 0);
  await world.clock.advance(10_000);
  assert.deepEqual(world.runners, []);
  assert.deepEqual(world.pods.map(({ metadata }) => metadata.name), ["other"]);
  assert.deepEqual(world.api.all(SECRETS), []);
});

story("no secret stands in a log line", { jitMs: 10 }, async (world) => {
  await idle(world, 2);
  world.api.refuse = () => {
    throw refusal("Unavailable", 503, "later");
  };
  world.demand(4, 0, 2);
  await world.clock.advance(5000);
  assert.equal(world.logs.filter((line) => line.includes("jit-")).length, 0);
  assert.ok(world.logs.length > 0);
});

story("a new spec whose runners fail: the old ones stay, and the set says so", { maxRunners: 10 }, async (world) => {
  await idle(world, 8);
  const spec = { ephemeralRunnerSpec: { spec: { containers: [{ name: "runner", image: "broken" }] } } };
  world.api.patch({ ...EPHEMERAL_RUNNERS, plural: "ephemeralrunnersets" }, { namespace: NAMESPACE, name: "linux" }, {
    spec,
  });
  const isBroken = ({ spec }: typeof world.runners[number]) => spec?.spec?.containers?.[0]?.image === "broken";
  for (let tick = 0; tick < 240; tick++) {
    await world.clock.advance(500);
    for (const runner of world.idle.filter(isBroken)) world.exit(runner, 1);
  }
  assert.ok(world.idle.filter((runner) => !isBroken(runner)).length >= 8, "no old one was given up for nothing");
  const condition = world.set.status?.conditions?.find(({ type }) => type === "Progressing");
  assert.deepEqual([condition?.status, condition?.reason], ["False", "RolloutStuck"]);
  assert.ok(world.made <= 12, `${world.made} made`);
});
