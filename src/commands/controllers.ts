/** The four controllers over their caches: who wakes whom stands with each controller, the wiring is here. */
import {
  type AutoscalingListener,
  type AutoscalingRunnerSet,
  type EphemeralRunner,
  type EphemeralRunnerSet,
} from "../api/kinds.ts";
import { abandonedObjects } from "../controllers/autoscaling_runner_set/abandoned.ts";
import { autoscalingRunnerSets, wakeScaleSets } from "../controllers/autoscaling_runner_set/reconcile.ts";
import { EmbeddedLoops } from "../controllers/autoscaling_listener/embedded.ts";
import type { LoopState } from "../controllers/autoscaling_listener/loop_host.ts";
import { autoscalingListeners, wakeListeners, wakeListenersOf } from "../controllers/autoscaling_listener/reconcile.ts";
import { sessionsOf } from "../controllers/autoscaling_listener/sessions.ts";
import { ephemeralRunnerController, keysOfPod, keysOfRunner } from "../controllers/ephemeral_runner/reconcile.ts";
import { ephemeralRunnerSetController, keysOfSet } from "../controllers/ephemeral_runner_set/reconcile.ts";
import { ControllerMetrics } from "../controllers/shared/metrics.ts";
import { RunnerBook } from "../controllers/shared/runner_book.ts";
import { setKeyOf } from "../controllers/shared/runner_state.ts";
import type { ScaleSetGone } from "../controllers/shared/scale_set_gone.ts";
import { onProtection, protectsBusy } from "../controllers/shared/disruption.ts";
import type { GithubSource, Services } from "../controllers/shared/services.ts";
import { ServicesPool } from "../controllers/shared/services_pool.ts";
import type { Settings } from "../controllers/shared/settings.ts";
import { SourceReader } from "../controllers/shared/source_reader.ts";
import { BY_SET, BY_SET_KEY, BY_STATE } from "../controllers/shared/stores.ts";
import type { VaultAccess } from "../controllers/shared/vault_source.ts";
import { BY_OWNER, BY_SCALE_SET, onScaleSet, type SetStores, type Uncached } from "../controllers/shared/stores_set.ts";
import type { Waits } from "../controllers/shared/waits.ts";
import type { KubeClient } from "../k8s/client.ts";
import type { Informer } from "../k8s/informer.ts";
import {
  controllerOf,
  isDeleting,
  keyOf,
  type KubeObject,
  type Pod,
  refOfKey,
  type Resource,
  type Stored,
} from "../k8s/resource.ts";
import type { Overlay } from "../k8s/store.ts";
import type { Clock } from "../lib/clock.ts";
import { steadyClock } from "../lib/steady_clock.ts";
import type { TransportFactory } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import type { Secrets } from "../lib/secrets.ts";
import type { Version } from "../lib/version.ts";
import { ListenerMetricFamily } from "../listener/metrics.ts";
import { Controller, type Reconciler } from "../runtime/controller.ts";
import { type EventRecorder, Executor } from "../runtime/execute.ts";
import { type Component, loop } from "../runtime/manager.ts";
import type { MachineryMetrics } from "../runtime/metrics.ts";

/** What the controllers read, and where answers to their writes go. */
export interface Caches {
  readonly informers: {
    readonly scaleSets: Informer<AutoscalingRunnerSet>;
    readonly runnerSets: Informer<EphemeralRunnerSet>;
    readonly runners: Informer<EphemeralRunner>;
    readonly runnerPods: Informer<Pod>;
    readonly listeners: Informer<AutoscalingListener>;
    readonly ownPods: Informer<Pod>;
  };
  readonly uncached: Uncached;
  readonly overlayOf: (kind: Resource) => Overlay<KubeObject> | undefined;
}

export interface ControllersDeps {
  readonly kube: KubeClient;
  readonly caches: Caches;
  readonly events: EventRecorder;
  readonly machinery: MachineryMetrics;
  readonly metrics: Metrics;
  readonly waits: Waits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: Settings;
  readonly version: Version;
  readonly transports: TransportFactory;
  readonly concurrency: number;
  readonly forceServer?: boolean;
  readonly hostname: string;
  /** Without it no secret can come from a vault. */
  readonly vaults?: VaultAccess;
  /** Learns the credentials of scale sets. */
  readonly secrets?: Secrets;
}

/** Sets, runner sets and listeners are few: as many at a time as have something to do. */
const SET_CONCURRENCY = 50;

/** The four controllers as components, in the order in which they start. */
export function controllersOf(deps: ControllersDeps): Component[] {
  const { caches: { informers, uncached }, kube, random, log, settings, waits, version, metrics } = deps;
  // Decisions wait until instants: setting the machine's time back must not make them wait longer. GitHub's side of the
  // program, tokens and message loops, has to agree with GitHub on the time instead.
  const clock = steadyClock(deps.clock);
  const deciding = { ...deps, clock };
  const stores: SetStores = {
    autoscalingRunnerSets: informers.scaleSets.store,
    autoscalingListeners: informers.listeners.store,
    ephemeralRunnerSets: informers.runnerSets.store,
    ownPods: informers.ownPods.store,
  };
  const queues: Partial<Record<Name, (key: string, ms?: number) => void>> = {};
  const wake = (name: Name) => (key: string, ms?: number) => queues[name]?.(key, ms);
  const sources = new SourceReader({
    secrets: uncached.secrets,
    configMaps: uncached.configMaps,
    forceServer: deps.forceServer,
    vaults: deps.vaults,
  });
  const services = refreshing(servicePool(deps, sources, () => runners.credentialsWork()), (source) => {
    wakeListenersOf(stores, source, wake("listener"));
    loops?.refreshed(source);
  });
  const book = new RunnerBook();
  const common = { kube, clock, random, log, settings, waits };

  const scaleSets = autoscalingRunnerSets({
    ...common,
    stores,
    uncached,
    services,
    wake: wake("scaleSet"),
    hasOutdated: (uid) => informers.runners.store.count(BY_STATE, `${uid}/outdated`) > 0,
    isListening: (listener) => isAtWork(listener),
    hasRunners: (key) => informers.runners.store.count(BY_SET_KEY, key) > 0,
    gaveUp: (uid) => book.gaveUpOn(uid),
  });
  const loops: EmbeddedLoops | undefined = settings.listenerMode === "embedded"
    ? embeddedLoops(deps, services, scaleSets.gone, wake)
    : undefined;
  const listeners = autoscalingListeners({ ...common, stores, uncached, sources, loops, wake: wake("listener") });
  const runnerSets = ephemeralRunnerSetController({
    ...common,
    stores: { sets: informers.runnerSets.store, runners: informers.runners.store, pods: informers.runnerPods.store },
    secrets: uncached.secrets,
    sources,
    services,
    book,
    wake: wake("runnerSet"),
    maxRunnersOf: (set) => maxRunnersOf(stores, set),
    isPaused: (set) => isPaused(stores, set),
    formerOf: (set) => formerOf(stores, set),
    budgets: uncached.budgets,
    protectsBusy: (set) => protectsBusy(stores, set),
  });
  const runners = ephemeralRunnerController({
    ...common,
    stores: { runners: informers.runners.store, sets: informers.runnerSets.store, pods: informers.runnerPods.store },
    services,
    scaleSetGone: scaleSets.gone,
    book,
    version: version.version,
    annotatePods: settings.annotateRunnerPods ?? true,
    protectsBusy: (set) => protectsBusy(stores, set),
    onEnd: (runner, reason, cause) => gauges.ended(runner, reason, cause),
    wake: wake("runner"),
  });

  const isAtWork = ({ metadata: { namespace = "", name = "" } = {} }: AutoscalingListener) =>
    loops
      ? isWell(loops.state(`${namespace}/${name}`))
      : stores.ownPods.get(namespace, name)?.status?.phase === "Running";
  const gauges = new ControllerMetrics(metrics, stores, isAtWork);
  return [
    gauges.component(),
    abandonedObjects({ kube, stores, runners: informers.runners.store, clock, log }),
    // Stopped after the controller that starts loops, and before the lease goes: sessions are closed in good order.
    { name: "message loops", start: () => Promise.resolve(), stop: async () => await loops?.stopAll() },
    component(
      scaleSets.reconciler,
      SET_CONCURRENCY,
      deciding,
      queues,
      "scaleSet",
      (add) => {
        const ends = [wakeScaleSets(stores, waits, add), wakeOrphaned(informers, add)];
        return () => ends.forEach((end) => end());
      },
    ),
    component(
      listeners,
      SET_CONCURRENCY,
      deciding,
      queues,
      "listener",
      (add) => wakeListeners(stores, (key) => add(key, 0)),
    ),
    component(runnerSets, SET_CONCURRENCY, deciding, queues, "runnerSet", (add) => {
      const ends = [
        informers.runnerSets.store.subscribe((change) => keysOfSet(change).forEach((key) => add(key, 0))),
        informers.runners.store.subscribe((change) =>
          runnerSets.wakesOfRunner(change).forEach(({ key, ms }) => add(key, ms))
        ),
        onProtection(stores, (set) => add(keyOf(set), 0)),
        // What waits for its time waits for no time while all is paused.
        onScaleSet(stores, isHeld, (set) => add(keyOf(set), 0)),
      ];
      return () => ends.forEach((end) => end());
    }),
    component(runners, deps.concurrency, deciding, queues, "runner", (add) => {
      const addAllOf = ({ metadata: { uid } }: Stored<EphemeralRunnerSet>) => {
        for (const runner of informers.runners.store.by(BY_SET, uid)) add(keyOf(runner), 0);
      };
      const ends = [
        informers.runners.store.subscribe((change) => keysOfRunner(change).forEach((key) => add(key, 0))),
        informers.runnerPods.store.subscribe((change) => keysOfPod(change).forEach((key) => add(key, 0))),
        informers.runnerSets.store.subscribe(({ before, after }) => {
          if (before && after && isDeleting(after) && !isDeleting(before)) addAllOf(after);
        }),
        onProtection(stores, addAllOf),
      ];
      return () => ends.forEach((end) => end());
    }),
  ];
}

type Name = "scaleSet" | "listener" | "runnerSet" | "runner";
type Enqueue = (key: string, ms: number) => void;

/** A controller that looks at everything when it starts, and then at what changes. */
function component<Seen, Call>(
  reconciler: Reconciler<Seen, Call>,
  concurrency: number,
  deps: ControllersDeps,
  queues: Partial<Record<Name, (key: string, ms?: number) => void>>,
  name: Name,
  subscribe: (add: Enqueue) => () => void,
): Component {
  const { clock, log, kube, events, machinery, caches } = deps;
  const executor = new Executor({ kube, log, events, overlayOf: caches.overlayOf });
  const controller = new Controller(reconciler, { clock, log, executor, concurrency, observer: machinery });
  controller.queue.observe(machinery.controller(reconciler.name, concurrency));
  queues[name] = (key, ms) => controller.enqueue(key, ms);
  return loop(reconciler.name, async (signal) => {
    const end = subscribe((key, ms) => controller.enqueue(key, ms));
    for (const object of everythingOf(name, caches)) controller.enqueue(object);
    try {
      await controller.run(signal);
    } finally {
      end();
    }
  });
}

function* everythingOf(name: Name, { informers }: Caches): Generator<string> {
  const informer = {
    scaleSet: informers.scaleSets,
    listener: informers.listeners,
    runnerSet: informers.runnerSets,
    runner: informers.runners,
  }[name];
  for (const { metadata } of informer.store.all() as Iterable<Stored<KubeObject>>) {
    yield `${metadata.namespace ?? ""}/${metadata.name}`;
  }
}

function servicePool(deps: ControllersDeps, reader: SourceReader, onNew: () => void): ServicesPool {
  const { transports, clock, random, log, version } = deps;
  const userAgent = { ...version, subsystem: "gha-scale-set-controller" as const };
  return new ServicesPool({ reader, transports, clock, random, log, userAgent, secrets: deps.secrets, onNew });
}

/** A secret that is read again may also change what listeners are told. */
function refreshing(services: Services, onRefresh: (source: GithubSource) => void): Services {
  return {
    of: (source) => services.of(source),
    refresh(source) {
      services.refresh(source);
      onRefresh(source);
    },
  };
}

function embeddedLoops(
  deps: ControllersDeps,
  services: Services,
  gone: ScaleSetGone,
  wake: (name: Name) => (key: string) => void,
): EmbeddedLoops {
  const { kube, clock, random, log, hostname, metrics, caches } = deps;
  const family = new ListenerMetricFamily(metrics, undefined, log);
  return new EmbeddedLoops({
    kube,
    services,
    clock,
    random,
    log,
    owner: hostname,
    metricsOf: (set) => family.of(set),
    sessionsOf: (key) => sessionsOf({ kube, listeners: caches.informers.listeners.store }, key),
    gone,
    wake: wake("listener"),
  });
}

/** The limit in force, which the listener is told; undefined without a listener. */
function maxRunnersOf(stores: SetStores, set: Stored<EphemeralRunnerSet>): number | undefined {
  const owner = controllerOf(set);
  const key = owner && `${set.metadata.namespace ?? ""}/${owner.name}`;
  const [listener] = key === undefined ? [] : stores.autoscalingListeners.by(BY_SCALE_SET, key);
  return listener && (listener.spec?.maxRunners ?? 0);
}

/** Whether the scale set of a runner set is paused by hand. */
function isPaused(stores: SetStores, set: Stored<EphemeralRunnerSet>): boolean {
  const owner = controllerOf(set);
  return isHeld(owner && stores.autoscalingRunnerSets.get(set.metadata.namespace ?? "", owner.name));
}

function isHeld(scaleSet: AutoscalingRunnerSet | undefined): boolean {
  return scaleSet?.spec?.paused === true || scaleSet?.spec?.maxRunners === 0;
}

/** UIDs of the sets of the same scale set that older releases made under other names; none for those sets themselves. */
function formerOf({ ephemeralRunnerSets }: SetStores, set: Stored<EphemeralRunnerSet>): string[] {
  const owner = controllerOf(set);
  if (owner?.name !== set.metadata.name) return [];
  return ephemeralRunnerSets.by(BY_OWNER, owner.uid).map(({ metadata }) => metadata.uid)
    .filter((uid) => uid !== set.metadata.uid);
}

/** The last runner that has outlived its runner set has gone: the scale set of that name may be waiting for it. */
function wakeOrphaned({ runners, runnerSets }: Caches["informers"], add: Enqueue): () => void {
  return runners.store.subscribe(({ before, after }) => {
    const key = after || !before ? undefined : setKeyOf(before);
    if (key === undefined || runners.store.count(BY_SET_KEY, key) > 0) return;
    const { namespace, name } = refOfKey(key);
    if (!runnerSets.store.get(namespace, name)) add(key, 0);
  });
}

function isWell(loop: LoopState | undefined): boolean {
  return loop !== undefined && loop.listening && loop.trouble === undefined;
}
