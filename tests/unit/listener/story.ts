/** What happens to a listener, in words of the service, and what comes of it. */
import type { JobEvent, Statistics } from "../../../src/github/service.ts";
import { answered, type CountPatch, FRESH, type Limits, next, type ScaleState } from "../../../src/listener/scale.ts";
import { stats } from "./events.ts";

/** When the session was open, by the wall clock, and when it was asked for. */
export const OPENED = Date.UTC(2026, 0, 1, 12);
export const ASKED = OPENED - 4_000;

/** What happens, in words of the service. */
export type Happening =
  | { session: Statistics | null }
  | { says: JobEvent[]; stats?: Statistics | null; isLate?: boolean }
  | { empty: true }
  | { read: Statistics | null }
  | { limits: Limits }
  | { after: number };

/** Lets things happen to a listener and gives all its patches, and what it is then. */
export function live(
  happenings: readonly Happening[],
  limits: Limits = { minRunners: 0, maxRunners: 1000 },
  pruned = false,
) {
  let state: ScaleState = { ...FRESH, pruned };
  let at = 0;
  let current = limits;
  const patches: CountPatch[] = [];
  const acquired: number[] = [];
  const fresh: JobEvent[] = [];
  for (const happening of happenings) {
    if ("after" in happening) {
      at += happening.after;
      continue;
    }
    if ("limits" in happening) current = happening.limits;
    const step = next(state, inputOf(happening, at), current);
    state = step.state;
    if (step.patch) {
      patches.push(step.patch);
      state = answered(state, pruned ? undefined : step.patch.runningJobs);
    }
    acquired.push(...step.acquire);
    fresh.push(...step.fresh);
  }
  return { state, at, patches, last: patches.at(-1), acquired, fresh };
}

function inputOf(happening: Exclude<Happening, { after: number }>, at: number) {
  if ("session" in happening) {
    return {
      kind: "session",
      at,
      askedAt: ASKED,
      openedAt: OPENED,
      statistics: happening.session ?? undefined,
    } as const;
  }
  if ("says" in happening) {
    const { says: events, stats, isLate } = happening;
    return { kind: "message", at, events, statistics: stats ?? undefined, isLate } as const;
  }
  if ("read" in happening) return { kind: "figures", at, statistics: happening.read ?? undefined } as const;
  return { kind: "empty" in happening ? "empty" : "limits", at } as const;
}

/** D/R of a patch, and its number. */
export const shown = (patch: CountPatch | undefined) =>
  patch && `${patch.replicas}/${patch.runningJobs} #${patch.patchID}`;

/** A session that begins with nothing to do. */
export const QUIET: Happening = { session: stats(0) };
