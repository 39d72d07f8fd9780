/**
 * A story: one thing goes wrong while jobs come, on the real control plane with the built executable; at its end every
 * job has run exactly once or its loss has been told, the counts are right, and nobody asks for anything.
 *
 * How one is written, in tests/stories/NAME.test.ts (`npm run stories -- NAME` runs it):
 *
 * ```ts
 * story("the listener's pod is deleted in a burst", { seed: 41 }, async (it) => {
 *   it.work();                                   // jobs come until the story is told
 *   await it.flow();                             // five more of them have started
 *   const began = Date.now();
 *   ...                                          // the trouble, by it.cluster, and what users see of it meanwhile
 *   it.note("nobody listened for", `${it.secondsSince(began)} s`);
 *   assert.ok(...);                              // what is particular to this story
 *   await it.flow();                             // jobs flow again
 * });
 * ```
 *
 * Each call makes a world of its own: control plane, service, kubelet, one controller and one scale set, `story`, of up
 * to 30 runners, unless the options say otherwise. What is the same for all comes after the story by itself: no more
 * jobs come, all end, and {@link endOf} looks. A story that loses runners with their jobs says so by `mayLose`: each
 * loss must then be told by an event. Figures for readers are printed by `note`, limits are asserted. SEED in the
 * environment changes the seed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { between, type Random, seededRandom } from "../../src/lib/random.ts";
import { enterpriseServer } from "../../src/sim/actions_service/hosts.ts";
import { allDone, quantile, queueSeconds, recordsOf, runnersMade } from "./books.ts";
import { Cluster, type ClusterOptions, type ControllerOptions, type ControllerProcess } from "./cluster.ts";
import type { ScaleSetOptions } from "./cluster_objects.ts";
import { whyNoControlPlane } from "./control_plane.ts";
import { eventually } from "./eventually.ts";
import { type Mark, markOf, spentSince, total } from "./figures.ts";
import { endOf, stateOf } from "./story_end.ts";
import { type TcpDoor, tcpDoor } from "./tcp_door.ts";

export interface StoryOptions extends Omit<ClusterOptions, "bare"> {
  /** Default: `story`, without idle runners, 30 at most. They stand, and are listened to, when the story begins. */
  readonly sets?: readonly ScaleSetOptions[];
  /** Default: one controller with the chart's flags. Empty: the story starts its own. */
  readonly controllers?: readonly ControllerOptions[];
  /** The controller reaches the API server, and everybody GitHub, through doors that can be shut. */
  readonly doors?: boolean;
  /** A controller that ends with exit code 1, as one does that has lost its lease, is started again as its Deployment would. */
  readonly restarts?: boolean;
  /** So many jobs may be lost with their runners at most, each told by an event. Default 0. */
  readonly mayLose?: number;
  /** How long the last jobs may take once no more come. Default two minutes. */
  readonly patienceMs?: number;
}

export interface Work {
  /** Default `story`. */
  readonly set?: string;
  /** Between two jobs. Default 1000. */
  readonly everyMs?: number;
  /** Shortest and longest job. Default 1 to 3 s. */
  readonly durationMs?: readonly [number, number];
}

/** The world of one story, while it is told. */
export class Story {
  readonly name: string;
  /** The scale sets that the story begins with. */
  readonly sets: readonly ScaleSetOptions[];
  readonly mayLose: number;
  readonly cluster: Cluster;
  readonly random: Random;
  /** In front of the API server, for the controllers alone, and in front of GitHub: with the option `doors`. */
  readonly doors: { readonly api: TcpDoor; readonly github: TcpDoor } | undefined;
  /** Every job that was ever queued. */
  readonly jobs: string[] = [];
  /** When the scale sets stood and nothing had happened yet. */
  mark: Mark;
  readonly #patienceMs: number;
  #over = false;
  readonly #stops = new Set<() => void>();

  private constructor(name: string, options: StoryOptions, cluster: Cluster, doors: Story["doors"]) {
    this.name = name;
    const sets = options.sets ?? [{ name: "story", min: 0, max: 30 }];
    this.sets = doors ? sets.map((set) => ({ configUrl: `${urlOf(doors.github)}/acme`, ...set })) : sets;
    this.doors = doors;
    this.mayLose = options.mayLose ?? 0;
    this.#patienceMs = options.patienceMs ?? 120_000;
    this.cluster = cluster;
    this.random = seededRandom(options.seed);
    this.mark = markOf(cluster);
  }

  static async begin(name: string, options: StoryOptions): Promise<Story> {
    const cluster = await Cluster.start(options);
    let doors: Story["doors"];
    try {
      if (options.doors) {
        const portOf = (url: string) => Number(new URL(url).port);
        doors = { api: await tcpDoor(portOf(cluster.plane.url)), github: await tcpDoor(portOf(cluster.configUrl)) };
        cluster.service.addHost(enterpriseServer(urlOf(doors.github)));
      }
      const it = new Story(name, options, cluster, doors);
      for (const each of options.controllers ?? [{}]) {
        const all = { ...(doors && { apiPort: doors.api.port }), ...each };
        await cluster.ready(options.restarts ? await it.#keepUp(all) : await cluster.startController(all));
      }
      for (const each of it.sets) await cluster.createScaleSet(each);
      it.mark = markOf(cluster);
      return it;
    } catch (error) {
      await doors?.api.close();
      await doors?.github.close();
      await cluster.stop();
      throw error;
    }
  }

  /** Its Deployment keeps a controller running. */
  async #keepUp(options: ControllerOptions): Promise<ControllerProcess> {
    // one that has ended is no reason to give up: another one comes
    this.cluster.failOnDead = () => {};
    const started = await this.cluster.startController(options);
    void started.ended.then(async ({ code }) => {
      if (code !== 1 || this.#over) return;
      this.note(`${started.name} ended and is started again`, started.logTail(1));
      // without an API server it has no token, and is not started either
      let runs = false;
      while (!runs && !this.#over) {
        await delay(RESTART_MS);
        runs = await this.#keepUp(options).then(() => true, () => false);
      }
    });
    return started;
  }

  /** Ends its world. */
  async stop(): Promise<void> {
    this.#over = true;
    this.stopWork();
    await this.cluster.stop();
    await this.doors?.api.close();
    await this.doors?.github.close();
  }

  /** The last controller that was started. */
  get controller(): ControllerProcess {
    return this.cluster.controllers.at(-1)!;
  }

  /** The id of a scale set at the service. */
  setId(name = "story"): number {
    const found = this.cluster.service.scaleSets().find((set) => set.name === name);
    if (!found) throw new Error(`the service has no scale set ${name}`);
    return found.id;
  }

  /** Queues one job. */
  job(work: Omit<Work, "everyMs"> = {}): string {
    const { set = "story", durationMs: [least, most] = [1000, 3000] } = work;
    const id = this.cluster.service.queueJob({ scaleSetName: set, durationMs: between(this.random, least, most) });
    this.jobs.push(id);
    return id;
  }

  /** Queues jobs, all at once. */
  burst(count: number, work: Omit<Work, "everyMs"> = {}): string[] {
    return Array.from({ length: count }, () => this.job(work));
  }

  /** Jobs come from now on. @returns what ends that; the end of the story does too */
  work(work: Work = {}): () => void {
    const timer = setInterval(() => this.job(work), work.everyMs ?? 1000);
    const stop = () => clearInterval(timer);
    this.#stops.add(stop);
    return stop;
  }

  /** No more jobs come. */
  stopWork(): void {
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }

  /** How many jobs have a runner or had one. */
  started(): number {
    return recordsOf(this.cluster, this.jobs).filter(({ startedAt }) => startedAt !== undefined).length;
  }

  /** Waits until so many more jobs have started. @returns the seconds that it took */
  async flow(more = 5, limitMs = 60_000): Promise<number> {
    const began = Date.now();
    const from = this.started();
    await eventually(`${more} more jobs start`, async () => {
      this.cluster.failOnDead();
      return this.started() >= from + more;
    }, limitMs);
    return this.secondsSince(began);
  }

  /** Waits until all jobs so far have ended. */
  done(limitMs = this.#patienceMs): Promise<void> {
    return allDone(this.cluster, this.jobs, limitMs);
  }

  /** Seconds since a moment of `Date.now()`, with one decimal. */
  secondsSince(began: number): number {
    return Math.round((Date.now() - began) / 100) / 10;
  }

  /** A figure for readers. */
  note(what: string, value: unknown): void {
    console.log(`  ${what}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`);
  }

  /** What its users have noticed, and what it has cost. */
  report(): void {
    const { cluster, jobs } = this;
    if (jobs.length === 0) return;
    const seconds = queueSeconds(cluster, jobs).filter((value) => !Number.isNaN(value));
    const [p50, p95, longest] = [0.5, 0.95, 1].map((part) => quantile(seconds, part).toFixed(1));
    const { requests, calls } = spentSince(cluster, this.mark);
    this.note(`${jobs.length} jobs waited`, `${p50} s (half of them), ${p95} s (95 %), ${longest} s (the longest)`);
    this.note("runners", runnersMade(cluster));
    this.note("requests to the API server for each job", (total(requests) / jobs.length).toFixed(1));
    this.note("calls to GitHub", Object.fromEntries(calls));
    const { refused } = cluster.service.ledger;
    if (refused.size > 0) this.note("refused by GitHub", Object.fromEntries(refused));
  }
}

/** The kubelet waits for so long before it starts a container again. */
const RESTART_MS = 1000;

const urlOf = ({ port }: TcpDoor) => `http://127.0.0.1:${port}`;

/** Tells a story, and looks at its end. */
export function story(name: string, defaults: StoryOptions, tell: (it: Story) => Promise<void>): void {
  const options = { ...defaults, seed: Number(process.env.SEED ?? defaults.seed) };
  test(`story: ${name}`, { skip: whyNoControlPlane() ?? false }, async () => {
    console.log(`${name} (seed ${options.seed})`);
    const began = Date.now();
    const it = await Story.begin(name, options);
    try {
      await tell(it);
      it.stopWork();
      await it.done();
      it.report();
      await endOf(it);
      it.note("the story took", `${it.secondsSince(began)} s`);
    } catch (error) {
      console.log(`seed ${options.seed}`);
      for (const line of await stateOf(it.cluster).catch((reason) => [`no state: ${reason}`])) console.log(`  ${line}`);
      console.log(it.cluster.controllers.at(-1)?.logTail());
      throw error;
    } finally {
      await it.stop();
    }
  });
}
