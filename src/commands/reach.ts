/** The first word with the API server: what is wrong with it is said before anything else is tried. */
import type { KubeClient } from "../k8s/client.ts";
import { KubeError } from "../k8s/errors.ts";
import { delayOf } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { TransportError, type TransportFailure } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";

/** How often, and how long apart, an API server that can't be reached is tried at the start. */
export const REACH_TRIES = 5;
const REACH_DELAY = { firstMs: 1_000, maxMs: 8_000 };

/** What a person can do about a failure. */
const WAYS_OUT: Readonly<Partial<Record<TransportFailure, string>>> = {
  refused: "is the cluster up, and its address right?",
  dns: "is the address of the cluster right?",
  tls: "is certificate-authority of the kubeconfig the cluster's own?",
  timeout: "is the cluster up, and reachable from here?",
  proxy: "is proxy-url of the kubeconfig right?",
};

/**
 * Resolves when the API server has answered. What time can heal is tried {@link REACH_TRIES} times.
 * @throws Error in one line that says what is wrong and what to do
 */
export async function reach(
  kube: KubeClient,
  where: string,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      const version = await kube.raw("/version", { signal, deadlineMs: 10_000 }) as { gitVersion?: string };
      return log.info("the API server answers", { host: where, kubernetes: version.gitVersion });
    } catch (error) {
      signal.throwIfAborted();
      const failure = failureOf(error, where);
      if (!failure.heals || attempt + 1 >= REACH_TRIES) throw new Error(failure.message, { cause: error });
      const retryInMs = delayOf(REACH_DELAY, attempt);
      log.warn("the API server can't be reached; trying again", { error: failure.message, retryInMs });
      await clock.sleep(retryInMs, signal);
    }
  }
}

function failureOf(error: unknown, where: string): { readonly message: string; readonly heals: boolean } {
  if (KubeError.is(error, "Unauthorized")) {
    const message = `the API server ${where} refuses our credentials (401): is the token or certificate still valid?`;
    return { message, heals: false };
  }
  if (error instanceof TransportError) {
    const wayOut = WAYS_OUT[error.kind];
    const message = `the API server ${where} can't be reached: ${error.message}${wayOut ? `; ${wayOut}` : ""}`;
    return { message, heals: error.kind !== "tls" };
  }
  return { message: `the API server ${where} does not answer as one: ${messageOf(error)}`, heals: KubeError.is(error) };
}
