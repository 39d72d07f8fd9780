/** Rare courses of events in which a set once stood still for ever, or ended a runner that had a job. */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../../../src/api/kinds.ts";
import { PODS, SECRETS } from "../../../../src/k8s/resource.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { NAMESPACE, runnerSpec, waiting } from "../../../support/builders.ts";
import { refusal } from "../../../support/memory_api.ts";
import { idle, story } from "../../../support/runner_story.ts";
import { answer, type RunnerWorld } from "../../../support/runner_world.ts";

/** Every pod fails to start, until the set pauses between one trial and the next. */
async function failing(world: RunnerWorld): Promise<void> {
  world.holdPods = true;
  world.demand(5, 0);
  await world.clock.advance(1000);
  for (const { metadata } of world.pods) world.podStatus(metadata.name, waiting("InvalidImageName"));
  await world.clock.advance(1000);
}

story("a trial that is lost without having failed is no verdict: another one follows", {}, async (world) => {
  await failing(world);
  await world.clock.advance(6000);
  const [trial] = world.pods;
  assert.equal(world.pods.length, 1, "one trial is out");
  world.holdPods = false;
  world.api.delete(PODS, { namespace: NAMESPACE, name: trial!.metadata.name }, 0);
  await world.clock.advance(180_000);
  assert.equal(world.idle.length, 5, "the set goes on, and the first success lets all others in");
});

story(
  "a set is deleted, and a job that the service gave a runner ends before it began: nothing is left",
  {},
  async (world) => {
    await idle(world, 1);
    const [runner] = world.idle;
    world.assign(runner!);
    world.api.delete(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" });
    await world.clock.advance(10_000);
    assert.equal(world.runners.length, 1, "the service keeps it");
    world.service.busy.clear();
    await world.clock.advance(45_000);
    assert.deepEqual([world.runners.length, world.pods.length, world.set], [0, 0, undefined]);
  },
);

story("a set is deleted, a job's facts never come, and GitHub stumbles once: the job goes on", {}, async (world) => {
  await idle(world, 1);
  const [runner] = world.idle;
  world.assign(runner!);
  world.api.delete(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" });
  await world.clock.advance(600_000);
  assert.equal(world.pods.length, 1);
  let stumbles = 1;
  world.service.refuse = (call) => {
    if (call === "removeRunner" && stumbles-- > 0) throw answer("Unavailable", 503);
  };
  await world.clock.advance(120_000);
  assert.equal(world.pods[0]?.metadata.deletionTimestamp, undefined);
  assert.equal(world.pods[0]?.status?.phase, "Running", "the service has said that it has a job");
  world.service.complete(runner!.metadata.name);
  world.exit(runner!);
  await world.clock.advance(30_000);
  assert.deepEqual([world.runners.length, world.pods.length, world.set], [0, 0, undefined]);
});

story(
  "GitHub is gone for good: a runner that it said to have a job goes when its container ends",
  {},
  async (world) => {
    await idle(world, 2);
    const [busy] = world.idle;
    world.assign(busy!);
    world.api.delete(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" });
    await world.clock.advance(10_000);
    assert.equal(world.runners.length, 1);
    world.service.refuse = () => {
      throw answer("Unavailable", 0);
    };
    await world.clock.advance(1_200_000);
    assert.equal(world.pods[0]?.status?.phase, "Running");
    world.exit(busy!);
    await world.clock.advance(400_000);
    assert.deepEqual([world.runners.length, world.pods.length, world.set], [0, 0, undefined]);
  },
);

story("answers to creations get lost and the watch is late: no runner is made twice", {
  late: { runners: 1000 },
}, async (world) => {
  const real = world.api.create.bind(world.api);
  const names = new Set<string>();
  let lost = 0;
  world.api.create = (kind, object) => {
    const made = real(kind, object);
    if (kind.plural !== EPHEMERAL_RUNNERS.plural) return made;
    names.add(made.metadata.name);
    if (lost++ < 3) throw new TransportError("reset", "connection reset");
    return made;
  };
  await idle(world, 5);
  assert.equal(names.size, 5);
});

story("a set with a proxy is deleted and its secret may not be read any more: it goes all the same", {
  spec: { ephemeralRunnerSpec: runnerSpec({ proxy: { https: { url: "http://proxy" } } }) },
}, async (world) => {
  await world.restart();
  world.api.refuse = (_verb, kind) => {
    if (kind.plural === SECRETS.plural) throw refusal("Forbidden", 403, "no right to read secrets");
  };
  world.api.delete(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" });
  await world.clock.advance(60_000);
  assert.equal(world.set, undefined);
});

story("GitHub stumbles while a surplus is removed: it is asked again, and not each millisecond", {}, async (world) => {
  await idle(world, 4);
  let stumbles = 2;
  world.service.refuse = (call) => {
    if (call === "removeRunner" && stumbles-- > 0) throw answer("Unavailable", 503);
  };
  world.demand(1, 0, 0);
  await world.clock.advance(4_000);
  assert.equal(world.live.length, 3, "one was let go");
  await world.clock.advance(60_000);
  assert.equal(world.live.length, 1);
  assert.equal(world.service.registrations.size, 1);
});

story(
  "a version is refused, then the clock is set back and the controller restarted: the next trial does not wait for it",
  {},
  async (world) => {
    await idle(world, 1);
    world.exit(world.idle[0]!, 7);
    await world.clock.advance(10_000);
    assert.equal(world.set?.status?.phase, "Running");
    assert.deepEqual(world.runners.map(({ status }) => status?.phase), ["Outdated"]);
    world.clock.jump(-7_200_000);
    await world.restart();
    await world.clock.advance(1_700_000);
    const phases = () => world.runners.map(({ status }) => status?.phase);
    assert.deepEqual(phases(), ["Outdated"], "half an hour is not over");
    await world.clock.advance(200_000);
    assert.deepEqual(phases(), ["Running"], "one was tried, and stays: nothing is refused any more");
  },
);

story(
  "a version is refused, then the clock is set back: the runner that is tried is not taken for an old one",
  {},
  async (world) => {
    await idle(world, 1);
    world.exit(world.idle[0]!, 7);
    await world.clock.advance(10_000);
    world.clock.jump(-1_200_000);
    // What is ahead of the clock goes at half its pace until the clock has caught up.
    await world.clock.advance(3_000_000);
    assert.ok(world.runners.some(({ status }) => status?.phase === "Running"), "one was tried, and stays");
  },
);

story(
  "a version is refused, and the controller starts anew: a runner made before is one of the old ones",
  {},
  async (world) => {
    await idle(world, 1);
    world.holdPods = true;
    world.demand(2, 0);
    await world.clock.advance(3_000);
    const waiting = world.runners.find(({ status }) => status?.phase !== "Running")!;
    world.service.refuse = (call) => {
      if (call === "removeRunner") throw answer("Unavailable", 503);
    };
    world.exit(world.idle[0]!, 7);
    await world.clock.advance(3_000);
    await world.restart();
    world.service.refuse = () => {};
    await world.clock.advance(60_000);
    assert.equal(world.runners.some(({ metadata }) => metadata.uid === waiting.metadata.uid), false);
  },
);
