/** Jobs for a {@link RunnerWorld}: a service that assigns them, and a listener that counts, each with its own lateness. */
import type { EphemeralRunner } from "../../src/api/kinds.ts";
import type { Stored } from "../../src/k8s/resource.ts";
import type { RunnerWorld } from "./runner_world.ts";

export interface TrafficOptions {
  readonly min?: number;
  readonly max?: number;
  /** How long a job takes, in milliseconds. */
  readonly jobMs: number;
  /** From JobStarted to its facts on the runner. */
  readonly factsMs?: number;
  /** How old the statistics in messages are. */
  readonly statisticsMs?: number;
  /** From JobCompleted to the end of the pod; negative: the pod ends first. */
  readonly podEndsMs?: number;
  /** Messages are handled together, every so often. Default 10 ms. */
  readonly messageMs?: number;
  /** Jobs that the statistics count too much. */
  readonly phantom?: number;
  /** Another listener's patches: no runningJobs, no generation. */
  readonly foreign?: boolean;
}

interface Counts {
  readonly at: number;
  readonly assigned: number;
  readonly running: number;
}

export class Traffic {
  readonly #world: RunnerWorld;
  readonly #options: TrafficOptions;
  readonly #history: Counts[] = [];
  #waiting = 0;
  #running = 0;
  #patchId = 0;
  #known = { started: 0, completed: 0 };
  /** Facts of jobs that the next message brings. */
  #events: { readonly kind: "started" | "completed"; readonly runner: Stored<EphemeralRunner> }[] = [];
  done = 0;
  submitted = 0;
  #last = "";

  constructor(world: RunnerWorld, options: TrafficOptions) {
    this.#world = world;
    this.#options = options;
    this.#note();
    this.#tick();
  }

  /** Jobs come. */
  submit(count: number): void {
    if (count === 0) return;
    this.submitted += count;
    this.#waiting += count;
    this.#note();
  }

  /** Waiting jobs are cancelled. */
  cancel(count: number): void {
    this.#waiting -= Math.min(count, this.#waiting);
    this.#note();
  }

  /** The listener starts again: what it counted itself is as the session says. */
  restartListener(): void {
    this.#known = { started: this.#running, completed: 0 };
    this.#patchId = 0;
    this.#last = "";
    this.#note();
  }

  /** The last message comes once more: the count is written again, and the facts are known. */
  repeat(): void {
    const [replicas = 0, running] = this.#last.split(" ").map(Number);
    this.#world.demand(replicas, running, this.#patchId++);
  }

  get waiting(): number {
    return this.#waiting;
  }

  #note(): void {
    const at = this.#world.clock.monotonic();
    this.#history.push({ at, assigned: this.#waiting + this.#running, running: this.#running });
    const { statisticsMs = 0, messageMs = 10 } = this.#options;
    this.#poll(messageMs);
    if (statisticsMs > 0) this.#poll(messageMs + statisticsMs);
  }

  #poll(ms: number): void {
    this.#world.clock.after(ms, () => this.#message());
  }

  /** Idle runners take jobs. */
  #tick(): void {
    for (const runner of this.#waiting > 0 ? this.#world.idle : []) {
      if (this.#waiting === 0) break;
      this.#start(runner);
    }
    this.#world.clock.after(20, () => this.#tick());
  }

  #start(runner: Stored<EphemeralRunner>): void {
    const { jobMs, podEndsMs = 0 } = this.#options;
    const { clock } = this.#world;
    this.#world.assign(runner);
    this.#waiting--;
    this.#running++;
    this.#events.push({ kind: "started", runner });
    this.#note();
    clock.after(jobMs, () => {
      this.#running--;
      this.done++;
      this.#world.service.complete(runner.metadata.name);
      this.#events.push({ kind: "completed", runner });
      this.#note();
    });
    clock.after(jobMs + podEndsMs, () => this.#world.exit(runner));
  }

  /** What the listener does with a message: the count first, then the facts. */
  #message(): void {
    const { statisticsMs = 0, min = 0, max = 1_000_000, factsMs = 0, phantom = 0, foreign } = this.#options;
    const now = this.#world.clock.monotonic();
    const seen = this.#history.findLast(({ at }) => at <= now - statisticsMs) ?? this.#history[0]!;
    const events = this.#events;
    this.#events = [];
    for (const { kind } of events) this.#known[kind]++;
    const assigned = seen.assigned + phantom;
    const running = Math.max(seen.running, this.#known.started - this.#known.completed);
    const replicas = Math.min(min + assigned, max);
    const text = `${replicas} ${foreign ? "" : running}`;
    const generation = text === this.#last && events.length === 0
      ? undefined
      : this.#world.demand(replicas, foreign ? undefined : running, this.#patchId++);
    this.#last = text;
    for (const { kind, runner } of events) {
      if (kind !== "started") continue;
      this.#world.clock.after(factsMs, () => this.#world.facts(runner, foreign ? undefined : generation));
    }
  }
}
