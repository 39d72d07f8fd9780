/**
 * Every node of a simulated cluster at once: schedules pods, starts and ends their containers, writes their status. It
 * knows an API server by HTTP only, simulated or real. What it does not do: images, volumes but secrets and config
 * maps, probes, resources, restarts of containers (restartPolicy is taken as Never), logs. A pod with a runner's JIT
 * configuration is a runner, one with a listener's configuration is a listener; all others run until they are deleted.
 */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Pod, refOf } from "../../k8s/resource.ts";
import type { ActionsServiceSim } from "../actions_service/service.ts";
import { Timers } from "../timers.ts";
import { KubeletApi, KubeletApiError, type KubeletServer } from "./api.ts";
import { NORMAL, type PodFate } from "./fate.ts";
import { KubeletLedger, type PodRecord } from "./ledger.ts";
import type { ListenerProgram } from "./listener_program.ts";
import { unknownStatus } from "./pod_status.ts";
import { PodWorker } from "./pod_worker.ts";
import { roleOf } from "./roles.ts";
import type { KubeletSettings } from "./settings.ts";

export interface KubeletOptions {
  readonly kube: KubeletServer;
  readonly clock: Clock;
  /** Where runners connect to. */
  readonly service: ActionsServiceSim;
  /** What runs in listeners' containers; without it they idle. */
  readonly listener?: ListenerProgram;
  /** Between a pod's appearance and its binding, in ms. Default 50. */
  readonly bindDelayMs?: number;
  /** Between binding and the start of the containers, in ms. Default 500. */
  readonly startDelayMs?: number;
  /** Between the runner container's start and its connection to the service, in ms. Default 0. */
  readonly connectDelayMs?: number;
  /** Between the end of a runner's job and the end of its container, in ms. Default 200. */
  readonly exitDelayMs?: number;
  /** How often mounted secrets are read again, in ms. Default 60,000; also at once when a pod's annotations change. */
  readonly volumeRefreshMs?: number;
  /** Default: three nodes. */
  readonly nodes?: readonly string[];
  /** What befalls a pod. Default: nothing. */
  fateOf?(pod: Pod, role: PodRecord["role"]): PodFate;
}

const REWATCH_MS = 200;
const SHUTDOWN_LOOK_MS = 20;

/** The simulated nodes. */
export class Kubelet {
  readonly ledger = new KubeletLedger();
  readonly settings: KubeletSettings;
  /** Replaceable: what befalls the pods that come. */
  fateOf: (pod: Pod, role: PodRecord["role"]) => PodFate;
  readonly #api: KubeletApi;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #stop = new AbortController();
  readonly #workers = new Map<string, PodWorker>();
  #nodes: string[];
  #turn = 0;
  #loop: Promise<void> | undefined;

  constructor(options: KubeletOptions) {
    this.#clock = options.clock;
    this.#timers = new Timers(options.clock);
    this.#api = new KubeletApi(options.kube, options.clock, this.#stop.signal);
    this.#nodes = [...(options.nodes ?? ["node-1", "node-2", "node-3"])];
    this.fateOf = options.fateOf ?? (() => NORMAL);
    this.settings = {
      clock: options.clock,
      timers: this.#timers,
      service: options.service,
      listener: options.listener,
      bindDelayMs: options.bindDelayMs ?? 50,
      startDelayMs: options.startDelayMs ?? 500,
      connectDelayMs: options.connectDelayMs ?? 0,
      exitDelayMs: options.exitDelayMs ?? 200,
      volumeRefreshMs: options.volumeRefreshMs ?? 60_000,
      nextNode: () => this.#nodes[this.#turn++ % this.#nodes.length]!,
    };
  }

  /** Begins to watch pods. */
  start(): void {
    this.#loop ??= this.#watch();
  }

  /** Asks the listeners to end, as a node does that is shut down, and waits for them no longer than `graceMs`. */
  async endListeners(graceMs: number): Promise<void> {
    const listeners = [...this.#workers.values()].filter((worker) => worker.isRunningListener);
    for (const worker of listeners) worker.terminate(graceMs / 1000);
    const limit = this.#clock.monotonic() + graceMs;
    while (listeners.some((worker) => worker.isRunningListener) && this.#clock.monotonic() < limit) {
      await this.#clock.sleep(SHUTDOWN_LOOK_MS);
    }
  }

  /** Ends it: containers are killed, nothing more is written. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the kubelet stops"));
    for (const worker of this.#workers.values()) worker.loseNode();
    this.#timers.close();
    await this.#loop;
  }

  /** The pods that it knows now. */
  pods(): Pod[] {
    return [...this.#workers.values()].map((worker) => worker.pod);
  }

  get nodes(): readonly string[] {
    return this.#nodes;
  }

  /** Evicts a pod: phase Failed, its containers killed. */
  evict(uid: string, reason = "Evicted", message = "The node was low on resource: memory."): void {
    this.#workers.get(uid)?.evict(reason, message);
  }

  /** Says that a deletion of this pod is not the doing of the program under test. */
  excuse(uid: string, why: string): void {
    this.#workers.get(uid)?.excuse(why);
  }

  /**
   * A node is gone at once, with all that ran on it; another one takes its place.
   * @param afterMs when its pods are removed from the API server; until then they stand there as they were, or as
   *   Unknown when `unknown` says so
   */
  loseNode(node: string, afterMs = 0, unknown = false): void {
    const lost = [...this.#workers.values()].filter((worker) => worker.node === node);
    this.#nodes = this.#nodes.map((name) => name === node ? nextName(name) : name);
    for (const worker of lost) {
      worker.loseNode();
      const { pod } = worker;
      if (unknown && pod.status?.phase === "Running") this.#try(() => this.#api.writeStatus(pod, unknownStatus(pod)));
      this.#timers.after(afterMs, () => this.#try(() => this.#api.remove(pod)));
    }
  }

  /** A pod's object is removed by hand, with grace 0. */
  removeByHand(uid: string): void {
    const worker = this.#workers.get(uid);
    if (!worker) return;
    worker.excuse("removed by hand");
    this.#try(() => this.#api.remove(worker.pod));
  }

  async #watch(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        let { items, resourceVersion } = await this.#api.listPods();
        this.#reset(items);
        for (;;) resourceVersion = await this.#follow(resourceVersion);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const status = error instanceof KubeletApiError ? error.status : 0;
        if (status !== 410 && status !== 0 && status < 429) this.ledger.problems.push(`watch: ${messageOf(error)}`);
        await this.#clock.sleep(REWATCH_MS, this.#stop.signal).catch(() => {}); // the loop's condition sees the end
      }
    }
  }

  /** One watch request. @returns the version to go on from */
  async #follow(from: string): Promise<string> {
    let version = from;
    for await (const { type, object } of this.#api.watchPods(from)) {
      if (type === "ERROR") {
        throw new KubeletApiError("watch", { status: object.code ?? 500, headers: {}, text: "" });
      }
      version = object.metadata?.resourceVersion ?? version;
      if (type === "DELETED") this.#gone(refOf(object).uid);
      else if (type !== "BOOKMARK") this.#seen(object);
    }
    if (version === from) await this.#clock.sleep(REWATCH_MS, this.#stop.signal);
    return version;
  }

  #reset(pods: readonly Pod[]): void {
    const uids = new Set(pods.map((pod) => refOf(pod).uid));
    for (const uid of [...this.#workers.keys()]) if (!uids.has(uid)) this.#gone(uid);
    for (const pod of pods) this.#seen(pod);
  }

  #gone(uid: string): void {
    this.#workers.get(uid)?.vanished();
    this.#workers.delete(uid);
  }

  #seen(pod: Pod): void {
    const { uid, name, namespace = "" } = refOf(pod);
    const known = this.#workers.get(uid);
    if (known) return known.update(pod);
    const phase = pod.status?.phase;
    if (this.ledger.pods.has(uid) || phase === "Succeeded" || phase === "Failed") return;
    const role = roleOf(pod);
    const record: PodRecord = {
      uid,
      namespace,
      name,
      role,
      seenAt: this.#clock.now(),
      node: pod.spec?.nodeName,
      startedAt: undefined,
      toldToEndAt: undefined,
      endedAt: undefined,
      exitCode: undefined,
      reason: undefined,
      agentId: undefined,
      jobId: undefined,
      disturbedBy: undefined,
      removedAt: undefined,
    };
    this.ledger.pods.set(uid, record);
    const worker = new PodWorker({
      settings: this.settings,
      api: this.#api,
      record,
      fate: this.fateOf(pod, role),
      violate: (what) => this.ledger.violations.push(what),
      problem: (what) => this.ledger.problems.push(what),
    }, pod);
    this.#workers.set(uid, worker);
    void worker.run();
    worker.update(pod);
  }

  #try(send: () => Promise<void>): void {
    send().catch((error) => {
      const status = error instanceof KubeletApiError ? error.status : 0;
      // a pod that is gone already, or a kubelet that stops, is no problem
      if (status !== 404 && status !== 409 && !this.#stop.signal.aborted) this.ledger.problems.push(messageOf(error));
    });
  }
}

function nextName(node: string): string {
  const [, stem = node, count = "1"] = /^(.*?)(?:r(\d+))?$/.exec(node) ?? [];
  return `${stem}r${Number(count) + 1}`;
}
