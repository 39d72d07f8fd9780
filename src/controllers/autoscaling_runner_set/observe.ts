/** What a decision about a scale set needs to know. */
import type { AutoscalingListener, AutoscalingRunnerSet, EphemeralRunnerSet } from "../../api/kinds.ts";
import { ANNOTATIONS } from "../../api/names.ts";
import { controllerOf, isDeleting, keyOf, type KubeObject, refOfKey, type Stored } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Performance } from "../../runtime/performer.ts";
import { conditionNamed } from "../shared/conditions.ts";
import type { GaveUp } from "../shared/runner_book.ts";
import type { Settings } from "../shared/settings.ts";
import { BY_OWNER, BY_SCALE_SET, type SetStores, type Uncached } from "../shared/stores_set.ts";
import type { Waits } from "../shared/waits.ts";
import { annotatedId } from "./build.ts";
import { type ProtectedObject, readProtected } from "./protected.ts";
import { foundId } from "./registration.ts";
import type { ScaleSetCall, ScaleSetFacts } from "./scale_set_calls.ts";

/** What a listener tells a runner set. */
type LastCount = Pick<NonNullable<EphemeralRunnerSet["spec"]>, "replicas" | "runningJobs" | "patchID">;

/** What this process remembers of a scale set. */
export interface Memory {
  /** Of the object that is meant: another one of the same name starts anew. */
  uid?: string;
  /** Somebody said at this time that the service does not know the scale set any more. */
  reportedGoneAt?: Instant;
  /** Since when its runner set has borne a listener's report that the service does not know it. */
  missingSince?: Instant;
  /** Its listener could not be made, for the controller's namespace is not there, or going. */
  homeless?: { readonly isGoing: boolean; readonly tries: number; readonly retryAt: Instant };
  /** What its listener has told its runner set last: one that is made anew has to know it too. */
  count?: LastCount;
  /** Since when its deletion at the service has been tried. */
  unregisteringSince?: Instant;
  /** Since when the protected objects have been being released. */
  releasingSince?: Instant;
}

export interface Observed {
  readonly ars: Stored<AutoscalingRunnerSet>;
  /** The runner set that bears the scale set's name, whoever owns it. */
  readonly runnerSet: Stored<EphemeralRunnerSet> | undefined;
  /** Runner sets of other names that the scale set owns: older releases made such. */
  readonly formerSets: readonly Stored<EphemeralRunnerSet>[];
  readonly listeners: readonly Stored<AutoscalingListener>[];
  /** Whether the listener is at work, as this process sees it: for where its object can't say so. */
  readonly isListening?: boolean;
  /** Runners are there that belong, or have belonged, to its runner set. */
  readonly hasRunners?: boolean;
  /** Its runners went without the service's leave, which had been asked for in vain. */
  readonly gaveUp?: GaveUp;
  /** GitHub refuses the version of some of its runners. */
  readonly outdated: boolean;
  readonly github: Performance<ScaleSetCall, ScaleSetFacts | undefined>;
  readonly memory: Readonly<Memory>;
  /** Objects that still bear our protection; read only when everything else is gone, here and at the service. */
  readonly protectedObjects: readonly ProtectedObject[];
  /** The API server drops a runner set's runnerPolicy: its CRD is older than ours. */
  readonly dropsPolicy?: boolean;
  readonly settings: Settings;
  readonly waits: Waits;
}

export interface ObserveDeps {
  readonly stores: SetStores;
  readonly uncached: Uncached;
  readonly settings: Settings;
  readonly waits: Waits;
  /** Whether the runner set with this UID has outdated runners: conditions, which also say it, may be dropped. */
  readonly hasOutdated?: (runnerSetUid: string) => boolean;
  /** Whether a listener is at work, where its object can't say so: conditions may be dropped. */
  readonly isListening?: (listener: AutoscalingListener) => boolean;
  /** Whether there are runners of the runner set with this key, or of one that had its name before. */
  readonly hasRunners?: (runnerSetKey: string) => boolean;
  /** Whether the service was asked in vain to let the runners of the scale set with this UID go. */
  readonly gaveUp?: (uid: string) => GaveUp | undefined;
  readonly listProtected: Parameters<typeof readProtected>[2];
  github(key: string): Performance<ScaleSetCall, ScaleSetFacts | undefined>;
  memory(key: string): Memory;
  readonly dropsPolicy?: () => boolean;
  now(): Instant;
}

export async function observe(deps: ObserveDeps, key: string): Promise<Observed | undefined> {
  const { stores, settings, waits } = deps;
  const { namespace, name } = refOfKey(key);
  const ars = stores.autoscalingRunnerSets.get(namespace, name);
  if (!ars) return undefined;
  const runnerSet = stores.ephemeralRunnerSets.get(namespace, name);
  const formerSets = stores.ephemeralRunnerSets.by(BY_OWNER, ars.metadata.uid)
    .filter(({ metadata }) => metadata.name !== name);
  const listeners = stores.autoscalingListeners.by(BY_SCALE_SET, keyOf(ars));
  const memory = deps.memory(key);
  if (memory.uid !== ars.metadata.uid) {
    memory.uid = ars.metadata.uid;
    delete memory.reportedGoneAt;
    delete memory.unregisteringSince;
    delete memory.releasingSince;
    delete memory.missingSince;
    delete memory.homeless;
    delete memory.count;
  }
  if (runnerSet && isOwn(ars, runnerSet)) memory.count = countIn(runnerSet);
  if (isReportedMissing(ars, runnerSet)) memory.missingSince ??= deps.now();
  else delete memory.missingSince;
  // With its namespace, or by hand, the runner set can go before its runners.
  const hasRunners = isDeleting(ars) && (deps.hasRunners?.(key) ?? false);
  const childless = !hasRunners && listeners.length === 0 && formerSets.length === 0 && !isOwn(ars, runnerSet);
  const github = deps.github(key);
  const atService = annotatedId(ars) !== undefined || github.running !== undefined || foundId(github) !== undefined;
  let protectedObjects: readonly ProtectedObject[] = [];
  if (isDeleting(ars) && childless && !atService) {
    memory.releasingSince ??= deps.now();
    protectedObjects = await readProtected(ars, deps.uncached, deps.listProtected);
  }
  return {
    ars,
    runnerSet,
    formerSets,
    listeners,
    isListening: listeners[0] !== undefined && (deps.isListening?.(listeners[0]) ?? false),
    hasRunners,
    gaveUp: isDeleting(ars) ? deps.gaveUp?.(ars.metadata.uid) : undefined,
    outdated: runnerSet !== undefined && isOutdated(runnerSet, deps),
    github: deps.github(key),
    memory: { ...memory },
    protectedObjects,
    dropsPolicy: deps.dropsPolicy?.() ?? false,
    settings,
    waits,
  };
}

function countIn({ spec }: EphemeralRunnerSet): LastCount {
  const { replicas, runningJobs, patchID = 0 } = spec ?? {};
  return { patchID, ...(replicas !== undefined && { replicas }), ...(runningJobs !== undefined && { runningJobs }) };
}

/** Whether a listener has written that the service does not know the scale set, and means the one that we know. */
function isReportedMissing(ars: Stored<AutoscalingRunnerSet>, runnerSet: EphemeralRunnerSet | undefined): boolean {
  const missing = runnerSet?.spec?.missingScaleSetId;
  return missing !== undefined && String(missing) === ars.metadata.annotations?.[ANNOTATIONS.scaleSetId];
}

function isOutdated(runnerSet: Stored<EphemeralRunnerSet>, { hasOutdated }: ObserveDeps): boolean {
  const said = conditionNamed(runnerSet.status?.conditions, "RunnerVersionDeprecated");
  return said?.status === "True" || (hasOutdated?.(runnerSet.metadata.uid) ?? false);
}

/** Whether the scale set owns the object. */
export function isOwn(ars: Stored<AutoscalingRunnerSet>, object: KubeObject | undefined): boolean {
  return object !== undefined && controllerOf(object)?.uid === ars.metadata.uid;
}
