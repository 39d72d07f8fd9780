/** What the runners of each set have done lately: told by the changes of their objects, whoever made these. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import type { Stored } from "../../k8s/resource.ts";
import type { Change } from "../../k8s/store.ts";
import { type Clock, type Instant, instantOf } from "../../lib/clock.ts";
import { hasJob, setUidOf, stateOf } from "../shared/runner_state.ts";
import type { Waits } from "../shared/waits.ts";
import { PATIENCE, type Streak } from "./trouble.ts";

interface Departure {
  readonly at: Instant;
  readonly marked: boolean;
}

interface Page {
  /** Runners that ended with a job, oldest first. */
  departures: Departure[];
  streak?: Streak;
  /** When the pause in force began: runners that were made before that do not earn another. */
  pausedAt?: Instant;
  /** When each runner was first seen, while it is there. */
  readonly births: Map<string, Instant>;
  lastBirthAt?: Instant;
  /** When each runner that GitHub refuses was first seen so, while it is there. */
  readonly refusals: Map<string, Instant>;
  /** When a runner of the set was last given a job. */
  successAt?: Instant;
  /** The newest generation of the set that a job's facts name. */
  newestJobGeneration: number;
  /** Failures in a row that are borne. */
  patience: number;
}

/** When a failed or outdated runner's failure was written down. */
export function failedAt({ status, metadata }: EphemeralRunner): Instant {
  const times = Object.values(status?.failures ?? {}).map((at) => instantOf(at) ?? 0);
  return Math.max(instantOf(metadata?.creationTimestamp) ?? 0, ...times);
}

/** One page for each set, by UID. */
export class Ledger {
  readonly #pages = new Map<string, Page>();
  readonly #clock: Clock;
  readonly #waits: Waits;

  constructor(clock: Clock, waits: Waits) {
    this.#clock = clock;
    this.#waits = waits;
  }

  note({ before, after }: Change<EphemeralRunner>): void {
    const runner = after ?? before;
    const setUid = runner && setUidOf(runner);
    // A runner that outlives its set opens no new page.
    if (!runner || setUid === undefined || (!after && !this.#pages.has(setUid))) return;
    const page = this.#page(setUid);
    const was = before && stateOf(before);
    const is = after ? stateOf(after) : "deleting";
    const now = this.#clock.now();
    if ((was === "busy" || was === "marked") && (is === "deleting" || is === "ended")) {
      page.departures.push({ at: now, marked: was === "marked" });
    }
    if (!before && is === "pending") {
      page.births.set(runner.metadata.uid, now);
      page.lastBirthAt = now;
    }
    if (after && is === "failed" && was !== "failed") this.#failed(page, after, before === undefined);
    if (before && after && !hasJob(before) && hasJob(after)) this.succeeded(setUid);
    if (is === "outdated" && was !== "outdated") page.refusals.set(runner.metadata.uid, now);
    if (!after) {
      page.births.delete(runner.metadata.uid);
      page.refusals.delete(runner.metadata.uid);
    }
    page.newestJobGeneration = Math.max(page.newestJobGeneration, after?.status?.jobSetGeneration ?? 0);
  }

  /** Failures of former times count, after a restart, as long as a pause could still follow from them. */
  #failed(page: Page, runner: Stored<EphemeralRunner>, isHistory: boolean): void {
    const now = this.#clock.now();
    // A time that is still to come was written before the clock was set back.
    const at = isHistory ? Math.min(failedAt(runner), now) : now;
    if (now - at > this.#waits.failingMost) return;
    const { reason = "", message = "" } = runner.status ?? {};
    const before = page.streak;
    const newest = before && before.at > at ? before : { reason, message, at };
    const failures = (before?.failures ?? 0) + 1;
    const born = page.births.get(runner.metadata.uid) ?? 0;
    let pauses = before?.pauses ?? 0;
    if (failures >= page.patience && (page.pausedAt === undefined || born > page.pausedAt)) {
      pauses++;
      page.pausedAt = at;
    }
    page.streak = { reason: newest.reason, message: newest.message, at: newest.at, failures, pauses };
  }

  /** The set bears so many failures in a row, now and for those that it has had. */
  heed(setUid: string, patience: number): void {
    const page = this.#page(setUid);
    if (page.patience === patience) return;
    page.patience = patience;
    const { streak } = page;
    if (!streak) return;
    const isBorne = streak.failures < patience;
    page.streak = { ...streak, pauses: isBorne ? 0 : Math.max(1, streak.pauses) };
    page.pausedAt = isBorne ? undefined : page.pausedAt ?? streak.at;
  }

  /** A runner has a job, or has been online for a while. */
  succeeded(setUid: string): void {
    const page = this.#page(setUid);
    page.streak = undefined;
    page.pausedAt = undefined;
    page.successAt = this.#clock.now();
  }

  lastBirthAt(setUid: string): Instant | undefined {
    return this.#pages.get(setUid)?.lastBirthAt;
  }

  /** When a runner was first seen, not online yet. */
  bornAt(setUid: string, runnerUid: string): Instant | undefined {
    return this.#pages.get(setUid)?.births.get(runnerUid);
  }

  /** When a runner was first seen to be refused: what its object says may be still to come, where a clock was set back. */
  refusedAt(setUid: string, runnerUid: string): Instant | undefined {
    return this.#pages.get(setUid)?.refusals.get(runnerUid);
  }

  streakOf(setUid: string): Streak | undefined {
    return this.#pages.get(setUid)?.streak;
  }

  successAt(setUid: string): Instant | undefined {
    return this.#pages.get(setUid)?.successAt;
  }

  newestJobGeneration(setUid: string): number {
    return this.#pages.get(setUid)?.newestJobGeneration ?? 0;
  }

  /** Runners that ended with a job, and when the oldest of them will be forgotten. */
  departures(setUid: string): { readonly gone: number; readonly endedLately: number; readonly nextChange?: Instant } {
    const page = this.#pages.get(setUid);
    if (!page || page.departures.length === 0) return { gone: 0, endedLately: 0 };
    const now = this.#clock.now();
    const { gone: goneMs, endedLately: latelyMs } = this.#waits;
    const kept = page.departures.filter(({ at }) => now - at < goneMs);
    page.departures = kept;
    const lately = kept.filter(({ at, marked }) => !marked && now - at < latelyMs);
    const changes = [
      ...kept.slice(0, 1).map(({ at }) => at + goneMs),
      ...lately.slice(0, 1).map(({ at }) => at + latelyMs),
    ];
    return {
      gone: kept.length,
      endedLately: lately.length,
      ...(changes.length > 0 ? { nextChange: Math.min(...changes) } : {}),
    };
  }

  /** Sets that there are pages for. */
  get size(): number {
    return this.#pages.size;
  }

  /** Forgets all sets but these. Runners can outlive their set, and have a page opened again. */
  keep(isNeeded: (setUid: string) => boolean): void {
    for (const uid of this.#pages.keys()) if (!isNeeded(uid)) this.#pages.delete(uid);
  }

  #page(setUid: string): Page {
    const known = this.#pages.get(setUid);
    if (known) return known;
    const fresh: Page = {
      departures: [],
      births: new Map(),
      refusals: new Map(),
      newestJobGeneration: 0,
      patience: PATIENCE,
    };
    this.#pages.set(setUid, fresh);
    return fresh;
  }
}
