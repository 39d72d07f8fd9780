/**
 * The whole system in a world of a seed: controllers and listeners are processes that crash, stand still and start
 * again, as their Deployment and their pods do it.
 */
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { AUTOSCALING_RUNNER_SETS, type AutoscalingRunnerSet } from "../../src/api/kinds.ts";
import { ControllerApp } from "../../src/commands/controller_app.ts";
import { listenerProgram } from "../../src/commands/listener_in_process.ts";
import { KubeError } from "../../src/k8s/errors.ts";
import { HttpKubeClient } from "../../src/k8s/http_client.ts";
import { type KubeObject, type Resource, SECRETS, type Stored } from "../../src/k8s/resource.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { type Log, LOG_LEVELS, logOf, silentLog } from "../../src/lib/log.ts";
import { Metrics } from "../../src/lib/metrics.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { VirtualClock } from "../../src/lib/virtual_clock.ts";
import type { ListenerContext } from "../../src/sim/kubelet/listener_program.ts";
import { until } from "../../src/sim/kubelet/signals.ts";
import { SIMULATED_PAT, World } from "../../src/sim/world.ts";
import { ChaosProcess } from "./chaos_process.ts";
import { addTo, decisionsIn } from "../support/decisions.ts";
import type { PlannedSet, WorldPlan } from "./plan.ts";

export const CONTROLLER_NAMESPACE = "arc-systems";
export const RUNNER_NAMESPACE = "arc-runners";
export const LEASE = "actions-runner-controller";
/** The token that a rotated secret holds. */
export const SECOND_PAT = "ghp_second";
const RESTART_MS = 2_000;
/** Made once: worlds differ in other things. */
const CRDS = customResourceDefinitions();
const VERSION = { version: "0.14.2", commit: "simulated" };

/** A process of the system under test. */
export interface Running {
  readonly role: "controller" | "listener";
  readonly name: string;
  readonly process: ChaosProcess;
  /** Asks it to end; undefined where only its pod's end does that. */
  readonly stop: () => void;
}

/** A scale set as its user wants it now. */
export interface WantedSet extends PlannedSet {
  minRunners: number;
  maxRunners: number;
  /** The highest that was ever in force. */
  highestMax: number;
  template: number;
}

export interface ChaosSystemOptions {
  readonly plan: WorldPlan;
  /** The least severe log lines in the timeline. */
  readonly logLevel: "debug" | "info" | "warn";
  readonly timelineLines: number;
  /** A line of a log. */
  onLine?(line: string): void;
  onSend?(running: Running, method: string, url: string): void;
}

export class ChaosSystem {
  readonly clock = new VirtualClock();
  readonly world: World;
  readonly wanted = new Map<string, WantedSet>();
  /** What runs now. */
  readonly running = new Set<Running>();
  /** How often each process has ended by itself, by why. */
  readonly ends = new Map<string, number>();
  /** What went wrong that no program under test may let go wrong. */
  readonly problems: string[] = [];
  readonly kubectl: HttpKubeClient;
  readonly #options: ChaosSystemOptions;
  /** Of every controller that was ever started. */
  readonly #metrics: Metrics[] = [];
  #names = 0;
  #closed = false;
  /** Controllers that have ended and are not yet started again. */
  #away = 0;

  get plan(): WorldPlan {
    return this.#options.plan;
  }

  constructor(options: ChaosSystemOptions) {
    this.#options = options;
    const { seed, behaviour, kubelet } = options.plan;
    this.world = new World({
      crds: CRDS,
      timelineLines: options.timelineLines,
      seed,
      clock: this.clock,
      namespaces: [CONTROLLER_NAMESPACE, RUNNER_NAMESPACE],
      credentials: { pats: [SIMULATED_PAT, SECOND_PAT] },
      listener: (context) => this.#listener(context),
      behaviour,
      kubelet,
    });
    this.kubectl = new HttpKubeClient({
      server: { ...this.world.kubeServer(), transport: this.world.kube.handle },
      clock: this.clock,
      random: seededRandom(seed),
      log: silentLog,
      userAgent: "kubectl",
    });
  }

  async start(): Promise<void> {
    const { plan } = this.#options;
    this.world.kubelet.start();
    const metadata = { namespace: RUNNER_NAMESPACE, name: "github" };
    await this.user(() => this.kubectl.create(SECRETS, { metadata, stringData: { github_token: SIMULATED_PAT } }));
    for (let count: number = plan.controllers; count > 0; count--) this.startController();
    for (const set of plan.sets) await this.createScaleSet(set);
  }

  /** What a person does with kubectl; it reaches the API server without the world's network. */
  async user(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (KubeError.is(error, "NotFound")) return; // it went before the person came
      this.problems.push(`kubectl: ${messageOf(error)}`);
    }
  }

  async createScaleSet(set: PlannedSet): Promise<void> {
    this.wanted.set(set.name, { ...set, highestMax: set.maxRunners, template: 0 });
    await this.user(() =>
      this.kubectl.create(AUTOSCALING_RUNNER_SETS, {
        metadata: { namespace: RUNNER_NAMESPACE, name: set.name },
        spec: {
          githubConfigUrl: "https://github.com/acme",
          githubConfigSecret: "github",
          minRunners: set.minRunners,
          maxRunners: set.maxRunners,
          template: templateOf(0),
        },
      })
    );
  }

  async patchScaleSet(name: string, spec: NonNullable<AutoscalingRunnerSet["spec"]>): Promise<void> {
    await this.user(() => this.kubectl.patch(AUTOSCALING_RUNNER_SETS, { namespace: RUNNER_NAMESPACE, name }, { spec }));
  }

  async deleteScaleSet(name: string): Promise<void> {
    this.wanted.delete(name);
    await this.user(() => this.kubectl.delete(AUTOSCALING_RUNNER_SETS, { namespace: RUNNER_NAMESPACE, name }));
  }

  objects<T extends KubeObject>(kind: Resource<T>): Stored<T>[] {
    return this.world.kube.objects(kind.plural) as unknown as Stored<T>[];
  }

  of(role: Running["role"]): Running[] {
    return [...this.running].filter((one) => one.role === role);
  }

  startController(): void {
    if (this.#closed) return;
    const name = `controller-${++this.#names}`;
    const process = new ChaosProcess(this.clock);
    const stop = new AbortController();
    const running: Running = {
      role: "controller",
      name,
      process,
      stop: () => stop.abort(new Error("the controller is asked to end")),
    };
    this.#observe(running);
    this.#controller(running).run(stop.signal).then(
      (why) => this.ended(running, why ?? "stopped"),
      (error) => {
        this.problems.push(`${name} threw: ${error instanceof Error ? error.stack : messageOf(error)}`);
        this.ended(running, "threw");
      },
    );
  }

  /** A process has ended; a controller is started again, as its Deployment does it. @param awayMs until then */
  ended(running: Running, why: string, awayMs: number = RESTART_MS): void {
    if (!this.running.delete(running)) return;
    running.process.kill();
    this.ends.set(`${running.role} ${why}`, (this.ends.get(`${running.role} ${why}`) ?? 0) + 1);
    this.world.timeline.add(`-- ${running.name} has ended: ${why}`);
    if (running.role !== "controller" || this.#closed) return;
    this.#away++;
    this.clock.after(awayMs, () => {
      this.#away--;
      this.startController();
    });
  }

  /** Whether all controllers are there, or have been started at least. */
  get isComplete(): boolean {
    return this.#away === 0;
  }

  /** kill -9. @param awayMs until another one is started, if it is a controller */
  kill(running: Running, awayMs?: number): void {
    running.process.kill();
    this.ended(running, "killed", awayMs);
  }

  /** What all controllers have decided, those that have ended too, by `controller/word`. */
  async decisions(): Promise<ReadonlyMap<string, number>> {
    const sum = new Map<string, number>();
    for (const metrics of this.#metrics) addTo(sum, decisionsIn(await metrics.samples()));
    return sum;
  }

  #newMetrics(): Metrics {
    const metrics = new Metrics();
    this.#metrics.push(metrics);
    return metrics;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const running of [...this.running]) this.kill(running);
    await this.world.close();
  }

  #observe(running: Running): void {
    this.running.add(running);
    this.world.timeline.add(`-- ${running.name} starts`);
    const { onSend } = this.#options;
    if (onSend) running.process.onSend = ({ method, url }) => onSend(running, method, url);
  }

  #controller({ name, process }: Running): ControllerApp {
    const { plan } = this.#options;
    const server = this.world.kubeServer(CONTROLLER_NAMESPACE);
    return new ControllerApp({
      server: { ...server, transport: process.over(server.transport) },
      transports: (options) => process.over(this.world.transports(options)),
      clock: process.clock,
      random: this.world.random,
      log: this.#log(name),
      metrics: this.#newMetrics(),
      version: VERSION,
      concurrency: 50,
      hostname: name,
      leaseName: plan.controllers > 1 ? LEASE : undefined,
      leaseTimes: {
        durationMs: plan.leasePace * 15_000,
        renewDeadlineMs: plan.leasePace * 10_000,
        retryMs: plan.leasePace * 2_000,
      },
      settings: {
        namespace: CONTROLLER_NAMESPACE,
        image: "arc:simulated",
        imagePullSecrets: [],
        listenerMetricsAddr: "",
        listenerMetricsEndpoint: "/metrics",
        logLevel: "info",
        logFormat: "text",
        excludedLabelPrefixes: [],
        version: VERSION.version,
        commit: VERSION.commit,
        updateStrategy: "immediate",
        listenerMode: plan.listenerMode,
      },
    });
  }

  async #listener(context: ListenerContext): Promise<number> {
    const process = new ChaosProcess(this.clock);
    const crashed = Promise.withResolvers<number>();
    const name = context.pod.metadata?.name ?? "listener";
    const running: Running = { role: "listener", name, process, stop: () => {} };
    this.#observe(running);
    const program = listenerProgram({
      transports: (options) => process.over(this.world.transports(options)),
      kubeTransport: process.over(this.world.network.transport),
      clock: process.clock,
      random: this.world.random,
      log: this.#log(name),
      version: VERSION,
    });
    process.onKill = () => crashed.resolve(137);
    const killed = until(context.kill).then(() => 137);
    const code = await Promise.race([program(context), killed, crashed.promise]);
    process.kill();
    this.ended(running, `exit ${code}`);
    return code;
  }

  #log(name: string): Log {
    const { onLine, logLevel } = this.#options;
    const least = LOG_LEVELS.indexOf(logLevel);
    return logOf((level, message, fields) => {
      if (LOG_LEVELS.indexOf(level) < least) return;
      const line = `${name} ${level.toUpperCase()} ${message} ${fieldsText(fields)}`;
      this.world.timeline.add(`   ${line}`);
      onLine?.(line);
    });
  }
}

/** The pod template of a version. */
export function templateOf(version: number): NonNullable<AutoscalingRunnerSet["spec"]>["template"] {
  return {
    spec: {
      containers: [{
        name: "runner",
        image: "ghcr.io/actions/actions-runner:latest",
        command: ["/home/runner/run.sh"],
        ...(version === 0 ? {} : { env: [{ name: "TEMPLATE", value: String(version) }] }),
      }],
    },
  };
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  const plain = Object.entries(fields).filter(([, value]) => value !== undefined).map(([key, value]) =>
    `${key}=${value instanceof Error ? messageOf(value) : typeof value === "object" ? JSON.stringify(value) : value}`
  );
  return plain.join(" ");
}
