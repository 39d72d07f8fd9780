/** Scale sets: what they are made of, put together. */
import {
  AUTOSCALING_LISTENERS,
  type AutoscalingListener,
  type AutoscalingRunnerSet,
  EPHEMERAL_RUNNER_SETS,
  type EphemeralRunnerSet,
} from "../../api/kinds.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import { controllerOf, isDeleting, keyOf, type KubeObject, refOfKey, type Resource } from "../../k8s/resource.ts";
import type { Change } from "../../k8s/store.ts";
import { delayOf } from "../../lib/backoff.ts";
import type { Clock, Instant } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Reconciler } from "../../runtime/controller.ts";
import type { StepResult } from "../../runtime/execute.ts";
import { Performer } from "../../runtime/performer.ts";
import { same } from "../shared/drift.ts";
import type { ScaleSetGone } from "../shared/scale_set_gone.ts";
import type { Services } from "../shared/services.ts";
import type { GaveUp } from "../shared/runner_book.ts";
import type { Settings } from "../shared/settings.ts";
import { forgetAfterFailure, scaleSetKeyOf, type SetStores, type Uncached } from "../shared/stores_set.ts";
import type { Waits } from "../shared/waits.ts";
import { ANNOTATIONS } from "../../api/names.ts";
import { decide } from "./decide.ts";
import { type Memory, observe, type Observed } from "./observe.ts";
import { makeCall, type ScaleSetCall, type ScaleSetFacts } from "./scale_set_calls.ts";

export interface RunnerSetControllerDeps {
  readonly kube: KubeClient;
  readonly stores: SetStores;
  readonly uncached: Uncached;
  readonly services: Services;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: Settings;
  readonly waits: Waits;
  /** Whether the runner set with this UID has runners that are outdated. */
  readonly hasOutdated?: (runnerSetUid: string) => boolean;
  /** Whether a listener is at work, where its object can't say so. */
  readonly isListening?: (listener: AutoscalingListener) => boolean;
  /** Whether there are runners of the runner set with this key, or of one that had its name before. */
  readonly hasRunners?: (runnerSetKey: string) => boolean;
  /** Whether the service was asked in vain to let the runners of the scale set with this UID go. */
  readonly gaveUp?: (uid: string) => GaveUp | undefined;
  /** Has a key looked at, now or after `ms` milliseconds: the controller's own queue. */
  readonly wake: (key: string, ms?: number) => void;
}

export interface AutoscalingRunnerSetParts {
  readonly reconciler: Reconciler<Observed, ScaleSetCall>;
  /** Where those who are told that a scale set is gone report it. */
  readonly gone: ScaleSetGone;
}

/** The reconciler of AutoscalingRunnerSets. A key is `namespace/name`. */
export function autoscalingRunnerSets(deps: RunnerSetControllerDeps): AutoscalingRunnerSetParts {
  const { kube, stores, uncached, services, clock, random, settings, waits } = deps;
  const memories = new Map<string, Memory>();
  const memory = (key: string): Memory => {
    const known = memories.get(key) ?? {};
    memories.set(key, known);
    return known;
  };
  const performer = new Performer<ScaleSetCall, ScaleSetFacts | undefined>({
    clock,
    random,
    wake: deps.wake,
    backoff: { firstMs: waits.serviceFirst, maxMs: waits.serviceMost, jitter: 0.2 },
    run(key, call) {
      if (call.do === "unregister") memory(key).unregisteringSince ??= clock.now();
      return makeCall(services, call);
    },
  });
  const listProtected = async (kind: Resource, namespace: string, name: string) =>
    (await kube.list(kind as Resource<KubeObject>, { namespace, fieldSelector: `metadata.name=${name}` })).items[0];
  /** When the API server last dropped a policy; it is tried again at times, for CRDs are brought up to date. */
  let policyDroppedAt: Instant | undefined;
  const dropsPolicy = () => policyDroppedAt !== undefined && clock.now() - policyDroppedAt < waits.resync;
  const observeDeps = {
    stores,
    uncached,
    settings,
    waits,
    listProtected,
    hasOutdated: deps.hasOutdated,
    isListening: deps.isListening,
    hasRunners: deps.hasRunners,
    gaveUp: deps.gaveUp,
    memory,
    dropsPolicy,
    github: (key: string) => performer.of(key),
    now: () => clock.now(),
  };
  return {
    reconciler: {
      name: "autoscalingrunnerset",
      observe: (key) => observe(observeDeps, key),
      decide,
      performer,
      told(key, result) {
        const dropped = wasPolicyDropped(result);
        if (dropped !== undefined) {
          // The rest of the plan had to wait, and there is something to say.
          if (dropped && !dropsPolicy()) deps.wake(key);
          policyDroppedAt = dropped ? clock.now() : undefined;
        }
        forgetAfterFailure(uncached, result);
        return toldOfListener(memory(key), result, clock.now(), waits);
      },
      gone(key) {
        memories.delete(key);
        performer.forget(key);
      },
    },
    gone: {
      report(runnerSetKey, scaleSetId) {
        const key = scaleSetKeyOfRunnerSet(stores, runnerSetKey);
        const { namespace, name } = refOfKey(key);
        const ars = stores.autoscalingRunnerSets.get(namespace, name);
        if (ars?.metadata.annotations?.[ANNOTATIONS.scaleSetId] !== String(scaleSetId)) return;
        memory(key).reportedGoneAt = clock.now();
        deps.wake(key);
      },
    },
  };
}

/** A listener has no place to be made in: said, and tried again later. */
function toldOfListener(memory: Memory, { step, ...result }: StepResult, now: Instant, waits: Waits): boolean {
  if (step.do !== "create" || step.kind !== AUTOSCALING_LISTENERS) return false;
  if (result.ok || !KubeError.isHomeless(result.error)) {
    delete memory.homeless;
    return false;
  }
  const { tries = 0 } = memory.homeless ?? {};
  const wait = delayOf({ firstMs: waits.listenerFirst, maxMs: waits.secretRecheck }, tries);
  memory.homeless = { isGoing: result.error.kind === "NamespaceTerminating", tries: tries + 1, retryAt: now + wait };
  return true;
}

/** Whether a runnerPolicy that was sent did not come back; undefined when none was sent. */
function wasPolicyDropped({ step, ...result }: StepResult): boolean | undefined {
  if (!result.ok || (step.do !== "create" && step.do !== "patch") || step.kind !== EPHEMERAL_RUNNER_SETS) {
    return undefined;
  }
  const sent = (step.do === "create" ? step.object : step.patch) as EphemeralRunnerSet;
  if (!sent.spec?.runnerPolicy) return undefined;
  // Without an answer it was not sent: the same has been sent before and has changed nothing.
  return (result.object as EphemeralRunnerSet | undefined)?.spec?.runnerPolicy === undefined;
}

/** Key of the scale set that owns a runner set. */
function scaleSetKeyOfRunnerSet(stores: SetStores, runnerSetKey: string): string {
  const { namespace, name } = refOfKey(runnerSetKey);
  const runnerSet = stores.ephemeralRunnerSets.get(namespace, name);
  return `${namespace}/${(runnerSet && controllerOf(runnerSet)?.name) ?? name}`;
}

/**
 * Has the keys of scale sets looked at whose state may have changed, each after as many milliseconds as it may wait:
 * the statuses of children come in crowds and are gathered. @returns what ends it
 */
export function wakeScaleSets(stores: SetStores, waits: Waits, wake: (key: string, ms: number) => void): () => void {
  const ofRunnerSet = (runnerSet: EphemeralRunnerSet): string | undefined => {
    const owner = controllerOf(runnerSet);
    if (owner?.kind !== "AutoscalingRunnerSet") return undefined;
    return `${runnerSet.metadata?.namespace ?? ""}/${owner.name}`;
  };
  const delay = <T extends KubeObject & { spec?: unknown }>({ before, after }: Change<T>): number =>
    before && after && isDeleting(before) === isDeleting(after) && isAsSpecified(before, after)
      ? waits.statusGather
      : 0;
  const ends = [
    stores.autoscalingRunnerSets.subscribe((change: Change<AutoscalingRunnerSet>) => {
      const object = change.after ?? change.before;
      if (object) wake(keyOf(object), 0);
    }),
    stores.ephemeralRunnerSets.subscribe((change: Change<EphemeralRunnerSet>) => {
      const object = change.after ?? change.before;
      const key = object && ofRunnerSet(object);
      if (key !== undefined) wake(key, delay(change));
      // Another's, whose name a scale set has waited for.
      if (change.before && !change.after) wake(keyOf(change.before), 0);
    }),
    stores.autoscalingListeners.subscribe((change: Change<AutoscalingListener>) => {
      const object = change.after ?? change.before;
      if (object) wake(scaleSetKeyOf(object), delay(change));
    }),
  ];
  return () => ends.forEach((end) => end());
}

/** Whether nothing has changed that we would put right: only the status, or what the listener writes. */
function isAsSpecified<T extends KubeObject & { spec?: unknown }>(before: T, after: T): boolean {
  const { labels, annotations } = before.metadata ?? {};
  return same([labels, annotations], [after.metadata?.labels, after.metadata?.annotations]) &&
    same(settled(before.spec), settled(after.spec));
}

/** The spec without what the listener writes many times a minute. */
function settled(spec: unknown): unknown {
  if (typeof spec !== "object" || spec === null) return spec;
  const {
    replicas: _replicas,
    patchID: _patchID,
    runningJobs: _jobs,
    listenerReport: _report,
    sessionId: _id,
    ...rest
  } = spec as Record<string, unknown>;
  return rest;
}
