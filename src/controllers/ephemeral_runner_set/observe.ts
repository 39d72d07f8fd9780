/** What a decision about a set needs to see. Counting costs the same for 10 runners and for 5,000. */
import type { EphemeralRunner, EphemeralRunnerSet } from "../../api/kinds.ts";
import { controllerOf, isDeleting, keyOf, type Pod, type Secret, type Stored } from "../../k8s/resource.ts";
import { FINALIZERS } from "../../api/names.ts";
import type { Reader } from "../../k8s/store.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import { revisionOfRunner } from "../shared/revision.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import { hasJob, isMarked, type RunnerState, setUidOf, stateOf } from "../shared/runner_state.ts";
import { BY_JOB_GENERATION, BY_REVISION, BY_SET, BY_SET_KEY, BY_STATE, BY_WAITING } from "../shared/stores.ts";
import type { Waits } from "../shared/waits.ts";
import type { SeenBudget } from "./budget.ts";
import type { Census, Needs, Settling } from "./count.ts";
import { failedAt, type Ledger } from "./ledger.ts";
import type { Expiries, Policy } from "./policy.ts";
import { type AdditiveField, type Trouble, WAITING_REASONS } from "./status.ts";

/** The proxy of a set's runners, when it has one. */
export interface SeenProxy {
  /** The secret that there should be; undefined when it can't be made. */
  readonly wanted?: Secret;
  readonly there?: Stored<Secret>;
  readonly problem?: string;
}

/** Runners of a set that can take a job, by what they were made from. */
export interface Revisions {
  readonly current: string;
  readonly freshPending: number;
  readonly freshIdle: number;
  readonly old: number;
}

export interface Seen {
  readonly set: Stored<EphemeralRunnerSet>;
  readonly deletingSince?: Instant;
  readonly census: Census;
  readonly needs: Needs;
  readonly late?: Settling;
  readonly surplus?: Settling;
  /** Runner objects of the set that exist at all. */
  readonly total: number;
  /** Names that nobody has, enough of them for what is lacking. */
  readonly names: readonly string[];
  readonly revisions: Revisions;
  /** The most runners that the scale set may have; undefined: not known. */
  readonly maxRunners?: number;
  /** A runner of a version that GitHub refuses may be tried, whether it is wanted or not. */
  readonly mayTry: boolean;
  /** Runners that the service has let go, and that are not deleted yet. */
  readonly letGo: readonly Stored<EphemeralRunner>[];
  /** Failed and outdated runners that nobody needs to see any longer. */
  readonly stale: readonly Stored<EphemeralRunner>[];
  /** When the next of them becomes so. */
  readonly nextStale?: Instant;
  /** When a count changes by itself, because time passes. */
  readonly nextChange?: Instant;
  readonly trouble: Trouble;
  readonly proxy?: SeenProxy;
  /** The disruption budget of busy runners, when it is wanted or may be there. */
  readonly budget?: SeenBudget;
  /** Since when the status has differed from what it should be. */
  readonly statusSince?: Instant;
  readonly pruned: ReadonlySet<AdditiveField>;
  /** The service is being asked to let runners go. */
  readonly isRetiring: boolean;
  /** UIDs of runners of which the service said last that they have a job. */
  readonly saidBusy: ReadonlySet<string>;
  /** Since when it has not answered such a question. */
  readonly retireFailingSince?: Instant;
  readonly retryRetireAt?: Instant;
  readonly waits: Waits;
  readonly policy: Policy;
  /** Idle runners whose time is over: they are replaced as those of an old spec are. */
  readonly aged: Expiries["expired"];
  /** Pending runners that have not started in time. */
  readonly overdue: Expiries["expired"];
  /** When a runner was first seen to be there, not online yet; undefined for one that was online before this process. */
  readonly firstSeen: (runner: Stored<EphemeralRunner>) => Instant | undefined;
  /** Pending and idle runners that may be asked for, those first that are to go first. Walks the set: call it last. */
  readonly removable: () => readonly Stored<EphemeralRunner>[];
  /** Runners that have ended or never start, in a set that is being deleted. */
  readonly remains: () => readonly Stored<EphemeralRunner>[];
}

/** What counting reads. */
export interface CountSources {
  readonly runners: Reader<EphemeralRunner>;
  readonly pods: Reader<Pod>;
  readonly book: RunnerBook;
  readonly ledger: Ledger;
  /** UIDs of the sets that the set has replaced and that still have runners. */
  readonly former: readonly string[];
}

/** Counts a set's runners. `leaving`: UIDs of runners that the service is being asked to let go. */
export function censusOf(
  set: Stored<EphemeralRunnerSet>,
  sources: CountSources,
  leaving: Iterable<string>,
  find: (uid: string) => Stored<EphemeralRunner> | undefined,
): Census {
  const { runners, book, ledger, former } = sources;
  const { uid, generation = 0 } = set.metadata;
  const counts = countsOf(uid, sources, find);
  let ahead = 0;
  const newest = ledger.newestJobGeneration(uid);
  // After a restart of the API server's numbering the distance is bounded by what can matter.
  for (let at = generation + 1; at <= Math.min(newest, generation + MOST_AHEAD); at++) {
    ahead += runners.count(BY_JOB_GENERATION, `${uid}/${at}`);
  }
  let still = 0;
  for (const one of leaving) {
    const state = stateOf(find(one) ?? GONE);
    if ((state === "pending" || state === "idle") && !book.endedOf(uid).has(one)) still++;
  }
  const departures = [uid, ...former].map((one) => ledger.departures(one));
  return {
    ...counts,
    finishing: sum([uid, ...former].map((one) => finishingOf(one, sources))),
    undecided: sum([uid, ...former].map((one) => undecidedOf(one, sources))),
    elsewhere: sum(former.map((one) => countsOf(one, sources, find).busy)),
    ahead,
    gone: sum(departures.map(({ gone }) => gone)),
    endedLately: sum(departures.map(({ endedLately }) => endedLately)),
    leaving: still,
  };
}

/** Runners that are being deleted and still at their job. */
function finishingOf(uid: string, sources: CountSources): number {
  return onTheirWayOut(uid, sources).filter(hasJob).length;
}

/** Runners that are being deleted, look idle, and may have a job: a replacement of such a one could be one too many. */
function undecidedOf(uid: string, sources: CountSources): number {
  const { pods, book } = sources;
  return onTheirWayOut(uid, sources).filter((runner) => {
    const { finalizers = [] } = runner.metadata;
    if (hasJob(runner) || book.isReleased(runner.metadata.uid)) return false;
    // Whose finalizer is gone is not waited for.
    if (!finalizers.includes(FINALIZERS.runnerRegistration)) return false;
    const pod = pods.get(runner.metadata.namespace ?? "", runner.metadata.name);
    if (!pod?.spec?.nodeName || pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return false;
    return !isDeleting(pod) && controllerOf(pod)?.uid === runner.metadata.uid;
  }).length;
}

/** Runners that are being deleted and whose container has not ended, as far as we know. */
function onTheirWayOut(uid: string, { runners, book }: CountSources): readonly Stored<EphemeralRunner>[] {
  if (runners.count(BY_STATE, `${uid}/deleting`) === 0) return [];
  const ended = book.endedOf(uid);
  return runners.by(BY_STATE, `${uid}/deleting`)
    .filter((runner) => !isMarked(runner) && !ended.has(runner.metadata.uid));
}

/**
 * UIDs of the sets that had the set's name before it. Somebody has deleted such a set by hand: the garbage collector then
 * asks for the deletion of its runners, and those with a job stay until it is done.
 */
export function namesakesOf(set: Stored<EphemeralRunnerSet>, runners: Reader<EphemeralRunner>): string[] {
  const { uid } = set.metadata;
  const key = keyOf(set);
  if (runners.count(BY_SET_KEY, key) === runners.count(BY_SET, uid)) return [];
  const owners = runners.by(BY_SET_KEY, key).flatMap((runner) => setUidOf(runner) ?? []);
  return [...new Set(owners)].filter((owner) => owner !== uid);
}

/** More patches of one set than a watch is ever behind. */
const MOST_AHEAD = 10_000;
const GONE: EphemeralRunner = { metadata: { deletionTimestamp: "1970-01-01T00:00:00Z" } };

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The runners of one set by their state. */
function countsOf(
  uid: string,
  { runners, book }: Pick<CountSources, "runners" | "book">,
  find: (uid: string) => Stored<EphemeralRunner> | undefined,
): Record<RunnerState, number> {
  const count = (state: RunnerState) => runners.count(BY_STATE, `${uid}/${state}`);
  const counts = {
    pending: count("pending"),
    idle: count("idle"),
    busy: count("busy"),
    marked: count("marked"),
    ended: count("ended"),
    failed: count("failed"),
    outdated: count("outdated"),
    deleting: count("deleting"),
  };
  // Those whose container has ended and whose object does not say so: few, and only for moments.
  for (const ended of book.endedOf(uid)) {
    const runner = find(ended);
    const state = runner && stateOf(runner);
    if (state !== "pending" && state !== "idle" && state !== "busy" && state !== "marked") continue;
    counts[state]--;
    counts.ended++;
  }
  return counts;
}

/** @param aged idle runners of the current spec that are to be replaced all the same */
export function revisionsOf(
  uid: string,
  current: string,
  census: Census,
  runners: Reader<EphemeralRunner>,
  aged: number,
): Revisions {
  const freshPending = runners.count(BY_REVISION, `${uid}/${current}/pending`);
  const freshIdle = Math.max(0, runners.count(BY_REVISION, `${uid}/${current}/idle`) - aged);
  return {
    current,
    freshPending,
    freshIdle,
    old: Math.max(0, census.pending + census.idle - freshPending - freshIdle),
  };
}

/** Pending runners without a node first, then pending ones, then idle ones; of each sort those of an old spec first, then the longest there. */
export function inOrderOfLeaving(
  candidates: readonly Stored<EphemeralRunner>[],
  pods: Reader<Pod>,
  revision: string,
): Stored<EphemeralRunner>[] {
  const ranked = candidates.map((runner) => {
    const { namespace = "", name } = runner.metadata;
    const isBound = Boolean(pods.get(namespace, name)?.spec?.nodeName);
    const rank = stateOf(runner) === "idle" ? 2 : isBound ? 1 : 0;
    return {
      runner,
      rank,
      isOld: revisionOfRunner(runner) !== revision,
      born: runner.metadata.creationTimestamp ?? "",
    };
  });
  ranked.sort((a, b) =>
    a.rank - b.rank || Number(b.isOld) - Number(a.isOld) || compare(a.born, b.born) ||
    compare(a.runner.metadata.name, b.runner.metadata.name)
  );
  return ranked.map(({ runner }) => runner);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Failed runners stay as history: the newest few, for a while; outdated ones while their spec is the set's and GitHub refuses it. */
export function staleOf(
  uid: string,
  runners: Reader<EphemeralRunner>,
  at: {
    readonly now: Instant;
    readonly waits: Waits;
    readonly revision: string;
    /** Failed runners that are kept. */
    readonly history: number;
    readonly successAt?: Instant;
    /** When a runner was first seen to be refused. */
    readonly refusedAt: (runnerUid: string) => Instant | undefined;
  },
): { readonly stale: Stored<EphemeralRunner>[]; readonly nextStale?: Instant; readonly deprecatedAt?: Instant } {
  const { now, waits, revision, history, successAt = 0, refusedAt } = at;
  const newestFirst = (state: RunnerState) =>
    [...runners.by(BY_STATE, `${uid}/${state}`)].sort((a, b) => failedAt(b) - failedAt(a));
  const failed = newestFirst("failed");
  const old = failed.filter((runner, index) => index >= history || now - failedAt(runner) >= waits.failedHistory);
  const outdated = newestFirst("outdated");
  // A time that is still to come was written before the clock was set back: no trial waits for it.
  const outdatedAt = (runner: Stored<EphemeralRunner>) =>
    Math.min(failedAt(runner), refusedAt(runner.metadata.uid) ?? now);
  const over = outdated.filter((runner, index) =>
    // The newest one says that GitHub refuses the version, whatever is kept for people.
    index >= Math.max(1, history) || revisionOfRunner(runner) !== revision || outdatedAt(runner) < successAt
  );
  const oldestKept = failed.filter((runner) => !old.includes(runner)).at(-1);
  const refused = outdated.find((runner) => !over.includes(runner));
  return {
    stale: [...old, ...over],
    ...(oldestKept ? { nextStale: failedAt(oldestKept) + waits.failedHistory } : {}),
    ...(refused ? { deprecatedAt: outdatedAt(refused) } : {}),
  };
}

/** What runners of a set wait for that nobody in the set can bring about, in the words of one of them. */
export function waitingOf(uid: string, runners: Reader<EphemeralRunner>): Trouble["waiting"] {
  const reason = WAITING_REASONS.find((one) => runners.count(BY_WAITING, `${uid}/${one}`) > 0);
  if (reason === undefined) return undefined;
  const [runner] = runners.by(BY_WAITING, `${uid}/${reason}`);
  return { reason, message: `${runner?.metadata.name} waits: ${runner?.status?.message ?? ""}` };
}

/** Runners of a set that is being deleted which hold nothing up: they have ended, or never start. */
export function remainsOf(uid: string, runners: Reader<EphemeralRunner>, book: RunnerBook): Stored<EphemeralRunner>[] {
  const ended = book.endedOf(uid);
  return runners.by(BY_SET, uid).filter((runner) => {
    const state = stateOf(runner);
    return state === "failed" || state === "outdated" || state === "ended" ||
      (state !== "deleting" && ended.has(runner.metadata.uid));
  });
}

/** When the set was asked to go. */
export function deletingSinceOf(set: Stored<EphemeralRunnerSet>): Instant | undefined {
  return isDeleting(set) ? instantOf(set.metadata.deletionTimestamp) : undefined;
}
