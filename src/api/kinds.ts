/**
 * The four kinds of group actions.github.com, version v1alpha1: their types and where the API server serves them.
 * The types are those of the schemas in schema/, which also say what each field means; nothing of zod is loaded here.
 */
import type * as z from "zod";
import { type KubeObject, resource } from "../k8s/resource.ts";
import type * as knobs from "./schema/knobs.ts";
import type * as listener from "./schema/autoscaling_listener.ts";
import type * as scaleSet from "./schema/autoscaling_runner_set.ts";
import type * as runner from "./schema/ephemeral_runner.ts";
import type * as runnerSet from "./schema/ephemeral_runner_set.ts";
import type * as shared from "./schema/shared.ts";

export const GROUP = "actions.github.com";
export const VERSION = "v1alpha1";

/** Labels and annotations that a user wants on a generated object. */
export type ResourceMeta = z.infer<typeof shared.resourceMeta>;

/** One proxy server. The secret has `username` and `password`. */
export type ProxyServer = z.infer<typeof shared.proxyServer>;
export type ProxyConfig = z.infer<typeof shared.proxyConfig>;

/** Where the certificate authority of a GitHub Enterprise Server is to be read from (PEM). */
export type ServerTLS = z.infer<typeof shared.serverTLS>;
export type VaultConfig = z.infer<typeof shared.vaultConfigShape>;
export type MetricConfig = z.infer<typeof shared.metricConfig>;

/** Which metrics a listener exports, by name; when given it lists exactly what is exported. */
export type MetricsConfig = z.infer<typeof shared.metricsConfig>;

/** How runners are replaced, retried and kept. Absent fields mean: as without. */
export type RunnerPolicy = NonNullable<z.infer<typeof knobs.runnerPolicy>>;

/** Other limits at some times. */
export type ScheduledOverride = NonNullable<z.infer<typeof knobs.scheduledOverrides>>[number];

/** A condition by the kstatus convention. `lastTransitionTime` (RFC 3339) changes only when `status` does. */
export type Condition = z.infer<typeof shared.condition>;

/** No field is required: the API server lets an AutoscalingRunnerSet without githubConfigUrl in. */
export type AutoscalingRunnerSetSpec = z.infer<typeof scaleSet.spec>;

/**
 * Additive, so not in the reference's CRDs: finished and deleting runners, observedGeneration, conditions, the limits in
 * force and the override that makes them so.
 */
export type AutoscalingRunnerSetStatus = z.infer<typeof scaleSet.status>;

export interface AutoscalingRunnerSet extends KubeObject {
  spec?: AutoscalingRunnerSetSpec;
  status?: AutoscalingRunnerSetStatus;
}

/** Absent minRunners and maxRunners are 0 here. */
export type AutoscalingListenerSpec = z.infer<typeof listener.spec>;

/** All of it is additive. */
export type AutoscalingListenerStatus = z.infer<typeof listener.status>;

export interface AutoscalingListener extends KubeObject {
  spec?: AutoscalingListenerSpec;
  status?: AutoscalingListenerStatus;
}

/** What a listener in a pod says of itself. */
export type ListenerReport = z.infer<typeof runnerSet.listenerReport>;

/** What every runner of a set is made from; the pod template stands inline (`metadata`, `spec`). */
export type EphemeralRunnerSpec = z.infer<typeof runner.spec>;

/**
 * Absent replicas are 0. Additive: runningJobs, written by our listener in one patch with `replicas`; missingScaleSetId,
 * listenerReport and sessionId, written by our listener; runnerPolicy, written by our controller.
 */
export type EphemeralRunnerSetSpec = z.infer<typeof runnerSet.spec>;

/**
 * currentReplicas is required by the reference's CRD, also when it is 0. phase is never written by us as "Outdated".
 * Additive: finished and deleting runners, observedGeneration, conditions.
 */
export type EphemeralRunnerSetStatus = z.infer<typeof runnerSet.status>;

export interface EphemeralRunnerSet extends KubeObject {
  spec?: EphemeralRunnerSetSpec;
  status?: EphemeralRunnerSetStatus;
}

/**
 * failures: pod UID -> RFC 3339 time. jobRequestId is absent when 0. Additive: jobSetGeneration (generation of the
 * EphemeralRunnerSet whose patch counted this job as running), observedGeneration, conditions.
 */
export type EphemeralRunnerStatus = z.infer<typeof runner.status>;

export interface EphemeralRunner extends KubeObject {
  spec?: EphemeralRunnerSpec;
  status?: EphemeralRunnerStatus;
}

export const AUTOSCALING_RUNNER_SETS = resource<AutoscalingRunnerSet>(
  GROUP,
  VERSION,
  "AutoscalingRunnerSet",
  "autoscalingrunnersets",
);
export const AUTOSCALING_LISTENERS = resource<AutoscalingListener>(
  GROUP,
  VERSION,
  "AutoscalingListener",
  "autoscalinglisteners",
);
export const EPHEMERAL_RUNNER_SETS = resource<EphemeralRunnerSet>(
  GROUP,
  VERSION,
  "EphemeralRunnerSet",
  "ephemeralrunnersets",
);
export const EPHEMERAL_RUNNERS = resource<EphemeralRunner>(GROUP, VERSION, "EphemeralRunner", "ephemeralrunners");

/** maxRunners of a scale set that names no limit. */
export const NO_LIMIT = 2147483647;
