/**
 * The worked orders of docs/behaviour.md, "How many runners", told by the whole system: in whatever order and however
 * late things are heard of, each job gets one runner. Each order is played twice: with a listener's pod and statistics
 * of a message's creation, and, bursts at half their size, with the loop in the controller and statistics of delivery.
 */
import assert from "node:assert/strict";
import { PODS, refOf } from "../../src/k8s/resource.ts";
import type { ServiceBehaviour } from "../../src/sim/actions_service/behaviour.ts";
import type { SeenRequest } from "../../src/sim/network.ts";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";
import { table } from "../support/table.ts";

interface Order {
  readonly behaviour?: Partial<ServiceBehaviour>;
  readonly options?: Partial<SystemOptions>;
  /** What is there before the first job. */
  readonly before?: (system: SimSystem, scaleSetId: number) => void;
  /** `share`: of the size of a burst. */
  readonly play: (system: SimSystem, scaleSetId: number, share: number) => Promise<void>;
  /** Runners made for a job, at most. Default 1. */
  readonly ratio?: number;
  /** Runners made besides. Default 0. */
  readonly more?: number;
}

const watchOf = (plural: string) => ({ client, isWatch, url }: SeenRequest) =>
  client === "arc-controller" && isWatch && url.pathname.endsWith(`/${plural}`);

/** From now on the controllers hear of a kind so late. */
function late(system: SimSystem, plural: string, ms = 1_000): void {
  const { network } = system.world;
  network.inject({ name: `${plural} late`, matches: watchOf(plural), effect: { kind: "lag", ms } });
  network.cut(watchOf(plural));
}

async function burst(system: SimSystem, jobs: number, durationMs = 2_000): Promise<void> {
  system.queueJobs("linux", jobs, { durationMs });
  await system.allDone();
}

async function steady(
  system: SimSystem,
  jobs: number,
  options: { readonly everyMs?: number; readonly durationMs?: number; readonly each?: (job: number) => unknown } = {},
): Promise<void> {
  const { everyMs = 200, durationMs = 2_000, each } = options;
  for (let job = 0; job < jobs; job++) {
    system.queueJobs("linux", 1, { durationMs });
    await system.run(everyMs);
    await each?.(job);
  }
  await system.allDone();
}

/** The process with the message loop ends, and another one takes its place. */
async function restartListener(system: SimSystem, how: "asked" | "killed"): Promise<void> {
  const [pod] = system.listenerPods();
  const gracePeriodSeconds = how === "killed" ? 0 : undefined;
  if (pod) await system.done(system.kubectl.delete(PODS, refOf(pod), { gracePeriodSeconds }));
  else restartController(system, how);
}

function restartController(system: SimSystem, how: "asked" | "killed"): void {
  const controller = system.controllers.at(-1)!;
  if (how === "killed") controller.kill();
  else controller.stop();
  system.startController();
}

const ORDERS: Readonly<Record<string, Order>> = {
  "the facts of JobStarted 1 s late": {
    before: (system) => {
      system.world.network.inject({
        name: "statuses late",
        matches: ({ client, method, url }) =>
          client !== "kubelet" && method === "PATCH" && /\/ephemeralrunners\/[^/]+\/status$/.test(url.pathname),
        effect: { kind: "slow", ms: 1_000 },
      });
    },
    play: (system) => steady(system, 20),
  },
  "JobStarted itself 1 s late": {
    behaviour: { startedEventDelayMs: 1_000 },
    play: (system) => steady(system, 20),
  },
  "the watch of runner sets 1 s late in a burst of 100": {
    before: (system) => late(system, "ephemeralrunnersets"),
    play: (system, _id, share) => burst(system, 100 * share),
  },
  "the watch of runners 1 s late": {
    before: (system) => late(system, "ephemeralrunners"),
    play: (system) => steady(system, 20),
  },
  "JobCompleted long before the pod ends": {
    options: { kubelet: { exitDelayMs: 5_000 } },
    play: (system) => steady(system, 20),
  },
  "the pod ends 2 s before JobCompleted": {
    behaviour: { completionDelayMs: 2_000 },
    options: { kubelet: { exitDelayMs: 50 } },
    play: (system) => steady(system, 20),
  },
  "statistics 1 s late in a burst of 100": {
    behaviour: { statisticsLagMs: 1_000 },
    play: (system, _id, share) => burst(system, 100 * share),
    ratio: 1.05,
  },
  "statistics 1 s late in a steady load": {
    behaviour: { statisticsLagMs: 1_000 },
    play: (system) => steady(system, 100),
    ratio: 1.05,
  },
  "jobs cancelled before they started": {
    play: async (system) => {
      const jobs = system.queueJobs("linux", 20);
      await system.run(300);
      for (const job of jobs.slice(0, 5)) system.world.service.cancel(job);
      await system.allDone();
    },
  },
  "the controller restarted every 2 s": {
    play: (system) => steady(system, 20, { each: (job) => job % 7 === 6 && restartController(system, "killed") }),
  },
  "every message sent twice": {
    play: async (system, id) => {
      const known = new Set<string>();
      system.world.network.inject({
        name: "the first deletion of a message fails",
        matches: ({ method, url: { pathname } }) =>
          method === "DELETE" && /\/messages\/\d+\/\d+$/.test(pathname) && known.size < known.add(pathname).size,
        effect: { kind: "status", status: 503 },
      });
      await steady(system, 20, { each: () => system.world.service.controls.resendMessages(id) });
      assert.ok(known.size > 5, `only ${known.size} messages`);
    },
  },
  "the listener restarted with jobs running": {
    play: (system) =>
      steady(system, 20, { each: async (job) => job % 7 === 6 && await restartListener(system, "asked") }),
  },
  "the listener killed with jobs running": {
    play: (system) =>
      steady(system, 20, { each: async (job) => job % 7 === 6 && await restartListener(system, "killed") }),
    // As long as the session of a killed one keeps its successor out, nobody says that what was wanted is not any more.
    more: 10,
  },
  "50 starts and 50 ends in one message": {
    behaviour: { needsAcquire: false, batchSize: 200, batchWindowMs: 1_500 },
    play: async (system, _id, share) => {
      const count = 50 * share;
      const { ledger } = system.world.service;
      system.queueJobs("linux", count, { durationMs: 4_000 });
      const jobs = () => [...ledger.jobs.values()];
      await system.until(
        "all of them run",
        () => jobs().filter(({ startedAt }) => startedAt !== undefined).length === count,
      );
      await system.run(1_600);
      system.queueJobs("linux", count, { durationMs: 4_000 });
      await system.run(2_000);
      const before = ledger.messagesDelivered;
      assert.equal(jobs().filter(({ completedAt }) => completedAt !== undefined).length, 0, "none has ended yet");
      await system.until(
        "50 have ended",
        () => jobs().filter(({ completedAt }) => completedAt !== undefined).length === count,
      );
      await system.run(1_000);
      assert.equal(jobs().filter(({ startedAt }) => startedAt !== undefined).length, 2 * count, "all have started");
      assert.equal(ledger.messagesDelivered, before, "the listener has not heard of any of it");
      await system.allDone();
    },
  },
  "statistics too high by 3": {
    before: (system, id) => system.world.service.controls.setPhantomJobs(id, 3),
    play: async (system, id) => {
      await steady(system, 20);
      system.world.service.controls.setPhantomJobs(id, 0);
      await burst(system, 10);
    },
    more: 3,
  },
};

const KINDS = [
  { statisticsAt: "creation", listenerMode: "pod", share: 1 },
  { statisticsAt: "delivery", listenerMode: "embedded", share: 0.5 },
] as const;

for (const { statisticsAt, listenerMode, share } of KINDS) {
  table(`worked order (${listenerMode}, statistics of ${statisticsAt})`, ORDERS, async (order) => {
    const { options, before, play, ratio = 1, more = 0 } = order;
    const behaviour = { ...order.behaviour, statisticsAt };
    await SimSystem.story({ ...options, behaviour, listenerMode }, async (system) => {
      const id = await system.scaleSet("linux", { maxRunners: 200 });
      before?.(system, id);
      await play(system, id, share);
      await system.quiet(0, 90_000);
      const jobs = system.world.service.ledger.jobs.size;
      system.assertSound();
      assert.ok(system.made >= jobs - system.world.report().jobs.cancelled);
      assert.ok(system.made <= jobs * ratio + more, `${system.made} runners for ${jobs} jobs`);
    });
  });
}
