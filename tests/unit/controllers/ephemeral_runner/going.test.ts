/** Runners that somebody deletes, and what becomes of their jobs, their slots and of what container hooks made. */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS, type EphemeralRunner } from "../../../../src/api/kinds.ts";
import { LABELS } from "../../../../src/api/names.ts";
import { PODS, type Stored } from "../../../../src/k8s/resource.ts";
import { NAMESPACE, runnerSpec } from "../../../support/builders.ts";
import { idle, story } from "../../../support/runner_story.ts";
import { answer, type RunnerWorld } from "../../../support/runner_world.ts";

const HOOKS = [{ name: "ACTIONS_RUNNER_CONTAINER_HOOKS", value: "/k8s/index.js" }];
const HOOKED = runnerSpec({ spec: { containers: [{ name: "runner", env: HOOKS }] } });

const remove = (world: RunnerWorld, { metadata: { name } }: Stored<EphemeralRunner>) =>
  world.api.delete(EPHEMERAL_RUNNERS, { namespace: NAMESPACE, name });
const removePod = (world: RunnerWorld, { metadata: { name } }: Stored<EphemeralRunner>) =>
  world.api.delete(PODS, { namespace: NAMESPACE, name }, 0);
const isThere = (world: RunnerWorld, { metadata: { uid } }: Stored<EphemeralRunner>) =>
  world.runners.some(({ metadata }) => metadata.uid === uid);
const staysAlone = (world: RunnerWorld, uid: string) =>
  world.pods.some(({ metadata }) => metadata.uid === uid && metadata.deletionTimestamp === undefined);

/** GitHub answers 503 to such calls. @returns what ends that */
function away(world: RunnerWorld, calls = /./): () => void {
  world.service.refuse = (call) => {
    if (calls.test(call)) throw answer("Unavailable", 503);
  };
  return () => {
    world.service.refuse = () => {};
  };
}

// 1
story(
  "a watch of pods is late: a runner that looks as if it started has a job already",
  { late: { pods: 500 } },
  async (world) => {
    world.demand(1, 0);
    await world.clock.advance(800);
    const [runner] = world.runners;
    const [pod] = world.pods;
    assert.equal(pod?.status?.phase, "Running");
    world.assign(runner!);
    remove(world, runner!);
    await world.clock.advance(10_000);
    assert.ok(staysAlone(world, pod!.metadata.uid), "its pod stays");
    assert.equal(world.made, 1, "and it holds its slot");
  },
);

// 2
for (const [facts, come] of [["come late", true], ["never come", false]] as const) {
  story(
    `a job's container is killed before GitHub has said that its runner has one, and its facts ${facts}: told`,
    {},
    async (world) => {
      await idle(world, 1);
      const [runner] = world.runners;
      world.assign(runner!);
      const heal = away(world, /removeRunner/);
      remove(world, runner!);
      await world.clock.advance(1_000);
      world.exit(runner!, 137);
      await world.clock.advance(1_000);
      heal();
      if (come) world.facts(runner!);
      await world.clock.advance(10_000);
      assert.ok(isThere(world, runner!), "GitHub keeps it");
      world.service.complete(runner!.metadata.name);
      await world.clock.advance(60_000);
      assert.equal(isThere(world, runner!), false);
      assert.deepEqual(world.events.map(({ reason }) => reason), ["RunnerLost"]);
    },
  );
}

// 3
story("GitHub has said that a runner has a job; the controller starts anew while GitHub is away", {}, async (world) => {
  await idle(world, 1);
  const [runner] = world.runners;
  const [pod] = world.pods;
  world.assign(runner!);
  remove(world, runner!);
  await world.clock.advance(400_000);
  away(world, /removeRunner/);
  await world.restart();
  await world.clock.advance(60_000);
  assert.ok(staysAlone(world, pod!.metadata.uid), "its pod stays");
});

// 4
for (const isUnseen of [true, false]) {
  const what = isUnseen ? "a runner whose pod went unseen" : "a runner that looks idle";
  story(
    `GitHub is away: what container hooks made goes with ${what}`,
    { spec: { ephemeralRunnerSpec: HOOKED } },
    async (world) => {
      await idle(world, 1);
      const [runner] = world.runners;
      const { name } = runner!.metadata;
      world.assign(runner!);
      if (isUnseen) world.facts(runner!);
      const made = { namespace: NAMESPACE, name: `${name}-workflow`, labels: { [LABELS.hookPod]: name } };
      world.api.create(PODS, { metadata: made, spec: { containers: [] } });
      await world.clock.advance(1_000);
      away(world);
      if (isUnseen) await world.stop();
      remove(world, runner!);
      if (isUnseen) {
        removePod(world, runner!);
        world.start();
      }
      await world.clock.advance(700_000);
      assert.equal(isThere(world, runner!), false);
      assert.deepEqual(world.pods.filter(({ metadata }) => metadata.name === made.name), []);
    },
  );
}

// 5
story(
  "a runner is long at its job after its deletion, then its pod vanishes: GitHub is asked on",
  {},
  async (world) => {
    await idle(world, 1);
    const [runner] = world.runners;
    const { name } = runner!.metadata;
    world.assign(runner!);
    world.facts(runner!);
    world.demand(1, 1);
    remove(world, runner!);
    await world.clock.advance(400_000);
    removePod(world, runner!);
    await world.clock.advance(20_000);
    assert.ok(isThere(world, runner!), "it waits for GitHub");
    // GitHub gives the job up.
    world.service.busy.delete(world.service.idOf(name)!);
    await world.clock.advance(60_000);
    assert.equal(isThere(world, runner!), false);
    assert.equal(world.service.idOf(name), undefined, "nothing is left at GitHub");
    assert.deepEqual(world.events.map(({ reason }) => reason), ["RunnerLost"]);
  },
);

// 6
for (const isTold of [true, false]) {
  const state = isTold ? "finishes its job" : "may have a job";
  story(
    `a new spec at the limit, while a runner that was deleted ${state}: none is made beside it`,
    { maxRunners: 4 },
    async (world) => {
      await idle(world, 4);
      const [runner] = world.runners;
      world.assign(runner!);
      if (isTold) {
        world.demand(4, 1);
        world.facts(runner!);
      } else away(world, /removeRunner/);
      remove(world, runner!);
      await world.clock.advance(30_000);
      const ephemeralRunnerSpec = runnerSpec({ spec: { containers: [{ name: "runner", image: "another" }] } });
      world.api.patch(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" }, {
        spec: { ephemeralRunnerSpec },
      });
      let most = 0;
      for (let second = 0; second < 100; second++) {
        await world.clock.advance(1_000);
        most = Math.max(most, world.pods.filter(({ metadata }) => !metadata.deletionTimestamp).length);
      }
      assert.equal(most, 4);
    },
  );
}

// 7
story("a runner that was deleted is given a job, and its facts are seen before the count", {
  maxRunners: 4,
  late: { sets: 2_000 },
}, async (world) => {
  world.demand(4, 0);
  await world.clock.advance(6_000);
  const [runner] = world.runners;
  world.assign(runner!);
  remove(world, runner!);
  await world.clock.advance(500);
  world.facts(runner!, world.demand(4, 1));
  await world.clock.advance(10_000);
  assert.equal(world.made, 4, "none is made beside it");
});

// 8
story(
  "the clock is set back while no controller looks: GitHub is tried for 5 min, and not for an hour more",
  {},
  async (world) => {
    await idle(world, 1);
    const [runner] = world.runners;
    away(world, /removeRunner/);
    remove(world, runner!);
    await world.clock.advance(1_000);
    await world.stop();
    world.clock.jump(-3_600_000);
    world.start();
    await world.clock.advance(400_000);
    assert.equal(isThere(world, runner!), false);
  },
);

// 9
story("a runner that was deleted is given a job: its pod is told, and may not be evicted", {}, async (world) => {
  world.protectsBusy = true;
  await idle(world, 1);
  const [runner] = world.runners;
  world.assign(runner!);
  remove(world, runner!);
  await world.clock.advance(1_000);
  world.facts(runner!);
  await world.clock.advance(10_000);
  const [pod] = world.pods;
  assert.ok(pod?.metadata.labels?.[LABELS.busy]);
});
