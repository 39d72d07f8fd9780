/** A runner with a job is not ended by what others say for a moment. */
import assert from "node:assert/strict";
import { EPHEMERAL_RUNNERS } from "../../../../src/api/kinds.ts";
import { NAMESPACE } from "../../../support/builders.ts";
import { idle, story } from "../../../support/runner_story.ts";
import { answer } from "../../../support/runner_world.ts";

story("the service does not know a busy runner for a moment: its job goes on", {}, async (world) => {
  await idle(world, 1);
  const [runner] = world.idle;
  const { name } = runner!.metadata;
  world.assign(runner!);
  world.facts(runner!, world.demand(1, 1, 2));
  await world.clock.advance(595_000);
  const id = world.service.idOf(name)!;
  const registration = world.service.registrations.get(id)!;
  world.service.registrations.delete(id);
  await world.clock.advance(30_000);
  world.service.registrations.set(id, registration);
  await world.clock.advance(1_200_000);
  assert.deepEqual(world.pods.map(({ metadata }) => metadata.name), [name]);
  world.service.registrations.delete(id);
  await world.clock.advance(900_000);
  assert.ok(!world.pods.some(({ metadata }) => metadata.name === name), "one that is forgotten for good goes");
});

story(
  "its object is deleted by hand, and much later its container fails: its registration goes too",
  {},
  async (world) => {
    await idle(world, 1);
    const [runner] = world.idle;
    world.assign(runner!);
    world.facts(runner!, world.demand(1, 1, 2));
    await world.clock.advance(1000);
    world.api.delete(EPHEMERAL_RUNNERS, { namespace: NAMESPACE, name: runner!.metadata.name });
    await world.clock.advance(900_000);
    world.service.busy.clear();
    world.demand(0, 0, 0);
    world.exit(runner!, 137);
    await world.clock.advance(60_000);
    assert.deepEqual([world.runners.length, world.service.registrations.size], [0, 0]);
    assert.ok(!world.events.some(({ reason }) => reason === "CleanupIncomplete"));
  },
);

story("the same, and GitHub is gone for good: five minutes more, then a warning", {}, async (world) => {
  await idle(world, 1);
  const [runner] = world.idle;
  world.assign(runner!);
  world.facts(runner!, world.demand(1, 1, 2));
  await world.clock.advance(1000);
  world.api.delete(EPHEMERAL_RUNNERS, { namespace: NAMESPACE, name: runner!.metadata.name });
  await world.clock.advance(900_000);
  world.service.refuse = () => {
    throw answer("Unavailable", 0);
  };
  world.demand(0, 0, 0);
  world.exit(runner!, 137);
  const isThere = () => world.runners.some(({ metadata }) => metadata.name === runner!.metadata.name);
  await world.clock.advance(290_000);
  assert.ok(isThere());
  await world.clock.advance(60_000);
  assert.ok(!isThere());
  assert.ok(world.events.some(({ reason }) => reason === "CleanupIncomplete"));
});
