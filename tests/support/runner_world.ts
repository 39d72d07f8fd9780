/** Two controllers, an API server in memory, a service and a kubelet of the simplest kind, all on one virtual clock. */
import {
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
  type EphemeralRunner,
  type EphemeralRunnerSet,
} from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import {
  ephemeralRunnerController,
  keysOfPod,
  keysOfRunner,
} from "../../src/controllers/ephemeral_runner/reconcile.ts";
import { ephemeralRunnerSetController, keysOfSet } from "../../src/controllers/ephemeral_runner_set/reconcile.ts";
import { RunnerBook } from "../../src/controllers/shared/runner_book.ts";
import { hasJob } from "../../src/controllers/shared/runner_state.ts";
import { projectPod, RUNNER_INDEXES } from "../../src/controllers/shared/stores.ts";
import { type Waits, waitsOf } from "../../src/controllers/shared/waits.ts";
import { ServiceError, type ServiceErrorKind } from "../../src/github/errors.ts";
import type { ActionsService, Registration } from "../../src/github/service.ts";
import { ReadThrough } from "../../src/k8s/read_through.ts";
import {
  controllerOf,
  type KubeObject,
  type Pod,
  POD_DISRUPTION_BUDGETS,
  PODS,
  type Resource,
  SECRETS,
  type Stored,
} from "../../src/k8s/resource.ts";
import { type Overlay, Store } from "../../src/k8s/store.ts";
import { rfc3339 } from "../../src/lib/clock.ts";
import { logOf } from "../../src/lib/log.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { VirtualClock } from "../../src/lib/virtual_clock.ts";
import { Controller } from "../../src/runtime/controller.ts";
import { Executor } from "../../src/runtime/execute.ts";
import type { EventStep } from "../../src/runtime/plan.ts";
import { NAMESPACE, NOON, runnerSpec, running } from "./builders.ts";
import { MemoryApi } from "./memory_api.ts";

export interface WorldOptions {
  readonly waits?: Partial<Waits>;
  /** How late watches are, in milliseconds. */
  readonly late?: { readonly sets?: number; readonly runners?: number; readonly pods?: number };
  readonly jitMs?: number;
  readonly spec?: Partial<NonNullable<EphemeralRunnerSet["spec"]>>;
  readonly maxRunners?: number;
  readonly seed?: number;
}

/** A service that knows registrations and which of them have a job. */
export class MemoryService {
  readonly registrations = new Map<number, Registration>();
  readonly busy = new Set<number>();
  readonly calls = new Map<string, number>();
  /** Throws what the service is to answer. */
  refuse: (call: string) => void = () => {};
  #ids = 100;

  constructor(private_: { readonly clock: VirtualClock; readonly jitMs: number }) {
    this.#world = private_;
  }

  readonly #world: { readonly clock: VirtualClock; readonly jitMs: number };

  client(): ActionsService {
    const call = async <R>(name: string, act: () => R, ms = 0): Promise<R> => {
      this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
      await this.#world.clock.sleep(ms);
      this.refuse(name);
      return act();
    };
    const partial: Partial<ActionsService> = {
      generateJitConfig: (scaleSetId, { name }) =>
        call("generateJitConfig", () => {
          if ([...this.registrations.values()].some((one) => one.name === name)) throw answer("RunnerExists", 409);
          const id = ++this.#ids;
          this.registrations.set(id, { id, name, scaleSetId });
          return { runnerId: id, runnerName: name, scaleSetId, encoded: `jit-${id}` };
        }, this.#world.jitMs),
      getRunner: (id) => call("getRunner", () => this.registrations.get(id)),
      findRunner: (name) => call("findRunner", () => [...this.registrations.values()].find((one) => one.name === name)),
      removeRunner: (id) =>
        call("removeRunner", () => {
          if (this.busy.has(id)) throw answer("JobStillRunning", 400);
          this.registrations.delete(id);
        }),
    };
    return partial as ActionsService;
  }

  /** The job of a runner is done: the service forgets the runner. */
  complete(name: string): void {
    const id = this.idOf(name);
    if (id !== undefined && this.busy.delete(id)) this.registrations.delete(id);
  }

  idOf(name: string): number | undefined {
    return [...this.registrations.values()].find((one) => one.name === name)?.id;
  }
}

export function answer(kind: ServiceErrorKind, status: number): ServiceError {
  return new ServiceError(`answered ${status}: ${kind}`, { kind, status, call: "test" });
}

export class RunnerWorld {
  readonly clock = new VirtualClock(NOON);
  readonly api = new MemoryApi(this.clock);
  readonly service: MemoryService;
  readonly events: Pick<EventStep, "type" | "reason" | "message">[] = [];
  readonly logs: string[] = [];
  /** Names of runners whose pod has ever run. */
  readonly started: string[] = [];
  /** UIDs of the runners whose container has started, once for each start. */
  readonly startedFor: string[] = [];
  readonly #options: WorldOptions;
  readonly #random;
  #stop: () => Promise<void> = () => Promise.resolve();

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
    this.service = new MemoryService({ clock: this.clock, jitMs: options.jitMs ?? 0 });
    this.api.onChange = (kind, before, after) => {
      if (kind.plural === PODS.plural) this.#kubelet(before as Stored<Pod>, after as Stored<Pod>);
    };
    this.api.create(EPHEMERAL_RUNNER_SETS, {
      // As it is when its owner has it deleted.
      metadata: {
        name: "linux",
        namespace: NAMESPACE,
        labels: { team: "core" },
        finalizers: [FINALIZERS.ephemeralRunner],
      },
      spec: { patchID: 0, ephemeralRunnerSpec: runnerSpec(), ...options.spec },
    });
    this.start();
  }

  get set(): Stored<EphemeralRunnerSet> {
    return this.api.at(EPHEMERAL_RUNNER_SETS, `${NAMESPACE}/linux`)!;
  }

  get runners(): Stored<EphemeralRunner>[] {
    return this.api.all(EPHEMERAL_RUNNERS);
  }

  get pods(): Stored<Pod>[] {
    return this.api.all(PODS);
  }

  /** Runner objects ever made. */
  get made(): number {
    return this.api.requests.get("create ephemeralrunners") ?? 0;
  }

  /** Runners whose pod runs and that have no job yet, by the service's book. */
  get idle(): Stored<EphemeralRunner>[] {
    return this.runners.filter((runner) => {
      const id = this.service.idOf(runner.metadata.name);
      const pod = this.api.at(PODS, `${NAMESPACE}/${runner.metadata.name}`);
      return id !== undefined && !this.service.busy.has(id) && pod?.status?.phase === "Running";
    });
  }

  /** What the listener writes; `runningJobs` undefined: another listener. */
  demand(replicas: number, runningJobs?: number, patchID = 1): number {
    const spec = { replicas: replicas || null, patchID, ...(runningJobs === undefined ? {} : { runningJobs }) };
    const after = this.api.patch(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" }, { spec });
    return after.metadata.generation ?? 0;
  }

  /** The service gives an idle runner a job. */
  assign(runner: Stored<EphemeralRunner>): void {
    this.service.busy.add(this.service.idOf(runner.metadata.name)!);
  }

  /** The listener writes the job's facts. */
  facts(runner: Stored<EphemeralRunner>, jobSetGeneration?: number): void {
    const { namespace, name } = runner.metadata;
    if (!this.api.at(EPHEMERAL_RUNNERS, `${namespace}/${name}`)) return;
    const status = { jobId: `job-of-${name}`, jobRepositoryName: "acme/api", jobSetGeneration };
    this.api.patch(EPHEMERAL_RUNNERS, { namespace, name }, { status }, "status");
  }

  /** The runner's program ends. */
  exit(runner: Stored<EphemeralRunner>, exitCode = 0): void {
    const { name } = runner.metadata;
    const finishedAt = rfc3339(this.clock.now());
    this.podStatus(name, {
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      containerStatuses: [{
        name: "runner",
        state: { terminated: { exitCode, startedAt: rfc3339(NOON), finishedAt } },
        ready: false,
        restartCount: 0,
        image: "",
        imageID: "",
      }],
    });
  }

  podStatus(name: string, status: NonNullable<Pod["status"]>): void {
    if (!this.api.at(PODS, `${NAMESPACE}/${name}`)) return;
    this.api.patch(PODS, { namespace: NAMESPACE, name }, { status: { containerStatuses: null, ...status } }, "status");
  }

  /** The controllers start, knowing nothing. */
  start(): void {
    const { clock, api, events } = this;
    const waits = waitsOf(this.#options.waits);
    const late = this.#options.late ?? {};
    const kube = api.client();
    const log = logOf((level, message, fields) => this.logs.push(`${level} ${message} ${JSON.stringify(fields)}`));
    const stores = {
      sets: new Store<EphemeralRunnerSet>({ clock }),
      runners: new Store<EphemeralRunner>({ clock, indexes: RUNNER_INDEXES }),
      pods: new Store<Pod>({ clock, project: projectPod }),
    };
    const secrets = new ReadThrough({ kube, kind: SECRETS, clock });
    const budgets = new ReadThrough({ kube, kind: POD_DISRUPTION_BUDGETS, clock });
    const overlays: Record<string, unknown> = {
      [EPHEMERAL_RUNNER_SETS.plural]: stores.sets,
      [EPHEMERAL_RUNNERS.plural]: stores.runners,
      [PODS.plural]: stores.pods,
      [SECRETS.plural]: secrets,
      [POD_DISRUPTION_BUDGETS.plural]: budgets,
    };
    const overlayOf = (kind: Resource) => overlays[kind.plural] as Overlay<KubeObject> | undefined;
    const executor = new Executor({
      kube,
      log,
      overlayOf,
      events: { record: (_kind, _about, event) => void events.push(event) },
    });
    const services = { of: () => Promise.resolve(this.service.client()), refresh: () => {} };
    const book = new RunnerBook();
    const common = { services, book, clock, log, waits };
    const runnerKit = ephemeralRunnerController({
      ...common,
      kube,
      stores,
      scaleSetGone: { report: (key) => void this.logs.push(`gone ${key}`) },
      version: "0.14.2",
      annotatePods: true,
      protectsBusy: () => this.protectsBusy,
      wake: (key) => runners.enqueue(key),
    });
    const setKit = ephemeralRunnerSetController({
      ...common,
      stores,
      secrets,
      budgets,
      protectsBusy: () => this.protectsBusy,
      sources: { proxy: () => Promise.resolve({ http: "", https: "http://proxy", noProxy: "" }) },
      random: this.#random,
      maxRunnersOf: () => this.#options.maxRunners,
      wake: (key, ms) => sets.enqueue(key, ms),
    });
    const runners = new Controller(runnerKit, { clock, log, executor, concurrency: 50 });
    const sets = new Controller(setKit, { clock, log, executor, concurrency: 50 });
    stores.sets.subscribe((change) => keysOfSet(change).forEach((key) => sets.enqueue(key)));
    stores.runners.subscribe((change) => {
      keysOfRunner(change).forEach((key) => runners.enqueue(key));
      setKit.wakesOfRunner(change).forEach(({ key, ms }) => sets.enqueue(key, ms));
    });
    stores.pods.subscribe((change) => keysOfPod(change).forEach((key) => runners.enqueue(key)));
    const ends = [
      api.watch(EPHEMERAL_RUNNER_SETS, stores.sets, () => late.sets ?? 1),
      api.watch(EPHEMERAL_RUNNERS, stores.runners, () => late.runners ?? 1),
      api.watch(PODS, stores.pods, () => late.pods ?? 1),
    ];
    const abort = new AbortController();
    const runs = [runners.run(abort.signal), sets.run(abort.signal)];
    this.#stop = async () => {
      abort.abort();
      ends.forEach((end) => end());
      await Promise.all(runs);
    };
  }

  /** The controllers end and start again, having forgotten everything. */
  async restart(): Promise<void> {
    await this.#stop();
    this.start();
  }

  async stop(): Promise<void> {
    await this.#stop();
  }

  /** How many runners are neither deleting nor failed, and what the service thinks. */
  get live(): Stored<EphemeralRunner>[] {
    return this.runners.filter(({ metadata, status }) => !metadata.deletionTimestamp && status?.phase !== "Failed");
  }

  get jobs(): number {
    return this.runners.filter((runner) => hasJob(runner)).length;
  }

  /** Bound after 50 ms, running 500 ms later; a pod that is asked to go goes after a second. */
  #kubelet(before: Stored<Pod> | undefined, after: Stored<Pod> | undefined): void {
    if (!after) return;
    const { name, uid, namespace } = after.metadata;
    const there = () => this.api.at(PODS, `${namespace}/${name}`)?.metadata.uid === uid;
    if (!before) {
      this.clock.after(50, () => there() && this.api.patch(PODS, after.metadata, { spec: { nodeName: "node-1" } }));
      this.clock.after(550, () => {
        if (!there() || after.metadata.deletionTimestamp || this.holdPods) return;
        this.started.push(name);
        this.startedFor.push(controllerOf(after)?.uid ?? "");
        this.podStatus(name, running());
      });
    } else if (after.metadata.deletionTimestamp && !before.metadata.deletionTimestamp) {
      this.clock.after(1000, () => there() && this.api.delete(PODS, { namespace, name }, 0));
    }
  }

  /** Whether the scale set asks for runners with a job not to be evicted. */
  protectsBusy = false;

  /** Pods stay as they are, bound and not started. */
  holdPods = false;
}
