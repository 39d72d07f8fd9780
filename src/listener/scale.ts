/**
 * How many runners a scale set wants: from what the service says to what the runner set is told. Pure.
 *
 * Two figures go to the runner set, both of one moment: `replicas` (D: runners wanted, with a job or without) and
 * `runningJobs` (R: jobs that have a runner). The service's statistics give both; but they can lag behind the events
 * of their own message, so the listener also counts the events itself, and a job that it has seen start is in R
 * whatever the statistics say. Where the two counts differ when nothing is left in the queue, the scale set is asked
 * to be read, and in the end the service is believed.
 */
import type { JobEvent, Statistics } from "../github/service.ts";
import { type Count, countEvents, offers } from "./job_events.ts";
import { type Heard, newsIn, NOTHING_HEARD, type Opening } from "./news.ts";

export interface Limits {
  readonly minRunners: number;
  /** 0: nothing new is taken, what the service has already given is served. */
  readonly maxRunners: number;
}

/** What the runner set is told; 0 as `patchID` lets it take away a surplus at once. */
export interface CountPatch {
  readonly replicas: number;
  readonly runningJobs: number;
  readonly patchID: number;
}

export interface ScaleState extends Heard {
  /** The service's figures; undefined while it has given none. */
  readonly figures: Count | undefined;
  /** Idle runners by the service's last statistics. */
  readonly idle: number;
  /** The last limit that allowed anything: a pause serves what is assigned, and no more of it at once. */
  readonly formerMax?: number;
  /** The same figures, counted from events since the service was last believed. */
  readonly own: Count;
  /** The last patch; undefined until the first one of this process. */
  readonly sent: CountPatch | undefined;
  /** Patches so far: their numbers go on even where one was sent as 0. */
  readonly patches: number;
  /** The runner set's CRD drops `runningJobs`: the last answer came back without it. */
  readonly pruned: boolean;
  /** Nothing was left in the queue after the last message: what we counted is complete. */
  readonly drained: boolean;
  /** A message that was repeated, or may have been, was seen: the scale set is to be read, and what it says is the truth. */
  readonly doubt: boolean;
  /** A long poll ended with nothing since the last message: figures that are read then are the truth. */
  readonly settled: boolean;
  /** Readings since the last message. */
  readonly readings: number;
  /** The service gives no statistics with a scale set: reading it is of no use. */
  readonly unreadable: boolean;
  /** Since when (monotonic) as many jobs as now have waited for a runner. */
  readonly waiting: { readonly jobs: number; readonly since: number };
  /** Assigned jobs that no runner will ever get: idle ones stood ready for them in vain. */
  readonly phantom: number;
}

export const FRESH: ScaleState = {
  figures: undefined,
  idle: 0,
  own: { assigned: 0, running: 0 },
  sent: undefined,
  patches: 0,
  pruned: false,
  ...NOTHING_HEARD,
  drained: false,
  doubt: false,
  settled: false,
  readings: 0,
  unreadable: false,
  waiting: { jobs: 0, since: 0 },
  phantom: 0,
};

/** What happened. `at` is monotonic time in milliseconds. */
export type Input =
  /** A session was opened: it was asked for then, by the wall clock, and its figures had come. */
  | ({ readonly kind: "session"; readonly at: number; readonly statistics?: Statistics } & Opening)
  | {
    readonly kind: "message";
    readonly at: number;
    readonly events: readonly JobEvent[];
    readonly statistics?: Statistics;
    /** A younger one has come before it: it got lost on its way, and is of the past. */
    readonly isLate?: boolean;
  }
  /** A long poll ended with nothing. */
  | { readonly kind: "empty"; readonly at: number }
  /** The scale set was read while the queue was quiet. */
  | { readonly kind: "figures"; readonly at: number; readonly statistics?: Statistics }
  /** The limits are others. */
  | { readonly kind: "limits"; readonly at: number };

type Of<Kind extends Input["kind"]> = Extract<Input, { kind: Kind }>;

/** What is to be done, in this order. */
export interface Step {
  readonly state: ScaleState;
  /** Jobs to ask for. */
  readonly acquire: readonly number[];
  /** Jobs are offered that a pause keeps from being asked for: their message must come again. */
  readonly withheld: boolean;
  /** Undefined when the runner set knows all this. */
  readonly patch: CountPatch | undefined;
  /** Events that were not seen before, each once in the life of the process, offers left out: for runners and metrics. */
  readonly fresh: readonly JobEvent[];
  /** D, also when there is nothing to patch. */
  readonly desired: number;
}

const PATCH_ID_MAX = 2147483647;
/** So many readings of a quiet scale set that differ from what we counted, and the service is right. */
const READINGS = 4;
/** Jobs that wait so long while as many runners are idle are no real demand. */
export const PHANTOM_AFTER_MS = 15 * 60_000;

/** The next state, and what it asks for. */
export function next(state: ScaleState, input: Input, limits: Limits): Step {
  const { after, fresh } = take(state, input);
  const offered = input.kind === "message" ? offers(input.events) : [];
  const acquire = limits.maxRunners > 0 ? offered : [];
  const count = countOf(after);
  const seen = limits.maxRunners > 0 ? { ...after, formerMax: limits.maxRunners } : after;
  const watched = watchDemand(seen, count, input);
  const demand = Math.max(0, count.assigned - watched.phantom);
  const { maxRunners } = limits;
  const desired = maxRunners > 0
    ? Math.min(limits.minRunners + demand, maxRunners)
    : Math.min(demand, after.formerMax ?? Infinity);
  const wanted = { replicas: desired, runningJobs: count.running };
  const atRest = input.kind === "empty" && demand === 0 && count.running === 0;
  const patch = patchOf(watched, wanted, { atRest, jobs: fresh.length > 0 });
  const told = patch ? { ...watched, sent: patch, patches: watched.patches + 1 } : watched;
  return { state: told, acquire, withheld: offered.length > acquire.length, patch, fresh, desired };
}

/** What the API server made of a patch. */
export function answered(state: ScaleState, runningJobs: number | undefined): ScaleState {
  return { ...state, pruned: runningJobs === undefined };
}

/** Whether the scale set should be read, if nothing comes from the queue for a moment. */
export function wantsReading(state: ScaleState, at: number): boolean {
  if (state.unreadable) return false;
  if (state.doubt || state.figures === undefined) return true;
  if (!isSame(state.figures, state.own)) return true;
  return state.phantom === 0 && state.waiting.jobs > 0 && at - state.waiting.since >= PHANTOM_AFTER_MS;
}

/**
 * Whether the scale set's figures speak of events that were not told: a message may have got lost on its way. At a
 * session's beginning they can't say, unless there were no jobs: its figures hold what is still in the queue.
 */
export function speaksOfMore(state: ScaleState, statistics: Statistics, limits: Limits): boolean {
  if (state.catchUp === "queue" && state.own.assigned > 0) return true;
  const count = countIn(statistics);
  const offered = statistics.totalAvailableJobs > 0 && count.assigned < limits.maxRunners;
  return offered || !isSame(count, state.own);
}

/** The state after an input, before anything is concluded from it. */
function take(state: ScaleState, input: Input): { after: ScaleState; fresh: readonly JobEvent[] } {
  const none: readonly JobEvent[] = [];
  switch (input.kind) {
    case "session":
      return { after: takeSession(state, input), fresh: none };
    case "message":
      return takeMessage(state, input);
    case "figures":
      return { after: takeFigures(state, input.statistics), fresh: none };
    case "empty":
      return { after: { ...state, catchUp: "done", drained: true, settled: true, readings: 0 }, fresh: none };
    case "limits":
      return { after: state, fresh: none };
  }
}

function takeSession(state: ScaleState, { at, statistics, askedAt, openedAt }: Of<"session">): ScaleState {
  const base = { ...state, heardAt: at, drained: false, doubt: false, settled: false, readings: 0, unreadable: false };
  if (!statistics) return { ...base, opening: undefined };
  const figures = countIn(statistics);
  const { totalIdleRunners: idle } = statistics;
  // Messages outlive sessions: what we have counted goes on, and is not thrown away for figures that may lag.
  if (state.figures && state.catchUp !== "queue") return { ...base, figures, idle };
  return { ...base, figures, own: figures, idle, opening: { askedAt, openedAt }, catchUp: "queue" };
}

function takeMessage(
  state: ScaleState,
  { at, events, isLate = false, ...input }: Of<"message">,
): { after: ScaleState; fresh: readonly JobEvent[] } {
  const { fresh, counted, isPast, isDoubtful, heard } = newsIn(state, events, at);
  const statistics = isLate ? undefined : input.statistics;
  const count = statistics && countIn(statistics);
  // The figures of a younger message hold already what one that was overtaken tells.
  const figures = isLate ? overtaken(state, input.statistics) : state.figures && countEvents(state.figures, counted);
  const after = {
    ...state,
    ...heard,
    ...(statistics && !isPast ? { figures: count, idle: statistics.totalIdleRunners } : { figures }),
    own: countEvents(state.own, counted),
    // Figures that are not taken and say something else may be news all the same.
    doubt: state.doubt || isLate || isDoubtful || (isPast && count !== undefined && !isSame(count, state.figures)),
    drained: false,
    settled: false,
    readings: 0,
    unreadable: state.unreadable && statistics === undefined,
  };
  return { after, fresh };
}

/**
 * Figures after a message that looks overtaken. Where message ids have started again it is none, and jobs of which it
 * tells run: until the scale set has been read, no runner is made in the place of one of theirs.
 */
function overtaken({ figures }: ScaleState, told: Statistics | undefined): Count | undefined {
  return figures && { ...figures, running: Math.max(figures.running, told?.totalRunningJobs ?? 0) };
}

/** The queue was quiet: what we counted is complete, and the figures are of now, unless they lag. */
function takeFigures(state: ScaleState, statistics: Statistics | undefined): ScaleState {
  if (!statistics) return { ...state, unreadable: true, doubt: false };
  const figures = countIn(statistics);
  const readings = state.readings + 1;
  const truth = state.doubt || state.settled || readings >= READINGS ||
    // Some servers tell of no assignment, only of starts.
    (figures.running === state.own.running && figures.assigned > state.own.assigned);
  const own = truth ? figures : state.own;
  return {
    ...state,
    figures,
    own,
    idle: statistics.totalIdleRunners,
    readings,
    doubt: false,
    catchUp: "done",
    drained: true,
  };
}

/** The jobs that the two figures are made of. */
function countOf({ figures, own, drained }: ScaleState): Count {
  const running = Math.max(0, own.running, figures?.running ?? 0);
  // While events are still in the queue, jobs that wait by our own count may have started or ended: not used then.
  const isOwn = drained || !figures;
  const assigned = Math.max(0, figures?.assigned ?? 0, isOwn ? own.assigned : 0);
  return { assigned, running };
}

/** Watches for demand that can't be real: unchanged for long, with as many idle runners. */
function watchDemand(state: ScaleState, count: Count, input: Input): ScaleState {
  const jobs = Math.max(0, count.assigned - count.running);
  const phantom = Math.min(state.phantom, jobs);
  if (jobs !== state.waiting.jobs) return { ...state, phantom, waiting: { jobs, since: input.at } };
  const long = jobs > 0 && input.at - state.waiting.since >= PHANTOM_AFTER_MS;
  if (!long || input.kind !== "figures") return { ...state, phantom };
  return { ...state, phantom: state.idle >= jobs ? jobs : phantom, waiting: { jobs, since: input.at } };
}

/** The patch, if there is something to tell. */
function patchOf(
  state: ScaleState,
  wanted: Omit<CountPatch, "patchID">,
  now: { readonly atRest: boolean; readonly jobs: boolean },
): CountPatch | undefined {
  const { sent, patches } = state;
  const numbered = { ...wanted, patchID: patches <= PATCH_ID_MAX ? patches : (patches - 1) % PATCH_ID_MAX + 1 };
  if (!sent) return numbered;
  const same = sent.replicas === wanted.replicas && sent.runningJobs === wanted.runningJobs;
  if (now.atRest) return same && sent.patchID === 0 ? undefined : { ...wanted, patchID: 0 };
  // The reference's controller replaces finished runners only when the number of the patch moves on.
  return same && !(state.pruned && now.jobs) ? undefined : numbered;
}

function isSame(a: Count, b: Count | undefined): boolean {
  return a.assigned === b?.assigned && a.running === b.running;
}

function countIn(statistics: Statistics): Count {
  return { assigned: statistics.totalAssignedJobs, running: statistics.totalRunningJobs };
}
