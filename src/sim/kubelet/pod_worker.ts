import { messageOf } from "../../lib/errors.ts";
import { isDeleting, type Pod, PODS, refOf } from "../../k8s/resource.ts";
import type { RunnerLink } from "../actions_service/runner_link.ts";
import { type KubeletApi, KubeletApiError } from "./api.ts";
import { ContainerConfigError } from "./container_env.ts";
import { Containers } from "./containers.ts";
import type { Exit, PodFate } from "./fate.ts";
import type { PodRecord } from "./ledger.ts";
import type { MountedFiles } from "./listener_program.ts";
import { type MainContext, type MainProcess, prepareMain, refreshFiles } from "./main_process.ts";
import { rejectedStatus, type StatusFacts, unschedulableStatus } from "./pod_status.ts";
import type { KubeletSettings } from "./settings.ts";
import { rejection, until } from "./signals.ts";

/** What a worker needs of its kubelet. */
export interface WorkerContext {
  readonly settings: KubeletSettings;
  readonly api: KubeletApi;
  readonly record: PodRecord;
  readonly fate: PodFate;
  violate(what: string): void;
  problem(what: string): void;
}

/** How often a call is repeated that the API server did not answer well, and after how long. */
const ATTEMPTS = 60;
const RETRY_MS = 1000;
const CONFIG_RETRY_MS = 2000;

/** The life of one pod on its node, from being seen until its object is gone. */
export class PodWorker {
  readonly #context: WorkerContext;
  readonly #main: MainContext;
  readonly #containers: Containers;
  readonly #term = new AbortController();
  readonly #kill = new AbortController();
  /** Aborted when nothing more is to be done for the pod. */
  readonly #over = new AbortController();
  #pod: Pod;
  #link: RunnerLink | undefined;
  #files: MountedFiles | undefined;
  #evicted: { reason: string; message: string } | undefined;
  #excused = false;
  /** Of the clock that never jumps: when SIGTERM's grace ends. */
  #graceEnd: number | undefined;

  constructor(context: WorkerContext, pod: Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#containers = new Containers(context.settings.clock.now());
    const connected = (link: RunnerLink) => {
      this.#link = link;
    };
    this.#main = { ...context, term: this.#term.signal, kill: this.#kill.signal, connected };
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Whether it is a listener whose process runs. */
  get isRunningListener(): boolean {
    const { role, startedAt, endedAt } = this.#context.record;
    return role === "listener" && startedAt !== undefined && endedAt === undefined;
  }

  get node(): string | undefined {
    return this.#context.record.node;
  }

  /** Takes the pod through its life. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#live();
    } catch (error) {
      if (!this.#over.signal.aborted) this.#context.problem(`pod ${this.#context.record.name}: ${messageOf(error)}`);
    }
  }

  /** The pod's object has changed. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    const touched = JSON.stringify(pod.metadata?.annotations) !== JSON.stringify(before.metadata?.annotations);
    if (touched && this.#files) void refreshFiles(this.#context, pod, this.#files);
    if (isDeleting(pod)) this.terminate(pod.metadata?.deletionGracePeriodSeconds ?? 0);
  }

  /** The pod's object is gone: whatever of it still runs is killed. */
  vanished(): void {
    this.#accuse("was removed");
    this.#context.record.removedAt = this.#context.settings.clock.now();
    this.#end("the pod is gone");
  }

  /** The node runs out of something: the pod ends as Failed. */
  evict(reason: string, message: string): void {
    this.excuse(reason);
    this.#evicted = { reason, message };
    this.#kill.abort();
  }

  /** The node is gone with everything on it; nobody writes a status any more. */
  loseNode(): void {
    this.excuse("NodeLost");
    this.#end("the node is lost");
  }

  /** What now becomes of the pod is not the doing of the program under test. */
  excuse(why: string): void {
    this.#excused = true;
    this.#context.record.disturbedBy ??= why;
  }

  #end(why: string): void {
    this.#kill.abort();
    this.#over.abort(new Error(why));
    const { record, settings } = this.#context;
    record.toldToEndAt ??= settings.clock.now();
    if (record.startedAt !== undefined) record.endedAt ??= settings.clock.now();
  }

  /** A runner with a job that is deleted by the program under test is a violation. */
  #accuse(what: string): void {
    const { record, violate } = this.#context;
    if (!this.#link?.busy || this.#excused) return;
    violate(`pod ${record.namespace}/${record.name} ${what} while its runner had a job`);
  }

  /** Its containers are told to end, and killed when the grace is over. */
  terminate(graceSeconds: number): void {
    const { clock, timers } = this.#context.settings;
    if (!this.#term.signal.aborted) {
      this.#accuse("was told to end");
      this.#context.record.toldToEndAt ??= this.#context.settings.clock.now();
      this.#term.abort();
    }
    const end = clock.monotonic() + graceSeconds * 1000;
    if (this.#graceEnd !== undefined && this.#graceEnd <= end) return;
    this.#graceEnd = end;
    timers.after(graceSeconds * 1000, () => this.#graceEnd === end && this.#kill.abort());
  }

  async #live(): Promise<void> {
    if (!this.#pod.spec?.nodeName && !(await this.#schedule())) return;
    const exit = await this.#start();
    if (exit) await this.#report(exit);
    await Promise.race([until(this.#term.signal), rejection(this.#over.signal)]);
    await this.#retry(() => this.#context.api.remove(this.#pod));
  }

  /** @returns whether a node has room */
  async #schedule(): Promise<boolean> {
    const { fate, settings, api, record } = this.#context;
    if (fate.kind === "unschedulable") {
      record.disturbedBy = "Unschedulable";
      await this.#retry(() => api.writeStatus(this.#pod, unschedulableStatus(settings.clock.now())));
      if (fate.forMs === undefined) return false;
      await this.#sleep(fate.forMs);
    }
    await this.#sleep(settings.bindDelayMs);
    const node = settings.nextNode();
    record.node = await this.#retry(() => this.#bind(node));
    return true;
  }

  /** Binds the pod. Where the answer to an earlier try got lost it is bound already. @returns its node */
  async #bind(node: string): Promise<string> {
    const { api } = this.#context;
    try {
      await api.bind(this.#pod, node);
      return node;
    } catch (error) {
      if (!(error instanceof KubeletApiError) || error.status !== 409) throw error;
      const { uid, name, namespace = "" } = refOf(this.#pod);
      const now = await api.get(PODS, namespace, name);
      if (refOf(now).uid !== uid || !now.spec?.nodeName) throw error;
      return now.spec.nodeName;
    }
  }

  /** From the node's first look at the pod to the end of its main container; undefined when that never started. */
  async #start(): Promise<Exit | undefined> {
    const { fate, settings, api, record } = this.#context;
    if (fate.kind === "rejected") {
      record.disturbedBy = record.reason = fate.reason;
      const message = fate.message ?? `Pod was rejected: ${fate.reason}`;
      await this.#retry(() => api.writeStatus(this.#pod, rejectedStatus(fate.reason, message, settings.clock.now())));
      return undefined;
    }
    if (await this.#isInterrupted(settings.startDelayMs + (fate.kind === "slow" ? fate.ms : 0))) return undefined;
    const code = fate.kind === "init-failure" ? fate.code : 0;
    if (!this.#containers.initialize(this.#pod, code, settings.clock.now())) {
      record.disturbedBy = record.reason = "InitFailure";
      await this.#write({ phase: "Failed" });
      return undefined;
    }
    if (fate.kind === "waiting") {
      record.disturbedBy = fate.reason;
      await this.#wait(fate.reason, fate.message);
      if (await this.#isInterrupted(fate.forMs ?? Infinity)) return undefined;
    }
    return await this.#runMain();
  }

  async #runMain(): Promise<Exit | undefined> {
    const { settings, record, fate } = this.#context;
    const process = await this.#prepare();
    if (!process) return undefined;
    this.#containers.startAll(this.#pod, settings.clock.now());
    record.startedAt = settings.clock.now();
    if (fate.kind === "exit" || fate.kind === "exit-with-job") record.disturbedBy = `exit ${fate.code}`;
    this.#files = process.files;
    this.#keepFilesFresh();
    const running = process.start();
    await this.#write({ phase: "Running" });
    const exit = await running;
    record.endedAt ??= settings.clock.now();
    record.exitCode = exit.code;
    record.reason ??= exit.reason;
    return exit;
  }

  /** Reads what the main container needs; waits, as Kubernetes does, while something is missing. */
  async #prepare(): Promise<MainProcess | undefined> {
    for (;;) {
      try {
        return await this.#retry(() => prepareMain(this.#main, this.#pod));
      } catch (error) {
        if (!(error instanceof ContainerConfigError)) throw error;
        await this.#wait("CreateContainerConfigError", error.message);
        if (await this.#isInterrupted(CONFIG_RETRY_MS)) return undefined;
      }
    }
  }

  /** The main container has ended: side-cars go on, unless the pod is to end. */
  async #report(exit: Exit): Promise<void> {
    const { record, settings } = this.#context;
    const others = this.#containers.endMain(this.#pod, exit, settings.clock.now());
    if (this.#evicted) {
      record.reason = this.#evicted.reason;
      return await this.#write({ phase: "Failed", ...this.#evicted });
    }
    if (others && !this.#term.signal.aborted) return await this.#write({ phase: "Running" });
    this.#containers.endAll(settings.clock.now());
    await this.#write({ phase: exit.code === 0 ? "Succeeded" : "Failed" });
  }

  #wait(reason: string, message?: string): Promise<void> {
    this.#containers.wait(this.#pod, reason, message);
    return this.#write({ phase: "Pending" });
  }

  async #write(facts: Pick<StatusFacts, "phase" | "reason" | "message">): Promise<void> {
    if (this.#over.signal.aborted) return;
    const status = this.#containers.status(this.#pod, { ...facts, now: this.#context.settings.clock.now() });
    await this.#retry(() => this.#context.api.writeStatus(this.#pod, status));
  }

  /** Lets time pass. @returns whether the pod is to end before it has started */
  async #isInterrupted(ms: number): Promise<boolean> {
    const [term, kill, over] = [this.#term.signal, this.#kill.signal, this.#over.signal];
    if (!term.aborted && !kill.aborted) {
      const done = new AbortController();
      const sleep = ms === Infinity ? until(over) : this.#sleep(ms, done.signal).catch(() => {}); // called off: see below
      await Promise.race([sleep, until(term, kill)]);
      done.abort();
    }
    if (over.aborted) throw over.reason;
    if (this.#evicted) await this.#write({ phase: "Failed", ...this.#evicted });
    return term.aborted || kill.aborted;
  }

  #sleep(ms: number, also?: AbortSignal): Promise<void> {
    const signal = also ? AbortSignal.any([this.#over.signal, also]) : this.#over.signal;
    return this.#context.settings.clock.sleep(ms, signal);
  }

  #keepFilesFresh(): void {
    const { settings, record } = this.#context;
    const files = this.#files;
    if (!files || this.#over.signal.aborted || record.endedAt !== undefined) return;
    settings.timers.after(settings.volumeRefreshMs, () => {
      void refreshFiles(this.#context, this.#pod, files);
      this.#keepFilesFresh();
    });
  }

  /** Repeats a call while the API server does not answer well; an object that is gone ends the pod's life. */
  async #retry<T>(send: () => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      if (this.#over.signal.aborted) throw this.#over.signal.reason;
      try {
        return await send();
      } catch (error) {
        const status = error instanceof KubeletApiError ? error.status : 0;
        // the object is not the one that the worker knows: the watch will say what became of it
        if (status === 404 || status === 409) return await rejection(this.#over.signal);
        const isFinal = error instanceof ContainerConfigError || (status >= 400 && status < 429);
        if (isFinal || attempt >= ATTEMPTS) throw error;
        await this.#sleep(RETRY_MS);
      }
    }
  }
}
