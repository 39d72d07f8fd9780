/** The controller, put together: everything that it depends on comes in, so that it runs in a cluster and in a box. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../api/kinds.ts";
import { LABELS } from "../api/names.ts";
import { EventRecorder } from "../k8s/events.ts";
import { guarded, guardedTransports } from "../k8s/guard.ts";
import { HttpKubeClient } from "../k8s/http_client.ts";
import { Informer } from "../k8s/informer.ts";
import { LeaderLease, type LeaseTimes } from "../k8s/lease.ts";
import type { KubeClient, KubeServer, Selection } from "../k8s/client.ts";
import type { RateLimit } from "../k8s/rate_limit.ts";
import {
  controllerOf,
  type KubeObject,
  type ObjectRef,
  type Pod,
  PODS,
  type Resource,
  type Secret,
  SECRETS,
  type Stored,
} from "../k8s/resource.ts";
import type { Overlay } from "../k8s/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { TransportFactory } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { type Random, uuid } from "../lib/random.ts";
import type { Secrets } from "../lib/secrets.ts";
import type { Version } from "../lib/version.ts";
import { type Component, loop, Manager } from "../runtime/manager.ts";
import { MachineryMetrics } from "../runtime/metrics.ts";
import type { Settings } from "../controllers/shared/settings.ts";
import { projectPod, RUNNER_INDEXES } from "../controllers/shared/stores.ts";
import {
  LISTENER_INDEXES,
  projectOwnPod,
  RUNNER_SET_INDEXES,
  uncachedKinds,
  uncachedOf,
} from "../controllers/shared/stores_set.ts";
import type { VaultAccess } from "../controllers/shared/vault_source.ts";
import { type Waits, waitsOf } from "../controllers/shared/waits.ts";
import type { Check } from "../server/app.ts";
import { type Caches, controllersOf } from "./controllers.ts";

/** What a controller is made of. */
export interface ControllerAppDeps {
  readonly server: KubeServer;
  /** How GitHub is reached. */
  readonly transports: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly version: Version;
  readonly settings: Settings;
  readonly waits?: Partial<Waits>;
  /** Serve scale sets of this namespace only. */
  readonly watchNamespace?: string;
  /** Runners worked on at the same time. */
  readonly concurrency: number;
  /** Name of the lease by which one of several processes leads; undefined: this is the only one. */
  readonly leaseName?: string;
  /** How long the lease lasts and how often it is renewed. */
  readonly leaseTimes?: LeaseTimes;
  /** This process, for people: usually the pod's name. */
  readonly hostname: string;
  readonly rateLimit?: RateLimit;
  /** Take every GitHub host for an Enterprise Server. */
  readonly forceServer?: boolean;
  /** Without it no secret can come from a vault. */
  readonly vaults?: VaultAccess;
  /** Learns the credentials of scale sets. */
  readonly secrets?: Secrets;
}

/** Bookmarks come every minute or so: a watch that says nothing for so long is no watch. */
const SILENT_WATCH_MS = 15 * 60_000;
const IF_UNKNOWN = "kubectl apply -f crds/ (or the chart of the controller) brings it; waiting for it";

/** The four controllers with all that they need; run it once. */
export class ControllerApp {
  readonly #deps: ControllerAppDeps;
  readonly #machinery: MachineryMetrics;
  /** Writes whatever the lease says: only the lease itself is written with it. */
  readonly #client: HttpKubeClient;
  readonly #kube: KubeClient;
  readonly #caches: Caches;
  readonly #lease: LeaderLease | undefined;

  constructor(deps: ControllerAppDeps) {
    const { server, clock, random, log, version, metrics, rateLimit, leaseName, leaseTimes, settings, hostname } = deps;
    this.#deps = deps;
    this.#machinery = new MachineryMetrics(metrics);
    this.#client = new HttpKubeClient({
      server,
      clock,
      random,
      log,
      rateLimit,
      userAgent: `arc-controller/${version.version}`,
      onRequest: (fact) => this.#machinery.request(fact),
    });
    if (leaseName !== undefined) {
      this.#lease = new LeaderLease({
        ...leaseTimes,
        client: this.#client,
        clock,
        random,
        log,
        namespace: settings.namespace,
        name: leaseName,
        identity: `${hostname}_${uuid(random)}`,
      });
      this.#machinery.leads(leaseName, false);
    }
    this.#kube = guarded(this.#client, () => this.#mayWrite());
    this.#caches = this.#makeCaches();
  }

  /** What must be well for the process to be ready. A process that stands by is ready: its caches are warm. */
  get ready(): readonly Check[] {
    return Object.values(this.#caches.informers).map((informer) => ({
      name: `watch of ${informer.state.kind}`,
      failing: () => {
        const { synced, lastError, lastEventAgeMs = Infinity } = informer.state;
        if (!synced) return lastError ?? "no list has been seen";
        return lastEventAgeMs > SILENT_WATCH_MS ? `silent for ${Math.round(lastEventAgeMs / 1000)} s` : undefined;
      },
    }));
  }

  /**
   * Works until the signal is aborted.
   * @returns why it ended by itself (a lost lease), or undefined after the signal
   */
  async run(signal: AbortSignal): Promise<string | undefined> {
    const { clock, log } = this.#deps;
    const components = [...this.#watches(), ...this.#leadership(), ...this.#controllers()];
    return await new Manager(components, { clock, log }).run(signal);
  }

  #mayWrite(): boolean {
    return this.#lease?.held() ?? true;
  }

  #makeCaches(): Caches {
    const { clock, random, log, settings, watchNamespace, waits } = this.#deps;
    const selection: Selection = watchNamespace ? { namespace: watchNamespace } : {};
    const own: Selection = { namespace: settings.namespace };
    const base = { client: this.#client, clock, random, log, ifUnknown: IF_UNKNOWN };
    const runnerPods: Selection = { ...selection, labelSelector: `${LABELS.ephemeralRunner}=True` };
    const informers = {
      scaleSets: new Informer({ ...base, kind: AUTOSCALING_RUNNER_SETS, selection }),
      runnerSets: new Informer({ ...base, kind: EPHEMERAL_RUNNER_SETS, selection, indexes: RUNNER_SET_INDEXES }),
      runners: new Informer({ ...base, kind: EPHEMERAL_RUNNERS, selection, indexes: RUNNER_INDEXES }),
      runnerPods: new Informer({ ...base, kind: PODS, selection: runnerPods, project: projectPod }),
      listeners: new Informer({ ...base, kind: AUTOSCALING_LISTENERS, selection: own, indexes: LISTENER_INDEXES }),
      ownPods: new Informer({ ...base, kind: PODS, selection: own, project: projectOwnPod }),
    };
    const uncached = uncachedKinds(this.#kube, clock, waitsOf(waits).resync);
    return { informers, uncached, overlayOf: overlays(informers, settings.namespace, uncached) };
  }

  /** All watches start together; what comes next waits until each has seen a complete list. */
  #watches(): Component[] {
    const informers = Object.values(this.#caches.informers);
    const { log, clock } = this.#deps;
    const watches = informers.map((informer) => loop(`watch of ${informer.state.kind}`, (stop) => informer.run(stop)));
    const complete: Component = {
      name: "complete caches",
      async start() {
        const since = clock.monotonic();
        const abort = new AbortController();
        const say = sayWhatIsMissing(informers, { clock, log, signal: abort.signal });
        await Promise.all(informers.map((informer) => informer.synced));
        abort.abort();
        await say;
        log.info("caches are complete", { ms: Math.round(clock.monotonic() - since) });
      },
      stop: () => Promise.resolve(),
    };
    return [...watches, complete];
  }

  #leadership(): Component[] {
    const lease = this.#lease;
    const { leaseName = "" } = this.#deps;
    if (!lease) return [];
    const abort = new AbortController();
    return [{
      name: "lease",
      start: async () => {
        await lease.acquire(abort.signal);
        this.#machinery.leads(leaseName, true);
      },
      stop: async () => {
        abort.abort(new Error("the controller ends"));
        this.#machinery.leads(leaseName, false);
        await lease.release();
      },
      ended: lease.lost.then((reason) => reason.message),
    }];
  }

  #controllers(): Component[] {
    const { clock, random, log, settings, version, transports, concurrency, forceServer, metrics, hostname, vaults } =
      this.#deps;
    const events = new EventRecorder({
      client: this.#kube,
      clock,
      log,
      component: "arc-controller",
      instance: hostname,
    });
    return controllersOf({
      kube: this.#kube,
      caches: this.#caches,
      events,
      machinery: this.#machinery,
      waits: waitsOf(this.#deps.waits),
      clock,
      random,
      log,
      settings,
      version,
      transports: guardedTransports(transports, () => this.#mayWrite()),
      concurrency,
      forceServer,
      metrics,
      hostname,
      vaults,
      secrets: this.#deps.secrets,
    });
  }
}

type Informers = Caches["informers"];

/** Where answers to our writes go. A pod may be in both pod stores: runners can live in the controller's namespace. */
function overlays(informers: Informers, namespace: string, uncached: Caches["uncached"]): Caches["overlayOf"] {
  const runnerPods = informers.runnerPods.store;
  const ownPods = informers.ownPods.store;
  const storesOf = ({ metadata }: Stored<Pod>) => [
    ...(metadata.labels?.[LABELS.ephemeralRunner] === "True" ? [runnerPods] : []),
    ...(metadata.namespace === namespace ? [ownPods] : []),
  ];
  const pods: Overlay<KubeObject> = {
    versionOf: (ref: ObjectRef) => runnerPods.versionOf(ref) ?? ownPods.versionOf(ref),
    wrote: (object) => storesOf(object as Stored<Pod>).forEach((store) => store.wrote(object as Stored<Pod>)),
    deleted(uid, left) {
      const theirs = left ? storesOf(left as Stored<Pod>) : [runnerPods, ownPods];
      theirs.forEach((store) => store.deleted(uid, left as Stored<Pod> | undefined));
    },
  };
  const stores: Readonly<Record<string, unknown>> = {
    [AUTOSCALING_RUNNER_SETS.plural]: informers.scaleSets.store,
    [EPHEMERAL_RUNNER_SETS.plural]: informers.runnerSets.store,
    [EPHEMERAL_RUNNERS.plural]: informers.runners.store,
    [AUTOSCALING_LISTENERS.plural]: informers.listeners.store,
    [PODS.plural]: pods,
    [SECRETS.plural]: withoutRunnersSecrets(uncached.secrets),
  };
  // Each store is told of objects of its own kind only, which the table says and the type can't.
  return (kind: Resource) => (stores[kind.plural] as Overlay<KubeObject> | undefined) ?? uncachedOf(uncached, kind);
}

/** A runner's secret is written once and never read again: there is nothing to remember of thousands of them. */
function withoutRunnersSecrets(secrets: Caches["uncached"]["secrets"]): Overlay<Secret> {
  return {
    versionOf: (ref) => secrets.versionOf?.(ref),
    wrote(secret) {
      if (controllerOf(secret)?.kind !== EPHEMERAL_RUNNERS.kind) secrets.wrote(secret);
    },
    deleted: (uid, left) => secrets.deleted(uid, left),
  };
}

/** When lists are missing: the first look is for those that nothing has been heard of, later ones remind of all. */
const FIRST_LOOK_MS = 5_000;
const REMINDER_MS = 30_000;
const LAST_REMINDER_MS = 600_000;

/** While lists are missing, says now and then which and why; each informer has told its own trouble once already. */
async function sayWhatIsMissing(
  informers: readonly { readonly state: Informer<KubeObject>["state"] }[],
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const passes = (ms: number) => clock.sleep(ms, signal).then(() => true, () => false);
  const missing = () => informers.map(({ state }) => state).filter(({ synced }) => !synced);
  if (!await passes(FIRST_LOOK_MS)) return;
  sayMissing(missing().filter(({ lastError }) => lastError === undefined), log);
  for (let ms = REMINDER_MS; await passes(ms); ms = Math.min(ms * 2, LAST_REMINDER_MS)) sayMissing(missing(), log);
}

/** One line for all kinds that are missing for one cause: usually it is one custom resource definition after the other. */
function sayMissing(states: readonly Informer<KubeObject>["state"][], log: Log): void {
  const byCause = Map.groupBy(states, ({ lastCause }) => lastCause);
  for (const alike of byCause.values()) {
    const kinds = [...new Set(alike.map(({ kind }) => kind))].join(", ");
    log.warn("waiting for a list", { kinds, why: alike[0]?.lastError ?? "no answer yet" });
  }
}
