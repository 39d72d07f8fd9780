/** The four kinds of group actions.github.com, version v1alpha1, as data. Facts: docs/compatibility.md. */
import { type KubeObject, type PodTemplate, resource } from "../k8s/resource.ts";

export const GROUP = "actions.github.com";
export const VERSION = "v1alpha1";

/** Labels and annotations that a user wants on a generated object. */
export interface ResourceMeta {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** One proxy server. The secret has `username` and `password`. */
export interface ProxyServer {
  url?: string;
  credentialSecretRef?: string;
}

export interface ProxyConfig {
  http?: ProxyServer;
  https?: ProxyServer;
  noProxy?: string[];
}

/** Where the certificate authority of a GitHub Enterprise Server is to be read from (PEM). */
export interface ServerTLS {
  certificateFrom?: { configMapKeyRef?: { name?: string; key: string } };
}

export interface VaultConfig {
  type?: "azure_key_vault";
  azureKeyVault?: { url: string; tenantId: string; clientId: string; certificatePath: string };
  proxy?: ProxyConfig;
}

export interface MetricConfig {
  labels: string[];
}

/** Which metrics a listener exports, by name; when given it lists exactly what is exported. */
export interface MetricsConfig {
  counters?: Record<string, MetricConfig>;
  gauges?: Record<string, MetricConfig>;
  histograms?: Record<string, MetricConfig & { buckets?: number[] }>;
}

/** A condition by the kstatus convention. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  /** One word. */
  reason: string;
  message: string;
  observedGeneration?: number;
  /** RFC 3339; changes only when `status` does. */
  lastTransitionTime: string;
}

export interface AutoscalingRunnerSetSpec {
  githubConfigUrl?: string;
  githubConfigSecret?: string;
  runnerGroup?: string;
  runnerScaleSetName?: string;
  runnerScaleSetLabels?: string[];
  proxy?: ProxyConfig;
  githubServerTLS?: ServerTLS;
  vaultConfig?: VaultConfig;
  template?: PodTemplate;
  autoscalingListener?: ResourceMeta;
  listenerMetrics?: MetricsConfig;
  listenerTemplate?: PodTemplate;
  listenerServiceAccountMetadata?: ResourceMeta;
  listenerRoleMetadata?: ResourceMeta;
  listenerRoleBindingMetadata?: ResourceMeta;
  listenerConfigSecretMetadata?: ResourceMeta;
  ephemeralRunnerSetMetadata?: ResourceMeta;
  ephemeralRunnerMetadata?: ResourceMeta;
  ephemeralRunnerConfigSecretMetadata?: ResourceMeta;
  /** Absent: no limit. */
  maxRunners?: number;
  minRunners?: number;
}

export interface AutoscalingRunnerSetStatus {
  currentRunners?: number;
  phase?: "Pending" | "Running" | "Outdated";
  pendingEphemeralRunners?: number;
  runningEphemeralRunners?: number;
  failedEphemeralRunners?: number;
  /** Additive: not in the reference's CRDs. */
  finishedEphemeralRunners?: number;
  /** Additive. */
  deletingEphemeralRunners?: number;
  /** Additive. */
  observedGeneration?: number;
  /** Additive. */
  conditions?: Condition[];
}

export interface AutoscalingRunnerSet extends KubeObject {
  spec?: AutoscalingRunnerSetSpec;
  status?: AutoscalingRunnerSetStatus;
}

export interface AutoscalingListenerSpec {
  githubConfigUrl?: string;
  githubConfigSecret?: string;
  runnerScaleSetId?: number;
  autoscalingRunnerSetNamespace?: string;
  autoscalingRunnerSetName?: string;
  ephemeralRunnerSetName?: string;
  /** Absent: 0. */
  maxRunners?: number;
  /** Absent: 0. */
  minRunners?: number;
  image?: string;
  imagePullSecrets?: { name?: string }[];
  proxy?: ProxyConfig;
  githubServerTLS?: ServerTLS;
  vaultConfig?: VaultConfig;
  metrics?: MetricsConfig;
  template?: PodTemplate;
  configSecretMetadata?: ResourceMeta;
  serviceAccountMetadata?: ResourceMeta;
  roleMetadata?: ResourceMeta;
  roleBindingMetadata?: ResourceMeta;
}

export interface AutoscalingListenerStatus {
  /** Additive. */
  observedGeneration?: number;
  /** Additive. */
  conditions?: Condition[];
}

export interface AutoscalingListener extends KubeObject {
  spec?: AutoscalingListenerSpec;
  status?: AutoscalingListenerStatus;
}

/** What every runner of a set is made from; the pod template stands inline (`metadata`, `spec`). */
export interface EphemeralRunnerSpec extends PodTemplate {
  githubConfigUrl: string;
  githubConfigSecret: string;
  githubServerTLS?: ServerTLS;
  runnerScaleSetId: number;
  proxy?: ProxyConfig;
  proxySecretRef?: string;
  vaultConfig?: VaultConfig;
  ephemeralRunnerConfigSecretMetadata?: ResourceMeta;
}

export interface EphemeralRunnerSetSpec {
  /** Absent: 0. */
  replicas?: number;
  patchID: number;
  /** Additive: jobs that the service counts as running, written by our listener with `replicas`. */
  runningJobs?: number;
  ephemeralRunnerSpec: EphemeralRunnerSpec;
  ephemeralRunnerMetadata?: ResourceMeta;
}

export interface EphemeralRunnerSetStatus {
  /** Required by the reference's CRD, also when 0. */
  currentReplicas: number;
  pendingEphemeralRunners?: number;
  runningEphemeralRunners?: number;
  failedEphemeralRunners?: number;
  /** Never written by us as "Outdated". */
  phase?: "Running" | "Outdated";
  /** Additive. */
  finishedEphemeralRunners?: number;
  /** Additive. */
  deletingEphemeralRunners?: number;
  /** Additive. */
  observedGeneration?: number;
  /** Additive. */
  conditions?: Condition[];
}

export interface EphemeralRunnerSet extends KubeObject {
  spec?: EphemeralRunnerSetSpec;
  status?: EphemeralRunnerSetStatus;
}

export interface EphemeralRunnerStatus {
  ready?: boolean;
  phase?: "Pending" | "Running" | "Succeeded" | "Failed" | "Outdated";
  reason?: string;
  message?: string;
  runnerId?: number;
  runnerName?: string;
  /** Pod UID -> RFC 3339 time of its failure. */
  failures?: Record<string, string>;
  /** Absent when 0. */
  jobRequestId?: number;
  jobId?: string;
  jobRepositoryName?: string;
  jobWorkflowRef?: string;
  workflowRunId?: number;
  jobDisplayName?: string;
  /** Additive: generation of the EphemeralRunnerSet whose patch counted this job as running. */
  jobSetGeneration?: number;
  /** Additive. */
  observedGeneration?: number;
  /** Additive. */
  conditions?: Condition[];
}

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
