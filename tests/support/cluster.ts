/**
 * A cluster for tests of the shipped program: a real control plane, a simulated Actions Service on a loopback port,
 * and a simulated kubelet that runs listener pods as real processes. Controllers are started by the test, each a
 * process that runs as its service account with the charts' rights and no more.
 */
import assert from "node:assert/strict";
import { appendFileSync, constants, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../src/api/kinds.ts";
import { type KubeObject, LEASES, pathOf, PODS, type Resource, ROLE_BINDINGS } from "../../src/k8s/resource.ts";
import { ROLES, SECRETS, SERVICE_ACCOUNTS, type Stored } from "../../src/k8s/resource.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Transport } from "../../src/lib/http.ts";
import { nodeTransports } from "../../src/lib/http_node.ts";
import { seededRandom } from "../../src/lib/random.ts";
import type { ServiceBehaviour } from "../../src/sim/actions_service/behaviour.ts";
import { enterpriseServer } from "../../src/sim/actions_service/hosts.ts";
import { ActionsServiceSim } from "../../src/sim/actions_service/service.ts";
import type { SimCredentials } from "../../src/sim/actions_service/tokens.ts";
import { execProgram } from "../../src/sim/kubelet/exec.ts";
import { writeMount } from "../../src/sim/kubelet/exec_files.ts";
import { Kubelet } from "../../src/sim/kubelet/kubelet.ts";
import type { ListenerProgram } from "../../src/sim/kubelet/listener_program.ts";
import { listen, type Listening } from "../../src/sim/server.ts";
import { AuditLog } from "./audit.ts";
import { CONTROLLER, scaleSetObjects, type ScaleSetOptions } from "./cluster_objects.ts";
import { type ControlPlane, controlPlane } from "./control_plane.ts";
import { applyCrds, ourCrds } from "./cluster_crds.ts";
import { eventually } from "./eventually.ts";
import { executable } from "./executable.ts";
import { ask, freePort } from "./http.ts";
import { Program } from "./program.ts";
import { controllerRights, type Creatable } from "./rbac.ts";
import { noteRights } from "./rights.ts";
import { strangeKeysOfRunnerSets } from "./runner_set_keys.ts";

export interface ClusterOptions {
  /** All chance of the simulated parts comes from it. */
  readonly seed: number;
  /** Where the service differs from its default behaviour. */
  readonly behaviour?: Partial<ServiceBehaviour>;
  /** Whom the service lets in, instead of the token that scale sets have by default. */
  readonly credentials?: SimCredentials;
  /** More flags for kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
  /** Nothing of ours is in it yet, neither CRDs nor rights: the test installs the charts. */
  readonly bare?: boolean;
  /** More environment for every controller and listener. */
  readonly env?: Readonly<Record<string, string>>;
  /** Other definitions of the four kinds than ours. */
  readonly crds?: readonly KubeObject[];
}

export interface ControllerOptions {
  /** For messages and the log's name. */
  readonly name?: string;
  readonly flags?: readonly string[];
  /** Reach the API server by this file, not as a pod does. */
  readonly kubeconfig?: string;
  /** Where it finds the API server, when that is not at its own port of this machine. */
  readonly apiPort?: number;
}

/** A controller's process. */
export interface ControllerProcess extends Program {
  /** Answers /healthz and /readyz. */
  readonly healthUrl: string;
  /** Those that came after the chart's. */
  readonly flags?: readonly string[];
}

const OURS: readonly Resource[] = [
  AUTOSCALING_RUNNER_SETS,
  AUTOSCALING_LISTENERS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
];
const KINDS: readonly Resource[] = [...OURS, PODS, SECRETS, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS, LEASES];

/** What a chart's controller gets; ports are off, for many processes share this machine. */
const FLAGS = [
  "--auto-scaling-runner-set-only",
  "--log-level=info",
  "--log-format=json",
  "--runner-max-concurrent-reconciles=2",
  "--update-strategy=immediate",
  "--listener-metrics-addr=0",
  "--metrics-addr=0",
];

export class Cluster {
  readonly seed: number;
  readonly plane: ControlPlane;
  readonly service: ActionsServiceSim;
  readonly kubelet: Kubelet;
  readonly audit: AuditLog;
  /** Scale sets of organisation `acme`. */
  readonly configUrl: string;
  /** Every controller and every listener that was started, in that order. */
  readonly controllers: ControllerProcess[] = [];
  readonly listeners: { readonly pid: number; readonly pod: string }[] = [];
  /** The executable under test. */
  readonly program: string;
  /** Looks at every request to the service before it is answered and may look at the answer. */
  intercept: ((request: Parameters<Transport>[0], answer: Transport) => ReturnType<Transport>) | undefined;
  /** Runs in the listener pods that start from now on, instead of the executable. */
  otherListener: ListenerProgram | undefined;
  readonly #directory: string;
  readonly #server: Listening;
  readonly #namespaces = new Set<string>();
  readonly #made: Creatable[] = [];
  readonly #releases: Creatable[] = [];
  readonly #env: Readonly<Record<string, string>>;
  /** The folders of the controllers' service accounts. */
  readonly #accounts: string[] = [];

  private constructor(seed: number, plane: ControlPlane, server: Listening, parts: Parts) {
    this.seed = seed;
    this.plane = plane;
    this.service = parts.service;
    this.#server = server;
    this.#directory = parts.directory;
    this.#env = parts.env;
    this.program = parts.program;
    this.configUrl = `${server.url}/acme`;
    this.service.addHost(enterpriseServer(server.url));
    parts.answer = (request) => this.intercept?.(request, this.service.handle) ?? this.service.handle(request);
    this.audit = new AuditLog(plane.auditLog!);
    const listener = execProgram({
      clock: systemClock,
      command: [this.program, "listener"],
      env: { PATH: process.env.PATH ?? "", HOME: this.#directory, ...parts.env },
      folder: this.#directory,
      ca: plane.ca,
      onStart: (pid, pod) => {
        plane.adopt(pid);
        this.listeners.push({ pid, pod });
      },
      onLine: (line, pod) => appendFileSync(this.#logOf(pod), `${line}\n`),
    });
    this.kubelet = new Kubelet({
      kube: {
        baseUrl: plane.url,
        transport: nodeTransports({ ca: plane.ca, caOnly: true }),
        authorization: () => Promise.resolve(`Bearer ${plane.adminToken}`),
      },
      clock: systemClock,
      service: this.service,
      listener: (context) => (this.otherListener ?? listener)(context),
    });
  }

  /** Starts everything but a controller: 6 to 15 seconds, and a build of the program when that is needed. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { seed, behaviour, credentials, apiServerFlags, env = {} } = options;
    const directory = mkdtempSync(join(tmpdir(), "arc-cluster-"));
    const program = join(directory, "arc");
    // a build of somebody else must not change it under the test
    copyFileSync(await executable(), program, constants.COPYFILE_FICLONE);
    const random = seededRandom(seed);
    const service = new ActionsServiceSim({ clock: systemClock, random, hosts: [], behaviour, credentials });
    const parts: Parts = { service, directory, program, env, answer: service.handle };
    const server = await listen((request) => parts.answer(request));
    const plane = await controlPlane({ controllerManager: true, audit: true, apiServerFlags }).catch(async (error) => {
      service.close();
      await server.close();
      throw error;
    });
    const cluster = new Cluster(seed, plane, server, parts);
    try {
      if (!options.bare) await cluster.#prepare(options.crds ?? ourCrds());
      cluster.kubelet.start();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async #prepare(crds: readonly KubeObject[]): Promise<void> {
    await applyCrds(this.plane, crds);
    // the garbage collector looks for new kinds every 30 s only, but at its start too
    await this.plane.restart("kube-controller-manager");
    await this.#namespace(CONTROLLER.namespace);
    for (const each of controllerRights(CONTROLLER)) await this.#make(each, this.#made);
  }

  /**
   * Starts a controller.
   * @param options.flags come after those of the chart
   */
  async startController(options: ControllerOptions = {}): Promise<ControllerProcess> {
    const name = options.name ?? `controller-${this.controllers.length + 1}`;
    const { namespace } = CONTROLLER;
    const port = await freePort();
    const home = join(this.#directory, name);
    mkdirSync(home, { recursive: true });
    const { kubeconfig, apiPort } = options;
    const access = kubeconfig === undefined ? await this.#podAccess(home, apiPort) : { KUBECONFIG: kubeconfig };
    const health = `127.0.0.1:${port}`;
    const program = new Program({
      name,
      command: [
        this.program,
        "controller",
        ...FLAGS,
        `--health-probe-bind-address=${health}`,
        ...(options.flags ?? []),
      ],
      env: {
        ...this.#env,
        ...access,
        CONTROLLER_MANAGER_POD_NAMESPACE: namespace,
        CONTROLLER_MANAGER_CONTAINER_IMAGE: "ghcr.io/example/arc:test",
        HOME: home,
      },
      logFile: join(home, "controller.log"),
    });
    this.plane.adopt(program.pid);
    const started = Object.assign(program, { healthUrl: `http://${health}`, flags: options.flags });
    this.controllers.push(started);
    return started;
  }

  /** What a pod of the controller has: where the API server is, and the files of its service account. */
  async #podAccess(home: string, apiPort?: number): Promise<Record<string, string>> {
    this.#accounts.push(home);
    await this.#writeAccount(home);
    const { hostname, port } = new URL(this.plane.url);
    return {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: String(apiPort ?? port),
      ARC_SERVICE_ACCOUNT_DIR: home,
    };
  }

  async #writeAccount(home: string): Promise<void> {
    const { namespace, name } = CONTROLLER;
    const token = await this.plane.serviceAccountToken(namespace, name);
    await writeMount(home, new Map([["token", token], ["ca.crt", this.plane.ca], ["namespace", namespace]]));
  }

  /** Gives the controllers new tokens, as their kubelet does: one is valid for an hour. */
  async renewTokens(): Promise<void> {
    for (const home of this.#accounts) await this.#writeAccount(home);
  }

  /** Waits until a controller says that it is ready. @throws Error with its log's end when it has ended, or is not */
  async ready(controller: ControllerProcess, limitMs = 30_000): Promise<void> {
    await eventually(`${controller.name} is ready`, async () => {
      if (controller.end) throw new Error(`${controller.name} has ended: ${controller.logTail()}`);
      const reply = await ask(`${controller.healthUrl}/readyz`, { method: "GET" }).catch(() => undefined); // not yet listening
      return reply?.status === 200;
    }, limitMs);
  }

  /** Makes a scale set as its chart would. */
  async applyScaleSet(options: ScaleSetOptions): Promise<void> {
    await this.applyRelease(options.namespace ?? "arc-runners", scaleSetObjects(options, this.configUrl));
  }

  /** Makes what a release in this namespace consists of. */
  async applyRelease(namespace: string, objects: readonly Creatable[]): Promise<void> {
    await this.#namespace(namespace);
    for (const each of objects) await this.#make(each, this.#releases);
  }

  /** Makes a scale set, and returns when its listener has its session. @returns its id at the service */
  async createScaleSet(options: ScaleSetOptions, limitMs = 30_000): Promise<number> {
    await this.applyScaleSet(options);
    return await eventually(`the listener of ${options.name} listens`, async () => {
      this.failOnDead();
      const found = this.service.scaleSets().find((set) => set.name === options.name);
      return found?.sessionOwner === undefined ? undefined : found.id;
    }, limitMs);
  }

  /** Deletes all that belongs to scale sets, as `helm uninstall` does, and waits until it is gone. */
  async deleteScaleSets(limitMs = 60_000): Promise<void> {
    for (const { path, object } of this.#releases.toReversed()) {
      await this.plane.call("DELETE", `${path}/${nameOf(object)}`);
    }
    const there = async () => {
      const found = await Promise.all(this.#releases.map(async ({ path, object }) => {
        const url = `${path}/${nameOf(object)}`;
        return (await this.plane.call("GET", url)).status === 404 ? [] : [url];
      }));
      return found.flat();
    };
    const gone = eventually("all objects of the releases are gone", async () => {
      this.failOnDead();
      return (await there()).length === 0;
    }, limitMs);
    await gone.catch(async (error) => {
      throw new Error(`not deleted: ${[...await this.leftovers()].join(", ")}\n${this.controllers.at(-1)?.logTail()}`, {
        cause: error,
      });
    });
    this.#releases.length = 0;
  }

  /** What there is in the cluster and at the service that was not there before any scale set was. */
  async leftovers(): Promise<string[]> {
    const before = new Set(this.#made.map(({ path, object }) => `${path}/${nameOf(object)}`));
    const found: string[] = [];
    for (const kind of KINDS) {
      for (const { metadata } of await this.list(kind)) {
        const path = pathOf(kind, metadata.namespace, metadata.name);
        const isNamespacesOwn = kind === SERVICE_ACCOUNTS && metadata.name === "default";
        const isHeld = kind === LEASES && leasesOf(this.controllers).has(metadata.name);
        if (!this.#namespaces.has(metadata.namespace ?? "") || isNamespacesOwn || isHeld || before.has(path)) continue;
        found.push(path);
      }
    }
    const { service } = this;
    found.push(...service.scaleSets().map(({ name }) => `scale set ${name} at the service`));
    found.push(...service.registrations().map(({ name }) => `registration ${name} at the service`));
    const open = service.ledger.sessions.filter(({ closedAt }) => closedAt === undefined);
    return [...found, ...open.map(({ owner }) => `session of ${owner} at the service`)];
  }

  /** All objects of a kind; none where the kind is not defined. An API server that has just started is waited for. */
  list<T extends KubeObject>(kind: Resource<T>): Promise<Stored<T>[]> {
    return eventually(`a list of ${kind.plural}`, async () => {
      const { status, text } = await this.plane.call("GET", pathOf(kind));
      return status === 404 ? [] : status === 200 && (JSON.parse(text) as { items: Stored<T>[] }).items;
    });
  }

  /** Creates one object as the admin. @throws Error with the API server's answer */
  async create(path: string, object: unknown): Promise<void> {
    const { status, text } = await this.plane.call("POST", path, object);
    if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${text}`);
  }

  /** What a listener has written. */
  listenerLog(pod: string): string {
    return readFileSync(this.#logOf(pod), "utf8");
  }

  #logOf(pod: string): string {
    return join(this.#directory, `${pod}.log`);
  }

  /** Ends everything; logs are kept with ARC_KEEP set. @throws AssertionError when a runner set ever had a key of ours */
  async stop(): Promise<void> {
    const running = this.controllers.filter(({ end }) => end === undefined);
    await this.kubelet.stop();
    await Promise.all(running.map((program) => program.stop("SIGKILL")));
    this.service.close();
    await this.#server.close();
    const strange = strangeKeysOfRunnerSets(this.audit);
    noteRights(this.audit, { arcsAlone: this.#made.length > 0 });
    await this.plane.stop();
    if (process.env.ARC_KEEP) console.log(`logs: ${this.#directory}`);
    else rmSync(this.#directory, { recursive: true, force: true });
    assert.deepEqual(strange, [], "no runner set has a key of ours");
  }

  async #namespace(name: string): Promise<void> {
    if (this.#namespaces.has(name)) return;
    this.#namespaces.add(name);
    await this.create("/api/v1/namespaces", { metadata: { name } });
  }

  async #make(each: Creatable, list: Creatable[]): Promise<void> {
    await this.create(each.path, each.object);
    list.push(each);
  }

  /** Waiting for the work of a controller that has died by itself is vain. */
  failOnDead(): void {
    const last = this.controllers.at(-1);
    if (last?.end?.code) throw new Error(`${last.name} ended with exit code ${last.end.code}:\n${last.logTail()}`);
  }
}

/** The names of the leases of the controllers that run: who leads says so. */
function leasesOf(controllers: readonly ControllerProcess[]): ReadonlySet<string> {
  const flags = controllers.filter(({ end }) => end === undefined).flatMap((running) => running.flags ?? []);
  return new Set(flags.map((flag) => flag.replace("--leader-election-id=", "")));
}

interface Parts {
  readonly service: ActionsServiceSim;
  readonly directory: string;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  answer: Transport;
}

const nameOf = (object: Record<string, unknown>) => (object as { metadata: { name: string } }).metadata.name;
