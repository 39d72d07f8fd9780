/** Parts of a reference installation: its definitions, which lack our fields, and a listener that writes as its own does. */
import type { CustomResourceDefinition } from "../../src/api/crd.ts";
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { connect } from "../../src/github/client.ts";
import type { JobEvent, Message, MessageSession, Statistics } from "../../src/github/service.ts";
import type { KubeClient, KubeServer } from "../../src/k8s/client.ts";
import { KubeError } from "../../src/k8s/errors.ts";
import { HttpKubeClient } from "../../src/k8s/http_client.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Transport } from "../../src/lib/http.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Random } from "../../src/lib/random.ts";
import type { ListenerContext, ListenerProgram } from "../../src/sim/kubelet/listener_program.ts";
import { type ListenerConfig, parseConfig } from "../../src/listener/config.ts";
import { referenceCrds } from "./reference_crds.ts";
import type { SimSystem } from "./sim_system.ts";

/** The definitions of 0.14.2: an API server that has them drops our fields from what is written. */
export function referenceDefinitions(): CustomResourceDefinition[] {
  return referenceCrds("0.14.2");
}

/** Where the reference's listener runs. */
export interface ListenerPlace {
  readonly clock: Clock;
  readonly random: Random;
  /** The way to the Actions Service. */
  readonly transport: Transport;
  /** The way to the API server, with this token. */
  kubeServer(token: string): KubeServer;
  /** What a listener has died of. */
  onError?(error: unknown): void;
}

/** {@link referenceListenerIn} a simulated world. */
export function referenceListener({ world, clock }: SimSystem): ListenerProgram {
  return referenceListenerIn({
    clock,
    random: world.random,
    transport: world.transports({}),
    kubeServer: (token) => world.kubeServer("arc-systems", () => Promise.resolve(`Bearer ${token}`)),
  });
}

/**
 * A listener that tells the runner set what the reference's does: targets without running jobs, one patch for each
 * message and each empty poll, numbered from 0 at each start; job facts at JobStarted, nothing at JobCompleted. It ends
 * on the first error, as that one does on most.
 */
export function referenceListenerIn(place: ListenerPlace): ListenerProgram {
  const { clock, random, transport } = place;
  return async (context) => {
    const config = parseConfig(context.files.read(context.env["LISTENER_CONFIG_PATH"] ?? "") ?? "");
    const server = place.kubeServer(await context.serviceAccountToken());
    const common = { clock, random, log: silentLog };
    const kube = new HttpKubeClient({ ...common, server, userAgent: "ghalistener-kube" });
    const service = connect({
      ...common,
      transport,
      configUrl: config.configUrl,
      credentials: config.credentials,
      userAgent: { version: "0.14.2", commit: "2ee6b3b", subsystem: "ghalistener", scaleSetId: config.scaleSetId },
    });
    try {
      const session = await service.openSession(config.scaleSetId, "reference");
      return await new Listening(config, kube, session).until(context);
    } catch (error) {
      // A test that is over takes the API server away, and the listener is then of no interest.
      if (context.term.aborted || context.kill.aborted) return 0;
      place.onError?.(error);
      return 1;
    }
  };
}

class Listening {
  readonly #config: ListenerConfig;
  readonly #kube: KubeClient;
  readonly #session: MessageSession;
  #patches = 0;
  #target: number | undefined;

  constructor(config: ListenerConfig, kube: KubeClient, session: MessageSession) {
    this.#config = config;
    this.#kube = kube;
    this.#session = session;
  }

  async until({ term, kill }: Pick<ListenerContext, "term" | "kill">): Promise<number> {
    const signal = AbortSignal.any([term, kill]);
    try {
      await this.#listen(signal);
    } finally {
      if (!kill.aborted) await this.#session.close();
    }
    return 0;
  }

  async #listen(signal: AbortSignal): Promise<void> {
    let statistics = this.#session.statistics;
    let lastMessageId: number | undefined;
    await this.#tell(statistics, []);
    while (!signal.aborted) {
      const { maxRunners: capacity } = this.#config.limits;
      const message = await this.#session.poll({ capacity, lastMessageId, signal }).catch((error) => {
        if (!signal.aborted) throw error;
      });
      if (signal.aborted) break;
      statistics = message?.statistics ?? statistics;
      if (message) await this.#handle(message);
      lastMessageId = message?.id ?? lastMessageId;
      await this.#tell(statistics, message?.events ?? []);
    }
  }

  async #handle({ id, events }: Message): Promise<void> {
    const offers = events.filter(({ type }) => type === "available").map(({ requestId }) => requestId);
    if (offers.length > 0) await this.#session.acquire(offers);
    for (const event of events) if (event.type === "started") await this.#started(event);
    await this.#session.deleteMessage(id);
  }

  async #started({ runnerName: name, ...job }: JobEvent & { type: "started" }): Promise<void> {
    const status = {
      jobRequestId: job.requestId,
      jobRepositoryName: `${job.ownerName}/${job.repositoryName}`,
      jobId: job.jobId,
      workflowRunId: job.workflowRunId,
      jobWorkflowRef: job.workflowRef,
      jobDisplayName: job.displayName,
    };
    const { namespace } = this.#config.runnerSet;
    try {
      await this.#kube.patch(EPHEMERAL_RUNNERS, { namespace, name }, { status }, { subresource: "status" });
    } catch (error) {
      if (!KubeError.is(error, "NotFound")) throw error;
    }
  }

  async #tell(statistics: Statistics | undefined, events: readonly JobEvent[]): Promise<void> {
    const { limits: { minRunners, maxRunners }, runnerSet } = this.#config;
    const target = Math.min(minRunners + (statistics?.totalAssignedJobs ?? 0), maxRunners);
    const atRest = events.length === 0 && target === this.#target && target === minRunners;
    const patchID = atRest ? 0 : this.#patches;
    this.#patches++;
    this.#target = target;
    await this.#kube.patch(EPHEMERAL_RUNNER_SETS, runnerSet, { spec: { patchID, replicas: target || null } });
  }
}
