/** What the controllers of scale sets and listeners read: watched kinds, their indexes, and kinds asked for one by one. */
import type { AutoscalingListener, AutoscalingRunnerSet, EphemeralRunnerSet } from "../../api/kinds.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { ReadThrough } from "../../k8s/read_through.ts";
import {
  CONFIG_MAPS,
  type ConfigMap,
  controllerOf,
  type KubeObject,
  type Pod,
  POD_DISRUPTION_BUDGETS,
  type PodDisruptionBudget,
  refOf,
  type Resource,
  type Role,
  ROLE_BINDINGS,
  type RoleBinding,
  ROLES,
  type Secret,
  SECRETS,
  SERVICE_ACCOUNTS,
  type ServiceAccount,
  type Stored,
} from "../../k8s/resource.ts";
import type { Overlay, Reader } from "../../k8s/store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { StepResult } from "../../runtime/execute.ts";

/** The watched kinds that these two controllers read. */
export interface SetStores {
  readonly autoscalingRunnerSets: Reader<AutoscalingRunnerSet>;
  /** Those of the controller's own namespace, with {@link LISTENER_INDEXES}. */
  readonly autoscalingListeners: Reader<AutoscalingListener>;
  /** With {@link RUNNER_SET_INDEXES}. */
  readonly ephemeralRunnerSets: Reader<EphemeralRunnerSet>;
  /** All pods of the controller's own namespace: those of the listeners are among them. */
  readonly ownPods: Reader<Pod>;
}

/** Values: the UID of the scale set that owns a runner set. */
export const BY_OWNER = "owner";
/** Values: `namespace/name` of the scale set that a listener is for. */
export const BY_SCALE_SET = "scaleSet";

/** Indexes of the store of EphemeralRunnerSets. */
export const RUNNER_SET_INDEXES = {
  [BY_OWNER]: (runnerSet: Stored<EphemeralRunnerSet>): string | undefined => controllerOf(runnerSet)?.uid,
};

/** Indexes of the store of AutoscalingListeners. */
export const LISTENER_INDEXES = { [BY_SCALE_SET]: scaleSetKeyOf };

/** Keeps of a pod in the controller's namespace what the controllers read: how it is, not what it was made from. */
export function projectOwnPod({ metadata, spec, status }: Stored<Pod>): Stored<Pod> {
  const { managedFields: _fields, ...meta } = metadata as Stored<Pod>["metadata"] & { managedFields?: unknown };
  return {
    metadata: meta,
    spec: { restartPolicy: spec?.restartPolicy, nodeName: spec?.nodeName, containers: [] },
    status,
  };
}

/** Key of the scale set that a listener is for. Its spec is the only tie: an owner can't be in another namespace. */
export function scaleSetKeyOf(listener: AutoscalingListener): string {
  return `${listener.spec?.autoscalingRunnerSetNamespace ?? ""}/${listener.spec?.autoscalingRunnerSetName ?? ""}`;
}

/** Kinds that are not watched: secrets must not be, for the rest a watch does not pay. */
export interface Uncached {
  readonly secrets: ReadThrough<Secret>;
  readonly configMaps: ReadThrough<ConfigMap>;
  readonly serviceAccounts: ReadThrough<ServiceAccount>;
  readonly roles: ReadThrough<Role>;
  readonly roleBindings: ReadThrough<RoleBinding>;
  readonly budgets: ReadThrough<PodDisruptionBudget>;
}

/** `ttlMs`: how long an answer is believed, in milliseconds. */
export function uncachedKinds(kube: KubeClient, clock: Clock, ttlMs?: number): Uncached {
  return {
    secrets: new ReadThrough({ kube, clock, ttlMs, kind: SECRETS }),
    configMaps: new ReadThrough({ kube, clock, ttlMs, kind: CONFIG_MAPS }),
    serviceAccounts: new ReadThrough({ kube, clock, ttlMs, kind: SERVICE_ACCOUNTS }),
    roles: new ReadThrough({ kube, clock, ttlMs, kind: ROLES }),
    roleBindings: new ReadThrough({ kube, clock, ttlMs, kind: ROLE_BINDINGS }),
    budgets: new ReadThrough({ kube, clock, ttlMs, kind: POD_DISRUPTION_BUDGETS }),
  };
}

/** The reader of such a kind, which executors tell of writes; undefined for a kind that is watched. */
export function uncachedOf(
  uncached: Uncached,
  kind: Resource,
): (Overlay<KubeObject> & Pick<ReadThrough<KubeObject>, "forget">) | undefined {
  const byPlural: Readonly<Record<string, Uncached[keyof Uncached]>> = {
    [SECRETS.plural]: uncached.secrets,
    [CONFIG_MAPS.plural]: uncached.configMaps,
    [SERVICE_ACCOUNTS.plural]: uncached.serviceAccounts,
    [ROLES.plural]: uncached.roles,
    [ROLE_BINDINGS.plural]: uncached.roleBindings,
    [POD_DISRUPTION_BUDGETS.plural]: uncached.budgets,
  };
  // Each reader is told of objects of its own kind only, which the table says and the type can't.
  return byPlural[kind.plural] as (Overlay<KubeObject> & Pick<ReadThrough<KubeObject>, "forget">) | undefined;
}

/** A write that failed was decided on what we remember: the next decision asks the API server. */
export function forgetAfterFailure(uncached: Uncached, { step, ok }: StepResult): void {
  if (ok || step.do === "event" || step.do === "perform") return;
  const { namespace = "", name } = step.do === "create" ? refOf(step.object) : step.ref;
  uncachedOf(uncached, step.kind)?.forget(namespace, name);
}

/** Tells of each set of a scale set of which `read` says something else than before. @returns what ends it */
export function onScaleSet(
  { autoscalingRunnerSets, ephemeralRunnerSets }: SetStores,
  read: (scaleSet: AutoscalingRunnerSet | undefined) => unknown,
  tell: (set: Stored<EphemeralRunnerSet>) => void,
): () => void {
  return autoscalingRunnerSets.subscribe(({ before, after }) => {
    if (!after || read(before) === read(after)) return;
    for (const set of ephemeralRunnerSets.by(BY_OWNER, after.metadata.uid)) tell(set);
  });
}
