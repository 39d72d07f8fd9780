/** What a runner policy changes, under both controllers; and that without one nothing is changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EPHEMERAL_RUNNER_SETS, type RunnerPolicy } from "../../../../src/api/kinds.ts";
import { policyOf } from "../../../../src/controllers/ephemeral_runner_set/policy.ts";
import { waitsOf } from "../../../../src/controllers/shared/waits.ts";
import { NAMESPACE, waiting } from "../../../support/builders.ts";
import { idle, story } from "../../../support/runner_story.ts";
import { RunnerWorld } from "../../../support/runner_world.ts";
import { table } from "../../../support/table.ts";

const under = (runnerPolicy: RunnerPolicy, more: object = {}) => ({ spec: { runnerPolicy }, ...more });
const told = (world: RunnerWorld, reason: string) => world.events.filter((event) => event.reason === reason).length;
const failed = (world: RunnerWorld) => world.runners.filter(({ status }) => status?.phase === "Failed");

/** No pod starts, and each of them fails as soon as it is there. */
async function failFor(world: RunnerWorld, ms: number): Promise<void> {
  world.holdPods = true;
  for (let passed = 0; passed < ms; passed += 500) {
    for (const { metadata, status } of world.pods) {
      if (!status?.containerStatuses?.length) world.podStatus(metadata.name, waiting("InvalidImageName"));
    }
    await world.clock.advance(500);
  }
}

test("policy: without one everything is as without", () => {
  const waits = waitsOf();
  assert.deepEqual(policyOf(undefined, waits), policyOf({}, waits));
  const { patience, history, scaleDown, scalesDownAtRest, ...rest } = policyOf(undefined, waits);
  assert.deepEqual([patience, history, scaleDown, scalesDownAtRest], [5, 5, waits.surplus, true]);
  assert.deepEqual(rest, { waits, maxIdle: undefined, maxLifetime: undefined, pendingTimeout: undefined });
});

test("policy: a first pause that is longer than the longest is the longest", () => {
  const { waits } = policyOf({ failureBackoffSeconds: 3600 }, waitsOf());
  assert.deepEqual([waits.failingFirst, waits.failingMost], [3_600_000, 3_600_000]);
});

story(
  "runners of a great age are replaced, a quarter at a time, and there are never fewer of them",
  under({ maxLifetimeSeconds: 600 }, { maxRunners: 20 }),
  async (world) => {
    await idle(world, 8);
    const before = world.runners.map(({ metadata }) => metadata.name);
    let least = 8;
    let most = 8;
    for (let second = 0; second < 700; second++) {
      await world.clock.advance(1000);
      least = Math.min(least, world.idle.length);
      most = Math.max(most, world.runners.length);
    }
    const after = world.runners.map(({ metadata }) => metadata.name);
    assert.deepEqual(after.filter((name) => before.includes(name)), []);
    assert.equal(world.idle.length, 8);
    assert.equal(least, 8, "the fresh one is there before the old one goes");
    assert.ok(most <= 12, `${most} at a time`);
    assert.equal(world.made, 16);
    assert.equal(told(world, "RunnerExpired"), 8);
    assert.deepEqual(world.events.filter(({ type }) => type === "Warning"), []);
    assert.equal(world.service.registrations.size, 8);
  },
);

story(
  "at the limit the old one goes first",
  under({ maxLifetimeSeconds: 600 }, { maxRunners: 4 }),
  async (world) => {
    await idle(world, 4);
    let most = 4;
    for (let second = 0; second < 700; second++) {
      await world.clock.advance(1000);
      most = Math.max(most, world.live.length);
    }
    assert.equal(most, 4);
    assert.equal(world.made, 8);
  },
);

story(
  "a runner with a job finishes it, whatever its age, also when nobody has been told of the job",
  under({ maxLifetimeSeconds: 600 }),
  async (world) => {
    await idle(world, 2);
    const [told, untold] = world.idle;
    world.assign(told!);
    world.facts(told!, world.demand(2, 1, 2));
    world.assign(untold!);
    await world.clock.advance(1_200_000);
    const names = world.live.map(({ metadata }) => metadata.name);
    for (const runner of [told!, untold!]) assert.ok(names.includes(runner.metadata.name));
    for (const { metadata } of [told!, untold!]) {
      assert.equal(
        world.pods.find((pod) => pod.metadata.name === metadata.name)?.metadata.deletionTimestamp,
        undefined,
      );
    }
  },
);

story(
  "replacements that fail leave the old ones as they are",
  under({ maxLifetimeSeconds: 600 }, { maxRunners: 9 }),
  async (world) => {
    await idle(world, 4);
    await world.clock.advance(590_000);
    await failFor(world, 60_000);
    assert.equal(world.idle.length, 4);
  },
);

story(
  "runners that do not start in time are replaced, and that is no failure",
  under({ pendingTimeoutSeconds: 60 }),
  async (world) => {
    world.holdPods = true;
    world.demand(2, 0);
    await world.clock.advance(50_000);
    assert.equal(world.made, 2);
    await world.clock.advance(20_000);
    assert.equal(world.made, 4);
    assert.equal(world.live.length, 2);
    assert.equal(told(world, "PendingTimeout"), 2);
    await world.clock.advance(600_000);
    assert.ok(world.made <= 24, `${world.made} made in 11 minutes`);
    assert.deepEqual(failed(world), []);
    assert.equal(world.set.status?.conditions?.find(({ type }) => type === "RunnersFailing"), undefined);
    assert.equal(world.service.registrations.size, 2, "nothing is left at the service");
    world.holdPods = false;
    await world.clock.advance(70_000);
    assert.equal(world.idle.length, 2);
    await world.clock.advance(300_000);
    assert.equal(world.idle.length, 2, "once started they stay");
  },
);

story(
  "an image that can't be pulled in that time is a failure, and its reason is told",
  under({ pendingTimeoutSeconds: 60 }),
  async (world) => {
    world.holdPods = true;
    world.demand(1, 0);
    await world.clock.advance(1000);
    world.podStatus(world.pods[0]!.metadata.name, waiting("ImagePullBackOff", "no such image"));
    await world.clock.advance(70_000);
    assert.deepEqual(failed(world).map(({ status }) => status?.reason), ["ImagePullBackOff"]);
    assert.equal(told(world, "PendingTimeout"), 0);
  },
);

story(
  "so many failures in a row are borne, and then so long a pause",
  under({ maxFailures: 2, failureBackoffSeconds: 60 }),
  async (world) => {
    world.demand(1, 0);
    await failFor(world, 30_000);
    assert.equal(world.made, 2);
    assert.equal(world.set.status?.conditions?.find(({ type }) => type === "RunnersFailing")?.status, "True");
    await failFor(world, 45_000);
    assert.equal(world.made, 3, "one trial after a minute");
    await failFor(world, 95_000);
    assert.equal(world.made, 3);
    await failFor(world, 20_000);
    assert.equal(world.made, 4, "and another after two more");
  },
);

story("a policy that comes late holds for what has been", {}, async (world) => {
  world.demand(1, 0);
  await failFor(world, 1_000);
  const made = world.made;
  assert.ok(made >= 2 && made < 5, `${made}`);
  const set = { namespace: NAMESPACE, name: "linux" };
  const runnerPolicy = { maxFailures: 1, failureBackoffSeconds: 600 };
  world.api.patch(EPHEMERAL_RUNNER_SETS, set, { spec: { runnerPolicy } });
  await failFor(world, 60_000);
  assert.ok(world.made <= made + 1, `${world.made} after ${made}`);
});

interface Delay {
  readonly policy: RunnerPolicy;
  readonly patchId: number;
  /** Runners that are there after so many seconds of not being wanted. */
  readonly after: Readonly<Record<number, number>>;
}

table<Delay>("delay of scaling down", {
  "none chosen, at rest": { policy: {}, patchId: 0, after: { 3: 1 } },
  "none chosen": { policy: {}, patchId: 5, after: { 8: 3, 13: 1 } },
  "two minutes": { policy: { scaleDownDelaySeconds: 120 }, patchId: 5, after: { 110: 3, 125: 1 } },
  "two minutes, at rest": { policy: { scaleDownDelaySeconds: 120 }, patchId: 0, after: { 110: 3, 125: 1 } },
  "no time at all": { policy: { scaleDownDelaySeconds: 0 }, patchId: 5, after: { 3: 1 } },
}, async ({ policy, patchId, after }) => {
  const world = new RunnerWorld(under(policy));
  await world.clock.advance(1500);
  await idle(world, 3);
  world.demand(1, 0, patchId);
  let passed = 0;
  for (const [seconds, count] of Object.entries(after)) {
    await world.clock.advance(Number(seconds) * 1000 - passed);
    passed = Number(seconds) * 1000;
    assert.equal(world.live.length, count, `after ${seconds} s`);
  }
  await world.stop();
});

table<[policy: RunnerPolicy, kept: number]>("failed runners that are kept", {
  "five": [{}, 5],
  "two": [{ historyLimit: 2 }, 2],
  "none": [{ historyLimit: 0 }, 0],
}, async ([policy, kept]) => {
  const world = new RunnerWorld(under({ ...policy, maxFailures: 20 }));
  await world.clock.advance(1500);
  world.demand(1, 0);
  await failFor(world, 20_000);
  assert.ok(world.made > 8, `${world.made} failed`);
  world.demand(0, 0, 0);
  await world.clock.advance(20_000);
  assert.equal(failed(world).length, kept);
  await world.stop();
});

story("a change of the policy replaces nobody", {}, async (world) => {
  await idle(world, 3);
  const set = { namespace: NAMESPACE, name: "linux" };
  const runnerPolicy = { maxIdleSeconds: 6000, maxLifetimeSeconds: 7000, historyLimit: 1 };
  world.api.patch(EPHEMERAL_RUNNER_SETS, set, { spec: { runnerPolicy } });
  await world.clock.advance(60_000);
  assert.equal(world.made, 3);
});
