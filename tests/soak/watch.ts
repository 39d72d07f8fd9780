/** What a soak sees of the program, from sample to sample. */
import { countByKind } from "../support/audit.ts";
import { eventually } from "../support/eventually.ts";
import { total } from "../support/figures.ts";
import process from "node:process";
import { type Held, Probe } from "./probe.ts";
import { floorsOf, type Point, type Trend, trendOf } from "./trend.ts";
import { SETS, type SoakWorld } from "./world.ts";

export interface Verdict {
  readonly process: string;
  readonly what: keyof Held;
  readonly trend: Trend | undefined;
  readonly grows: boolean;
}

/**
 * What may surely be gained in the time that is judged: what V8 keeps of code that has become hot, a connection more or
 * less. A process that keeps something of each job, or of each fault's requests, gains more in a few minutes.
 */
const ALLOWED: Readonly<Record<keyof Held, number>> = {
  "rss MB": 24,
  "heap MB": 5,
  sockets: 4,
  files: 4,
  timers: 8,
  handles: 8,
  "map entries": 150,
  "set entries": 150,
};
/** So many entries each job may leave behind: what is remembered for minutes, and what faults leave, is less. */
const ENTRIES_A_JOB = 0.05;
/** A listener knows the last 30,000 events of its messages: below that its sets grow with the jobs, by design. */
const LISTENER_KNOWS = 31_000;
/** The floors of a run are those of so many windows. */
const WINDOWS = 15;

interface Life {
  readonly probe: Probe;
  readonly points: Map<keyof Held, Point[]>;
  held: Held | undefined;
  largeAtFirst: Probe["large"] | undefined;
}

/** Looks at the controller and at the listener that nobody strikes. */
export class Watch {
  readonly #world: SoakWorld;
  readonly #began = performance.now();
  readonly #lives = new Map<string, Life>();
  readonly #leaving = new Set<number>();
  #mark: { at: number; audit: number; calls: number };

  constructor(world: SoakWorld) {
    this.#world = world;
    this.#mark = this.#now();
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** One sample of each process; one that has just ended has none. */
  async sample(): Promise<void> {
    const { controller, cluster } = this.#world;
    await this.#look("controller", controller.pid, () => controller.log());
    const listener = this.#world.listenerOf(SETS[0]);
    if (listener) await this.#look("listener", listener.pid, () => cluster.listenerLog(listener.pod));
  }

  async #look(name: string, pid: number, log: () => string): Promise<void> {
    if (this.#leaving.has(pid)) return;
    try {
      let life = this.#lives.get(name);
      if (life?.probe.pid !== pid) {
        life?.probe.close();
        this.#lives.delete(name);
        life = { probe: await Probe.of(pid, log), points: new Map(), held: undefined, largeAtFirst: undefined };
        this.#lives.set(name, life);
      }
      const held = await life.probe.look();
      life.held = held;
      life.largeAtFirst ??= life.probe.large;
      for (const [what, value] of Object.entries(held) as [keyof Held, number][]) {
        const points = life.points.get(what) ?? [];
        life.points.set(what, [...points, { at: this.seconds, value }]);
      }
    } catch (error) {
      // a process that is killed while it is looked at has no sample; one that lives must answer
      await eventually(`${name} ${pid} ends`, async () => !isAlive(pid), 5_000).catch(() => {
        throw error;
      });
    }
  }

  /** A process that is asked to end waits for those who look at it: it is let go, and not looked at again. */
  leave(pid: number | undefined): void {
    if (pid === undefined) return;
    this.#leaving.add(pid);
    for (const { probe } of this.#lives.values()) if (probe.pid === pid) probe.close();
  }

  /** One line on how things are. */
  async line(fault: string): Promise<string> {
    const { runners, backlog, done, lost, queued } = await this.#counts();
    const spent = this.#spent();
    const held = [...this.#lives].map(([name, life]) => `${name} ${life.held ? heldText(life.held) : "starts"}`);
    const minutes = (this.seconds / 60).toFixed(1).padStart(5);
    return `${minutes} min: jobs ${queued} queued ${done} done ${lost} lost, backlog ${backlog}, runners ${runners}; ` +
      `${held.join("; ")}; requests/s API ${spent.api} service ${spent.service}; ${fault}`;
  }

  async #counts() {
    const records = this.#world.records();
    const done = records.filter(({ completedAt }) => completedAt !== undefined).length;
    const lost = records.filter((record) => record.lost).length;
    const backlog = records.filter(({ startedAt, completedAt }) => !startedAt && !completedAt).length;
    return { queued: records.length, done, lost, backlog, runners: await this.#world.runners() };
  }

  #now() {
    const { audit, service } = this.#world.cluster;
    return { at: performance.now(), audit: audit.mark(), calls: total(service.ledger.calls) };
  }

  #spent(): { readonly api: string; readonly service: string } {
    const before = this.#mark;
    this.#mark = this.#now();
    const seconds = (this.#mark.at - before.at) / 1000;
    const ours = this.#world.cluster.audit.since(before.audit).filter(({ user }) => user.includes(":arc-systems:"));
    return {
      api: (total(countByKind(ours)) / seconds).toFixed(1),
      service: ((this.#mark.calls - before.calls) / seconds).toFixed(1),
    };
  }

  /** What has grown since a moment, in seconds from the beginning. */
  verdicts(since: number): Verdict[] {
    const window = (this.seconds - since) * 1.5 / WINDOWS;
    const from = Date.now() - (this.seconds - since) * 1000;
    const jobs = this.#world.records().filter(({ queuedAt }) => queuedAt >= from).length;
    const allowed = (what: keyof Held) => ALLOWED[what] + (what.endsWith("entries") ? jobs * ENTRIES_A_JOB : 0);
    return [...this.#lives].flatMap(([process, { points }]) =>
      [...points].map(([what, all]) => {
        const trend = trendOf(floorsOf(all.filter(({ at }) => at >= since), window));
        const fills = process === "listener" && what === "set entries" && (trend?.last ?? 0) < LISTENER_KNOWS;
        return { process, what, trend, grows: !fills && (trend?.surely ?? 0) > allowed(what) };
      })
    );
  }

  /** The largest collections of a process, at its first sample and at its last. */
  large(process: string): string[] {
    const life = this.#lives.get(process);
    if (!life) return [];
    const text = ({ kind, size, key }: Probe["large"][number]) => `${kind} of ${size} (${key})`;
    return [
      `first: ${(life.largeAtFirst ?? []).map(text).join(", ")}`,
      `last:  ${life.probe.large.map(text).join(", ")}`,
    ];
  }

  /** Lets all processes go. */
  close(): void {
    for (const { probe } of this.#lives.values()) this.leave(probe.pid);
  }
}

function heldText(held: Held): string {
  return `${held["rss MB"].toFixed(0)} MB rss ${held["heap MB"].toFixed(1)} heap, ${held.sockets} sockets ` +
    `${held.files} fds ${held.timers} timers ${held.handles} handles, ${held["map entries"]}+${
      held["set entries"]
    } entries`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // it has ended
  }
}
