import { EPHEMERAL_RUNNER_SETS, type ListenerReport } from "../api/kinds.ts";
import type { KubeClient } from "../k8s/client.ts";
import { KubeError } from "../k8s/errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Backoff } from "../lib/backoff.ts";
import type { Random } from "../lib/random.ts";
import type { LoopHealth, LoopProblem } from "./health.ts";

export interface HealthReportOptions {
  readonly kube: KubeClient;
  readonly runnerSet: { readonly namespace: string; readonly name: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A problem that has lasted for so long is told; GitHub may be away for a moment, and nobody needs to know. */
const TOLD_AFTER_MS = { ServiceUnavailable: 120_000, others: 5_000 };
/** Between two reports, whatever happens. */
const PACE_MS = 10_000;
const RETRY = { firstMs: 10_000, maxMs: 300_000, jitter: 0.2 };

/**
 * Tells the controller how the loop is. A listener in a pod can say so in one place alone: on its runner set, beside
 * the count. The controller makes conditions and events of it. What stands there from before is corrected.
 */
export class HealthReport {
  readonly #options: HealthReportOptions;
  /** What stands on the runner set: null for nothing, undefined for unknown. */
  #standing: ListenerReport | null | undefined;
  /** The runner set's CRD is older than ours: there is nobody to tell. */
  #dropped = false;
  #news = () => {};

  constructor(options: HealthReportOptions) {
    this.#options = options;
  }

  /** Somebody has read what stands on the runner set. */
  stands(report: ListenerReport | undefined): void {
    if (this.#standing === undefined) this.#standing = report ?? null;
    this.#news();
  }

  /** The loop's health has changed. */
  changed(): void {
    this.#news();
  }

  /** Keeps the report true until the signal is aborted. Never rejects. */
  async run(health: LoopHealth, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const delays = new Backoff(RETRY, random);
    const onAbort = () => this.#news();
    signal.addEventListener("abort", onAbort, { once: true });
    while (!signal.aborted && !this.#dropped) {
      const news = new Promise<void>((resolve) => this.#news = resolve);
      const { report, inMs } = reportOf(health, clock.now());
      if (this.#isTold(report, health)) {
        const timer = inMs === undefined ? undefined : clock.after(inMs, () => this.#news());
        await news;
        timer?.cancel();
        continue;
      }
      const isDone = await this.#send(report, signal);
      if (isDone) delays.reset();
      await clock.sleep(isDone ? PACE_MS : delays.next(), signal).catch(() => {
        // Only the signal ends a sleep: the loop sees it.
      });
    }
    signal.removeEventListener("abort", onAbort);
  }

  /** Messages differ by the ids of requests: the first one of a problem stays. */
  #isTold(report: ListenerReport | undefined, health: LoopHealth): boolean {
    const standing = this.#standing;
    // A process that has not listened yet takes nothing back: what stands may still be so.
    if (!report && !health.hasListened && standing !== null) return true;
    if (standing === undefined) return false;
    return standing?.reason === report?.reason && standing?.phantomDemand === report?.phantomDemand;
  }

  /** @returns whether it is told, or need not be */
  async #send(report: ListenerReport | undefined, signal: AbortSignal): Promise<boolean> {
    const { kube, runnerSet, log } = this.#options;
    const { reason = null, message = null, phantomDemand = null } = report ?? {};
    const listenerReport = report ? { reason, message, phantomDemand } : null;
    try {
      const body = { spec: { listenerReport } };
      const set = await kube.patch(EPHEMERAL_RUNNER_SETS, runnerSet, body, { type: "merge", signal });
      this.#standing = report ?? null;
      this.#dropped = report !== undefined && set.spec?.listenerReport === undefined;
      if (this.#dropped) log.info("the controller can't be told how the listener is: its CRDs are older");
      else log.info("the controller knows how the listener is", { ...report });
      return true;
    } catch (error) {
      if (signal.aborted || KubeError.is(error, "NotFound")) return true;
      log.warn("the controller could not be told how the listener is", { error });
      return false;
    }
  }
}

/** What is to be told now, and when that changes by itself (milliseconds). */
function reportOf(health: LoopHealth, now: number): { report?: ListenerReport; inMs?: number } {
  const { problem, phantomDemand } = health;
  const ripeIn = problem && ripeInMs(problem, now);
  const told = ripeIn !== undefined && ripeIn <= 0 ? problem : undefined;
  const report = {
    ...(told && { reason: told.kind, message: told.message }),
    ...(phantomDemand > 0 && { phantomDemand }),
  };
  return {
    ...(Object.keys(report).length > 0 && { report }),
    ...(ripeIn !== undefined && ripeIn > 0 && { inMs: ripeIn }),
  };
}

/** Undefined: not told at all, for it is just this that can't be written, or is told otherwise. */
function ripeInMs({ kind, since }: LoopProblem, now: number): number | undefined {
  if (kind === "RunnerSetNotWritten") return undefined;
  return since + (kind === "ServiceUnavailable" ? TOLD_AFTER_MS.ServiceUnavailable : TOLD_AFTER_MS.others) - now;
}
