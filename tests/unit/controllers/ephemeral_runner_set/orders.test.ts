/** The worked orders of docs/behaviour.md, "How many runners": whatever comes late, each job gets one runner. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RunnerWorld, type WorldOptions } from "../../../support/runner_world.ts";
import { table } from "../../../support/table.ts";
import { Traffic, type TrafficOptions } from "../../../support/traffic.ts";

interface Order {
  readonly world?: WorldOptions;
  readonly traffic: TrafficOptions;
  readonly jobs: number;
  /** Jobs each second; 0: all at once. */
  readonly rate?: number;
  /** What happens besides, each second. */
  readonly each?: (world: RunnerWorld, traffic: Traffic, second: number) => void | Promise<void>;
  /** Runners made beyond the jobs. Default 0. */
  readonly more?: number;
  readonly seconds?: number;
}

table<Order>("order", {
  "a burst": { traffic: { jobMs: 3000 }, jobs: 100 },
  "a steady load": { traffic: { jobMs: 3000 }, jobs: 100, rate: 10 },
  "facts of JobStarted 1 s late": { traffic: { jobMs: 3000, factsMs: 1000 }, jobs: 100, rate: 10 },
  "facts so late that short jobs are over": { traffic: { jobMs: 500, factsMs: 1000 }, jobs: 50, rate: 10 },
  "the set is seen 1 s late": { world: { late: { sets: 1000 } }, traffic: { jobMs: 3000 }, jobs: 100 },
  "the set is seen 1 s late, steady": {
    world: { late: { sets: 1000 } },
    traffic: { jobMs: 3000 },
    jobs: 100,
    rate: 10,
  },
  "runners are seen 1 s late": { world: { late: { runners: 1000 } }, traffic: { jobMs: 3000 }, jobs: 100, rate: 10 },
  "pods are seen 1 s late": { world: { late: { pods: 1000 } }, traffic: { jobMs: 3000 }, jobs: 100, rate: 10 },
  "JobCompleted 5 s before the pod ends": { traffic: { jobMs: 3000, podEndsMs: 5000 }, jobs: 60, rate: 10 },
  "the pod ends 2 s before JobCompleted": { traffic: { jobMs: 4000, podEndsMs: -2000 }, jobs: 60, rate: 10 },
  "statistics 1 s late in a burst": { traffic: { jobMs: 3000, statisticsMs: 1000 }, jobs: 100 },
  "statistics 1 s late in a steady load": {
    traffic: { jobMs: 3000, statisticsMs: 1000 },
    jobs: 200,
    rate: 10,
    more: 10,
  },
  "50 starts and 50 ends in one message": { traffic: { jobMs: 1000, messageMs: 500 }, jobs: 100 },
  "the listener starts again each 2 s": {
    traffic: { jobMs: 3000 },
    jobs: 60,
    rate: 10,
    each: (_world, traffic, second) => second % 2 === 1 ? traffic.restartListener() : undefined,
  },
  "a message comes twice": {
    traffic: { jobMs: 3000 },
    jobs: 60,
    rate: 10,
    each: (_world, traffic) => traffic.repeat(),
  },
  "the controllers start again each 2 s": {
    traffic: { jobMs: 3000 },
    jobs: 60,
    rate: 5,
    each: (world, _traffic, second) => second % 2 === 1 ? world.restart() : undefined,
  },
  "the controllers start again each 2 s, and the service is slow": {
    world: { jitMs: 700 },
    traffic: { jobMs: 3000 },
    jobs: 60,
    rate: 5,
    each: (world, _traffic, second) => second % 2 === 1 ? world.restart() : undefined,
  },
  "statistics too high by 3": { traffic: { jobMs: 3000, phantom: 3 }, jobs: 60, rate: 10, more: 3 },
  "slow registrations": { world: { jitMs: 2000 }, traffic: { jobMs: 1000 }, jobs: 60, rate: 10 },
  "idle runners are kept on top": { traffic: { jobMs: 1000, min: 5 }, jobs: 40, rate: 4, more: 5 },
  "a limit below the need": { traffic: { jobMs: 1000, max: 10 }, jobs: 60, seconds: 40 },
  "another listener, without running jobs": { traffic: { jobMs: 3000, foreign: true }, jobs: 60, rate: 10, more: 60 },
}, async ({ world: worldOptions, traffic: options, jobs, rate = 0, each, more = 0, seconds = 40 }) => {
  const world = new RunnerWorld(worldOptions);
  await world.clock.advance(1500);
  const traffic = new Traffic(world, options);
  let mostLive = 0;
  for (let second = 0; second < seconds; second++) {
    for (let part = 0; part < 10; part++) {
      const due = rate === 0 ? jobs : Math.min(jobs, Math.floor((second + part / 10) * rate) + 1);
      traffic.submit(due - traffic.submitted);
      await world.clock.advance(100);
      mostLive = Math.max(mostLive, world.live.length);
    }
    await each?.(world, traffic, second);
  }
  await world.clock.advance(25_000);
  assert.equal(traffic.done, jobs, "every job is done");
  const idle = (options.min ?? 0) + (options.phantom ?? 0);
  assert.equal(world.runners.length, idle, "nothing but the idle minimum is left");
  assert.equal(world.pods.length, idle);
  assert.ok(world.made >= jobs && world.made <= jobs + more, `${world.made} runners for ${jobs} jobs`);
  assert.deepEqual(world.events, []);
  if (options.max !== undefined) assert.ok(mostLive <= options.max, `${mostLive} runners at once`);
  await world.stop();
});

test("order: a job that is cancelled before it started leaves no runner for long", async () => {
  const world = new RunnerWorld();
  await world.clock.advance(1500);
  const traffic = new Traffic(world, { jobMs: 1000 });
  world.holdPods = true;
  traffic.submit(5);
  await world.clock.advance(2000);
  assert.equal(world.live.length, 5);
  traffic.cancel(5);
  await world.clock.advance(9000);
  assert.equal(world.live.length, 5, "not before the surplus has lasted");
  await world.clock.advance(4000);
  assert.deepEqual([world.runners.length, world.pods.length, world.service.registrations.size], [0, 0, 0]);
  assert.equal(world.made, 5);
  await world.stop();
});
