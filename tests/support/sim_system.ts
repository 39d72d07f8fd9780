/**
 * The whole system in a simulated world: the real controllers and the real listeners on a virtual clock, the API
 * server, GitHub and the nodes simulated, everything in this process. A story gives it things to do and lets time pass.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { AUTOSCALING_RUNNER_SETS, type AutoscalingRunnerSet, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { ControllerApp } from "../../src/commands/controller_app.ts";
import { listenerProgram } from "../../src/commands/listener_in_process.ts";
import type { Waits } from "../../src/controllers/shared/waits.ts";
import { HttpKubeClient } from "../../src/k8s/http_client.ts";
import { SECRETS } from "../../src/k8s/resource.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { type Log, logOf, silentLog } from "../../src/lib/log.ts";
import { createLog } from "../../src/lib/logtape.ts";
import { Metrics } from "../../src/lib/metrics.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { VirtualClock } from "../../src/lib/virtual_clock.ts";
import type { LoopWaits } from "../../src/listener/loop_deps.ts";
import type { HttpRequest, Transport } from "../../src/lib/http.ts";
import type { AppParts } from "../../src/server/app.ts";
import type { VaultAccess } from "../../src/controllers/shared/vault_source.ts";
import type { JobSpec } from "../../src/sim/actions_service/job_board.ts";
import type { ListenerProgram } from "../../src/sim/kubelet/listener_program.ts";
import { SIMULATED_PAT, World, type WorldOptions } from "../../src/sim/world.ts";
import { addTo, decisionsIn } from "./decisions.ts";
import { SimProcess } from "./sim_process.ts";
import { CONTROLLER_NAMESPACE, SimView } from "./sim_view.ts";

export const RUNNER_NAMESPACE = "arc-runners";
const RESTART_MS = 1_000;
const VERSION = { version: "0.14.2", commit: "simulated" };

export interface SystemOptions extends Partial<Omit<WorldOptions, "clock" | "listener" | "namespaces">> {
  /** Where the message loops live. Default `pod`. */
  readonly listenerMode?: "pod" | "embedded";
  /** Controllers wait for a lease. Default: they do not. */
  readonly leaderElection?: boolean;
  readonly waits?: Partial<Waits>;
  readonly listenerWaits?: Partial<LoopWaits>;
  /** What runs in listener pods instead of the real listener. */
  readonly listener?: (system: SimSystem) => ListenerProgram;
  readonly vaults?: (clock: Clock) => VaultAccess;
  /** Learns of every request of controllers and listeners. */
  readonly onRequest?: (request: HttpRequest) => void;
  /** Learns what each controller and listener would serve on its ports. */
  readonly serve?: (parts: AppParts) => void;
  /** Whether controllers are started with the world. Default: one. */
  readonly controllers?: number;
}

export interface ScaleSetSpec extends Partial<NonNullable<AutoscalingRunnerSet["spec"]>> {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A controller's process. */
export interface SimController {
  readonly name: string;
  /** Undefined while it runs; then why it ended by itself, or "stopped", or "killed". */
  readonly end: string | undefined;
  /** As kill -9 does it. */
  kill(): void;
  /** Asks it to end; {@link SimSystem.until} sees when it has. */
  stop(): void;
}

/** One line of a log, as its reader gets it. */
export interface SaidLine {
  readonly level: string;
  readonly message: string;
  /** The whole line, fields included. */
  readonly text: string;
}

export class SimSystem extends SimView {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly controllers: SimController[] = [];
  /** Exit codes of listener programs, in order. */
  readonly listenerExits: number[] = [];
  /** What controllers and listeners have said, at every level. */
  readonly said: SaidLine[] = [];
  /** Tokens of service accounts that listener pods were given. */
  readonly accountTokens = new Set<string>();
  /** The administrator, by kubectl as it were. */
  readonly kubectl: HttpKubeClient;
  readonly #options: SystemOptions;
  /** Of every controller that was ever started. */
  readonly #metrics: Metrics[] = [];

  private constructor(options: SystemOptions) {
    const clock = new VirtualClock();
    const seed = options.seed ?? 1;
    super(
      new World({
        crds: customResourceDefinitions(),
        timelineLines: 1_000_000,
        ...options,
        seed,
        clock,
        namespaces: [CONTROLLER_NAMESPACE, RUNNER_NAMESPACE],
        listener: (context) => this.#listener(context),
      }),
    );
    this.#options = options;
    this.seed = seed;
    this.clock = clock;
    const server = this.world.kubeServer();
    const random = seededRandom(this.seed);
    this.kubectl = new HttpKubeClient({ server, clock: this.clock, random, log: silentLog, userAgent: "kubectl" });
  }

  /** Runs a story in a system of its own; a failure names the seed. */
  static async story(options: SystemOptions, story: (system: SimSystem) => Promise<void>): Promise<void> {
    const system = new SimSystem(options);
    try {
      system.world.kubelet.start();
      await system.createSecret("github", { github_token: SIMULATED_PAT });
      for (let count = options.controllers ?? 1; count > 0; count--) system.startController();
      await story(system);
    } catch (error) {
      if (error instanceof Error) {
        error.message = `seed ${system.seed}, ${system.clock.monotonic()} ms: ${error.message}`;
      }
      throw error;
    } finally {
      await system.#close();
    }
  }

  /** @param listenerMode default: the system's own */
  startController(listenerMode: SystemOptions["listenerMode"] = this.#options.listenerMode): SimController {
    const name = `controller-${this.controllers.length + 1}`;
    const process = new SimProcess(this.clock);
    const stop = new AbortController();
    const state: { end: string | undefined } = { end: undefined };
    const controller: SimController = {
      name,
      get end() {
        return process.killed ? "killed" : state.end;
      },
      kill: () => process.kill(),
      stop: () => stop.abort(new Error("the controller is asked to end")),
    };
    void this.#controller(name, process, listenerMode).run(stop.signal).then((why) => {
      state.end = why ?? "stopped";
      // As its Deployment does with one that has ended by itself.
      if (why !== undefined) this.clock.after(RESTART_MS, () => this.startController(listenerMode));
    });
    this.controllers.push(controller);
    return controller;
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Lets time pass until `reached`; looks every 20 ms. @throws AssertionError when it is not within the limit */
  async until(what: string, reached: () => boolean, limitMs = 60_000): Promise<number> {
    const since = this.clock.monotonic();
    while (!reached()) {
      if (this.clock.monotonic() - since >= limitMs) {
        const tail = this.said.filter(({ level }) => level !== "debug").slice(-8).map(({ text }) => text).join("");
        assert.fail(
          `not within ${limitMs / 1000} s: ${what}; ${JSON.stringify(this.world.service.scaleSets())}\n${tail}`,
        );
      }
      await this.clock.advance(20);
    }
    return this.clock.monotonic() - since;
  }

  /** Lets time pass until a promise is settled. */
  async done<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = () => settled = true;
    promise.then(end, end);
    await this.clock.runUntil(() => settled, 60_000);
    return await promise;
  }

  async createSecret(name: string, stringData: Record<string, string>): Promise<void> {
    await this.done(this.kubectl.create(SECRETS, { metadata: { namespace: RUNNER_NAMESPACE, name }, stringData }));
  }

  async createScaleSet(name: string, spec: ScaleSetSpec = {}): Promise<void> {
    const { labels, annotations, ...rest } = spec;
    const runner = { name: "runner", image: "ghcr.io/actions/actions-runner:latest", command: ["/home/runner/run.sh"] };
    await this.done(this.kubectl.create(AUTOSCALING_RUNNER_SETS, {
      metadata: { namespace: RUNNER_NAMESPACE, name, labels: { ...labels }, annotations: { ...annotations } },
      spec: {
        githubConfigUrl: "https://github.com/acme",
        githubConfigSecret: "github",
        template: { spec: { containers: [runner] } },
        ...rest,
      },
    }));
  }

  /** Makes a scale set and waits until it is listened for. */
  async scaleSet(name: string, spec: ScaleSetSpec = {}): Promise<number> {
    await this.createScaleSet(name, spec);
    await this.until(`${name} is listened for`, () => this.service(name)?.sessionOwner !== undefined);
    await this.run(500);
    return this.service(name)!.id;
  }

  /** A merge patch of a scale set. */
  async patchScaleSet(name: string, patch: unknown): Promise<void> {
    await this.done(this.kubectl.patch(AUTOSCALING_RUNNER_SETS, { namespace: RUNNER_NAMESPACE, name }, patch));
  }

  async deleteScaleSet(name: string): Promise<void> {
    await this.done(this.kubectl.delete(AUTOSCALING_RUNNER_SETS, { namespace: RUNNER_NAMESPACE, name }));
  }

  queueJobs(scaleSetName: string, count: number, job: Partial<JobSpec> = {}): string[] {
    return Array.from(
      { length: count },
      () => this.world.service.queueJob({ durationMs: 2_000, scaleSetName, ...job }),
    );
  }

  /** Every job that was queued has ended at the service. */
  async allDone(limitMs = 120_000): Promise<void> {
    const { jobs } = this.world.service.ledger;
    await this.until(
      "all jobs are done",
      () => [...jobs.values()].every((job) => job.completedAt !== undefined),
      limitMs,
    );
  }

  /** So many jobs have ended. */
  async jobsDone(count: number, limitMs = 120_000): Promise<void> {
    await this.until(`${count} jobs are done`, () => this.world.report().jobs.done >= count, limitMs);
  }

  /** No runner of a job is left over. */
  async quiet(idle = 0, limitMs = 60_000): Promise<void> {
    await this.until(`${idle} runners are left`, () => {
      const runners = this.objects(EPHEMERAL_RUNNERS);
      return runners.length === idle && this.runnerPods().length === idle;
    }, limitMs);
  }

  /** What all controllers have decided, those that have ended too, by `controller/word`. */
  async decisions(): Promise<ReadonlyMap<string, number>> {
    const sum = new Map<string, number>();
    for (const metrics of this.#metrics) addTo(sum, decisionsIn(await metrics.samples()));
    return sum;
  }

  async #close(): Promise<void> {
    for (const controller of this.controllers) controller.kill();
    await this.world.close();
    // Where `npm test` asks for it: it checks what all scenarios together have seen.
    const folder = process.env.ARC_DECISIONS;
    if (folder) writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify([...await this.decisions()]));
  }

  #log(part: string): Log {
    const line = { text: "" };
    const text = createLog({
      name: part,
      level: "debug",
      format: "text",
      clock: this.clock,
      write: (written) => line.text = written,
    });
    return logOf((level, message, fields) => {
      text[level](message, fields);
      this.said.push({ level, message, text: line.text });
    });
  }

  #controller(
    name: string,
    process: SimProcess,
    listenerMode: SystemOptions["listenerMode"] = "pod",
  ): ControllerApp {
    const { leaderElection, waits, vaults, serve } = this.#options;
    const server = this.world.kubeServer(CONTROLLER_NAMESPACE);
    const metrics = new Metrics();
    this.#metrics.push(metrics);
    const app = new ControllerApp({
      server: { ...server, transport: process.over(this.#seen(server.transport)) },
      transports: (options) => process.over(this.#seen(this.world.transports(options))),
      clock: process.clock,
      random: this.world.random,
      log: this.#log(name),
      metrics,
      vaults: vaults?.(process.clock),
      version: VERSION,
      concurrency: 50,
      hostname: name,
      leaseName: leaderElection ? "actions-runner-controller" : undefined,
      waits,
      settings: {
        namespace: CONTROLLER_NAMESPACE,
        image: "arc:simulated",
        imagePullSecrets: [],
        listenerMetricsAddr: serve ? ":8080" : "",
        listenerMetricsEndpoint: "/metrics",
        logLevel: "info",
        logFormat: "text",
        excludedLabelPrefixes: [],
        version: VERSION.version,
        commit: VERSION.commit,
        updateStrategy: "immediate",
        listenerMode,
      },
    });
    serve?.({ health: { ready: app.ready }, metrics: { path: "/metrics", source: metrics } });
    return app;
  }

  #seen(transport: Transport): Transport {
    const { onRequest } = this.#options;
    return onRequest
      ? (request) => {
        onRequest(request);
        return transport(request);
      }
      : transport;
  }

  async #listener(...[context]: Parameters<ListenerProgram>): Promise<number> {
    const program = this.#options.listener?.(this) ?? listenerProgram({
      transports: (options) => this.#seen(this.world.transports(options)),
      kubeTransport: this.#seen(this.world.network.transport),
      clock: this.clock,
      random: this.world.random,
      log: this.#log("listener"),
      version: VERSION,
      waits: this.#options.listenerWaits,
      serve: (parts) => {
        this.#options.serve?.(parts);
        return Promise.resolve({ close: () => Promise.resolve() });
      },
    });
    const code = await program({
      ...context,
      serviceAccountToken: async () => {
        const token = await context.serviceAccountToken();
        this.accountTokens.add(token);
        return token;
      },
    });
    this.listenerExits.push(code);
    return code;
  }
}
