/** Parts of a reference installation: its definitions, which lack our fields, and a listener that writes as its own does. */
import { type CustomResourceDefinition, customResourceDefinitions } from "../../src/api/crd.ts";
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { connect } from "../../src/github/client.ts";
import type { JobEvent, Message, MessageSession, Statistics } from "../../src/github/service.ts";
import type { KubeClient } from "../../src/k8s/client.ts";
import { KubeError } from "../../src/k8s/errors.ts";
import { HttpKubeClient } from "../../src/k8s/http_client.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { ListenerContext, ListenerProgram } from "../../src/sim/kubelet/listener_program.ts";
import { type ListenerConfig, parseConfig } from "../../src/listener/config.ts";
import { at, schemaOf } from "./crd_fields.ts";
import type { SimSystem } from "./sim_system.ts";

/** Fields that are ours, by kind and part. */
const ADDITIVE: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  AutoscalingRunnerSet: {
    spec: ["paused", "scheduledOverrides", "runnerPolicy"],
    status: [
      "finishedEphemeralRunners",
      "deletingEphemeralRunners",
      "effectiveMinRunners",
      "effectiveMaxRunners",
      "activeOverride",
      "observedGeneration",
      "conditions",
    ],
  },
  AutoscalingListener: { status: ["observedGeneration", "conditions"] },
  EphemeralRunnerSet: {
    spec: ["runningJobs", "runnerPolicy", "missingScaleSetId"],
    status: ["finishedEphemeralRunners", "deletingEphemeralRunners", "observedGeneration", "conditions"],
  },
  EphemeralRunner: { status: ["jobSetGeneration", "observedGeneration", "conditions"] },
};

/** Our definitions without our fields: an API server drops these from what is written. */
export function referenceDefinitions(): CustomResourceDefinition[] {
  return customResourceDefinitions().map((definition) => {
    for (const [part, fields] of Object.entries(ADDITIVE[definition.spec.names.kind] ?? {})) {
      const { properties } = at(schemaOf(definition), part) as { properties?: Record<string, unknown> };
      for (const field of fields) delete properties?.[field];
    }
    return definition;
  });
}

/**
 * A listener that tells the runner set what the reference's does: targets without running jobs, one patch for each
 * message and each empty poll, numbered from 0 at each start; job facts at JobStarted, nothing at JobCompleted.
 */
export function referenceListener({ world, clock }: SimSystem): ListenerProgram {
  return async (context) => {
    const config = parseConfig(context.files.read(context.env["LISTENER_CONFIG_PATH"] ?? "") ?? "");
    const token = await context.serviceAccountToken();
    const common = { clock, random: world.random, log: silentLog };
    const server = world.kubeServer("arc-systems", () => Promise.resolve(`Bearer ${token}`));
    const kube = new HttpKubeClient({ ...common, server, userAgent: "ghalistener-kube" });
    const service = connect({
      ...common,
      configUrl: config.configUrl,
      credentials: config.credentials,
      transport: world.transports({}),
      userAgent: { version: "0.14.2", commit: "2ee6b3b", subsystem: "ghalistener", scaleSetId: config.scaleSetId },
    });
    const session = await service.openSession(config.scaleSetId, "reference");
    return await new Listening(config, kube, session).until(context);
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
    let statistics = this.#session.statistics;
    let lastMessageId: number | undefined;
    await this.#tell(statistics, []);
    while (!signal.aborted) {
      const { maxRunners: capacity } = this.#config.limits;
      const message = await this.#session.poll({ capacity, lastMessageId, signal }).catch(() => undefined);
      if (signal.aborted) break;
      statistics = message?.statistics ?? statistics;
      if (message) await this.#handle(message);
      lastMessageId = message?.id ?? lastMessageId;
      await this.#tell(statistics, message?.events ?? []);
    }
    if (!kill.aborted) await this.#session.close();
    return 0;
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
