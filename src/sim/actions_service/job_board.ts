import type { Clock } from "../../lib/clock.ts";
import { between, type Random, uuid } from "../../lib/random.ts";
import type { Timers } from "../timers.ts";
import type { ServiceBehaviour } from "./behaviour.ts";
import { jobEvent } from "./job_events.ts";
import type { JobRecord, ServiceLedger } from "./ledger.ts";
import type { Agent, Job, ScaleSetState } from "./model.ts";

/** A job as a test or the sandbox asks for it. */
export interface JobSpec {
  /** A UUID is made when absent. */
  readonly id?: string;
  /** What `runs-on` says; a scale set needs all of them. */
  readonly labels?: readonly string[];
  /** Short for `labels: [scaleSetName]`. */
  readonly scaleSetName?: string;
  /** How long the runner works on it. */
  readonly durationMs: number;
  /** `owner/name`. */
  readonly repository?: string;
  readonly displayName?: string;
  /** What the job ends with when nobody disturbs it. */
  readonly result?: "succeeded" | "failed";
  /** Only for scale sets of this scope, e.g. `orgs/acme`. */
  readonly scope?: string;
}

/** What the board works with. */
export interface BoardContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly behaviour: ServiceBehaviour;
  readonly ledger: ServiceLedger;
  scaleSets(): Iterable<ScaleSetState>;
  /** Counters have changed. */
  changed(set: ScaleSetState): void;
}

/** A job's way: queued, offered (where the service asks for it), assigned, taken by a runner, completed. */
export class JobBoard {
  readonly #context: BoardContext;
  readonly #jobs = new Map<string, Job>();
  /** Jobs that no scale set matches yet. */
  readonly #unmatched = new Set<Job>();
  #nextRequest = 1;
  #nextRun = 1000;

  constructor(context: BoardContext) {
    this.#context = context;
  }

  /** @returns the job's id */
  queue(spec: JobSpec): string {
    const { clock, random, behaviour, ledger, timers } = this.#context;
    const [owner = "acme", repository = "app"] = (spec.repository ?? "acme/app").split("/");
    const id = spec.id ?? uuid(random);
    const job: Job = {
      id,
      requestId: behaviour.zeroRequestIds ? 0 : this.#nextRequest++,
      labels: spec.labels ?? (spec.scaleSetName === undefined ? [] : [spec.scaleSetName]),
      owner,
      repository,
      displayName: spec.displayName ?? "build",
      workflowRunId: this.#nextRun++,
      durationMs: spec.durationMs,
      result: spec.result ?? "succeeded",
      scope: spec.scope?.toLowerCase(),
      state: "queued",
      scaleSet: undefined,
      agent: undefined,
      queuedAt: clock.now(),
      assignedAt: undefined,
      startedAt: undefined,
      finishedAt: undefined,
      givenBack: 0,
      cancelled: new AbortController(),
    };
    if (this.#jobs.has(id)) throw new RangeError(`queue: there is a job ${id} already`);
    this.#jobs.set(id, job);
    ledger.jobs.set(id, recordOf(job));
    this.#unmatched.add(job);
    timers.after(behaviour.abandonAfterMs, () => this.#abandon(job));
    this.match();
    return id;
  }

  /** Finds scale sets for the jobs that have none. */
  match(): void {
    const sets = [...this.#context.scaleSets()];
    const touched = new Set<ScaleSetState>();
    for (const job of this.#unmatched) {
      const set = sets.find((candidate) => matches(job, candidate));
      if (!set) continue;
      this.#unmatched.delete(job);
      job.scaleSet = set;
      this.#record(job).scaleSetId = set.id;
      set.waiting.add(job);
      touched.add(set);
    }
    for (const set of touched) this.pump(set);
  }

  /** Moves every job of a scale set as far as capacity and runners allow. */
  pump(set: ScaleSetState): void {
    const { behaviour } = this.#context;
    for (const job of set.waiting) {
      const load = set.assigned.size + set.running.size + (behaviour.needsAcquire ? set.offered.size : 0);
      if (!set.session || load >= set.capacity) break;
      set.waiting.delete(job);
      if (behaviour.needsAcquire) {
        job.state = "offered";
        set.offered.add(job);
        set.queue.push(jobEvent("JobAvailable", job));
      } else this.#assign(job, set);
    }
    this.#pair(set);
    this.#context.changed(set);
  }

  /** acquirejobs. @returns those request ids that the caller got */
  acquire(set: ScaleSetState, requestIds: readonly number[]): number[] {
    const got = [...set.offered].filter((job) => requestIds.includes(job.requestId));
    for (const job of got) {
      set.offered.delete(job);
      this.#assign(job, set);
    }
    this.pump(set);
    return got.map((job) => job.requestId);
  }

  /** A person cancels the job. */
  cancel(id: string): void {
    const job = this.#jobs.get(id);
    if (!job || job.state === "completed") return;
    job.cancelled.abort(new Error("the job was cancelled"));
    if (job.state !== "running") this.#complete(job, "canceled");
  }

  /** An assigned job that no runner has taken goes back to the queue. */
  giveBack(id: string): void {
    const job = this.#jobs.get(id);
    const set = job?.scaleSet;
    if (!job || !set || job.state !== "assigned") return;
    set.assigned.delete(job);
    job.state = "queued";
    job.assignedAt = undefined;
    job.givenBack++;
    this.#record(job).givenBack++;
    set.waiting.add(job);
    this.pump(set);
  }

  /** The runner reports its job's end. */
  finish(agent: Agent, result: string): void {
    const job = agent.job;
    if (!job) return;
    const end = () => this.#complete(job, result);
    const delay = this.#context.behaviour.completionDelayMs;
    if (delay > 0) this.#context.timers.after(delay, end);
    else end();
  }

  /** The runner is gone with its job; the service finds out later. */
  lose(agent: Agent, politely: boolean): void {
    const job = agent.job;
    if (!job) return;
    const { behaviour, random, timers } = this.#context;
    const [low, high] = behaviour.politeLossMs;
    this.#record(job).lost = true;
    timers.after(politely ? between(random, low, high) : behaviour.suddenLossMs, () => this.#complete(job, "failed"));
  }

  /** A scale set is gone: its jobs wait for another one. */
  orphan(set: ScaleSetState): void {
    for (const job of [...set.waiting, ...set.offered, ...set.assigned]) {
      job.state = "queued";
      job.scaleSet = undefined;
      job.assignedAt = undefined;
      this.#unmatched.add(job);
    }
    for (const jobs of [set.waiting, set.offered, set.assigned]) jobs.clear();
    this.match();
  }

  #assign(job: Job, set: ScaleSetState): void {
    const { clock, behaviour, timers } = this.#context;
    job.state = "assigned";
    job.assignedAt = clock.now();
    this.#record(job).assignedAt = job.assignedAt;
    set.assigned.add(job);
    set.queue.push(jobEvent("JobAssigned", job));
    const assignedAt = job.assignedAt;
    if (behaviour.giveBackAfterMs > 0 && job.givenBack < behaviour.giveBackTimes) {
      timers.after(behaviour.giveBackAfterMs, () => job.assignedAt === assignedAt && this.giveBack(job.id));
    }
  }

  #pair(set: ScaleSetState): void {
    const idle = [...set.agents.values()].filter((agent) => agent.state === "idle" && agent.give);
    for (const job of set.assigned) {
      const agent = idle.shift();
      if (!agent) return;
      set.assigned.delete(job);
      set.running.add(job);
      this.#start(job, agent, set);
    }
  }

  #start(job: Job, agent: Agent, set: ScaleSetState): void {
    const { clock, behaviour, ledger, timers } = this.#context;
    job.state = "running";
    job.startedAt = clock.now();
    job.agent = agent;
    agent.state = "busy";
    agent.job = job;
    const record = this.#record(job);
    if (record.runners.length > 0) ledger.violate(`job ${job.id} was given to a second runner, ${agent.name}`);
    record.startedAt = job.startedAt;
    record.runners.push(agent.id);
    record.startedEvents++;
    const jit = ledger.jits.get(agent.id);
    if (jit) jit.jobId = job.id;
    const event = jobEvent("JobStarted", job);
    if (behaviour.startedEventDelayMs > 0) timers.after(behaviour.startedEventDelayMs, () => set.queue.push(event));
    else set.queue.push(event);
    agent.give?.(job);
  }

  #complete(job: Job, result: string): void {
    if (job.state === "completed") return;
    const { clock, ledger } = this.#context;
    const { scaleSet, agent } = job;
    const known = job.state !== "queued";
    job.state = "completed";
    job.finishedAt = clock.now();
    const record = this.#record(job);
    record.completedAt = job.finishedAt;
    record.result = result;
    this.#unmatched.delete(job);
    if (!scaleSet) return;
    for (const jobs of [scaleSet.waiting, scaleSet.offered, scaleSet.assigned, scaleSet.running]) jobs.delete(job);
    if (agent) {
      agent.job = undefined;
      scaleSet.agents.delete(agent.id);
      const jit = ledger.jits.get(agent.id);
      if (jit) Object.assign(jit, { removedAt: clock.now(), removedBy: "service" });
    }
    if (known) {
      record.completedEvents++;
      scaleSet.queue.push(jobEvent("JobCompleted", job, result));
    }
    this.pump(scaleSet);
  }

  #abandon(job: Job): void {
    if (job.state !== "running") this.#complete(job, "abandoned");
  }

  #record(job: Job): JobRecord {
    return this.#context.ledger.jobs.get(job.id)!;
  }
}

function matches(job: Job, set: ScaleSetState): boolean {
  if (job.scope !== undefined && job.scope !== set.tenant.scope) return false;
  const labels = new Set(set.labels.map((label) => label.toLowerCase()));
  return job.labels.every((label) => labels.has(label.toLowerCase()));
}

function recordOf(job: Job): JobRecord {
  return {
    id: job.id,
    labels: job.labels,
    queuedAt: job.queuedAt,
    scaleSetId: undefined,
    assignedAt: undefined,
    startedAt: undefined,
    completedAt: undefined,
    result: undefined,
    runners: [],
    givenBack: 0,
    lost: false,
    startedEvents: 0,
    completedEvents: 0,
  };
}
