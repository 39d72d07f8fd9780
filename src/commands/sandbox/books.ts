/** What the sandbox shows and what it ends with, read from the books of the simulated service and nodes. */
import { EPHEMERAL_RUNNER_SETS, type EphemeralRunnerSet } from "../../api/kinds.ts";
import type { JobRecord } from "../../sim/actions_service/ledger.ts";
import type { PodRecord } from "../../sim/kubelet/ledger.ts";
import type { World } from "../../sim/world.ts";
import { durationOf, faultsOf, type SetRow, type Snapshot } from "./view.ts";

/** The state of the world, for a person. */
export function snapshotOf(world: World, scaleSets: readonly string[], startedAt: number): Snapshot {
  const { service, kubelet, now } = world.books();
  const report = world.report();
  const jobs = [...service.jobs.values()];
  const pods = [...kubelet.pods.values()].filter((pod) => pod.role === "runner" && isThere(pod));
  const objects = world.kube.snapshot();
  const wanted = new Map(
    (objects[EPHEMERAL_RUNNER_SETS.plural] ?? []).map((set) => [
      set.metadata.name,
      (set as EphemeralRunnerSet).spec?.replicas ?? 0,
    ]),
  );
  return {
    elapsedMs: now - startedAt,
    sets: scaleSets.map((name) => rowOf(name, wanted.get(name), pods, jobs)),
    jobs: jobs.length,
    queueP50Ms: report.queueTimeMs.p50,
    queueP95Ms: report.queueTimeMs.p95,
    faults: world.faults.fired,
    events: ([...objects["events"] ?? []] as SeenEvent[]).sort(byTime).map(eventLine),
  };
}

/** The books' verdict: everything that is wrong, in words; empty when all is well. */
export function verdictOf(
  world: World,
  options: { readonly expectEmpty: boolean; /** Default: yes. */ readonly expectDone?: boolean },
): string[] {
  const { violations, problems, jobs, leftovers, faults } = world.report();
  const wrong = [...violations, ...problems.map((problem) => `the world itself: ${problem}`)];
  const open = jobs.total - jobs.done;
  if (open > 0 && options.expectDone !== false) {
    wrong.push(`${open} of ${jobs.total} jobs are not done (${jobs.waiting} waiting, ${jobs.running} running)`);
  }
  const astray = jobs.done - jobs.ranOnce - jobs.lost - jobs.cancelled;
  if (astray > 0) wrong.push(`${astray} jobs are done, but not by exactly one runner`);
  if (jobs.lost > 0 && Object.keys(faults).length === 0) {
    wrong.push(`${jobs.lost} jobs were lost, and there was no fault`);
  }
  if (options.expectEmpty) {
    for (const [kind, names] of Object.entries(leftovers)) {
      if (names.length > 0) {
        wrong.push(`left over, ${kind}: ${names.slice(0, 5).join(", ")}${names.length > 5 ? " …" : ""}`);
      }
    }
  }
  return wrong;
}

/**
 * The closing lines.
 * @param realMs how long it has taken here, when the world has a clock of its own
 */
export function summaryOf(world: World, elapsedMs: number, realMs?: number): string[] {
  const { jobs, runners, queueTimeMs, calls } = world.report();
  const perRunner = (kind: string) => ((calls[kind] ?? 0) / Math.max(runners.made, 1)).toFixed(2);
  return [
    `jobs     ${jobs.total} queued, ${jobs.ranOnce} ran exactly once, ${jobs.lost} lost with their node or pod`,
    `runners  ${runners.made} made, ${runners.withJob} had a job, ${runners.disturbed} ended by a fault before`,
    `         ${perRunner("generatejitconfig")} registrations and ${
      perRunner("agent.delete")
    } removals at the service per runner`,
    `queued   p50 ${durationOf(queueTimeMs.p50)}, p95 ${durationOf(queueTimeMs.p95)}`,
    `faults   ${faultsOf(world.faults.fired)}`,
    `time     ${durationOf(elapsedMs)}${realMs === undefined ? "" : ` simulated, in ${durationOf(realMs)}`}`,
  ];
}

function rowOf(
  name: string,
  desired: number | undefined,
  pods: readonly PodRecord[],
  jobs: readonly JobRecord[],
): SetRow {
  const mine = pods.filter((pod) => pod.name.startsWith(`${name}-runner-`));
  const own = jobs.filter((job) => job.labels.includes(name));
  const isBusy = (pod: PodRecord) => pod.jobId !== undefined;
  return {
    name,
    desired,
    pending: mine.filter((pod) => pod.startedAt === undefined).length,
    idle: mine.filter((pod) => pod.startedAt !== undefined && !isBusy(pod)).length,
    busy: mine.filter(isBusy).length,
    queued: own.filter((job) => job.startedAt === undefined && job.completedAt === undefined).length,
    running: own.filter((job) => job.startedAt !== undefined && job.completedAt === undefined).length,
    done: own.filter((job) => job.completedAt !== undefined).length,
  };
}

function isThere(pod: PodRecord): boolean {
  return pod.endedAt === undefined && pod.removedAt === undefined;
}

interface SeenEvent {
  readonly lastTimestamp?: string;
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}

function byTime(a: SeenEvent, b: SeenEvent): number {
  return (a.lastTimestamp ?? "").localeCompare(b.lastTimestamp ?? "");
}

function eventLine(event: SeenEvent): string {
  const { lastTimestamp = "", reason, message, count = 1, involvedObject: about } = event;
  const times = count > 1 ? ` (${count} times)` : "";
  return `${lastTimestamp.slice(11, 19)} ${about?.kind} ${about?.name}: ${reason}: ${message}${times}`;
}
