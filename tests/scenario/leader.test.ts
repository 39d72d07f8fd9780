/** Two controllers, one lease: the other takes over soon, and no job sees it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { LEASES, PODS, refOf } from "../../src/k8s/resource.ts";
import { type SimController, SimSystem } from "../support/sim_system.ts";

const holder = (system: SimSystem) => system.objects(LEASES)[0]?.spec?.holderIdentity?.replace(/_.*$/, "");

/** Waits until the lease is somebody else's, and until that one works: its first write. @returns virtual ms of both */
async function handOver(system: SimSystem, from: SimController): Promise<{ led: number; worked: number }> {
  const led = await system.until("another leads", () => !["", undefined, from.name].includes(holder(system)), 30_000);
  const [job] = system.queueJobs("linux", 1);
  const { jobs } = system.world.service.ledger;
  const worked = await system.until("a new job runs", () => jobs.get(job!)?.startedAt !== undefined, 60_000);
  return { led, worked };
}

for (const listenerMode of ["pod", "embedded"] as const) {
  const endings = [
    { how: "stopped", most: 2_000, end: (leader: SimController) => leader.stop() },
    { how: "killed", most: 17_000, end: (leader: SimController) => leader.kill() },
  ] as const;
  for (const { how, most, end } of endings) {
    test(`a leader is ${how} amid jobs (${listenerMode})`, () =>
      SimSystem.story({ listenerMode, leaderElection: true, controllers: 2 }, async (system) => {
        await system.scaleSet("linux", { minRunners: 1, maxRunners: 50 });
        assert.equal(system.controllers.filter(({ name }) => name === holder(system)).length, 1);
        system.queueJobs("linux", 10, { durationMs: 10_000 });
        await system.run(400);
        const leader = system.controllers.find(({ name }) => name === holder(system))!;
        end(leader);
        const { led, worked } = await handOver(system, leader);
        assert.ok(led <= most, `it took ${led} ms`);
        assert.ok(worked <= 2_000, `then ${worked} ms to the next job's start`);
        await system.allDone();
        await system.until("one is left", () => system.runners().length === 1, 90_000);
        system.assertEachJobOnce();
        assert.equal(system.made, 12, "11 jobs and the minimum");
        assert.equal(leader.end, how);
        if (listenerMode === "pod") assert.equal(system.world.service.ledger.sessions.length, 1);
      }));
  }
}

test("one who has lost the lease without noticing writes nothing", () =>
  SimSystem.story({ leaderElection: true, controllers: 2 }, async (system) => {
    await system.scaleSet("linux", { maxRunners: 50 });
    const leader = system.controllers.find(({ name }) => name === holder(system))!;
    const heal = system.world.network.inject({
      name: "the lease can't be renewed by anybody",
      matches: ({ method, url }) => method === "PUT" && url.pathname.includes("/leases/"),
      effect: { kind: "hang" },
    });
    await system.run(11_000);
    const mark = system.world.timeline.count;
    system.queueJobs("linux", 5);
    await system.run(5_000);
    const writes = system.requests(mark).filter(({ client, what }) =>
      client === "arc-controller" && /^(create|patch|delete) (?!events)/.test(what)
    );
    assert.deepEqual(writes, []);
    heal();
    await system.allDone();
    await system.quiet();
    assert.match(leader.end ?? "", /not renewed/);
    system.assertEachJobOnce();
  }));

type Way = (system: SimSystem) => Promise<void>;

/** Ways in which idle runners go, and their pods take their time. */
const GOING: Readonly<Record<string, Way>> = {
  "are too many, and the API server refuses patches for a moment": async (system) => {
    const until = system.clock.monotonic() + 11_500;
    system.world.network.inject({
      name: "no patches of runners",
      matches: ({ method, url }) =>
        method === "PATCH" && /\/ephemeralrunners\/[^/]+$/.test(url.pathname) && system.clock.monotonic() < until,
      effect: { kind: "status", status: 503 },
    });
    await system.patchScaleSet("linux", { spec: { minRunners: 0 } });
    await system.run(11_000);
  },
  "are deleted by hand": async (system) => {
    for (const runner of system.runners()) await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(runner)));
  },
  "are deleted by hand after their pods": async (system) => {
    for (const pod of system.runnerPods()) await system.done(system.kubectl.delete(PODS, refOf(pod)));
    for (const runner of system.runners()) await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, refOf(runner)));
  },
};

for (const [way, go] of Object.entries(GOING)) {
  test(`idle runners ${way}, and their controller is killed: nobody is told of jobs that never were`, () =>
    SimSystem.story({ listenerMode: "embedded", leaderElection: true, controllers: 2 }, async (system) => {
      await system.scaleSet("linux", { minRunners: 3, maxRunners: 5 });
      await system.until(
        "they run",
        () => system.runners().filter(({ status }) => status?.phase === "Running").length === 3,
      );
      const first = new Set(system.runners().map(({ metadata }) => metadata.uid));
      await system.run(20_000);
      system.world.network.inject({
        name: "nodes take their time",
        matches: ({ client, method, url }) =>
          client === "kubelet" && /DELETE|PATCH/.test(method) && /\/pods\//.test(url.pathname),
        effect: { kind: "slow", ms: 8_000 },
      });
      await go(system);
      await system.run(2_000);
      assert.ok(system.runners().some(({ metadata }) => first.has(metadata.uid)), "some are still going");
      system.controllers.find(({ name }) => name === holder(system))!.kill();
      await system.until(
        "all have gone",
        () => system.runners().every(({ metadata }) => !first.has(metadata.uid)),
        90_000,
      );
      assert.deepEqual(system.events().filter(({ reason }) => reason === "RunnerVanished"), []);
    }));
}
