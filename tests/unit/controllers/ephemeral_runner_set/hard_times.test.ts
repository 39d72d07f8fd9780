/** Rare courses of events in which a set once stood still for ever, or ended a runner that had a job. */
import assert from "node:assert/strict";
import { PODS } from "../../../../src/k8s/resource.ts";
import { NAMESPACE, waiting } from "../../../support/builders.ts";
import { story } from "../../../support/runner_story.ts";
import type { RunnerWorld } from "../../../support/runner_world.ts";

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
