/** A runner with a job is not ended by what others say for a moment. */
import assert from "node:assert/strict";
import { idle, story } from "../../../support/runner_story.ts";

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
