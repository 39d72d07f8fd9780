/**
 * What of a message is news: which of its events count, and whether its figures are of now. A session opens in the middle
 * of things, messages are repeated, and clocks differ: decision 0011 says why each rule is here. Pure.
 */
import type { JobEvent } from "../github/service.ts";
import { endOf, inOrder, isBefore, keyOf, timeOf } from "./job_events.ts";
import { knowAlso, type Known, knows, NOTHING_KNOWN } from "./known.ts";

/** What a listener has heard so far. */
export interface Heard {
  /** Events that were told. */
  readonly known: Known;
  /** When the session was opened from whose figures counting began. */
  readonly opening: Opening | undefined;
  readonly catchUp: CatchUp;
  /** When (monotonic) the session was opened, or its last message came. */
  readonly heardAt: number;
}

export const NOTHING_HEARD: Heard = { known: NOTHING_KNOWN, opening: undefined, catchUp: "done", heardAt: 0 };

/**
 * Between these two, in wall-clock time, a session's figures were taken: events before `openedAt` are in them, as far as
 * can be known; those before `askedAt` are older than the session itself, and so is what is told with them.
 */
export interface Opening {
  readonly askedAt: number;
  readonly openedAt: number;
}

/**
 * Whether what a session tells may be older than itself. queue: it has told of nothing younger yet. late: it has, and
 * what is told late may still come. done: it has been quiet, or told of what is much younger.
 */
export type CatchUp = "queue" | "late" | "done";

/** What there is to be learned from a message. */
export interface News {
  /** Events that were not told before, each once; offers left out. */
  readonly fresh: readonly JobEvent[];
  /** What those of them change that no figures hold yet. */
  readonly counted: readonly JobEvent[];
  /** Nothing of it is new: its figures are of the past. */
  readonly isPast: boolean;
  /** Something was not counted that may be news, or was counted and may be none. */
  readonly isDoubtful: boolean;
  readonly heard: Heard;
}

/**
 * What a session finds in its queue comes at once, and no event is told later than this: after so long without a message
 * the queue has been told.
 */
const QUEUE_IS_TOLD_MS = 10_000;

/** @param at monotonic time in milliseconds */
export function newsIn(before: Heard, events: readonly JobEvent[], at: number): News {
  const { opening } = before;
  // An offer can be made again, and changes no figure: it is never a repeat.
  const told = events.filter((event) => event.type !== "available");
  const fresh = unseen(before.known, told);
  // Clocks differ, and are set: once what the session found in the queue has been told, no event is an old one.
  const catchingUp = before.catchUp !== "done" && at - before.heardAt < QUEUE_IS_TOLD_MS;
  const countedUntil = catchingUp ? opening?.openedAt : undefined;
  const countable = fresh.filter((event) => !isBefore(event, countedUntil));
  // What happened while the session was being opened may be new. Offers are found again too: of jobs that were queued
  // before there was this session.
  const dated = told.length > 0 ? fresh : events;
  const isPast = events.length > 0 && countable.length === 0 && (told.length > 0 || catchingUp) &&
    dated.every((event) => isBefore(event, opening?.askedAt));
  const known = knowAlso(before.known, fresh.map(keyOf));
  return {
    fresh,
    counted: inOrder(countable, (key) => knows(before.known, key), (key) => knows(known, key)),
    isPast,
    isDoubtful: countable.length < told.length || countable.some((event) => mayBeOld(event, before, catchingUp)),
    heard: { known, opening, catchUp: catchingUp ? caughtUp(before, countable) : "done", heardAt: at },
  };
}

/** Events that are not known, each once. */
function unseen(known: Known, events: readonly JobEvent[]): readonly JobEvent[] {
  const here = new Set<string>();
  return events.filter((event) => {
    const key = keyOf(event);
    if (here.has(key) || knows(known, key)) return false;
    here.add(key);
    return true;
  });
}

/** Whether an event that counts may be in the figures all the same: by its time, or because its job has ended. */
function mayBeOld(event: JobEvent, { known, opening, catchUp }: Heard, catchingUp: boolean): boolean {
  if (catchingUp && timeOf(event) === undefined) return true;
  if (catchUp !== "done" && isBefore(event, opening?.openedAt)) return true;
  return event.type !== "completed" && knows(known, endOf(event));
}

/**
 * How far a session has come with these events, none of them older than it. Messages come nearly in the order of what
 * they tell: long before the last of them all that the session found in its queue has been told.
 */
function caughtUp({ catchUp, opening }: Heard, events: readonly JobEvent[]): CatchUp {
  const times = events.flatMap((event) => timeOf(event) ?? []);
  if (times.length === 0) return catchUp;
  return Math.max(...times) >= (opening?.openedAt ?? 0) + QUEUE_IS_TOLD_MS ? "done" : "late";
}
