import { EPHEMERAL_RUNNER_SETS, type EphemeralRunnerSet } from "../api/kinds.ts";
import type { KubeClient } from "../k8s/client.ts";
import { KubeError } from "../k8s/errors.ts";
import type { SessionKeeper } from "./loop_deps.ts";

/**
 * Keeps the id of a listener pod's session on its runner set: the one object that a listener's role lets it write. The
 * service does not tell an id to those who have lost it, and without it a session of before a crash can only be waited
 * out. Where the runner set's CRD is older than the field, nothing is kept.
 */
export class KeptSession implements SessionKeeper {
  readonly #kube: KubeClient;
  readonly #runnerSet: { readonly namespace: string; readonly name: string };
  readonly #onRead: ((set: EphemeralRunnerSet) => void) | undefined;
  #dropped = false;

  /** @param onRead is shown the runner set as it was found */
  constructor(
    kube: KubeClient,
    runnerSet: { readonly namespace: string; readonly name: string },
    onRead?: (set: EphemeralRunnerSet) => void,
  ) {
    this.#kube = kube;
    this.#runnerSet = runnerSet;
    this.#onRead = onRead;
  }

  /** A patch that changes nothing is how it reads: roles that the reference's controller made allow patches alone. */
  async former(): Promise<string | undefined> {
    const set = await this.#kube.patch(EPHEMERAL_RUNNER_SETS, this.#runnerSet, {}, { type: "merge" });
    this.#onRead?.(set);
    return set.spec?.sessionId || undefined;
  }

  async keep(sessionId: string | undefined): Promise<void> {
    if (this.#dropped) return;
    const spec = { sessionId: sessionId ?? null };
    try {
      const set = await this.#kube.patch(EPHEMERAL_RUNNER_SETS, this.#runnerSet, { spec }, { type: "merge" });
      this.#dropped = sessionId !== undefined && set.spec?.sessionId === undefined;
    } catch (error) {
      // The runner set went first: there is nothing left to keep for.
      if (!KubeError.is(error, "NotFound")) throw error;
    }
  }
}
