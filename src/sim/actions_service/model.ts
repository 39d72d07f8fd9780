/** The state of the simulated Actions Service. */
import type { MessageQueue } from "./message_queue.ts";

/** An organisation, repository or enterprise on a host: scale sets and runners belong to one. */
export interface Tenant {
  /** `orgs/acme`, `repos/acme/api` or `enterprises/acme`, in lower case. */
  readonly scope: string;
  /** Where its Actions Service is, with a trailing slash. */
  readonly serviceUrl: string;
  readonly groups: Map<number, RunnerGroupState>;
}

export interface RunnerGroupState {
  readonly id: number;
  readonly name: string;
}

export interface ScaleSetState {
  readonly id: number;
  readonly tenant: Tenant;
  name: string;
  runnerGroupId: number;
  labels: readonly string[];
  readonly createdOn: string;
  /** The most assigned jobs that the listener's last poll allowed; nothing is assigned before the first poll. */
  capacity: number;
  session: SessionState | undefined;
  readonly queue: MessageQueue;
  readonly agents: Map<number, Agent>;
  /** Matched, not yet offered or assigned. */
  readonly waiting: Set<Job>;
  /** JobAvailable was sent, nobody acquired it yet. */
  readonly offered: Set<Job>;
  /** Assigned, no runner yet. */
  readonly assigned: Set<Job>;
  readonly running: Set<Job>;
  /** Added to the count of assigned jobs: jobs that no longer exist but are still counted. */
  phantomJobs: number;
}

export interface SessionState {
  readonly id: string;
  readonly owner: string;
  /** Ends the session's poll in flight, if there is one. */
  wake: ((why: "message" | "replaced" | "closed") => void) | undefined;
  /** Of the clock that never jumps: when it was last used. */
  usedAt: number;
}

/** A registered runner. */
export interface Agent {
  readonly id: number;
  readonly name: string;
  readonly scaleSet: ScaleSetState;
  state: "registered" | "idle" | "busy" | "offline";
  job: Job | undefined;
  /** Tells the runner's process about its job (undefined: the registration is gone). */
  give: ((job: Job | undefined) => void) | undefined;
}

export interface Job {
  readonly id: string;
  readonly requestId: number;
  readonly labels: readonly string[];
  readonly repository: string;
  readonly owner: string;
  readonly displayName: string;
  readonly workflowRunId: number;
  readonly durationMs: number;
  readonly result: string;
  /** Limits the job to the tenants of this scope; undefined: any. */
  readonly scope: string | undefined;
  state: "queued" | "offered" | "assigned" | "running" | "completed";
  scaleSet: ScaleSetState | undefined;
  agent: Agent | undefined;
  readonly queuedAt: number;
  assignedAt: number | undefined;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  givenBack: number;
  /** Aborted when somebody cancels the job. */
  readonly cancelled: AbortController;
}

/** Counters of a scale set, as they travel. */
export interface WireStatistics {
  totalAvailableJobs: number;
  totalAcquiredJobs: number;
  totalAssignedJobs: number;
  totalRunningJobs: number;
  totalRegisteredRunners: number;
  totalBusyRunners: number;
  totalIdleRunners: number;
}

/** An event in a message's body. */
export interface JobEventBody {
  readonly messageType: "JobAvailable" | "JobAssigned" | "JobStarted" | "JobCompleted";
  readonly [field: string]: unknown;
}

/** The counters at this moment. */
export function statisticsOf(set: ScaleSetState): WireStatistics {
  let busy = 0;
  let idle = 0;
  for (const agent of set.agents.values()) {
    if (agent.job) busy++;
    else if (agent.state === "idle") idle++;
  }
  return {
    totalAvailableJobs: set.waiting.size + set.offered.size,
    totalAcquiredJobs: set.assigned.size,
    totalAssignedJobs: Math.max(0, set.assigned.size + set.phantomJobs) + set.running.size,
    totalRunningJobs: set.running.size,
    totalRegisteredRunners: set.agents.size,
    totalBusyRunners: busy,
    totalIdleRunners: idle,
  };
}
