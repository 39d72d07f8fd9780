/** What truly happened at the simulated service: the measure of every test. Times are milliseconds since the epoch. */

/** The life of a job. */
export interface JobRecord {
  readonly id: string;
  readonly labels: readonly string[];
  readonly queuedAt: number;
  scaleSetId: number | undefined;
  assignedAt: number | undefined;
  startedAt: number | undefined;
  completedAt: number | undefined;
  result: string | undefined;
  /** The registrations that were given the job: more than one is a second run. */
  readonly runners: number[];
  /** How often the job went back to the queue before a runner took it. */
  givenBack: number;
  /** The runner went away with the job. */
  lost: boolean;
  /** Distinct events created for the job; a message that is sent again counts once. */
  startedEvents: number;
  completedEvents: number;
}

/** The life of a JIT configuration, that is of a registration. */
export interface JitRecord {
  readonly agentId: number;
  readonly name: string;
  readonly scaleSetId: number;
  readonly createdAt: number;
  /** Containers that presented it to the service: more than one is a violation. */
  containerStarts: number;
  jobId: string | undefined;
  removedAt: number | undefined;
  removedBy: "client" | "service" | undefined;
}

/** A session's end or beginning, for those who ask who held a scale set. */
export interface SessionRecord {
  readonly id: string;
  readonly scaleSetId: number;
  readonly owner: string;
  readonly openedAt: number;
  closedAt: number | undefined;
}

/** The books of the simulated service. */
export class ServiceLedger {
  readonly jobs = new Map<string, JobRecord>();
  readonly jits = new Map<number, JitRecord>();
  readonly sessions: SessionRecord[] = [];
  /** Answered calls by kind: `generatejitconfig`, `message.get`, ... */
  readonly calls = new Map<string, number>();
  /** Answers that were errors, by kind and status: `agent.delete 400`. */
  readonly refused = new Map<string, number>();
  /** Messages delivered, those that were sent again included. */
  messagesDelivered = 0;
  /** What must never happen, in words. */
  readonly violations: string[] = [];

  count(kind: string, status: number): void {
    this.calls.set(kind, (this.calls.get(kind) ?? 0) + 1);
    if (status < 400) return;
    const refusal = `${kind} ${status}`;
    this.refused.set(refusal, (this.refused.get(refusal) ?? 0) + 1);
  }

  /** How often a kind of call was answered. */
  callsOf(kind: string): number {
    return this.calls.get(kind) ?? 0;
  }

  violate(what: string): void {
    this.violations.push(what);
  }
}
