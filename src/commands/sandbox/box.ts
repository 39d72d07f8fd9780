/** The sandbox's world with the real controller and the real listener in it. */
import { customResourceDefinitions } from "../../api/crd.ts";
import { AUTOSCALING_RUNNER_SETS, type AutoscalingRunnerSet } from "../../api/kinds.ts";
import type { KubeServer } from "../../k8s/client.ts";
import { HttpKubeClient } from "../../k8s/http_client.ts";
import { SECRETS } from "../../k8s/resource.ts";
import type { Clock } from "../../lib/clock.ts";
import type { TransportFactory } from "../../lib/http.ts";
import { nodeTransports } from "../../lib/http_node.ts";
import type { Log } from "../../lib/log.ts";
import { Metrics } from "../../lib/metrics.ts";
import { seededRandom } from "../../lib/random.ts";
import type { Version } from "../../lib/version.ts";
import { VirtualClock } from "../../lib/virtual_clock.ts";
import type { FaultSetName } from "../../sim/faults.ts";
import type { ListenerProgram } from "../../sim/kubelet/listener_program.ts";
import { SIMULATED_PAT, World, type WorldPorts } from "../../sim/world.ts";
import { ControllerApp } from "../controller_app.ts";
import { listenerProgram } from "../listener_in_process.ts";

/** Where things are in the sandbox's cluster. */
export const CONTROLLER_NAMESPACE = "arc-systems";
export const RUNNER_NAMESPACE = "arc-runners";
const SECRET_NAME = "github";
/** Time for listeners to end their sessions. */
const LISTENERS_GRACE_MS = 3_000;

export interface BoxOptions {
  readonly seed: number;
  /** A virtual clock: everything happens in process, as fast as the machine goes. Otherwise on real ports. */
  readonly clock: Clock;
  readonly faults: FaultSetName;
  readonly scaleSets: number;
  readonly minRunners: number;
  readonly maxRunners: number;
  readonly log: Log;
  readonly version: Version;
  /** The world alone, with this program in listener pods. */
  readonly worldOnly?: { readonly listener?: ListenerProgram };
}

/** A running sandbox. */
export class Box {
  readonly world: World;
  readonly scaleSets: readonly string[];
  readonly #options: BoxOptions;
  readonly #stop = new AbortController();
  #ports: WorldPorts | undefined;
  #app: Promise<string | undefined> | undefined;

  constructor(options: BoxOptions) {
    const { seed, clock, faults, scaleSets, worldOnly } = options;
    this.#options = options;
    this.scaleSets = Array.from({ length: scaleSets }, (_, at) => scaleSets === 1 ? "sandbox" : `sandbox-${at + 1}`);
    this.world = new World({
      seed,
      clock,
      faults,
      crds: customResourceDefinitions(),
      namespaces: [CONTROLLER_NAMESPACE, RUNNER_NAMESPACE],
      listener: worldOnly ? worldOnly.listener : (context) => this.#listener(context),
    });
  }

  /** The URLs that programs outside can use; undefined on a virtual clock, where there are no ports. */
  get ports(): WorldPorts | undefined {
    return this.#ports;
  }

  /** The config URL of the scale sets. */
  get configUrl(): string {
    return this.#ports ? `${this.#ports.githubUrl}/acme` : "https://github.com/acme";
  }

  /** Why the controller has ended by itself; never settles while it works. */
  get controllerEnded(): Promise<string> {
    return (this.#app ?? new Promise<undefined>(() => {})).then((why) => why ?? "it was asked to end");
  }

  /** Starts nodes, ports, the controller, and makes the scale sets. */
  async start(): Promise<void> {
    const { clock, worldOnly } = this.#options;
    if (!(clock instanceof VirtualClock)) this.#ports = await this.world.listen();
    this.world.kubelet.start();
    if (!worldOnly) this.#app = this.#controller().run(this.#stop.signal);
    const kube = this.#client();
    await kube.create(SECRETS, {
      metadata: { namespace: RUNNER_NAMESPACE, name: SECRET_NAME },
      stringData: { github_token: SIMULATED_PAT },
    });
    for (const name of this.scaleSets) await kube.create(AUTOSCALING_RUNNER_SETS, this.#scaleSet(name));
  }

  /** Whether a listener listens for every scale set. */
  get listening(): boolean {
    const listened = this.world.service.scaleSets().filter((set) => set.sessionOwner !== undefined);
    return this.scaleSets.every((name) => listened.some((set) => set.name === name));
  }

  /** Deletes the scale sets, as somebody who has had enough of them. */
  async deleteScaleSets(): Promise<void> {
    const kube = this.#client();
    for (const name of this.scaleSets) {
      await kube.delete(AUTOSCALING_RUNNER_SETS, { namespace: RUNNER_NAMESPACE, name });
    }
  }

  /** Whether nothing of the scale sets is there any more, in the cluster or at the service. */
  get empty(): boolean {
    const { leftovers } = this.world.report();
    return Object.values(leftovers).every((list) => list.length === 0) &&
      (this.world.kube.snapshot()[AUTOSCALING_RUNNER_SETS.plural] ?? []).length === 0;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.#stop.abort(new Error("the sandbox ends"));
    await this.#app;
    await this.world.kubelet.endListeners(LISTENERS_GRACE_MS);
    await this.world.close();
    await this.#ports?.close();
  }

  #server(): KubeServer {
    const server = this.world.kubeServer(CONTROLLER_NAMESPACE);
    return this.#ports ? { ...server, baseUrl: this.#ports.kubeUrl, transport: nodeTransports({}) } : server;
  }

  get #transports(): TransportFactory {
    return this.#ports ? nodeTransports : this.world.transports;
  }

  #client(): HttpKubeClient {
    const { clock, log, seed } = this.#options;
    return new HttpKubeClient({ server: this.#server(), clock, log, random: seededRandom(seed), userAgent: "sandbox" });
  }

  #controller(): ControllerApp {
    const { clock, log, version } = this.#options;
    return new ControllerApp({
      server: this.#server(),
      transports: this.#transports,
      clock,
      random: this.world.random,
      log: log.with({ part: "controller" }),
      metrics: new Metrics(),
      version,
      concurrency: 50,
      hostname: "sandbox",
      settings: {
        namespace: CONTROLLER_NAMESPACE,
        image: "arc:sandbox",
        imagePullSecrets: [],
        listenerMetricsAddr: "",
        listenerMetricsEndpoint: "/metrics",
        logLevel: "info",
        logFormat: "text",
        excludedLabelPrefixes: [],
        version: version.version,
        commit: version.commit,
        updateStrategy: "immediate",
        listenerMode: "pod",
      },
    });
  }

  /** Made late: ports are known only when the world listens. */
  #listener(...[context]: Parameters<ListenerProgram>): Promise<number> {
    const { clock, log, version } = this.#options;
    const { baseUrl, transport } = this.#server();
    return listenerProgram({
      transports: this.#transports,
      kubeTransport: transport,
      kubeUrl: () => baseUrl,
      clock,
      random: this.world.random,
      log: log.with({ part: "listener" }),
      version,
    })(context);
  }

  #scaleSet(name: string): AutoscalingRunnerSet {
    const { minRunners, maxRunners } = this.#options;
    return {
      metadata: { namespace: RUNNER_NAMESPACE, name },
      spec: {
        githubConfigUrl: this.configUrl,
        githubConfigSecret: SECRET_NAME,
        minRunners,
        maxRunners,
        template: {
          spec: {
            containers: [{
              name: "runner",
              image: "ghcr.io/actions/actions-runner:latest",
              command: ["/home/runner/run.sh"],
            }],
          },
        },
      },
    };
  }
}
