/** The controllers of scale sets and listeners over a small API server and a small service, on a virtual clock. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingListener,
  type AutoscalingRunnerSet,
  EPHEMERAL_RUNNER_SETS,
  type EphemeralRunnerSet,
} from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import type { LoopHost, LoopSpec, LoopState } from "../../src/controllers/autoscaling_listener/loop_host.ts";
import { autoscalingListeners, wakeListeners } from "../../src/controllers/autoscaling_listener/reconcile.ts";
import { autoscalingRunnerSets, wakeScaleSets } from "../../src/controllers/autoscaling_runner_set/reconcile.ts";
import type { Settings } from "../../src/controllers/shared/settings.ts";
import { SourceReader } from "../../src/controllers/shared/source_reader.ts";
import {
  LISTENER_INDEXES,
  projectOwnPod,
  RUNNER_SET_INDEXES,
  uncachedKinds,
  uncachedOf,
} from "../../src/controllers/shared/stores_set.ts";
import { waitsOf } from "../../src/controllers/shared/waits.ts";
import { type KubeObject, type Pod, PODS, type Resource, SECRETS } from "../../src/k8s/resource.ts";
import { type Overlay, Store } from "../../src/k8s/store.ts";
import { logOf } from "../../src/lib/log.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { VirtualClock } from "../../src/lib/virtual_clock.ts";
import { Controller } from "../../src/runtime/controller.ts";
import { Executor } from "../../src/runtime/execute.ts";
import { secret, settings as someSettings } from "./builders_set.ts";
import { MemoryKube } from "./memory_kube.ts";
import { MemoryService } from "./memory_service.ts";

export interface SetWorldOptions {
  readonly settings?: Partial<Settings>;
  /** Before the controllers start. */
  readonly before?: (world: Pick<SetWorld, "kube" | "service">) => void;
}

export interface SetWorld {
  readonly clock: VirtualClock;
  readonly kube: MemoryKube;
  readonly service: MemoryService;
  /** Reasons of events, in order. */
  readonly events: string[];
  /** Warnings that the controllers logged. */
  readonly warnings: string[];
  readonly loops: Map<string, LoopSpec>;
  readonly gone: ReturnType<typeof autoscalingRunnerSets>["gone"];
  /** Lets everything settle that needs no more than `ms` milliseconds. */
  pass(ms?: number): Promise<void>;
  stop(): Promise<void>;
}

/** A world with the secret `gh`, whose controllers run. */
export function setWorld(options: SetWorldOptions = {}): SetWorld {
  const clock = new VirtualClock();
  const kube = new MemoryKube();
  const service = new MemoryService();
  kube.put(SECRETS, secret("gh", { github_token: "ghp_x" }));
  // There are no runners here, and no controller of runner sets: what was held for them goes at once.
  kube.held = (kind, { metadata: { namespace, name, finalizers } }) => {
    if (kind.plural !== EPHEMERAL_RUNNER_SETS.plural || finalizers?.[0] !== FINALIZERS.ephemeralRunner) return;
    kube.vanish(kind, `${namespace}/${name}`);
  };
  options.before?.({ kube, service });

  const stores = {
    autoscalingRunnerSets: new Store<AutoscalingRunnerSet>({ clock }),
    autoscalingListeners: new Store<AutoscalingListener>({ clock, indexes: LISTENER_INDEXES }),
    ephemeralRunnerSets: new Store<EphemeralRunnerSet>({ clock, indexes: RUNNER_SET_INDEXES }),
    ownPods: new Store<Pod>({ clock, project: projectOwnPod }),
  };
  const overlays = new Map<string, Overlay<KubeObject>>([
    [AUTOSCALING_RUNNER_SETS.plural, stores.autoscalingRunnerSets as unknown as Overlay<KubeObject>],
    [AUTOSCALING_LISTENERS.plural, stores.autoscalingListeners as unknown as Overlay<KubeObject>],
    [EPHEMERAL_RUNNER_SETS.plural, stores.ephemeralRunnerSets as unknown as Overlay<KubeObject>],
    [PODS.plural, stores.ownPods as unknown as Overlay<KubeObject>],
  ]);
  const there = <T extends KubeObject>(kind: Resource<T>, store: Store<T>) => {
    const known = kube.all(kind);
    kube.feed(kind, store);
    for (const object of known) store.apply(object);
  };
  there(AUTOSCALING_RUNNER_SETS, stores.autoscalingRunnerSets);
  there(AUTOSCALING_LISTENERS, stores.autoscalingListeners);
  there(EPHEMERAL_RUNNER_SETS, stores.ephemeralRunnerSets);
  there(PODS, stores.ownPods);

  const waits = waitsOf();
  const uncached = uncachedKinds(kube.client, clock, waits.resync);
  const sources = new SourceReader({ secrets: uncached.secrets, configMaps: uncached.configMaps });
  const events: string[] = [];
  const warnings: string[] = [];
  const log = logOf((level, message, fields) => {
    if (level === "warn" || level === "error") warnings.push(`${message}: ${JSON.stringify(fields)}`);
  });
  const executor = new Executor({
    kube: kube.client,
    log,
    events: { record: (_kind, _about, { reason }) => events.push(reason) },
    overlayOf: (kind) => overlays.get(kind.plural) ?? uncachedOf(uncached, kind),
  });
  const loops = new Map<string, LoopSpec>();
  const settings = someSettings(options.settings);
  const shared = { kube: kube.client, stores, uncached, sources, clock, random: seededRandom(1), log, settings, waits };
  // Sources are read before the service is asked, as in life.
  const services = {
    of: async (source: Parameters<MemoryService["of"]>[0]) => {
      await sources.read(source);
      return await service.of(source);
    },
    refresh(source: Parameters<MemoryService["of"]>[0]) {
      sources.forget(source);
      service.refresh(source);
    },
  };
  const wakeSet = (key: string, ms = 0) => sets.enqueue(key, ms);
  const wakeListener = (key: string, ms = 0) => listeners.enqueue(key, ms);
  const parts = autoscalingRunnerSets({ ...shared, services, wake: wakeSet });
  const sets = new Controller(parts.reconciler, { clock, log, executor, concurrency: 10 });
  const listeners = new Controller(
    autoscalingListeners({ ...shared, loops: hostOf(loops), wake: wakeListener }),
    { clock, log, executor, concurrency: 10 },
  );
  const ends = [wakeScaleSets(stores, waits, wakeSet), wakeListeners(stores, wakeListener)];
  const abort = new AbortController();
  const running = [sets.run(abort.signal), listeners.run(abort.signal)];
  for (const { metadata } of stores.autoscalingRunnerSets.all()) wakeSet(`${metadata.namespace}/${metadata.name}`);
  for (const { metadata } of stores.autoscalingListeners.all()) wakeListener(`${metadata.namespace}/${metadata.name}`);
  return {
    clock,
    kube,
    service,
    events,
    warnings,
    loops,
    gone: parts.gone,
    pass: (ms = 1_000) => clock.advance(ms),
    async stop() {
      ends.forEach((end) => end());
      abort.abort();
      await Promise.all(running);
    },
  };
}

function hostOf(loops: Map<string, LoopSpec>): LoopHost {
  return {
    ensure: (key, spec) => void loops.set(key, spec),
    stop: (key) => {
      loops.delete(key);
      return Promise.resolve();
    },
    state(key): LoopState | undefined {
      const spec = loops.get(key);
      return spec && { spec, stopping: false, listening: true };
    },
  };
}
