/** Stories of runners: a world with a set that wants nothing yet, told from its second second on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RunnerWorld, type WorldOptions } from "./runner_world.ts";

/** A test with a world of its own. */
export function story(name: string, options: WorldOptions, tell: (world: RunnerWorld) => Promise<void>): void {
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

/** Has the set make idle runners. */
export async function idle(world: RunnerWorld, count: number): Promise<void> {
  world.demand(count, 0);
  await world.clock.advance(3000);
  assert.equal(world.idle.length, count);
}

/** Requests to the API server so far. */
export const requests = (world: RunnerWorld) => [...world.api.requests.values()].reduce((sum, one) => sum + one, 0);
