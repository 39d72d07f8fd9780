/** Every label, annotation, finalizer, name and hash that other programs, dashboards and runbooks know. */
import { type Random, SAFE_ALPHABET, safeText } from "../lib/random.ts";

export const LABELS = {
  partOf: "app.kubernetes.io/part-of",
  component: "app.kubernetes.io/component",
  version: "app.kubernetes.io/version",
  scaleSetName: "actions.github.com/scale-set-name",
  scaleSetNamespace: "actions.github.com/scale-set-namespace",
  enterprise: "actions.github.com/enterprise",
  organization: "actions.github.com/organization",
  repository: "actions.github.com/repository",
  listenerName: "auto-scaling-listener-name",
  listenerNamespace: "auto-scaling-listener-namespace",
  /** On every runner pod, value "True": the only label that no excluded prefix can take away. */
  ephemeralRunner: "actions-ephemeral-runner",
  podTemplateHash: "pod-template-hash",
  /** On the pods and secrets that container hooks make for a runner; the value is the runner's name. */
  hookPod: "runner-pod",
  /** Ours, on the pod of a runner with a job, where such pods are not to be evicted; the value is the set's UID. */
  busy: "actions.github.com/busy",
} as const;

export const PART_OF = "gha-runner-scale-set";
export const COMPONENTS = {
  autoscalingRunnerSet: "autoscaling-runner-set",
  listener: "runner-scale-set-listener",
  runnerSet: "runner-set",
  runner: "runner",
} as const;

export const ANNOTATIONS = {
  scaleSetId: "runner-scale-set-id",
  runnerGroupName: "actions.github.com/runner-group-name",
  scaleSetName: "actions.github.com/runner-scale-set-name",
  patchId: "actions.github.com/patch-id",
  integrityHash: "actions.github.com/integrity-hash",
  valuesHash: "actions.github.com/values-hash",
  /** Ours, on a runner: its job has completed (where the CRDs prune runningJobs). */
  jobCompleted: "actions.github.com/job-completed",
  /** Ours, on a listener's pod: a hash of the spec that it was made from, before the API server added to it. */
  listenerSpec: "actions.github.com/listener-spec",
  /** Ours, on a listener's pod: the version of its config secret, so that the kubelet looks at the volume at once. */
  listenerConfig: "actions.github.com/listener-config",
  /** Ours, on a listener: the message session that an embedded loop has open, for the next leader to end. */
  sessionId: "actions.github.com/session-id",
} as const;

/** Annotations that the chart sets: the names of protected objects, in the order in which they are released. */
export const CLEANUP_ANNOTATIONS = [
  "actions.github.com/cleanup-kubernetes-mode-role-binding-name",
  "actions.github.com/cleanup-kubernetes-mode-role-name",
  "actions.github.com/cleanup-kubernetes-mode-service-account-name",
  "actions.github.com/cleanup-no-permission-service-account-name",
  "actions.github.com/cleanup-github-secret-name",
  "actions.github.com/cleanup-manager-role-binding",
  "actions.github.com/cleanup-manager-role-name",
] as const;

export const FINALIZERS = {
  autoscalingRunnerSet: "autoscalingrunnerset.actions.github.com/finalizer",
  autoscalingListener: "autoscalinglistener.actions.github.com/finalizer",
  ephemeralRunnerSet: "ephemeralrunnerset.actions.github.com/finalizer",
  ephemeralRunner: "ephemeralrunner.actions.github.com/finalizer",
  runnerRegistration: "ephemeralrunner.actions.github.com/runner-registration-finalizer",
  /** On objects that the chart made and the controller still needs. */
  cleanupProtection: "actions.github.com/cleanup-protection",
} as const;

/**
 * What holds an EphemeralRunnerSet that is being deleted until its runners are gone: 0.14.2 puts there the finalizer of
 * its runners, the next release one of its own, and each takes off only the one that it knows. So a set bears one of
 * them only while we delete it, that of 0.14.2: whoever takes a living set over from us puts on its own.
 */
export const RUNNER_SET_FINALIZERS: readonly string[] = [FINALIZERS.ephemeralRunner, FINALIZERS.ephemeralRunnerSet];

/** FNV-1a, 32 bits, over the UTF-8 bytes of `text`. */
export function fnv32a(text: string): number {
  const bytes = new TextEncoder().encode(text);
  let hash = 0x811c9dc5;
  // Timelines of simulated worlds hash megabytes: an index is several times as fast as an iterator.
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/** Kubernetes' SafeEncodeString: every character becomes one of the safe alphabet. */
export function safe(text: string): string {
  return Array.from(text, (character) => SAFE_ALPHABET[character.charCodeAt(0) % SAFE_ALPHABET.length]).join("");
}

/** The first eight characters of the safe form of a hash: what names carry. */
export function nameHash(text: string): string {
  return safe(String(fnv32a(text))).slice(0, 8);
}

/** Name of the AutoscalingListener of a scale set, and of everything that is made for it. */
export function listenerNameOf(set: {
  readonly name: string;
  readonly namespace: string;
  /** As in the spec; empty when unset. */
  readonly runnerGroup?: string;
  /** As in the spec, a trailing slash included. */
  readonly githubConfigUrl?: string;
}): string {
  return `${set.name}-${nameHash(`${set.namespace}@${set.runnerGroup ?? ""}@${set.githubConfigUrl ?? ""}`)}-listener`;
}

/** Name of the listener's secret with config.json. */
export function listenerConfigName(listener: string): string {
  return `${listener}-config`;
}

/** Name of the listener's secret with proxy settings. */
export function listenerProxyName(listener: string): string {
  return `${listener}-proxy`;
}

/** Name of the secret with proxy settings that the runners of a set share. */
export function runnerProxyName(runnerSet: string, namespace: string): string {
  return `${runnerSet}-${nameHash(namespace)}-runner-proxy`;
}

/** Name of the disruption budget of a set's runners with a job. */
export function busyBudgetName(runnerSet: string): string {
  return `${runnerSet.slice(0, 240)}-busy-runners`;
}

/** A name for a new runner, as generateName would give it; we choose it, so that a lost answer makes no second runner. */
export function newRunnerName(runnerSet: string, random: Random): string {
  return `${runnerSet}-runner-`.slice(0, 58) + safeText(random, 5);
}

/**
 * A value that fits a label: at most 63 characters of which the first and the last are letters or digits; "" when
 * nothing is left. Longer ones are cut and end in "-trim". What a label can't hold becomes "-".
 */
export function labelValue(text: string): string {
  const allowed = text.replace(/[^A-Za-z0-9._-]/gu, "-");
  if (allowed.length <= 63) return allowed.replace(/^[-_.]+|[-_.]+$/g, "");
  return /^[-_.]/.test(allowed) ? labelValue(allowed.replace(/^[-_.]+/, "")) : `${allowed.slice(0, 58)}-trim`;
}

/** Ten characters that tell pod templates apart; the order of keys in them makes no difference. */
export function podTemplateHash(template: unknown): string {
  return safe(String(fnv32a(JSON.stringify(template, sortedKeys) ?? "")).padStart(10, "0"));
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
