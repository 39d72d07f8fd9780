/** Builders of what the service says. */
import type { JobEvent, Statistics } from "../../../src/github/service.ts";

export const NO_STATISTICS: Statistics = {
  totalAvailableJobs: 0,
  totalAcquiredJobs: 0,
  totalAssignedJobs: 0,
  totalRunningJobs: 0,
  totalRegisteredRunners: 0,
  totalBusyRunners: 0,
  totalIdleRunners: 0,
};

/** Statistics with so many jobs assigned, so many of them running, and so many idle runners. */
export function stats(assigned: number, running = 0, idle = 0): Statistics {
  return { ...NO_STATISTICS, totalAssignedJobs: assigned, totalRunningJobs: running, totalIdleRunners: idle };
}

const FACTS = {
  repositoryName: "api",
  ownerName: "acme",
  workflowRef: "acme/api/.github/workflows/ci.yml@refs/heads/main",
  displayName: "build",
  workflowRunId: 99,
  eventName: "push",
  labels: ["linux"],
};

interface Times {
  readonly queuedAt?: number;
  readonly scaleSetAssignedAt?: number;
  readonly runnerAssignedAt?: number;
  readonly finishedAt?: number;
}

/** Job `n` is offered, or is assigned, or starts on runner `n`, or has completed there. */
export const available = (n: number, times: Times = {}): JobEvent => ({
  type: "available",
  acquireUrl: "",
  requestId: n,
  jobId: `job-${n}`,
  ...FACTS,
  ...times,
});
export const assigned = (n: number, times: Times = {}): JobEvent => ({
  type: "assigned",
  requestId: n,
  jobId: `job-${n}`,
  ...FACTS,
  ...times,
});
export const started = (n: number, times: Times = {}): JobEvent => ({
  type: "started",
  requestId: n,
  jobId: `job-${n}`,
  runnerId: n,
  runnerName: `runner-${n}`,
  ...FACTS,
  ...times,
});
export const completed = (n: number, times: Times = {}): JobEvent => ({
  type: "completed",
  requestId: n,
  jobId: `job-${n}`,
  runnerId: n,
  runnerName: `runner-${n}`,
  result: "succeeded",
  ...FACTS,
  ...times,
});
/** Job `n` was cancelled while it waited for a runner. */
export const cancelled = (n: number): JobEvent => ({
  type: "completed",
  requestId: n,
  jobId: `job-${n}`,
  runnerId: 0,
  runnerName: "",
  result: "canceled",
  ...FACTS,
});

/** The events of jobs `from` to `to`. */
export function each(event: (n: number) => JobEvent, from: number, to: number): JobEvent[] {
  return Array.from({ length: to - from + 1 }, (_, i) => event(from + i));
}
