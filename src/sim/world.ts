/**
 * A world in a box: an API server, nodes, GitHub and the network between them. Programs under test are attached from
 * outside and meet it over HTTP only: in process on {@link World.network}'s transports, or on real ports.
 */
import type { Clock } from "../lib/clock.ts";
import type { Transport, TransportFactory } from "../lib/http.ts";
import { type Random, seededRandom } from "../lib/random.ts";
import { VirtualClock } from "../lib/virtual_clock.ts";
import { drawBehaviour, type ServiceBehaviour } from "./actions_service/behaviour.ts";
import { enterpriseServer, GITHUB_COM, type SimHost } from "./actions_service/hosts.ts";
import { ActionsServiceSim } from "./actions_service/service.ts";
import type { SimCredentials } from "./actions_service/tokens.ts";
import { FaultSchedule, type FaultSetName } from "./faults.ts";
import type { FaultTarget } from "./faults/fault.ts";
import type { Books, Limits } from "./invariants.ts";
import { KubeApi } from "./kube_api/kube_api.ts";
import { NORMAL } from "./kubelet/fate.ts";
import { Kubelet, type KubeletOptions } from "./kubelet/kubelet.ts";
import type { ListenerProgram } from "./kubelet/listener_program.ts";
import { Network } from "./network.ts";
import { listen, type Listening } from "./server.ts";
import { Timeline } from "./timeline.ts";
import { reportOf, type WorldReport } from "./world_report.ts";

/** Where the API server of a world is, in process. */
export const KUBE_URL = "https://kube.sim";
/** A personal access token that the simulated GitHub takes. */
export const SIMULATED_PAT = "ghp_simulated";

export interface WorldOptions {
  /** All chance in the world comes from it. */
  readonly seed: number;
  /** Default: a virtual clock that begins on 2026-01-01. */
  readonly clock?: Clock;
  /** CustomResourceDefinitions. */
  readonly crds: readonly object[];
  /** Namespaces beside default and kube-system. */
  readonly namespaces?: readonly string[];
  /** When given, the API server wants it, or a service account's token. */
  readonly adminToken?: string;
  /** What runs in listener pods. */
  readonly listener?: ListenerProgram;
  readonly credentials?: SimCredentials;
  /** Default: github.com. */
  readonly hosts?: readonly SimHost[];
  /** Where the service differs from its default; "drawn": a kind of service by seed. */
  readonly behaviour?: Partial<ServiceBehaviour> | "drawn";
  /** Delays and nodes of the kubelet. */
  readonly kubelet?: Omit<KubeletOptions, "kube" | "clock" | "service" | "listener" | "fateOf">;
  /** Default: none. They come once {@link World.start} is called. */
  readonly faults?: FaultSetName;
  /** The mean time between faults, in ms. */
  readonly faultGapMs?: number;
  readonly latencyMs?: readonly [number, number];
  /** How many lines the timeline keeps. Default 20,000; 0: there is none. */
  readonly timelineLines?: number;
}

/** An API server and how one is known to it: what programs under test take as theirs. */
export interface WorldKubeServer {
  readonly baseUrl: string;
  readonly transport: Transport;
  readonly namespace: string;
  authorization(): Promise<string | undefined>;
}

/** A world's servers on real ports. */
export interface WorldPorts {
  readonly kubeUrl: string;
  /** A config URL is this and an owner: `http://127.0.0.1:8081/acme`. */
  readonly githubUrl: string;
  close(): Promise<void>;
}

/** The world. */
export class World {
  readonly clock: Clock;
  /** For programs under test: independent of the world's own chance. */
  readonly random: Random;
  readonly kube: KubeApi;
  readonly service: ActionsServiceSim;
  readonly kubelet: Kubelet;
  readonly network: Network;
  readonly timeline: Timeline;
  readonly faults: FaultSchedule;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, crds, namespaces, adminToken, credentials, latencyMs, timelineLines } = options;
    const chance = (part: number) => seededRandom((seed * 31 + part) >>> 0);
    const clock = options.clock ?? new VirtualClock();
    this.clock = clock;
    this.random = chance(1);
    this.timeline = new Timeline(clock, timelineLines);
    this.network = new Network({ clock, random: chance(2), timeline: this.timeline, latencyMs });
    this.kube = new KubeApi({ clock, random: chance(3), crds, namespaces, adminToken });
    this.network.route(KUBE_URL, "kube", this.kube.handle);
    const behaviour = options.behaviour === "drawn" ? drawBehaviour(chance(4)) : options.behaviour;
    const hosts = options.hosts ?? [GITHUB_COM];
    this.service = new ActionsServiceSim({ clock, random: chance(5), credentials, hosts, behaviour });
    for (const origin of this.service.origins) this.#routeGithub(origin);
    this.kubelet = new Kubelet({
      ...options.kubelet,
      kube: this.kubeServer(),
      clock,
      service: this.service,
      listener: options.listener,
    });
    this.faults = this.#faults(chance(6));
  }

  /** Begins: nodes take up pods, faults come. */
  start(): void {
    this.kubelet.start();
    this.faults.start();
  }

  /** The API server, for one program. @param authorization its Authorization header; default: the administrator's */
  kubeServer(namespace = "default", authorization?: () => Promise<string | undefined>): WorldKubeServer {
    const { adminToken } = this.#options;
    const admin = () => Promise.resolve(adminToken === undefined ? undefined : `Bearer ${adminToken}`);
    return {
      baseUrl: KUBE_URL,
      transport: this.network.transport,
      namespace,
      authorization: authorization ?? admin,
    };
  }

  /** What programs under test make their transports with. */
  get transports(): TransportFactory {
    return this.network.transports;
  }

  /**
   * Puts the API server and GitHub on real loopback ports too, faults and timeline included. The clock must be real.
   * @param tls PEM, for the API server
   */
  async listen(tls?: { readonly cert: string; readonly key: string }): Promise<WorldPorts> {
    const servers: Listening[] = [];
    const kube = await listen(this.network.transport, { tls });
    servers.push(kube);
    this.network.route(new URL(kube.url).origin, "kube", this.kube.handle);
    const github = await listen(this.network.transport);
    servers.push(github);
    this.service.addHost(enterpriseServer(github.url));
    this.#routeGithub(new URL(github.url).origin);
    return {
      kubeUrl: kube.url,
      githubUrl: github.url,
      close: async () => {
        for (const server of servers) await server.close();
      },
    };
  }

  /** The books of the world, as of now. */
  books(): Books {
    return { service: this.service.ledger, kubelet: this.kubelet.ledger, now: this.clock.now() };
  }

  /** What the books say. */
  report(limits: readonly Limits[] = []): WorldReport {
    return reportOf(this, limits);
  }

  /** Ends faults, nodes and servers; no timer of the world is left. */
  async close(): Promise<void> {
    this.faults.stop();
    await this.kubelet.stop();
    this.kube.close();
    this.service.close();
  }

  #routeGithub(origin: string): void {
    this.network.route(origin, `github ${new URL(origin).host}`, this.service.handle);
  }

  #faults(random: Random): FaultSchedule {
    const { faults: set = "none", faultGapMs: gapMs } = this.#options;
    const fates: FaultTarget["fates"] = [];
    const schedule = new FaultSchedule({ clock: this.clock, random, set, gapMs }, {
      clock: this.clock,
      network: this.network,
      service: this.service,
      kubelet: this.kubelet,
      fates,
      compact: () => this.kube.compact(),
    });
    this.kubelet.fateOf = (_pod, role) => {
      const coming = role === "runner" ? fates.shift() : undefined;
      if (coming) schedule.count(coming.name);
      return coming?.fate ?? NORMAL;
    };
    return schedule;
  }
}
