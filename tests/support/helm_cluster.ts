/**
 * A cluster in which everything of ours comes from the charts: helm installs them, and the controller's process has
 * the command line, the environment and the service account that the Deployment on the API server says. No Deployment
 * controller runs here, so a test starts that process, and ends it when the Deployment is gone.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { AUTOSCALING_LISTENERS, GROUP, VERSION } from "../../src/api/kinds.ts";
import { LABELS } from "../../src/api/names.ts";
import { type Pod, PODS } from "../../src/k8s/resource.ts";
import { NORMAL } from "../../src/sim/kubelet/fate.ts";
import { writeMount } from "../../src/sim/kubelet/exec_files.ts";
import { roleOf } from "../../src/sim/kubelet/roles.ts";
import type { Audited } from "./audit.ts";
import { Cluster, type ControllerProcess } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { Helm } from "./helm_release.ts";
import { freePort } from "./http.ts";
import { Program } from "./program.ts";

export const CONTROLLER_NAMESPACE = "arc-systems";
export const SET_NAMESPACE = "arc-runners";

const SET_NAME = LABELS.scaleSetName;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const COLLECTIONS = [
  ...["autoscalingrunnersets", "autoscalinglisteners", "ephemeralrunnersets", "ephemeralrunners"]
    .map((plural) => `/apis/${GROUP}/${VERSION}/${plural}`),
  ...["pods", "secrets", "serviceaccounts", "configmaps"].map((plural) => `/api/v1/${plural}`),
  ...["roles", "rolebindings", "clusterroles", "clusterrolebindings"].map((plural) => `${RBAC}/${plural}`),
  "/apis/apps/v1/deployments",
  "/apis/policy/v1/poddisruptionbudgets",
  "/apis/networking.k8s.io/v1/networkpolicies",
];
/** What Kubernetes itself puts into each namespace. */
const OF_EACH_NAMESPACE = ["default", "kube-root-ca.crt"];

const APP = { id: "4711", installationId: 815 };

type Container = NonNullable<Pod["spec"]>["containers"][number];

interface Deployment {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly template: { readonly spec: { readonly serviceAccountName: string; readonly containers: Container[] } };
  };
}

export interface ChartController extends ControllerProcess {
  /** Without the path; "" when it serves none. */
  readonly metricsUrl: string;
}

export class HelmCluster {
  readonly cluster: Cluster;
  readonly helm: Helm;
  /** Every pod that came, as it was when the kubelet first saw it. */
  readonly pods: Pod[] = [];
  /** The secret of a GitHub App that the service lets in, by its keys. */
  readonly app: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #before = new Set<string>();
  #mark = 0;
  #collectorKnows = false;

  private constructor(cluster: Cluster, appKey: string) {
    this.cluster = cluster;
    this.app = {
      github_app_id: APP.id,
      github_app_installation_id: String(APP.installationId),
      github_app_private_key: appKey,
    };
    this.#folder = mkdtempSync(join(tmpdir(), "arc-helm-"));
    this.helm = new Helm(join(this.#folder, "helm"), cluster.plane.kubeconfigPath);
    cluster.kubelet.fateOf = (pod) => {
      this.pods.push(pod);
      return NORMAL;
    };
  }

  /** An empty cluster, packed charts, and the namespace and secret that a reader of the README has made. */
  static async start(seed: number): Promise<HelmCluster> {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
    });
    const apps = [{ ids: [APP.id], installationId: APP.installationId, publicKey }];
    const credentials = { pats: ["ghp_simulated"], apps };
    const world = new HelmCluster(await Cluster.start({ seed, bare: true, credentials }), privateKey);
    try {
      await world.helm.pack();
      await world.cluster.create("/api/v1/namespaces", { metadata: { name: SET_NAMESPACE } });
      await world.cluster.create(`/api/v1/namespaces/${SET_NAMESPACE}/secrets`, {
        metadata: { name: "github" },
        stringData: { github_token: "ghp_simulated" },
      });
      for (const path of await world.#objects()) world.#before.add(path);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** Makes an object that is not ours, and that no story takes away. */
  async given(path: string, object: { readonly metadata: { readonly name: string } }): Promise<void> {
    await this.cluster.create(path, object);
    for (const each of await this.#objects()) {
      if (each.endsWith(`/${object.metadata.name}`)) this.#before.add(each);
    }
  }

  /** Starts a controller as the one Deployment on the API server describes it. */
  async startController(): Promise<ChartController> {
    const { cluster } = this;
    const { items } = await this.#get<{ items: Deployment[] }>("/apis/apps/v1/deployments");
    const [deployment] = items;
    if (!deployment || items.length !== 1) throw new Error(`there are ${items.length} Deployments`);
    const { serviceAccountName, containers: [container] } = deployment.spec.template.spec;
    if (!container) throw new Error("the Deployment has no container");
    const name = `controller-${cluster.controllers.length + 1}`;
    const home = join(this.#folder, name);
    mkdirSync(home, { recursive: true });
    // the image has the program by this name too
    const program = join(home, basename(container.command?.[0] ?? "arc"));
    symlinkSync(cluster.program, program);
    const ports = new Map<string, string>();
    const args: string[] = [];
    for (const arg of container.args ?? []) args.push(await withFreePort(arg, ports));
    const { namespace } = deployment.metadata;
    const controller = new Program({
      name,
      command: [program, ...args],
      env: {
        ...environmentOf(container, { "metadata.namespace": namespace, "metadata.name": name }),
        ...await this.#access(home, namespace, serviceAccountName),
        HOME: home,
      },
      logFile: join(home, "controller.log"),
    });
    cluster.plane.adopt(controller.pid);
    if (cluster.controllers.every(({ end }) => end)) this.#mark = cluster.audit.mark();
    const healthUrl = urlOf(ports.get("--health-probe-bind-address"));
    const started = Object.assign(controller, { healthUrl, metricsUrl: urlOf(ports.get("--metrics-addr")) });
    cluster.controllers.push(started);
    return started;
  }

  /** Where a kubelet would have put it, the account's token and the way to the API server. */
  async #access(home: string, namespace: string, account: string): Promise<Record<string, string>> {
    const { plane } = this.cluster;
    const token = await plane.serviceAccountToken(namespace, account);
    await writeMount(home, new Map([["token", token], ["ca.crt", plane.ca], ["namespace", namespace]]));
    const { hostname, port } = new URL(plane.url);
    return { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, ARC_SERVICE_ACCOUNT_DIR: home };
  }

  /**
   * Lets the garbage collector know the kinds that the chart brought: it looks for new ones every 30 s only, but at its
   * start too.
   */
  async collectGarbage(): Promise<void> {
    if (this.#collectorKnows) return;
    this.#collectorKnows = true;
    await this.cluster.plane.restart("kube-controller-manager");
  }

  /** Waits until a scale set's one listener runs and has its session. @returns its pod */
  async listening(name = "linux", limitMs = 60_000): Promise<Pod> {
    return await eventually(`the listener of ${name} runs and listens`, async () => {
      this.cluster.failOnDead();
      const [pod, ...more] = (await this.#listenerPods()).filter(({ metadata }) =>
        metadata.labels?.[SET_NAME] === name
      );
      const isOne = more.length === 0 && !pod?.metadata.deletionTimestamp && pod?.status?.phase === "Running";
      return isOne && this.#hasSession(name) ? pod : undefined;
    }, limitMs).catch((error) => this.#explain(error));
  }

  /** Waits until the controller itself listens for a scale set. */
  async listeningItself(name = "linux", limitMs = 60_000): Promise<undefined> {
    await eventually(`there is a session for ${name}, and no listener's pod`, async () => {
      this.cluster.failOnDead();
      return this.#hasSession(name) && (await this.#listenerPods()).length === 0;
    }, limitMs).catch((error) => this.#explain(error));
  }

  async #listenerPods() {
    return (await this.cluster.list(PODS)).filter((pod) => roleOf(pod) === "listener");
  }

  #hasSession(name: string): boolean {
    return this.cluster.service.scaleSets().some((set) => set.name === name && set.sessionOwner !== undefined);
  }

  /** Waits until the listener has this limit, and listens. */
  async maxRunners(count: number, limitMs = 60_000): Promise<void> {
    await eventually(`a listener for ${count} runners`, async () => {
      this.cluster.failOnDead();
      const specs = (await this.cluster.list(AUTOSCALING_LISTENERS)).map(({ spec }) => spec);
      return specs.length === 1 && specs[0]?.maxRunners === count;
    }, limitMs).catch((error) => this.#explain(error));
    await this.listening("linux", limitMs);
  }

  /** Everything in our namespaces and of no namespace that was not there at the start; at the service, everything. */
  async leftovers(): Promise<string[]> {
    const objects = await this.#objects();
    return [...objects.filter((path) => !this.#before.has(path)), ...await this.cluster.leftovers()];
  }

  /** Waits until nothing is left but what is expected. */
  async onlyLeft(isExpected: (path: string) => boolean, limitMs = 60_000): Promise<void> {
    let rest: string[] = [];
    await eventually("everything is gone", async () => {
      this.cluster.failOnDead();
      rest = (await this.leftovers()).filter((path) => !isExpected(path));
      return rest.length === 0;
    }, limitMs).catch((error) => this.#explain(error, rest.join("\n")));
  }

  /** What controllers and listeners were refused for want of rights since there were any, without a break. */
  denied(): Audited[] {
    const isOurs = ({ user }: Audited) => user.startsWith(`system:serviceaccount:${CONTROLLER_NAMESPACE}:`);
    return this.cluster.audit.since(this.#mark).filter((request) => isOurs(request) && request.status === 403);
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    if (!process.env.ARC_KEEP) rmSync(this.#folder, { recursive: true, force: true });
  }

  #explain(cause: unknown, more = ""): never {
    throw new Error(`${String(cause)}\n${more}\n${this.cluster.controllers.at(-1)?.logTail() ?? ""}`, { cause });
  }

  async #objects(): Promise<string[]> {
    type Items = { items: { metadata: { name: string; namespace?: string } }[] };
    const found: string[] = [];
    for (const path of COLLECTIONS) {
      const { status, text } = await this.cluster.plane.call("GET", path);
      if (status === 404) continue; // the CRDs are not there yet
      for (const { metadata: { name, namespace = "" } } of (JSON.parse(text) as Items).items) {
        const isOurs = namespace === "" || [CONTROLLER_NAMESPACE, SET_NAMESPACE].includes(namespace);
        if (isOurs && !OF_EACH_NAMESPACE.includes(name)) found.push(`${path} ${namespace}/${name}`);
      }
    }
    return found;
  }

  async #get<T>(path: string): Promise<T> {
    const { status, text } = await this.cluster.plane.call("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${text}`);
    return JSON.parse(text) as T;
  }
}

/** `--name=:8080` with a free loopback port instead, for all processes share this machine; others as they are. */
async function withFreePort(arg: string, ports: Map<string, string>): Promise<string> {
  const [, name] = /^(--[a-z-]+)=\S*:\d+$/.exec(arg) ?? [];
  if (name === undefined) return arg;
  const address = `127.0.0.1:${await freePort()}`;
  ports.set(name, address);
  return `${name}=${address}`;
}

function urlOf(address: string | undefined): string {
  return address === undefined ? "" : `http://${address}`;
}

function environmentOf({ env = [] }: Container, fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(env.map(({ name, value, valueFrom }) => {
    const text = value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ""];
    if (text === undefined) throw new Error(`the environment's ${name} comes from what is not here`);
    return [name, text];
  }));
}
