/** The life of runners under both controllers, on an API server and a service in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RunnerWorld } from "../../../support/runner_world.ts";

function total(requests: ReadonlyMap<string, number>): number {
  return [...requests.values()].reduce((sum, count) => sum + count, 0);
}

test("life: one job, from demand to nothing left", async () => {
  const world = new RunnerWorld();
  await world.clock.advance(3000);
  world.api.requests.clear();
  const generation = world.demand(1, 0);
  await world.clock.advance(2000);
  const [runner] = world.runners;
  assert.equal(runner?.status?.phase, "Running");
  assert.equal(runner.status.ready, true);
  assert.equal(runner.status.runnerId, 101);
  assert.equal(runner.status.runnerName, runner.metadata.name);
  world.assign(runner);
  world.demand(1, 1, 2);
  world.facts(runner, generation + 1);
  await world.clock.advance(5000);
  world.demand(0, 0, 3);
  world.service.complete(runner.metadata.name);
  world.exit(runner);
  await world.clock.advance(5000);
  assert.deepEqual(world.runners, []);
  assert.deepEqual(world.pods, []);
  assert.deepEqual([...world.service.calls], [["generateJitConfig", 1]]);
  const perRunner = [...world.api.requests].filter(([name]) => !name.includes("ephemeralrunnersets"));
  assert.deepEqual(perRunner, [
    ["create ephemeralrunners", 1],
    ["create secrets", 1],
    ["create pods", 1],
    ["patch status ephemeralrunners", 1],
    ["patch pods", 1],
    ["delete ephemeralrunners", 1],
    ["delete pods", 1],
    ["patch ephemeralrunners", 1],
  ]);
  assert.ok(total(world.api.requests) <= 12, JSON.stringify([...world.api.requests]));
  await world.stop();
});
