import { EPHEMERAL_RUNNER_SETS } from "../api/kinds.ts";
import type { KubeClient } from "../k8s/client.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";

export interface MissingReportOptions {
  readonly kube: KubeClient;
  readonly runnerSet: { readonly namespace: string; readonly name: string };
  readonly scaleSetId: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A report that nothing came of is made again, at the earliest after so long. */
const AGAIN_MS = 60_000;

/**
 * Tells the controller that the service does not know the scale set any more. A listener in a pod can say so in one
 * place alone: on its runner set. The controller looks into it and takes the report away.
 */
export class MissingReport {
  readonly #options: MissingReportOptions;
  /** On the monotonic clock. */
  #sentAt: number | undefined;
  /** The runner set's CRD is older than ours: there is nobody to tell. */
  #dropped = false;

  constructor(options: MissingReportOptions) {
    this.#options = options;
  }

  /** Never rejects: the next time that the service says so is soon. */
  async send(signal: AbortSignal): Promise<void> {
    const { kube, runnerSet, scaleSetId, clock, log } = this.#options;
    const now = clock.monotonic();
    if (this.#dropped || (this.#sentAt !== undefined && now - this.#sentAt < AGAIN_MS)) return;
    try {
      const spec = { missingScaleSetId: scaleSetId };
      const set = await kube.patch(EPHEMERAL_RUNNER_SETS, runnerSet, { spec }, { type: "merge", signal });
      this.#sentAt = now;
      this.#dropped = set.spec?.missingScaleSetId === undefined;
      if (this.#dropped) log.info("the controller can't be told that the scale set is missing: its CRDs are older");
      else log.info("the controller knows that the scale set is missing", { scaleSetId });
    } catch (error) {
      if (!signal.aborted) log.warn("the controller could not be told that the scale set is missing", { error });
    }
  }
}
