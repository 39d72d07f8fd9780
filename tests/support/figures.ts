/** What a piece of work has cost: requests, calls, time and memory, between two moments of a cluster. */
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { type Audited, countByKind } from "./audit.ts";
import { recordsOf } from "./books.ts";
import type { Cluster } from "./cluster.ts";
import { CONTROLLER } from "./cluster_objects.ts";
import { eventually } from "./eventually.ts";
import { type Usage, usageOf } from "./program.ts";

/** A moment, to count from. */
export interface Mark {
  readonly at: number;
  readonly audit: number;
  readonly calls: ReadonlyMap<string, number>;
  readonly runners: number;
  readonly usage: ReadonlyMap<string, Usage>;
}

/** What was spent since a mark. */
export interface Spent {
  readonly seconds: number;
  /** Runner pods that were made. */
  readonly runners: number;
  /** Requests of the controller and the listeners to the API server, watches and the lease's left out: `verb resource`. */
  readonly requests: ReadonlyMap<string, number>;
  /** Calls to the service, long polls and messages' deletions included. */
  readonly calls: ReadonlyMap<string, number>;
  /** By process: `controller`, `listener`, `kube-apiserver`, `etcd`. */
  readonly cpuSeconds: ReadonlyMap<string, number>;
  readonly rssMb: ReadonlyMap<string, number>;
  readonly peakRssMb: ReadonlyMap<string, number>;
}

export function markOf(cluster: Cluster): Mark {
  return {
    at: Date.now(),
    audit: cluster.audit.mark(),
    calls: new Map(cluster.service.ledger.calls),
    runners: runnerPods(cluster).length,
    usage: usages(cluster),
  };
}

export function spentSince(cluster: Cluster, mark: Mark): Spent {
  const usage = usages(cluster);
  const of = (pick: (now: Usage, before: Usage | undefined) => number) =>
    new Map([...usage].map(([name, now]) => [name, pick(now, mark.usage.get(name))]));
  return {
    seconds: (Date.now() - mark.at) / 1000,
    runners: runnerPods(cluster).length - mark.runners,
    requests: countByKind(cluster.audit.since(mark.audit).filter(isOurs)),
    calls: difference(cluster.service.ledger.calls, mark.calls),
    cpuSeconds: of((now, before) => now.cpuSeconds - (before?.cpuSeconds ?? 0)),
    rssMb: of((now) => now.rssMb),
    peakRssMb: of((now) => now.peakRssMb),
  };
}

/** The sum of counts. */
export function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** Requests of the program under test, but for what it may ask for at rest: watches and the lease. */
function isOurs({ user, verb, resource }: Audited): boolean {
  return user.startsWith(`system:serviceaccount:${CONTROLLER.namespace}:`) && verb !== "watch" && resource !== "leases";
}

export function runnerPods({ kubelet }: Cluster) {
  return [...kubelet.ledger.pods.values()].filter(({ role }) => role === "runner");
}

function difference(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): Map<string, number> {
  const counts = [...now].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const);
  return new Map(counts.filter(([, count]) => count > 0));
}

function usages(cluster: Cluster): Map<string, Usage> {
  const found = new Map<string, Usage>();
  const add = (name: string, pid: number | undefined) => {
    if (pid === undefined) return;
    try {
      found.set(name, usageOf(pid));
    } catch {
      // it has ended, or there is no /proc here: no figures
    }
  };
  const controller = cluster.controllers.at(-1);
  if (controller && !controller.end) add("controller", controller.pid);
  add("listener", cluster.listeners.at(-1)?.pid);
  for (const which of ["kube-apiserver", "etcd"] as const) add(which, cluster.plane.pid(which));
  return found;
}

/** The times of a burst, in seconds from `from` (milliseconds since the epoch). */
export interface BurstTimes {
  readonly allPods: number;
  readonly lastStart: number;
  /** The service has seen the last job's end. */
  readonly lastEnd: number;
  /** No runner and no runner pod is left. */
  readonly clean: number;
}

/** Waits until nothing of a burst is left, and says when what was reached. */
export async function burstTimes(cluster: Cluster, jobs: readonly string[], from: number): Promise<BurstTimes> {
  const pods = runnerPods(cluster).filter(({ seenAt }) => seenAt >= from);
  await eventually("no runner is left", async () => {
    if (pods.some(({ removedAt }) => removedAt === undefined)) return false;
    return (await cluster.list(EPHEMERAL_RUNNERS)).length === 0;
  }, 120_000);
  const clean = Date.now();
  const records = recordsOf(cluster, jobs);
  const seconds = (times: readonly (number | undefined)[]) => (Math.max(...times.map((at) => at ?? NaN)) - from) / 1000;
  return {
    allPods: seconds(pods.map(({ seenAt }) => seenAt).sort((a, b) => a - b).slice(0, jobs.length)),
    lastStart: seconds(records.map(({ startedAt }) => startedAt)),
    lastEnd: seconds(records.map(({ completedAt }) => completedAt)),
    clean: seconds([clean]),
  };
}
