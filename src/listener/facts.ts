/** What jobs tell of their runners, written onto the runners. */
import { ANNOTATIONS } from "../api/names.ts";
import { EPHEMERAL_RUNNERS, type EphemeralRunnerStatus } from "../api/kinds.ts";
import type { JobEvent } from "../github/service.ts";
import type { KubeClient } from "../k8s/client.ts";
import { KubeError } from "../k8s/errors.ts";
import { Backoff, type BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";

/** One patch of one runner. */
export interface Fact {
  readonly runner: string;
  readonly patch: unknown;
  readonly subresource?: "status";
}

/** The facts that events bring, in the order of the events. */
export function factsOf(
  events: readonly JobEvent[],
  set: {
    /** The runner set's generation that counts these jobs. */
    readonly generation: number;
    /** Whether completed jobs are to be marked on their runners. */
    readonly marks: boolean;
  },
): readonly Fact[] {
  return events.flatMap((event): Fact[] => {
    if (event.type === "started" && event.runnerName !== "") {
      return [{ runner: event.runnerName, patch: { status: statusOf(event, set.generation) }, subresource: "status" }];
    }
    if (event.type === "completed" && event.runnerName !== "" && set.marks) {
      const annotations = { [ANNOTATIONS.jobCompleted]: event.jobId || "true" };
      return [{ runner: event.runnerName, patch: { metadata: { annotations } } }];
    }
    return [];
  });
}

/** The job's fields of a runner's status: only those that say something. */
function statusOf(event: JobEvent, jobSetGeneration: number): EphemeralRunnerStatus {
  const repository = event.ownerName && event.repositoryName ? `${event.ownerName}/${event.repositoryName}` : "";
  const fields: EphemeralRunnerStatus = {
    jobRequestId: event.requestId,
    jobRepositoryName: repository,
    jobId: event.jobId,
    workflowRunId: event.workflowRunId,
    jobWorkflowRef: event.workflowRef,
    jobDisplayName: event.displayName,
    jobSetGeneration,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0 && value !== ""));
}

export interface FactWriterOptions {
  readonly kube: KubeClient;
  /** Where the runners are. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Ends all writing. */
  readonly signal: AbortSignal;
  readonly backoff: BackoffOptions;
  /** Milliseconds after which a fact is written in the background. */
  readonly patienceMs: number;
  /** Milliseconds after which a fact is given up. */
  readonly giveUpMs: number;
}

/** Patches in flight at a time. */
const PARALLEL = 16;

/** Writes facts; one that can't be written now holds up nothing for long. */
export class FactWriter {
  readonly #options: FactWriterOptions;
  readonly #pending = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;

  constructor(options: FactWriterOptions) {
    this.#options = options;
  }

  /** Facts that are still to be written. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Resolves when all facts are written, or after a while: the rest is then written in the background. */
  async write(facts: readonly Fact[]): Promise<void> {
    if (facts.length === 0) return;
    const { clock, patienceMs, log } = this.#options;
    const all = Promise.all(facts.map((fact) => this.#start(fact)));
    if (await within(all, clock, patienceMs)) return;
    log.warn("facts of jobs are late: they are written in the background", { facts: this.pending });
  }

  /** Resolves when nothing is left to write or the writer's signal has ended it. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  #start(fact: Fact): Promise<void> {
    const work = this.#deliver(fact).finally(() => this.#pending.delete(work));
    this.#pending.add(work);
    return work;
  }

  /** Never rejects. */
  async #deliver(fact: Fact): Promise<void> {
    const { clock, random, log, signal, backoff, giveUpMs } = this.#options;
    const since = clock.monotonic();
    const delays = new Backoff(backoff, random);
    while (!signal.aborted) {
      try {
        await this.#patch(fact);
        return;
      } catch (error) {
        // The runner is gone, and its job with it.
        if (KubeError.is(error, "NotFound")) return;
        if (signal.aborted) break;
        const hopeless = KubeError.is(error, "Invalid", "BadRequest") || clock.monotonic() - since > giveUpMs;
        const fields = { runner: fact.runner, error };
        if (hopeless) return log.error("a job's facts could not be written onto its runner", fields);
        log.debug("a job's facts are written again", fields);
      }
      await clock.sleep(delays.next(), signal).catch(() => {
        // Only the signal ends a sleep: the loop sees it.
      });
    }
    log.warn("a job's facts were not written before the end", { runner: fact.runner });
  }

  async #patch({ runner, patch, subresource }: Fact): Promise<void> {
    const { kube, namespace, signal } = this.#options;
    if (this.#inFlight >= PARALLEL) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#inFlight++;
    try {
      await kube.patch(EPHEMERAL_RUNNERS, { namespace, name: runner }, patch, { type: "merge", subresource, signal });
    } finally {
      this.#inFlight--;
      this.#waiting.shift()?.();
    }
  }
}

/** Whether `work` ends within `ms` milliseconds. */
function within(work: Promise<unknown>, clock: Clock, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => resolve(false));
    work.then(() => {
      timer.cancel();
      resolve(true);
    });
  });
}
