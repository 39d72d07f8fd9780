import { EPHEMERAL_RUNNER_SETS } from "../api/kinds.ts";
import type { KubeClient } from "../k8s/client.ts";
import { Backoff, type BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { LoopHealth } from "./health.ts";
import type { CountPatch } from "./scale.ts";

export interface CountWriterOptions {
  readonly kube: KubeClient;
  readonly runnerSet: { readonly namespace: string; readonly name: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly health: LoopHealth;
  /** Ends the trying. */
  readonly signal: AbortSignal;
  readonly backoff: BackoffOptions;
}

/** What the API server made of a count. */
export interface Told {
  /** Of the runner set, with this count in it. */
  readonly generation: number;
  /** As it stands there now; undefined when the CRD drops it. */
  readonly runningJobs: number | undefined;
}

/**
 * Tells the runner set how many runners are wanted, in one merge patch, and tries until it knows.
 * @throws the signal's reason
 */
export async function writeCount(patch: CountPatch, options: CountWriterOptions): Promise<Told> {
  const { kube, runnerSet, clock, random, log, health, signal } = options;
  const delays = new Backoff(options.backoff, random);
  for (;;) {
    try {
      const set = await kube.patch(EPHEMERAL_RUNNER_SETS, runnerSet, { spec: patch }, { type: "merge", signal });
      log.info("the runner set knows how many runners are wanted", { ...patch });
      health.wrote();
      return { generation: set.metadata.generation ?? 0, runningJobs: set.spec?.runningJobs };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const delayMs = delays.next();
      health.failed("RunnerSetNotWritten", messageOf(error));
      log.warn("the runner set could not be told how many runners are wanted", { error, delayMs });
      await clock.sleep(delayMs, signal);
    }
  }
}
