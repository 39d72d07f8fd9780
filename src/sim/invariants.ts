/** What must always hold, checked against the books of the simulated service and nodes. Pure. */
import type { JobRecord, ServiceLedger } from "./actions_service/ledger.ts";
import type { KubeletLedger, PodRecord } from "./kubelet/ledger.ts";

/** The books, and when they are looked at. */
export interface Books {
  readonly service: ServiceLedger;
  readonly kubelet: KubeletLedger;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What a scale set was told to keep to. */
export interface Limits {
  readonly scaleSetId: number;
  /** The highest maxRunners that was ever in force. */
  readonly maxRunners: number;
  /** How long an assigned job may wait for its runner, in ms; absent: for ever. */
  readonly patienceMs?: number;
}

/** Everything that is wrong, in words; empty when all holds. */
export function violationsOf(books: Books, limits: readonly Limits[] = []): string[] {
  return [
    ...books.service.violations,
    ...books.kubelet.violations,
    ...[...books.service.jobs.values()].flatMap((job) => jobViolations(books, job)),
    ...limits.flatMap((limit) => [...tooMany(books, limit), ...starved(books, limit)]),
  ];
}

/** One runner and one report of each kind a job, and a job is lost only by a fault. Second runs are in the service's book. */
function jobViolations({ service, kubelet }: Books, job: JobRecord): string[] {
  const wrong: string[] = [];
  const { id, runners, startedEvents, completedEvents } = job;
  if (startedEvents > 1) wrong.push(`job ${id} was reported started ${startedEvents} times`);
  if (completedEvents > 1) wrong.push(`job ${id} was reported completed ${completedEvents} times`);
  if (job.completedAt !== undefined && runners.length === 0 && job.result === "succeeded") {
    wrong.push(`job ${id} completed, but no runner had it`);
  }
  if (!job.lost) return wrong;
  const pod = [...kubelet.pods.values()].find((record) =>
    record.agentId !== undefined && runners.includes(record.agentId)
  );
  const runner = service.jits.get(runners[0] ?? 0)?.name ?? "an unknown runner";
  if (!pod?.disturbedBy) wrong.push(`job ${id} was lost with ${runner}, and no fault explains it`);
  return wrong;
}

/** Runners that hold a slot: from their container's start to the end of their job, their container or their stay. */
function tooMany({ service, kubelet, now }: Books, { scaleSetId, maxRunners }: Limits): string[] {
  const changes: [number, number][] = [];
  for (const pod of kubelet.pods.values()) {
    if (pod.startedAt === undefined || scaleSetOf(service, pod) !== scaleSetId) continue;
    const jobEnd = pod.jobId === undefined ? undefined : service.jobs.get(pod.jobId)?.completedAt;
    const ends = [jobEnd, pod.endedAt, pod.jobId === undefined ? pod.toldToEndAt : undefined, now];
    changes.push([pod.startedAt, 1], [Math.min(...ends.filter((end) => end !== undefined)), -1]);
  }
  const peak = peakOf(changes);
  return peak > maxRunners ? [`scale set ${scaleSetId} had ${peak} runners at once, its limit is ${maxRunners}`] : [];
}

function starved({ service, now }: Books, { scaleSetId, patienceMs }: Limits): string[] {
  if (patienceMs === undefined) return [];
  return [...service.jobs.values()].flatMap((job) => {
    if (job.scaleSetId !== scaleSetId || job.assignedAt === undefined) return [];
    const waited = (job.startedAt ?? job.completedAt ?? now) - job.assignedAt;
    return waited > patienceMs ? [`job ${job.id} waited ${waited} ms for a runner, the limit is ${patienceMs}`] : [];
  });
}

/** The highest sum that changes reach; those of one moment that end something count first. */
function peakOf(changes: [number, number][]): number {
  let sum = 0;
  let peak = 0;
  for (const [, change] of changes.sort(([a, x], [b, y]) => a - b || x - y)) {
    sum += change;
    peak = Math.max(peak, sum);
  }
  return peak;
}

function scaleSetOf(service: ServiceLedger, pod: PodRecord): number | undefined {
  return pod.agentId === undefined ? undefined : service.jits.get(pod.agentId)?.scaleSetId;
}

/** How runners were used: made = withJob + idle + replaced + unexplained. */
export interface RunnerUse {
  /** Registrations ever made. */
  readonly made: number;
  /** Those that got a job. */
  readonly withJob: number;
  /** Those that stand ready now. */
  readonly idle: number;
  /** Those that a fault ended before they got one. */
  readonly disturbed: number;
  /** Those that ended without a job and without a fault: removed as surplus, or made in vain. */
  readonly unused: number;
}

/** How the runners of a scale set (or of all) were used. */
export function runnerUse({ service, kubelet }: Books, scaleSetId?: number): RunnerUse {
  const pods = new Map([...kubelet.pods.values()].map((pod) => [pod.name, pod]));
  const use = { made: 0, withJob: 0, idle: 0, disturbed: 0, unused: 0 };
  for (const jit of service.jits.values()) {
    if (scaleSetId !== undefined && jit.scaleSetId !== scaleSetId) continue;
    use.made++;
    if (jit.jobId !== undefined) use.withJob++;
    else if (jit.removedAt === undefined) use.idle++;
    else if (pods.get(jit.name)?.disturbedBy) use.disturbed++;
    else use.unused++;
  }
  return use;
}

/** A percentile (0 to 100) by nearest rank; undefined without values. */
export function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(percent / 100 * sorted.length) - 1, 0)];
}
