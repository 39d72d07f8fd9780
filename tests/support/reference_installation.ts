/** A scale set at work as ARC leaves it, from the fixtures, on a test's cluster: as if its controller had just ended. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import * as kinds from "../../src/api/kinds.ts";
import { listenerNameOf } from "../../src/api/names.ts";
import { connect } from "../../src/github/client.ts";
import { type KubeObject, pathOf, PODS, type Resource, ROLE_BINDINGS, ROLES } from "../../src/k8s/resource.ts";
import { SECRETS, SERVICE_ACCOUNTS } from "../../src/k8s/resource.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parseConfigUrl } from "../../src/lib/config_url.ts";
import { nodeTransports } from "../../src/lib/http_node.ts";
import { silentLog } from "../../src/lib/log.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { NORMAL, type PodFate } from "../../src/sim/kubelet/fate.ts";
import type { ListenerProgram } from "../../src/sim/kubelet/listener_program.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { referenceListenerIn } from "./reference.ts";
import { REFERENCE, type ReferenceVersion } from "./reference_crds.ts";

type Manifest = KubeObject & {
  readonly kind: string;
  readonly metadata: NonNullable<KubeObject["metadata"]>;
  readonly spec?: { readonly serviceAccountName?: string };
  readonly status?: object;
};

const NAMESPACE = "arc-runners";
const KINDS: readonly Resource[] = [
  ...[kinds.AUTOSCALING_RUNNER_SETS, kinds.AUTOSCALING_LISTENERS, kinds.EPHEMERAL_RUNNER_SETS, kinds.EPHEMERAL_RUNNERS],
  ...[PODS, SECRETS, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS],
];
/** What the pending runner's pod takes longer to start than others. */
const SLOW: PodFate = { kind: "slow", ms: 20_000 };
const SHORT_MS = 500;

/** The reference's listener, in a pod of this cluster. */
export function referenceListenerOn(
  { plane, service, seed }: Cluster,
  onError: (error: unknown) => void,
): ListenerProgram {
  const transport = nodeTransports({ ca: plane.ca, caOnly: true });
  return referenceListenerIn({
    clock: systemClock,
    random: seededRandom(seed),
    transport: (request) => service.handle(request),
    kubeServer: (token) => ({
      baseUrl: plane.url,
      namespace: "arc-systems",
      transport,
      authorization: () => Promise.resolve(`Bearer ${token}`),
    }),
    onError,
  });
}

export class ReferenceInstallation {
  readonly version: ReferenceVersion;
  /** The runner set's name. */
  readonly runnerSet: string;
  /** The listener's. */
  readonly listener: string;
  scaleSetId = 0;
  /** A job that is over, by the runner that had it. */
  readonly done = new Map<string, string>();
  /** Jobs that run, by the runner that has them. */
  readonly running = new Map<string, string>();
  readonly #cluster: Cluster;
  readonly #longMs: number;
  readonly #facts = new Map<string, string>();

  /** @param longMs how long the jobs last that run */
  constructor(cluster: Cluster, version: ReferenceVersion, longMs: number) {
    this.version = version;
    this.#cluster = cluster;
    this.#longMs = longMs;
    this.runnerSet = version === "0.14.2" ? "linux-x7k2p" : "linux";
    const set = { name: "linux", namespace: NAMESPACE, githubConfigUrl: cluster.configUrl };
    this.listener = listenerNameOf(set);
    this.#facts.set("configUrl", cluster.configUrl).set("listener", this.listener);
  }

  /** Makes everything, and lets its jobs start. The cluster's `otherListener` runs in the listener's pod. */
  async install(): Promise<void> {
    const cluster = this.#cluster;
    const slow = this.runner("m9n2p");
    cluster.kubelet.fateOf = ({ metadata }) => metadata?.name === slow ? SLOW : NORMAL;
    const service = this.#service();
    const { id } = await service.createScaleSet({ name: "linux", runnerGroupId: 1, labels: ["linux"] });
    this.scaleSetId = id;
    this.#facts.set("scaleSetId", String(id));

    const release = this.#read("release.yaml");
    await cluster.applyRelease(
      NAMESPACE,
      release.map((object) => ({ path: this.#pathOf(object), object: { ...object } })),
    );
    const texts = ["by_hand.yaml", `${this.version}/scale_set.yaml`].flatMap((file) => this.#texts(file));
    for (const text of texts) await this.#make(text);
    await eventually("the listener has its session", async () => cluster.service.scaleSets()[0]?.sessionOwner);

    for (const [name, texts] of this.#runners()) {
      if (texts.some((text) => text.includes("${jit:"))) {
        const { encoded, runnerId } = await service.generateJitConfig(id, { name, workFolder: "" });
        this.#facts.set(`jit:${name}`, encoded).set(`runnerId:${name}`, String(runnerId));
      }
      const ends: (() => Promise<void>)[] = [];
      for (const text of texts) ends.push(await this.#make(text, name));
      await this.#work(name, texts);
      for (const end of ends) await end();
    }
  }

  /** Deletes the scale set and its release, as `helm uninstall` does, and waits until that is gone. */
  async uninstall(): Promise<void> {
    await this.#cluster.plane.call("DELETE", pathOf(kinds.AUTOSCALING_RUNNER_SETS, NAMESPACE, "linux"));
    await this.#cluster.deleteScaleSets();
  }

  /** The full name of a runner of the fixtures. */
  runner(end: string): string {
    return `${this.runnerSet}-runner-${end}`;
  }

  /** Gives the runner its job, if it is one that has one. */
  async #work(name: string, texts: readonly string[]): Promise<void> {
    const { service } = this.#cluster;
    if (!texts.some((text) => text.includes("${jobId:"))) return;
    const isOver = name.endsWith("q4r5s");
    const job = service.queueJob({ scaleSetName: "linux", durationMs: isOver ? SHORT_MS : this.#longMs });
    (isOver ? this.done : this.running).set(name, job);
    this.#facts.set(`jobId:${name}`, job);
    await eventually(`${name} has its job`, async () => {
      const record = service.ledger.jobs.get(job);
      return isOver ? record?.completedAt : record?.startedAt;
    });
  }

  /** Creates one object. @returns what gives it its status, and deletes it if it is one that is being deleted */
  async #make(text: string, runner?: string): Promise<() => Promise<void>> {
    const { plane } = this.#cluster;
    // Its job is known only when it works.
    const [object] = this.#parse(text.replaceAll(`\${jobId:${runner}}`, "JOB"));
    const { status, metadata: { deletionTimestamp, ...metadata } } = object!;
    const path = this.#pathOf(object!);
    const made = await plane.call("POST", `${path}?fieldValidation=Strict`, { ...object, metadata, status: undefined });
    if (made.status !== 201) throw new Error(`${path} ${metadata.name}: ${made.text}`);
    const there = JSON.parse(made.text) as Manifest;
    this.#facts.set(`uid:${object!.kind}/${metadata.name}`, there.metadata.uid ?? "");
    const end = async () => {
      const own = `${path}/${metadata.name}`;
      if (status) {
        await this.#say(
          own,
          JSON.parse(JSON.stringify(status).replace("JOB", this.#facts.get(`jobId:${runner}`) ?? "")),
        );
      }
      if (deletionTimestamp) await plane.call("DELETE", own);
    };
    if (runner !== undefined) return end;
    await end();
    return end;
  }

  async #say(path: string, status: object): Promise<void> {
    const { plane } = this.#cluster;
    await eventually(`${path} has its status`, async () => {
      const there = JSON.parse((await plane.call("GET", path)).text) as Manifest;
      // A listener may have written in between: what it has said stays.
      const said = { ...status, ...there.status };
      const { status: code, text } = await plane.call("PUT", `${path}/status`, { ...there, status: said });
      if (code !== 200 && code !== 409) throw new Error(`${path}: ${text}`);
      return code === 200;
    });
  }

  /** The documents of each runner, by its name, in their order. */
  #runners(): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const text of this.#texts(`${this.version}/runners.yaml`)) {
      const name = /^ {2}name: (\S+)$/m.exec(text)?.[1] ?? "";
      found.set(name, [...found.get(name) ?? [], text]);
    }
    return found;
  }

  #texts(file: string): string[] {
    return readFileSync(join(REFERENCE, file), "utf8").split(/^---$/m);
  }

  #read(file: string): Manifest[] {
    return this.#texts(file).flatMap((text) => this.#parse(text));
  }

  #parse(text: string): Manifest[] {
    const filled = text.replace(/\$\{((?:[^{}]|\$\{[^{}]+\})+)\}/g, (_, name: string) => this.#fact(name));
    return loadAll(filled) as unknown as Manifest[];
  }

  #fact(name: string): string {
    const known = this.#facts.get(name.replace("${listener}", this.listener));
    // Explained at the top of each file.
    if (known === undefined && name === "...") return name;
    if (known === undefined) throw new Error(`the world has nothing for \${${name}}`);
    return known;
  }

  #pathOf({ kind, metadata }: Manifest): string {
    const resource = KINDS.find((known) => known.kind === kind);
    if (!resource) throw new Error(`what is a ${kind}?`);
    return pathOf(resource, metadata.namespace);
  }

  /** The service as the former controller knew it. */
  #service() {
    return connect({
      configUrl: parseConfigUrl(this.#cluster.configUrl),
      credentials: { kind: "pat", token: "ghp_simulated" },
      transport: (request) => this.#cluster.service.handle(request),
      clock: systemClock,
      random: seededRandom(this.#cluster.seed),
      log: silentLog,
      userAgent: { version: "0.14.2", commit: "2ee6b3b", subsystem: "gha-scale-set-controller", scaleSetId: 0 },
    });
  }
}
