/** Message loops in the controller's own process: the same loop that runs in a listener pod. */
import type { ActionsService } from "../../github/service.ts";
import type { KubeClient } from "../../k8s/client.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { type ConfigUrl, parseConfigUrl } from "../../lib/config_url.ts";
import type { Log } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { unlessAborted } from "../../lib/abort.ts";
import { delayOf } from "../../lib/backoff.ts";
import { messageOf } from "../../lib/errors.ts";
import { LoopHealth } from "../../listener/health.ts";
import { runLoop } from "../../listener/loop.ts";
import type { LoopWaits, SessionKeeper } from "../../listener/loop_deps.ts";
import type { ListenerMetrics } from "../../listener/metrics.ts";
import { same } from "../shared/drift.ts";
import { type Problem, problemOf } from "../shared/problems.ts";
import type { ScaleSetGone } from "../shared/scale_set_gone.ts";
import type { GithubSource, Services } from "../shared/services.ts";
import type { LoopHost, LoopSpec, LoopState } from "./loop_host.ts";

export interface EmbeddedLoopsOptions {
  readonly kube: KubeClient;
  readonly services: Services;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Names this process to GitHub. */
  readonly owner: string;
  /** The metrics of one scale set's loop. */
  readonly metricsOf: (
    set: { readonly name: string; readonly namespace: string; readonly configUrl: ConfigUrl },
  ) => ListenerMetrics;
  /** Where the session's id is kept for the next leader. */
  readonly sessionsOf: (key: string) => SessionKeeper;
  readonly gone: ScaleSetGone;
  /** Has the key's listener looked at: what its condition says may have changed. */
  readonly wake: (key: string) => void;
  readonly waits?: Partial<LoopWaits>;
}

/** How long to wait before a source that can't be used is tried again. */
const SOURCE_RETRY = { firstMs: 1_000, maxMs: 30_000, jitter: 0.2 };

/** All loops of this process. */
export class EmbeddedLoops implements LoopHost {
  readonly #options: EmbeddedLoopsOptions;
  readonly #loops = new Map<string, EmbeddedLoop>();

  constructor(options: EmbeddedLoopsOptions) {
    this.#options = options;
  }

  ensure(key: string, spec: LoopSpec): void {
    const running = this.#loops.get(key);
    if (running?.takes(spec)) return;
    // Another scale set needs another session: the old one is ended first, then the listener is looked at again.
    if (running) {
      this.#stopLoop(key, running);
      return;
    }
    const loop = new EmbeddedLoop(key, spec, this.#options);
    this.#loops.set(key, loop);
    loop.start();
  }

  async stop(key: string): Promise<void> {
    const loop = this.#loops.get(key);
    if (loop) await this.#stopLoop(key, loop);
  }

  /** A source is read anew: loops that use it take up what it has become. */
  refreshed(source: GithubSource): void {
    for (const loop of this.#loops.values()) if (loop.uses(source)) loop.reread();
  }

  /** Ends all loops: the process gives the lease back, or ends. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#loops.keys()].map((key) => this.stop(key)));
  }

  state(key: string): LoopState | undefined {
    return this.#loops.get(key)?.state;
  }

  #stopLoop(key: string, loop: EmbeddedLoop): Promise<void> {
    return loop.stop().finally(() => {
      if (this.#loops.get(key) !== loop) return;
      this.#loops.delete(key);
      this.#options.wake(key);
    });
  }
}

class EmbeddedLoop {
  readonly #key: string;
  readonly #options: EmbeddedLoopsOptions;
  readonly #log: Log;
  readonly #abort = new AbortController();
  readonly #health: LoopHealth;
  readonly #listeners = new Set<() => void>();
  #spec: LoopSpec;
  #service: ActionsService | undefined;
  /** Resolves with the first service. */
  readonly #usable = Promise.withResolvers<ActionsService>();
  /** Why the source could not be read the last time. */
  #problem: Problem | undefined;
  #reading: Promise<void> | undefined;
  /** Readings that failed in a row. */
  #failures = 0;
  #retry: Timer | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(key: string, spec: LoopSpec, options: EmbeddedLoopsOptions) {
    this.#key = key;
    this.#spec = spec;
    this.#options = options;
    this.#log = options.log.with({ listener: key });
    this.#health = new LoopHealth(options.clock, () => this.#onHealth());
  }

  get state(): LoopState {
    const problem = this.#problem ?? this.#health.problem;
    const trouble = problem && { reason: "kind" in problem ? problem.kind : problem.reason, message: problem.message };
    const { phantomDemand, hasListened: listening } = this.#health;
    return {
      spec: this.#spec,
      stopping: this.#abort.signal.aborted,
      listening,
      ...(trouble && { trouble }),
      ...(phantomDemand > 0 && { phantomDemand }),
    };
  }

  /** Takes up what has changed. @returns false when that needs another loop */
  takes(spec: LoopSpec): boolean {
    const before = this.#spec;
    const isSame = before.scaleSetId === spec.scaleSetId && same(before.runnerSet, spec.runnerSet) &&
      before.source.githubConfigUrl === spec.source.githubConfigUrl && !this.#abort.signal.aborted;
    if (!isSame) return false;
    this.#spec = spec;
    if (!same(before.source, spec.source)) this.#read(false);
    else if (!same(before, spec)) this.#tell();
    return true;
  }

  uses({ namespace, githubConfigSecret }: GithubSource): boolean {
    const { source } = this.#spec;
    return source.namespace === namespace && source.githubConfigSecret === githubConfigSecret;
  }

  /** Not at once: whoever had the source forgotten may be this loop, which reads it by itself. */
  reread(): void {
    void Promise.resolve().then(() => this.#read(false));
  }

  start(): void {
    this.#done = this.#run().catch((error) => {
      if (!this.#abort.signal.aborted) this.#log.error("a message loop has ended", { error: messageOf(error) });
    });
  }

  /** Resolves when the session is ended and the loop too. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error("the listener is not wanted any more"));
    this.#retry?.cancel();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { kube, clock, random, owner, metricsOf, sessionsOf, gone, waits } = this.#options;
    void this.#read(false);
    const service = await unlessAborted(this.#usable.promise, this.#abort.signal);
    const { runnerSet, scaleSetId, source } = this.#spec;
    const configUrl = parseConfigUrl(source.githubConfigUrl ?? "");
    await runLoop({
      service: () => this.#service ?? service,
      kube,
      runnerSet,
      scaleSetId,
      owner,
      clock,
      random,
      log: this.#log,
      metrics: metricsOf({ ...runnerSet, configUrl }),
      health: this.#health,
      limits: () => ({ minRunners: this.#spec.minRunners, maxRunners: this.#spec.maxRunners }),
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      onRefused: () => this.#read(true),
      onMissing: () => {
        gone.report(`${runnerSet.namespace}/${runnerSet.name}`, scaleSetId);
        return Promise.resolve();
      },
      sessions: sessionsOf(this.#key),
      ...(waits && { waits }),
    }, this.#abort.signal);
  }

  /** Reads the source and takes the client that is made of it; those who ask meanwhile share the reading. */
  #read(fresh: boolean): Promise<void> {
    this.#reading ??= this.#readOnce(fresh).finally(() => this.#reading = undefined);
    return this.#reading;
  }

  async #readOnce(fresh: boolean): Promise<void> {
    const { services, wake } = this.#options;
    const { source } = this.#spec;
    const before = this.#problem;
    try {
      if (fresh) services.refresh(source);
      const service = await services.of(source);
      this.#problem = undefined;
      this.#failures = 0;
      this.#retry?.cancel();
      if (service !== this.#service) {
        this.#service = service;
        this.#usable.resolve(service);
        this.#tell();
      }
    } catch (error) {
      this.#problem = problemOf(error);
      this.#readAgain();
    }
    if (this.#problem?.message !== before?.message) wake(this.#key);
    // What has been read may be of a former source by now.
    if (!same(source, this.#spec.source)) await this.#readOnce(false);
  }

  /** Nobody else asks for a loop that waits for its first service, nor for one that goes on with what it has. */
  #readAgain(): void {
    const { clock, random } = this.#options;
    this.#retry?.cancel();
    if (this.#abort.signal.aborted) return;
    const fresh = this.#service === undefined;
    this.#retry = clock.after(delayOf(SOURCE_RETRY, this.#failures++, random), () => void this.#read(fresh));
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #onHealth(): void {
    this.#options.wake(this.#key);
  }
}
