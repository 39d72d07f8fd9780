/** A loop in a small world: a queue that keeps what is not deleted, a runner set, runners, and faults to order. */
import { EPHEMERAL_RUNNER_SETS, type EphemeralRunnerSetSpec } from "../../../src/api/kinds.ts";
import { ServiceError, type ServiceErrorKind } from "../../../src/github/errors.ts";
import type { ActionsService, JobEvent, Message, MessageSession, Statistics } from "../../../src/github/service.ts";
import type { KubeClient } from "../../../src/k8s/client.ts";
import { KubeError, type KubeErrorKind } from "../../../src/k8s/errors.ts";
import type { Resource } from "../../../src/k8s/resource.ts";
import { sleepOn } from "../../../src/lib/clock.ts";
import { parseConfigUrl } from "../../../src/lib/config_url.ts";
import { type Fields, type LogLevel, logOf } from "../../../src/lib/log.ts";
import { Metrics } from "../../../src/lib/metrics.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { LoopHealth } from "../../../src/listener/health.ts";
import { runLoop } from "../../../src/listener/loop.ts";
import type { LoopDeps } from "../../../src/listener/loop_deps.ts";
import { ListenerMetricFamily } from "../../../src/listener/metrics.ts";
import type { Limits } from "../../../src/listener/scale.ts";
import { stats } from "./events.ts";

export const refuse = (kind: ServiceErrorKind, message = "no") =>
  new ServiceError(message, { kind, status: 0, call: "test" });
export const kubeRefuses = (kind: KubeErrorKind) => new KubeError("no", { kind, status: 500, reason: "" });

type ServiceCallName = "open" | "poll" | "delete" | "acquire" | "refresh" | "close" | "read";
/** What becomes of a call instead: an error (perhaps with a cause to happen first), or nothing at all until it is aborted. */
type Fault = Error | (() => Error) | "silence";

/** GitHub, for one scale set: it tells what it is told to tell, and keeps what nobody deletes. */
export class Github {
  readonly #clock: VirtualClock;
  readonly messages: Message[] = [];
  statistics: Statistics | undefined = stats(0);
  session: string | undefined;
  readonly acquired: number[] = [];
  readonly capacities: number[] = [];
  assignsByItself = false;
  /** How long a poll lasts that nothing comes to. */
  pollMs = 50_000;
  /** How long it takes until a session is open. */
  openMs = 0;
  /** Every call, as it comes. */
  readonly calls: string[] = [];
  readonly #faults = new Map<ServiceCallName, Fault[]>();
  #sessions = 0;
  #ids = 100;
  #wake = new Set<() => void>();
  readonly #lost = new Set<number>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** A message; without statistics of its own it has the present ones. */
  says(events: readonly JobEvent[], statistics: Statistics | undefined = this.statistics): number {
    if (statistics) this.statistics = statistics;
    const id = ++this.#ids;
    this.messages.push({ id, events, ...(statistics ? { statistics } : {}) });
    for (const wake of this.#wake) wake();
    return id;
  }

  /** The service forgets the session. */
  forget(error: Error = refuse("SessionNotFound")): Error {
    this.session = undefined;
    return error;
  }

  /** The answer to a poll gets lost: its message is told again only in another session. */
  lose(): Error {
    const lost = this.messages.find(({ id }) => !this.#lost.has(id));
    if (lost) this.#lost.add(lost.id);
    return refuse("Unavailable", "connection reset");
  }

  /** The next calls of this name fail so. */
  fail(name: ServiceCallName, ...faults: Fault[]): void {
    this.#faults.set(name, [...this.#faults.get(name) ?? [], ...faults]);
  }

  service(): ActionsService {
    const none = () => Promise.reject(new Error("the listener does not call this"));
    return {
      runnerGroup: none,
      findScaleSet: none,
      createScaleSet: none,
      updateScaleSet: none,
      deleteScaleSet: none,
      generateJitConfig: none,
      getRunner: none,
      findRunner: none,
      removeRunner: none,
      getScaleSet: async (id, options) => {
        await this.#call("read", options?.signal);
        const statistics = this.statistics;
        return {
          id,
          name: "linux",
          runnerGroupId: 1,
          runnerGroupName: "",
          labels: [],
          ...(statistics && { statistics }),
        };
      },
      openSession: (_id, owner, options) => this.#open(owner, options?.signal),
      deleteSession: async (_id, session, options) => {
        await this.#call("close", options?.signal);
        if (this.session === session) this.session = undefined;
      },
    };
  }

  async #open(_owner: string, signal?: AbortSignal): Promise<MessageSession> {
    await this.#call("open", signal);
    if (this.openMs > 0) await sleepOn(this.#clock, this.openMs, signal);
    if (this.session !== undefined) throw refuse("SessionConflict", "another session lives");
    this.#lost.clear();
    const id = this.session = `s-${++this.#sessions}`;
    const statistics = this.statistics;
    const alive = () => {
      if (this.session !== id) throw refuse("SessionNotFound");
    };
    return {
      id,
      scaleSet: undefined,
      statistics,
      poll: async ({ capacity, lastMessageId, signal }) => {
        this.capacities.push(capacity);
        await this.#call("poll", signal, lastMessageId);
        alive();
        const find = () => this.messages.find(({ id }) => id > (lastMessageId ?? 0) && !this.#lost.has(id));
        if (!find()) await this.#wait(this.pollMs, signal);
        alive();
        return find();
      },
      deleteMessage: async (message, options) => {
        await this.#call("delete", options?.signal, message);
        const at = this.messages.findIndex(({ id }) => id === message);
        if (at >= 0) this.messages.splice(at, 1);
      },
      acquire: async (ids, options) => {
        await this.#call("acquire", options?.signal);
        if (this.assignsByItself) return undefined;
        this.acquired.push(...ids);
        return ids;
      },
      refresh: async (options) => {
        await this.#call("refresh", options?.signal);
        alive();
      },
      close: async () => {},
    };
  }

  async #call(name: ServiceCallName, signal: AbortSignal | undefined, about?: unknown): Promise<void> {
    this.calls.push(about === undefined ? name : `${name} ${about}`);
    const fault = this.#faults.get(name)?.shift();
    if (fault === "silence") await sleepOn(this.#clock, 1e9, signal);
    if (typeof fault === "function") throw fault();
    if (fault instanceof Error) throw fault;
    await Promise.resolve();
  }

  async #wait(ms: number, signal?: AbortSignal): Promise<void> {
    const end = new AbortController();
    const wake = () => end.abort();
    this.#wake.add(wake);
    try {
      await sleepOn(this.#clock, ms, signal ? AbortSignal.any([signal, end.signal]) : end.signal);
    } catch (error) {
      if (signal?.aborted) throw error;
    } finally {
      this.#wake.delete(wake);
    }
  }
}

/** The API server, for what a listener may do: patch one runner set, and runners and their status. */
export class Cluster {
  /** The runner set's CRD knows no field of ours. */
  pruned = false;
  readonly spec: Partial<EphemeralRunnerSetSpec> = {};
  generation = 1;
  readonly runners = new Map<string, { status: Record<string, unknown>; annotations: Record<string, string> }>();
  /** What was patched, in order: "set" or a runner's name. */
  readonly writes: string[] = [];
  readonly #faults: { readonly on: "set" | "runner"; readonly fault: Error }[] = [];

  addRunners(...names: string[]): void {
    for (const name of names) this.runners.set(name, { status: {}, annotations: {} });
  }

  fail(on: "set" | "runner", fault: Error, times = 1): void {
    for (let i = 0; i < times; i++) this.#faults.push({ on, fault });
  }

  /** Faults that have not happened. */
  heal(): void {
    this.#faults.length = 0;
  }

  client(): KubeClient {
    const patch = async (kind: Resource, ref: { name: string }, body: unknown) => {
      await Promise.resolve();
      const isSet = kind.kind === EPHEMERAL_RUNNER_SETS.kind;
      const fault = this.#faults.findIndex(({ on }) => on === (isSet ? "set" : "runner"));
      if (fault >= 0) throw this.#faults.splice(fault, 1)[0]!.fault;
      this.writes.push(isSet ? "set" : ref.name);
      const metadata = { name: ref.name, uid: ref.name, resourceVersion: "1" };
      if (isSet) {
        const { spec: change } = body as { spec?: Partial<EphemeralRunnerSetSpec> };
        const { runningJobs, sessionId, ...spec } = change ?? {};
        const ours = {
          ...("runningJobs" in (change ?? {}) && { runningJobs }),
          ...(sessionId !== undefined && { sessionId }),
        };
        Object.assign(this.spec, spec, this.pruned ? {} : ours);
        if (change) this.generation++;
        return { metadata: { ...metadata, generation: this.generation }, spec: { ...this.spec } };
      }
      const runner = this.runners.get(ref.name);
      if (!runner) throw kubeRefuses("NotFound");
      const change = body as { status?: object; metadata?: { annotations?: Record<string, string> } };
      Object.assign(runner.status, change.status);
      Object.assign(runner.annotations, change.metadata?.annotations);
      return { metadata };
    };
    return { patch } as unknown as KubeClient;
  }
}

/** One listener in its world. */
export class World {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 1, 12));
  readonly github = new Github(this.clock);
  readonly cluster = new Cluster();
  readonly metrics = new Metrics();
  readonly lines: { readonly level: LogLevel; readonly message: string; readonly fields: Fields }[] = [];
  health = new LoopHealth(this.clock);
  limits: Limits = { minRunners: 0, maxRunners: 10 };
  #service: ActionsService | undefined;
  readonly #listeners = new Set<() => void>();
  #processes = 0;

  /** Starts a listener process; `stop` asks it to end, `crash` makes it lose whatever it does from now on. */
  start(changed: Partial<LoopDeps> = {}) {
    const stop = new AbortController();
    const dead = { is: false };
    const family = new ListenerMetricFamily(
      this.#processes++ === 0 ? this.metrics : new Metrics(),
      undefined,
      logOf(() => {}),
    );
    const kube = this.cluster.client();
    this.#service = this.github.service();
    const ended = { is: false };
    const done = runLoop({
      service: () => this.#service!,
      kube: alive(kube, dead),
      runnerSet: { namespace: "arc-runners", name: "linux" },
      scaleSetId: 7,
      owner: `host-${this.#processes}`,
      clock: this.clock,
      random: seededRandom(1),
      log: logOf((level, message, fields) => this.lines.push({ level, message, fields })),
      metrics: family.of({
        name: "linux",
        namespace: "arc-runners",
        configUrl: parseConfigUrl("https://github.com/acme"),
      }),
      health: this.health,
      limits: () => this.limits,
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      ...changed,
    }, stop.signal).finally(() => ended.is = true);
    return { stop: () => stop.abort(new Error("told to end")), crash: () => dead.is = true, done, ended };
  }

  change(limits: Limits): void {
    this.limits = limits;
    for (const listener of this.#listeners) listener();
  }

  /** Another client, of other credentials. */
  changeCredentials(): void {
    this.#service = this.github.service();
    for (const listener of this.#listeners) listener();
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** What the runner set was told: D/R and the number of the patch. */
  get told(): string {
    const { replicas, runningJobs, patchID } = this.cluster.spec;
    return `${replicas}/${runningJobs} #${patchID}`;
  }
}

/** A process that has crashed gets no answer any more, and what it sends is lost. */
function alive(kube: KubeClient, dead: { readonly is: boolean }): KubeClient {
  return {
    ...kube,
    patch:
      ((...args: Parameters<KubeClient["patch"]>) =>
        dead.is ? new Promise(() => {}) : kube.patch(...args)) as KubeClient["patch"],
  };
}
