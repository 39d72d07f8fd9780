/**
 * A real Kubernetes control plane for tests: etcd, kube-apiserver and, when asked for, kube-controller-manager as
 * child processes on free loopback ports, from the binaries in KUBEBUILDER_ASSETS (envtest's convention: a folder with
 * those names). There is no kubelet and no scheduler: a test gives pods their status.
 *
 * RBAC is on. The ServiceAccount admission plugin is off unless asked for: it wants a `default` account in each
 * namespace. The processes end with this one, however it ends: a guard waits for the end of a pipe that only this
 * process holds open.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import {
  accessSync,
  appendFileSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type ControlPlaneOptions, type ControlPlaneProcess, flagsOf, type Layout } from "./control_plane_flags.ts";
import { ask, freePort, type Reply } from "./http.ts";

export type { ControlPlaneOptions, ControlPlaneProcess };

export interface ControlPlane {
  /** The API server, without a trailing slash. */
  readonly url: string;
  /** PEM: what the API server's certificate is to be checked with. */
  readonly ca: string;
  /** Bearer token of a user in the group system:masters, whom RBAC does not bind. */
  readonly adminToken: string;
  /** A kubeconfig of that user. */
  readonly kubeconfigPath: string;
  /** etcd's HTTP gateway is below `/v3/`. */
  readonly etcdUrl: string;
  /** Undefined without the option `audit`. */
  readonly auditLog: string | undefined;
  /** Holds data, logs (`kube-apiserver.log` and so on) and kubeconfigs; removed by {@link stop}. */
  readonly directory: string;
  /** Writes a kubeconfig for the bearer of `token` and returns its path. */
  kubeconfigFor(token: string, namespace?: string): string;
  /** A token of an existing service account, valid for an hour. */
  serviceAccountToken(namespace: string, name: string): Promise<string>;
  /** One JSON call as the admin, for a test's own arrangements. */
  call(method: string, path: string, body?: unknown): Promise<Reply>;
  /** A child of the test that is to end when this process does, however it ends. */
  adopt(pid: number): void;
  /** The process id, for tests that measure. */
  pid(which: ControlPlaneProcess): number | undefined;
  /** Ends one process as a crash would and starts it again, after so long, on its port and data. */
  restart(which: ControlPlaneProcess, downForMs?: number): Promise<void>;
  /** Makes every resource version up to now too old: compacts etcd and restarts the API server, which has a cache. */
  compact(): Promise<void>;
  /** Ends everything and removes the data. */
  stop(): Promise<void>;
}

/** Of these the log has what they became, with each write: what is on them at any time can be asked afterwards. */
const WITH_ANSWERS = {
  level: "RequestResponse",
  verbs: ["create", "update", "patch"],
  resources: [{ group: "actions.github.com", resources: ["ephemeralrunnersets", "autoscalingrunnersets"] }],
};

const REQUIRED = ["etcd", "kube-apiserver", "kube-controller-manager"] as const;
/** Undefined when a control plane can be started; otherwise one line that says why not. */
export function whyNoControlPlane(): string | undefined {
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (!assets) {
    return "KUBEBUILDER_ASSETS is not set: it names a folder with etcd, kube-apiserver, kube-controller-manager";
  }
  for (const name of REQUIRED) {
    try {
      accessSync(join(assets, name), constants.X_OK);
    } catch {
      return `KUBEBUILDER_ASSETS is ${assets}, which has no executable ${name}`;
    }
  }
  return undefined;
}

/** Whether {@link controlPlane} can work here. */
export function haveControlPlane(): boolean {
  return whyNoControlPlane() === undefined;
}

/**
 * Starts a control plane and waits until it is ready: 3 to 10 seconds.
 * @throws Error with the last lines of the log of the process that failed
 */
export async function controlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const why = whyNoControlPlane();
  if (why !== undefined) throw new Error(why);
  const plane = new Processes(process.env.KUBEBUILDER_ASSETS!, options);
  try {
    await plane.start();
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
}

class Processes implements ControlPlane {
  readonly directory: string;
  readonly adminToken = randomBytes(24).toString("hex");
  readonly #managerToken = randomBytes(24).toString("hex");
  readonly #assets: string;
  readonly #options: ControlPlaneOptions;
  readonly #running = new Map<ControlPlaneProcess, ChildProcess>();
  readonly #guard: ChildProcess;
  #etcdPort = 0;
  #peerPort = 0;
  #apiPort = 0;
  #configs = 0;

  constructor(assets: string, options: ControlPlaneOptions) {
    this.#assets = assets;
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), "arc-control-plane-"));
    writeFileSync(this.#file("pids"), "");
    this.#guard = guard(this.directory);
    this.#writeSecrets();
  }

  get url(): string {
    return `https://127.0.0.1:${this.#apiPort}`;
  }

  get etcdUrl(): string {
    return `http://127.0.0.1:${this.#etcdPort}`;
  }

  get ca(): string {
    return readFileSync(this.#file("certs/apiserver.crt"), "utf8");
  }

  get kubeconfigPath(): string {
    return this.#file("kubeconfig");
  }

  get auditLog(): string | undefined {
    return this.#options.audit ? this.#file("audit.log") : undefined;
  }

  async start(): Promise<void> {
    await this.#startOnFreePort("etcd");
    await this.#startOnFreePort("kube-apiserver");
    this.#writeKubeconfig(this.kubeconfigPath, this.adminToken, "default");
    if (!this.#options.controllerManager) return;
    this.#writeKubeconfig(this.#file("manager.kubeconfig"), this.#managerToken, "default");
    await this.#start("kube-controller-manager");
  }

  kubeconfigFor(token: string, namespace = "default"): string {
    const path = this.#file(`kubeconfig-${++this.#configs}`);
    this.#writeKubeconfig(path, token, namespace);
    return path;
  }

  async serviceAccountToken(namespace: string, name: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const answer = await this.call("POST", path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 3600 },
    });
    if (answer.status !== 201) throw new Error(`no token for ${namespace}/${name}: ${answer.text}`);
    return (JSON.parse(answer.text) as { status: { token: string } }).status.token;
  }

  call(method: string, path: string, body?: unknown): Promise<Reply> {
    return ask(`${this.url}${path}`, { method, ca: this.ca, token: this.adminToken, body });
  }

  adopt(pid: number): void {
    appendFileSync(this.#file("pids"), `${pid}\n`);
  }

  pid(which: ControlPlaneProcess): number | undefined {
    return this.#running.get(which)?.pid;
  }

  async restart(which: ControlPlaneProcess, downForMs = 0): Promise<void> {
    await this.#end(which, "SIGKILL");
    if (downForMs > 0) await new Promise((resolve) => setTimeout(resolve, downForMs));
    await this.#start(which);
  }

  async compact(): Promise<void> {
    const range = { key: Buffer.from("/registry").toString("base64") };
    const read = await ask(`${this.etcdUrl}/v3/kv/range`, { method: "POST", body: range });
    const { revision } = (JSON.parse(read.text) as { header: { revision: string } }).header;
    const done = await ask(`${this.etcdUrl}/v3/kv/compaction`, { method: "POST", body: { revision, physical: true } });
    if (done.status !== 200) throw new Error(`etcd did not compact: ${done.text}`);
    await this.restart("kube-apiserver");
  }

  async stop(): Promise<void> {
    for (const which of ["kube-controller-manager", "kube-apiserver", "etcd"] as const) {
      await this.#end(which, "SIGTERM");
    }
    this.#guard.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.directory, name);
  }

  #writeSecrets(): void {
    const { publicKey, privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "sec1", format: "pem" },
    });
    const secret = { mode: 0o600 };
    writeFileSync(this.#file("sa.key"), privateKey, secret);
    writeFileSync(this.#file("sa.pub"), publicKey);
    const tokens = [
      `${this.adminToken},admin,admin,"system:masters"`,
      `${this.#managerToken},system:kube-controller-manager,kube-controller-manager`,
    ];
    writeFileSync(this.#file("tokens.csv"), tokens.join("\n") + "\n", secret);
    const policy = {
      apiVersion: "audit.k8s.io/v1",
      kind: "Policy",
      omitStages: ["RequestReceived"],
      omitManagedFields: true,
      rules: [WITH_ANSWERS, { level: "Metadata" }],
    };
    writeFileSync(this.#file("audit-policy.json"), JSON.stringify(policy));
  }

  #writeKubeconfig(path: string, token: string, namespace: string): void {
    const ca = Buffer.from(this.ca).toString("base64");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server: this.url, "certificate-authority-data": ca } }],
      users: [{ name: "test", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace } }],
      "current-context": "test",
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  }

  /** A port that was free may be taken when the process binds it: then once more on another. */
  async #startOnFreePort(which: "etcd" | "kube-apiserver"): Promise<void> {
    for (let attempt = 1;; attempt++) {
      if (which === "etcd") [this.#etcdPort, this.#peerPort] = [await freePort(), await freePort()];
      else this.#apiPort = await freePort();
      try {
        return await this.#start(which);
      } catch (error) {
        if (attempt === 3 || !/address already in use/i.test(String(error))) throw error;
        await this.#end(which, "SIGKILL");
      }
    }
  }

  async #start(which: ControlPlaneProcess): Promise<void> {
    const log = openSync(this.#file(`${which}.log`), "a");
    const stdio: ["ignore", number, number] = ["ignore", log, log];
    const child = spawn(join(this.#assets, which), this.#flags(which), { stdio, detached: true });
    child.unref();
    this.#running.set(which, child);
    if (child.pid !== undefined) this.adopt(child.pid);
    const limit = Date.now() + (this.#options.timeoutMs ?? 60_000);
    while (!(await this.#ready(which))) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`${which} ended: ${this.#logTail(which)}`);
      }
      if (Date.now() > limit) throw new Error(`${which} is not ready in time: ${this.#logTail(which)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #ready(which: ControlPlaneProcess): Promise<boolean> {
    try {
      if (which === "etcd") return (await ask(`${this.etcdUrl}/health`, { method: "GET" })).status === 200;
      if (which === "kube-apiserver") return (await this.call("GET", "/readyz")).status === 200;
      // the first thing that it does for others to see
      return (await this.call("GET", "/api/v1/namespaces/default/serviceaccounts/default")).status === 200;
    } catch {
      return false; // not listening yet; the caller's limit ends the wait
    }
  }

  async #end(which: ControlPlaneProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#running.get(which);
    this.#running.delete(which);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.ref();
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(late);
  }

  #logTail(which: ControlPlaneProcess): string {
    return readFileSync(this.#file(`${which}.log`), "utf8").trimEnd().split("\n").slice(-15).join("\n");
  }

  #flags(which: ControlPlaneProcess): string[] {
    const layout: Layout = {
      directory: this.directory,
      etcdUrl: this.etcdUrl,
      peerUrl: `http://127.0.0.1:${this.#peerPort}`,
      apiPort: this.#apiPort,
    };
    return flagsOf(which, layout, this.#options);
  }
}

/** Outlives this process just long enough to end its children and remove their data. */
function guard(directory: string): ChildProcess {
  const script =
    'trap "" INT TERM HUP; cat >/dev/null; while read -r pid; do kill -9 "$pid"; done <"$1/pids"; rm -rf "$1"';
  const child = spawn("sh", ["-c", script, "guard", directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  return child;
}
