/** What a decision about a listener needs to know. */
import type { AutoscalingListener, AutoscalingRunnerSet, ListenerReport } from "../../api/kinds.ts";
import { ANNOTATIONS, listenerConfigName, listenerProxyName } from "../../api/names.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import type { ReadThrough } from "../../k8s/read_through.ts";
import {
  type KubeObject,
  type Pod,
  refOfKey,
  type Role,
  type RoleBinding,
  type Secret,
  type ServiceAccount,
  type Stored,
} from "../../k8s/resource.ts";
import { AUTOSCALING_RUNNER_SETS } from "../../api/kinds.ts";
import type { Clock, Instant } from "../../lib/clock.ts";
import { type Problem, problemOf } from "../shared/problems.ts";
import { SourceError } from "../shared/services.ts";
import type { Settings } from "../shared/settings.ts";
import type { ResolvedSource, SourceReader } from "../shared/source_reader.ts";
import type { SetStores, Uncached } from "../shared/stores_set.ts";
import type { Waits } from "../shared/waits.ts";
import { scaleSetPlace, sourceOf } from "./build.ts";
import type { LoopState } from "./loop_host.ts";

export interface Children {
  readonly serviceAccount: Stored<ServiceAccount> | undefined;
  readonly role: Stored<Role> | undefined;
  readonly roleBinding: Stored<RoleBinding> | undefined;
  readonly configSecret: Stored<Secret> | undefined;
  readonly proxySecret: Stored<Secret> | undefined;
}

/** Ends of listener pods in a row. */
export interface Restarts {
  readonly failures: number;
  /** No pod is made before. */
  readonly notBefore: Instant;
}

export interface Observed {
  readonly listener: Stored<AutoscalingListener>;
  /** Undefined: it is gone, and the API server has confirmed it. */
  readonly scaleSet: Stored<AutoscalingRunnerSet> | undefined;
  readonly children: Children;
  /** Children that we are not allowed to read. */
  readonly forbidden: readonly string[];
  /** Read only while a listener pod is to be there. */
  readonly source: ResolvedSource | undefined;
  /** Why there is no source. */
  readonly problem: Problem | undefined;
  readonly pod: Stored<Pod> | undefined;
  readonly restarts: Restarts;
  /** The config secret has changed since the kubelet was last told, and we may tell it. */
  readonly nudge: boolean;
  readonly loop: LoopState | undefined;
  /** What the listener's pod says of itself. */
  readonly report: ListenerReport | undefined;
  /** A loop is being stopped. */
  readonly stopping: boolean;
  readonly settings: Settings;
  readonly waits: Waits;
}

export interface ObserveDeps {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly stores: SetStores;
  readonly uncached: Uncached;
  readonly sources: SourceReader;
  readonly settings: Settings;
  readonly waits: Waits;
  /** Counts an ended pod, once for each. */
  restarts(key: string, pod: Stored<Pod> | undefined): Restarts;
  nudge(key: string, pod: Stored<Pod> | undefined, config: Stored<Secret> | undefined): boolean;
  loop(key: string): LoopState | undefined;
  stopping(key: string): boolean;
}

export async function observe(deps: ObserveDeps, key: string): Promise<Observed | undefined> {
  const { stores, settings, waits } = deps;
  const { namespace, name } = refOfKey(key);
  const listener = stores.autoscalingListeners.get(namespace, name);
  if (!listener) return undefined;
  const wantsPod = settings.listenerMode === "pod" && listener.metadata.deletionTimestamp === undefined;
  const [scaleSet, { children, forbidden }, read] = await Promise.all([
    scaleSetOf(deps, listener),
    childrenOf(deps.uncached, listener),
    wantsPod ? readSource(deps.sources, listener) : NOTHING_READ,
  ]);
  const pod = stores.ownPods.get(namespace, name);
  return {
    listener,
    scaleSet,
    children,
    forbidden,
    source: read.source,
    problem: read.problem,
    pod,
    restarts: deps.restarts(key, pod),
    nudge: deps.nudge(key, pod, children.configSecret),
    loop: deps.loop(key),
    report: wantsPod ? reportOf(stores, listener) : undefined,
    stopping: deps.stopping(key),
    settings,
    waits,
  };
}

function reportOf({ ephemeralRunnerSets }: SetStores, listener: AutoscalingListener): ListenerReport | undefined {
  const { ephemeralRunnerSetName = "", autoscalingRunnerSetNamespace = "" } = listener.spec ?? {};
  return ephemeralRunnerSets.get(autoscalingRunnerSetNamespace, ephemeralRunnerSetName)?.spec?.listenerReport;
}

/** A scale set that is not in the store is believed to be gone only when the API server says so too. */
async function scaleSetOf(
  { kube, stores }: ObserveDeps,
  listener: AutoscalingListener,
): Promise<Stored<AutoscalingRunnerSet> | undefined> {
  const ref = scaleSetPlace(listener);
  const known = stores.autoscalingRunnerSets.get(ref.namespace, ref.name);
  if (known) return known;
  try {
    return await kube.get(AUTOSCALING_RUNNER_SETS, ref);
  } catch (error) {
    if (KubeError.is(error, "NotFound")) return undefined;
    throw error;
  }
}

interface Read {
  readonly source?: ResolvedSource;
  readonly problem?: Problem;
}

const NOTHING_READ: Read = {};

async function readSource(
  sources: SourceReader,
  listener: AutoscalingListener,
): Promise<Read> {
  try {
    return { source: await sources.read(sourceOf(listener)) };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    // Nobody tells us when it is put right: the next look at the listener reads it again.
    sources.forget(sourceOf(listener));
    return { problem: problemOf(error) };
  }
}

async function childrenOf(
  uncached: Uncached,
  listener: Stored<AutoscalingListener>,
): Promise<{ children: Children; forbidden: string[] }> {
  const { name, namespace } = listener.metadata;
  const own = namespace ?? "";
  const abroad = scaleSetPlace(listener).namespace;
  const forbidden: string[] = [];
  const read = async <T extends KubeObject>(
    reader: ReadThrough<T>,
    inNamespace: string,
    child: string,
    kind: string,
  ) => {
    try {
      return await reader.get(inNamespace, child);
    } catch (error) {
      if (!KubeError.is(error, "Forbidden")) throw error;
      forbidden.push(`${kind} ${inNamespace}/${child}`);
      return undefined;
    }
  };
  const [serviceAccount, role, roleBinding, configSecret, proxySecret] = await Promise.all([
    read(uncached.serviceAccounts, own, name, "service account"),
    read(uncached.roles, abroad, name, "role"),
    read(uncached.roleBindings, abroad, name, "role binding"),
    read(uncached.secrets, own, listenerConfigName(name), "secret"),
    read(uncached.secrets, own, listenerProxyName(name), "secret"),
  ]);
  return { children: { serviceAccount, role, roleBinding, configSecret, proxySecret }, forbidden };
}

/** Name of the scale set at the service. */
export function scaleSetNameOf(scaleSet: AutoscalingRunnerSet): string {
  const { metadata, spec } = scaleSet;
  return spec?.runnerScaleSetName || metadata?.annotations?.[ANNOTATIONS.scaleSetName] || (metadata?.name ?? "");
}
