/** What must always hold, read from the ledgers of the simulated service and kubelet: never from our own view. */
import assert from "node:assert/strict";
import type { JobRecord } from "../../src/sim/actions_service/ledger.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

type World = Pick<Cluster, "service" | "kubelet">;

/** The records of these jobs. @throws Error when the service knows one of them not */
export function recordsOf({ service }: World, jobs: readonly string[]): JobRecord[] {
  return jobs.map((id) => {
    const record = service.ledger.jobs.get(id);
    if (!record) throw new Error(`the service knows no job ${id}`);
    return record;
  });
}

/** Each job had one runner, one JobStarted, one JobCompleted, and ended well; nothing forbidden happened. */
export function assertEachJobOnce(world: World, jobs: readonly string[]): void {
  const bad = recordsOf(world, jobs).filter((job) =>
    job.runners.length !== 1 || job.startedEvents !== 1 || job.completedEvents !== 1 || job.result !== "succeeded" ||
    job.lost
  );
  assert.deepEqual(bad, [], `${bad.length} of ${jobs.length} jobs did not run exactly once`);
  const started = jobs.map((id) => world.kubelet.ledger.started("runner").filter(({ jobId }) => jobId === id).length);
  assert.deepEqual(started.filter((count) => count !== 1), [], "each job had one container");
  assertNothingForbidden(world);
}

/** No JIT configuration was given to a second container; no container was stopped with a job in it. */
export function assertNothingForbidden({ service, kubelet }: World): void {
  assert.deepEqual(service.ledger.violations, []);
  assert.deepEqual(kubelet.ledger.violations, []);
  const twice = [...service.ledger.jits.values()].filter(({ containerStarts }) => containerStarts > 1);
  assert.deepEqual(twice, [], "each JIT configuration starts at most one container");
  assert.deepEqual(kubelet.ledger.problems, [], "the simulated kubelet itself had no trouble");
}

/** How many runners there have been, by each of the books that know. */
export interface RunnersMade {
  /** Registrations at the service. */
  readonly registrations: number;
  /** Pods that the kubelet saw. */
  readonly pods: number;
  /** Pods whose runner container started. */
  readonly containers: number;
}

export function runnersMade({ service, kubelet }: World): RunnersMade {
  return {
    registrations: service.ledger.jits.size,
    pods: [...kubelet.ledger.pods.values()].filter(({ role }) => role === "runner").length,
    containers: kubelet.ledger.started("runner").length,
  };
}

/**
 * Runners that were let go unused, so that others came in their place. Where a runner's end is seen 10 s late, as on
 * a machine that is much too slow, one that waits may be taken for one too many.
 */
export function replacements({ service }: World): number {
  return [...service.ledger.jits.values()].filter((jit) => jit.removedBy === "client" && jit.jobId === undefined)
    .length;
}

/** Waits until the service has seen the end of each of these jobs. */
export async function allDone(cluster: Cluster, jobs: readonly string[], limitMs = 120_000): Promise<void> {
  const open = () => recordsOf(cluster, jobs).filter(({ completedAt }) => completedAt === undefined);
  try {
    await eventually("all jobs are done", async () => {
      cluster.failOnDead();
      return open().length === 0;
    }, limitMs);
  } catch (error) {
    const last = cluster.controllers.at(-1);
    const state = `${open().length} of ${jobs.length} jobs are not done; ${
      JSON.stringify(cluster.service.scaleSets())
    }`;
    throw new Error(`${state}\n${last?.logTail() ?? ""}`, { cause: error });
  }
}

/** The value below which this part of the values lies; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

/** Seconds from queueing to start of each job. */
export function queueSeconds(world: World, jobs: readonly string[]): number[] {
  return recordsOf(world, jobs).map(({ queuedAt, startedAt = NaN }) => (startedAt - queuedAt) / 1000);
}
