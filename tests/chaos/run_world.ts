/** A world from its first moment to its last, and what is wrong with it. */
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { violationsOf } from "../../src/sim/invariants.ts";
import { ChaosSystem } from "./chaos_system.ts";
import { faultNamed, faultsOf } from "./fault_table.ts";
import { HORIZON_MS, type WorldPlan } from "./plan.ts";
import { openJobs, unsettled } from "./verdict.ts";
import { Watcher } from "./watcher.ts";

export interface Outcome {
  readonly plan: WorldPlan;
  /** What is broken, if anything. */
  readonly violation: string | undefined;
  /** How often each fault was felt. */
  readonly fired: ReadonlyMap<string, number>;
  /** How often each decision was taken, by `controller/word`. */
  readonly decided: ReadonlyMap<string, number>;
  readonly digest: string;
  /** Virtual time at the end, in ms. */
  readonly atMs: number;
  readonly timeline: readonly string[];
  readonly figures: Figures;
  /** What is in the API server, when something is broken. */
  readonly objects: Readonly<Record<string, readonly object[]>>;
}

export interface Figures {
  readonly jobs: number;
  readonly lost: number;
  readonly made: number;
}

export interface RunOptions {
  readonly logLevel?: "debug" | "info" | "warn";
  readonly timelineLines?: number;
}

/** Without a fault in force, nothing may take longer than this: the longest back-off and two minutes. */
const SETTLED_WITHIN_MS = 2 * 60_000 + 6 * 60_000;
/**
 * A container that outlives its job is found by the check of registrations, another secret by the resync: each comes
 * every 10 min, and half as often while a clock that was set back is caught up with. Demand that is not real is trimmed
 * when it has stood for 15 min.
 */
const SLOWLY_WITHIN_MS = 25 * 60_000;
/** A version of the runner that was refused is tried again after half an hour. */
const TRIAL_WITHIN_MS = 70 * 60_000;
/** While jobs come to their end, something must move within this time. */
const STANDSTILL_MS = 12 * 60_000;
const JOBS_WITHIN_MS = 4 * 3_600_000;
const LOOK_EVERY_MS = 2_000;
/**
 * A poll that hangs is dropped after 3 min, and a message that was lost on its way comes again after 5; that all is at
 * rest is told when the poll after it ends with nothing.
 */
const CALM_MS = 390_000;
const REST_MS = 5 * 60_000;
/** Reads of a resync and renewals of tokens, for each scale set and process. */
const CALLS_AT_REST = 40;

export async function runWorld(plan: WorldPlan, options: RunOptions = {}): Promise<Outcome> {
  const { logLevel = "warn", timelineLines = 0 } = options;
  const late: { watcher?: Watcher } = {}; // it watches the system, which tells it
  const system = new ChaosSystem({
    plan,
    logLevel,
    timelineLines,
    onLine: (line) => late.watcher?.line(line),
    onSend: (running, method, url) => late.watcher?.sent(running, method, url),
  });
  const watcher = late.watcher = new Watcher(system);
  const story = new Story(plan, system, watcher);
  let violation: string | undefined;
  let objects: Outcome["objects"] = {};
  try {
    violation = await story.tell().catch((error: Error) => `the world itself failed: ${error.stack}`);
    if (violation !== undefined) objects = system.world.kube.snapshot();
  } finally {
    await system.close();
  }
  const { world, clock } = system;
  const jobs = [...world.service.ledger.jobs.values()];
  return {
    plan,
    violation,
    fired: world.faults.fired,
    decided: await system.decisions(),
    digest: world.timeline.digest,
    atMs: clock.monotonic(),
    timeline: world.timeline.lines(),
    objects,
    figures: {
      jobs: jobs.length,
      lost: jobs.filter((job) => job.lost).length,
      made: world.service.ledger.jits.size,
    },
  };
}

class Story {
  readonly #plan: WorldPlan;
  readonly #system: ChaosSystem;
  readonly #watcher: Watcher;

  constructor(plan: WorldPlan, system: ChaosSystem, watcher: Watcher) {
    this.#plan = plan;
    this.#system = system;
    this.#watcher = watcher;
  }

  /** @returns what is broken */
  async tell(): Promise<string | undefined> {
    const chapters = [
      () => this.#trouble(),
      () => this.#jobsEnd(),
      () => this.#settles(),
      () => this.#probe(),
      () => this.#rests(),
      () => this.#ends(),
    ];
    for (const chapter of chapters) {
      const wrong = await chapter() ?? this.#watcher.violation ?? violationsOf(this.#system.world.books())[0];
      if (wrong !== undefined) return this.#watcher.violation ?? wrong;
    }
    return undefined;
  }

  /** Jobs and faults come. */
  async #trouble(): Promise<undefined> {
    const { jobs, faults } = this.#plan;
    const { clock, world } = this.#system;
    await this.#system.start();
    for (const { atMs, ...job } of jobs) clock.after(atMs, () => world.service.queueJob(job));
    const table = faultsOf(this.#system);
    for (const { atMs, name, seed } of faults) {
      clock.after(atMs, () => {
        world.timeline.add(`-- fault: ${name}`);
        world.faults.apply(faultNamed(table, name), seededRandom(seed));
      });
    }
    const last = faults.at(-1)?.atMs ?? 0;
    await this.#pass(Math.max(last, jobs.at(-1)?.atMs ?? 0, Math.min(HORIZON_MS, last)) + 1_000);
    world.timeline.add("-- faults stop");
    world.faults.stop();
    for (const { process } of this.#system.running) process.spare();
    // The one fault that goes on: what is waited for from here on needs somebody to do it.
    while (!this.#system.isComplete) if (await this.#pass(LOOK_EVERY_MS)) return undefined;
    return undefined;
  }

  /** Every job ends, as long as something moves. */
  async #jobsEnd(): Promise<string | undefined> {
    const { clock, world } = this.#system;
    const since = clock.monotonic();
    let moved = { at: since, started: -1, open: -1 };
    const standsStill = () => {
      const jobs = openJobs(this.#system);
      const started = jobs.filter((job) => job.startedAt !== undefined).length;
      if (jobs.length !== moved.open || started !== moved.started) {
        moved = { at: clock.monotonic(), started, open: jobs.length };
      }
      const longest = Math.max(0, ...this.#plan.jobs.map(({ durationMs }) => durationMs));
      return clock.monotonic() - moved.at > Math.max(STANDSTILL_MS, this.#patience()) + longest;
    };
    while (openJobs(this.#system).length > 0) {
      if (standsStill() || clock.monotonic() - since > JOBS_WITHIN_MS) {
        const [job] = openJobs(this.#system);
        const sets = JSON.stringify(world.service.scaleSets());
        return `${openJobs(this.#system).length} jobs do not end, one is ${JSON.stringify(job)}; ${sets}; ` +
          unsettled(this.#system).join("; ");
      }
      if (await this.#pass(LOOK_EVERY_MS)) return undefined;
    }
    return undefined;
  }

  async #settles(): Promise<string | undefined> {
    const { clock } = this.#system;
    const since = clock.monotonic();
    for (;;) {
      const wrong = unsettled(this.#system).filter((what) => !what.includes("RunnersFailing"));
      if (wrong.length === 0) return undefined;
      if (clock.monotonic() - since > this.#patience()) return `not settled: ${wrong.join("; ")}`;
      if (await this.#pass(LOOK_EVERY_MS)) return undefined;
    }
  }

  /** One more job for each set shows that all works. */
  async #probe(): Promise<string | undefined> {
    const { clock, world } = this.#system;
    for (const { name, maxRunners } of this.#system.wanted.values()) {
      if (maxRunners > 0) world.service.queueJob({ scaleSetName: name, durationMs: 1_000 });
    }
    const since = clock.monotonic();
    for (;;) {
      const wrong = [...openJobs(this.#system).map(({ id }) => `job ${id} is not done`), ...unsettled(this.#system)];
      if (wrong.length === 0) return undefined;
      if (clock.monotonic() - since > this.#patience()) return `after one more job: ${wrong.join("; ")}`;
      if (await this.#pass(LOOK_EVERY_MS)) return undefined;
    }
  }

  async #rests(): Promise<string | undefined> {
    if (await this.#pass(CALM_MS)) return undefined;
    const counted = new Map<string, number>();
    const history = this.#system.objects(EPHEMERAL_RUNNERS).length;
    this.#watcher.counted = counted;
    await this.#pass(REST_MS);
    this.#watcher.counted = undefined;
    // A failed runner that was kept for people to see has had its time.
    if (this.#system.objects(EPHEMERAL_RUNNERS).length < history) return undefined;
    // A secret that was written anew reaches listeners at the resync, if nobody needed it before. One in a pod can't read
    // it, and says that it is refused.
    const late = [
      String.raw`-listener(-config|\/status)? `,
      String.raw`autoscalingrunnersets\/[^/]+\/status `,
      ...(this.#plan.listenerMode === "pod" ? [String.raw`\/events `] : []),
    ];
    const isRotated = this.#plan.faults.some(({ name }) => name.startsWith("secret"));
    const isLate = isRotated ? new RegExp(late.join("|")) : /^$/;
    // A listener repeats its count every ten minutes.
    const isRepeated = (key: string, count: number) =>
      count === 1 && / PATCH \S+\/ephemeralrunnersets\/[^/]+$/.test(key);
    const writes = [...counted].filter(([key, count]) =>
      / (POST|PUT|PATCH|DELETE) \/apis?\//.test(key) && !/\/leases\//.test(key) && !isLate.test(`${key} `) &&
      !isRepeated(key, count)
    );
    if (writes.length > 0) {
      return `at rest, and yet: ${writes.map(([key, count]) => `${key} ${count} times`).join("; ")}`;
    }
    const [unreported] = this.#watcher.unreported();
    if (unreported !== undefined) return unreported;
    const calls = [...counted].filter(([key]) => !/WATCH|\/messages\/|\/leases\//.test(key));
    const sum = calls.reduce((total, [, count]) => total + count, 0);
    return sum > CALLS_AT_REST * (this.#plan.sets.length + 1)
      ? `${sum} calls at rest: ${calls.map(([key, count]) => `${key} ${count} times`).join("; ")}`
      : undefined;
  }

  /** The scale sets are deleted: nothing is left. */
  async #ends(): Promise<string | undefined> {
    const { clock, world } = this.#system;
    for (const name of [...this.#system.wanted.keys()]) await this.#system.deleteScaleSet(name);
    const since = clock.monotonic();
    for (;;) {
      const leftovers = Object.entries<readonly string[]>({ ...world.report().leftovers });
      const left = leftovers.flatMap(([kind, keys]) => keys.map((key) => `${kind} ${key}`));
      if (left.length === 0) return undefined;
      if (clock.monotonic() - since > this.#patience()) return `left over: ${left.join("; ")}`;
      if (await this.#pass(LOOK_EVERY_MS)) return undefined;
    }
  }

  /** The longest that may be waited for without a fault in force. */
  #patience(): number {
    if (this.#system.world.faults.fired.has("runner version refused")) return TRIAL_WITHIN_MS;
    const slow = ["container outlives its job", "secret rotated", "secret wrong for a while", "statistics too high"];
    return slow.some((name) => this.#system.world.faults.fired.has(name)) ? SLOWLY_WITHIN_MS : SETTLED_WITHIN_MS;
  }

  /** Lets time pass. @returns whether something broke */
  async #pass(ms: number): Promise<boolean> {
    await this.#system.clock.runUntil(() => this.#watcher.look(), ms);
    return this.#watcher.violation !== undefined;
  }
}
