/** Listeners: what they are made of, put together. */
import type { AutoscalingListener, AutoscalingRunnerSet, EphemeralRunnerSet } from "../../api/kinds.ts";
import { ANNOTATIONS } from "../../api/names.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import { controllerOf, keyOf, type Pod, PODS, ROLE_BINDINGS, type Secret, type Stored } from "../../k8s/resource.ts";
import type { Change } from "../../k8s/store.ts";
import { delayOf } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Reconciler } from "../../runtime/controller.ts";
import type { StepResult } from "../../runtime/execute.ts";
import { Performer } from "../../runtime/performer.ts";
import { same } from "../shared/drift.ts";
import type { GithubSource } from "../shared/services.ts";
import type { Settings } from "../shared/settings.ts";
import type { SourceReader } from "../shared/source_reader.ts";
import { BY_SCALE_SET, forgetAfterFailure, type SetStores, type Uncached } from "../shared/stores_set.ts";
import type { Waits } from "../shared/waits.ts";
import { decide, type ListenerCall } from "./decide.ts";
import type { LoopHost } from "./loop_host.ts";
import { observe, type Observed, type Restarts } from "./observe.ts";
import { endedOf } from "./pod_state.ts";

export interface ListenerControllerDeps {
  readonly kube: KubeClient;
  readonly stores: SetStores;
  readonly uncached: Uncached;
  readonly sources: SourceReader;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
  readonly waits: Waits;
  /** Where loops run in this process; needed in mode "embedded" only. */
  readonly loops?: LoopHost;
  /** Has a key looked at, now or after `ms` milliseconds: the controller's own queue. */
  readonly wake: (key: string, ms?: number) => void;
}

/** What this process remembers of a listener. */
interface Memory {
  /** The last pod whose end was counted. */
  countedUid?: string;
  restarts: Restarts;
  /** The version of the config secret that the pod's kubelet knows of. */
  config?: { readonly podUid: string; readonly version: string };
}

/** The reconciler of AutoscalingListeners. A key is `namespace/name`. */
export function autoscalingListeners(deps: ListenerControllerDeps): Reconciler<Observed, ListenerCall> {
  const { uncached, waits, loops } = deps;
  const memory = new ListenerMemory(deps);
  const performer = new Performer<ListenerCall, void>({
    clock: deps.clock,
    wake: deps.wake,
    backoff: { firstMs: waits.listenerFirst, maxMs: waits.listenerMost },
    async run(key, call) {
      if (call.do === "stop-loop") await loops?.stop(key);
      else loops?.ensure(key, call.spec);
    },
  });
  const observeDeps = {
    ...deps,
    restarts: (key: string, pod: Stored<Pod> | undefined) => memory.restarts(key, pod),
    nudge: (key: string, pod: Stored<Pod> | undefined, config: Stored<Secret> | undefined) =>
      memory.nudge(key, pod, config),
    loop: (key: string) => loops?.state(key),
    stopping: (key: string) => performer.of(key).running?.do === "stop-loop",
  };
  return {
    name: "autoscalinglistener",
    observe: (key) => observe(observeDeps, key),
    decide,
    performer,
    told(key, result) {
      forgetAfterFailure(uncached, result);
      return memory.told(key, result) || isTooEarly(result);
    },
    gone(key) {
      // Somebody has taken its finalizer away: nobody else would end its loop.
      void loops?.stop(key);
      memory.forget(key);
      performer.forget(key);
    },
  };
}

/** The API server may need a moment to know the role that a binding names: it is made again at once. */
function isTooEarly(result: StepResult): boolean {
  const { step } = result;
  return !result.ok && step.do === "create" && step.kind === ROLE_BINDINGS && KubeError.is(result.error, "NotFound");
}

/** Ends of pods, and what kubelets have been told. */
class ListenerMemory {
  readonly #deps: Pick<ListenerControllerDeps, "clock" | "waits" | "log">;
  readonly #memories = new Map<string, Memory>();
  /** Pods can't be patched: the reference's rights do not have it. */
  #mayNudge = true;

  constructor(deps: Pick<ListenerControllerDeps, "clock" | "waits" | "log">) {
    this.#deps = deps;
  }

  /** Counts a pod that ended by itself, once. */
  restarts(key: string, pod: Stored<Pod> | undefined): Restarts {
    const memory = this.#of(key);
    const ended = pod && pod.metadata.deletionTimestamp === undefined ? endedOf(pod) : undefined;
    if (!pod || !ended || memory.countedUid === pod.metadata.uid) return memory.restarts;
    const { waits, clock } = this.#deps;
    const before = ended.ranMs >= waits.listenerHealthy ? 0 : memory.restarts.failures;
    const delayMs = delayOf({ firstMs: waits.listenerFirst, maxMs: waits.listenerMost }, before);
    memory.countedUid = pod.metadata.uid;
    return memory.restarts = { failures: before + 1, notBefore: clock.now() + delayMs };
  }

  /** Whether the config secret has changed since the pod was made, or was told last. */
  nudge(key: string, pod: Stored<Pod> | undefined, config: Stored<Secret> | undefined): boolean {
    if (!pod || !config || !this.#mayNudge) return false;
    const memory = this.#of(key);
    const version = config.metadata.resourceVersion;
    const told = pod.metadata.annotations?.[ANNOTATIONS.listenerConfig];
    if (memory.config?.podUid !== pod.metadata.uid) {
      memory.config = { podUid: pod.metadata.uid, version: told ?? version };
    }
    return memory.config.version !== version && told !== version;
  }

  told(key: string, result: StepResult): boolean {
    const { step } = result;
    if (step.do !== "patch" || step.kind !== PODS) return false;
    const memory = this.#of(key);
    if (result.ok) {
      delete memory.config;
      return false;
    }
    if (!KubeError.is(result.error, "Forbidden")) return false;
    this.#mayNudge = false;
    this.#deps.log.info("pods may not be patched: a listener sees a changed configuration within about a minute");
    return true;
  }

  forget(key: string): void {
    this.#memories.delete(key);
  }

  #of(key: string): Memory {
    const known = this.#memories.get(key) ?? { restarts: { failures: 0, notBefore: 0 } };
    this.#memories.set(key, known);
    return known;
  }
}

/** Has the keys of listeners looked at whose state may have changed. @returns what ends it */
export function wakeListeners(stores: SetStores, wake: (key: string) => void): () => void {
  const ends = [
    stores.autoscalingListeners.subscribe((change: Change<AutoscalingListener>) => {
      const object = change.after ?? change.before;
      if (object) wake(keyOf(object));
    }),
    stores.ownPods.subscribe((change: Change<Pod>) => {
      const object = change.after ?? change.before;
      // A listener's pod bears its name.
      const { namespace = "", name = "" } = object?.metadata ?? {};
      if (stores.autoscalingListeners.get(namespace, name)) wake(`${namespace}/${name}`);
    }),
    stores.ephemeralRunnerSets.subscribe(({ before, after }: Change<EphemeralRunnerSet>) => {
      const owner = after && controllerOf(after);
      if (!owner || same(before?.spec?.listenerReport, after.spec?.listenerReport)) return;
      const key = `${after.metadata.namespace ?? ""}/${owner.name}`;
      for (const listener of stores.autoscalingListeners.by(BY_SCALE_SET, key)) wake(keyOf(listener));
    }),
    stores.autoscalingRunnerSets.subscribe(({ before, after }: Change<AutoscalingRunnerSet>) => {
      const object = after ?? before;
      if (!object || (after && before && before.metadata.generation === after.metadata.generation)) return;
      for (const listener of stores.autoscalingListeners.by(BY_SCALE_SET, keyOf(object))) wake(keyOf(listener));
    }),
  ];
  return () => ends.forEach((end) => end());
}

/** Has the listeners looked at that use a secret which is to be read again: their config.json may have to change. */
export function wakeListenersOf(stores: SetStores, source: GithubSource, wake: (key: string) => void): void {
  for (const listener of stores.autoscalingListeners.all()) {
    const { autoscalingRunnerSetNamespace, githubConfigSecret } = listener.spec ?? {};
    if (autoscalingRunnerSetNamespace === source.namespace && githubConfigSecret === source.githubConfigSecret) {
      wake(keyOf(listener));
    }
  }
}
