/** What can happen to a set of runners, under both controllers. */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNERS } from "../../../../src/api/kinds.ts";
import { PODS, SECRETS } from "../../../../src/k8s/resource.ts";
import { NAMESPACE } from "../../../support/builders.ts";
import { refusal } from "../../../support/memory_api.ts";
import { idle, requests, story } from "../../../support/runner_story.ts";
import { answer } from "../../../support/runner_world.ts";

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
  assert.ok(world.made <= 16, `one is tried now and then, with a back-off: ${world.made} made`);
  world.demand(0, 0, 9);
  await world.clock.advance(60_000);
  assert.equal(world.live.length, 0, "a replacement that is halted keeps nobody who is not wanted");
});
