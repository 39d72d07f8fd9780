/** A set's status: computed from its runners each time. Pure. */
import type { Condition, EphemeralRunnerSet, EphemeralRunnerSetStatus } from "../../api/kinds.ts";
import type { Instant } from "../../lib/clock.ts";
import { conditionNamed, conditionsOf, type Saying } from "../shared/conditions.ts";
import { same } from "../shared/drift.ts";
import { BUSY_PROTECTED } from "./budget.ts";
import type { Census } from "./count.ts";
import type { Trials } from "./trouble.ts";

/** Fields that the reference's CRD does not have: the API server may take them away without a word. */
export const ADDITIVE_FIELDS = [
  "finishedEphemeralRunners",
  "deletingEphemeralRunners",
  "observedGeneration",
  "conditions",
] as const satisfies readonly (keyof EphemeralRunnerSetStatus)[];
export type AdditiveField = typeof ADDITIVE_FIELDS[number];

export const RUNNERS_FAILING = "RunnersFailing";
/** Said of runners that are made and can't start yet. */
export const RUNNERS_WAITING = "RunnersWaiting";
/** Why they wait, the first one that holds. */
export const WAITING_REASONS = ["QuotaExceeded", "Unschedulable"] as const;
export const VERSION_DEPRECATED = "RunnerVersionDeprecated";
/** Said only of a replacement of old runners that is halted. */
export const PROGRESSING = "Progressing";

/** Trouble that a set may be in. */
export interface Trouble extends Trials {
  /** The replacement of runners of an old spec is halted. */
  readonly rolloutStuck?: boolean;
  /** Runners are kept waiting by a quota or for want of a node. */
  readonly waiting?: { readonly reason: string; readonly message: string };
  /** Why runners can't be made at all. */
  readonly blocked?: { readonly reason: string; readonly message: string };
  /** What there is to say of the protection of busy runners; undefined: nothing, or nothing any more. */
  readonly protection?: Saying;
}

/** The whole status that the set should have. */
export function statusOf(
  set: EphemeralRunnerSet,
  census: Census,
  trouble: Trouble,
  now: Instant,
): EphemeralRunnerSetStatus {
  const running = census.idle + census.busy + census.marked;
  const { generation } = set.metadata ?? {};
  return {
    // Always there: the reference's CRD requires it, also when it is 0.
    currentReplicas: census.pending + running + census.failed,
    pendingEphemeralRunners: census.pending,
    runningEphemeralRunners: running,
    failedEphemeralRunners: census.failed,
    finishedEphemeralRunners: census.ended,
    deletingEphemeralRunners: census.deleting,
    phase: "Running",
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...conditionsFor(set, trouble, now),
  };
}

/** What of `wanted` the object does not say; fields that this API server prunes are not missed. */
export function statusPatch(
  set: EphemeralRunnerSet,
  wanted: EphemeralRunnerSetStatus,
  pruned: ReadonlySet<AdditiveField>,
): { readonly status: EphemeralRunnerSetStatus } | undefined {
  const { status } = set;
  const differs = (Object.keys(wanted) as (keyof EphemeralRunnerSetStatus)[]).some((field) =>
    !pruned.has(field as AdditiveField) && !same(zeroed(status?.[field]), zeroed(wanted[field]))
  );
  // The reference leaves out what is 0; required is only currentReplicas.
  const lacks = status?.currentReplicas === undefined;
  return differs || lacks ? { status: wanted } : undefined;
}

/** Which additive fields the API server took out of a status that was sent. */
export function prunedFrom(
  sent: EphemeralRunnerSetStatus,
  returned: EphemeralRunnerSetStatus | undefined,
): { readonly pruned: readonly AdditiveField[]; readonly kept: readonly AdditiveField[] } {
  const asked = ADDITIVE_FIELDS.filter((field) => sent[field] !== undefined);
  return {
    pruned: asked.filter((field) => returned?.[field] === undefined),
    kept: asked.filter((field) => returned?.[field] !== undefined),
  };
}

function zeroed(value: unknown): unknown {
  return value === 0 ? undefined : value;
}

/** A condition is said from the first time that it was true; a set that never had trouble says nothing. */
function conditionsFor(set: EphemeralRunnerSet, trouble: Trouble, now: Instant): { conditions?: Condition[] } {
  const before = set.status?.conditions;
  const words = [failing(trouble), waiting(trouble, before), deprecated(trouble), progressing(trouble)];
  const sayings = words.flatMap(({ said, otherwise }) =>
    said ?? (conditionNamed(before, otherwise.type) ? otherwise : [])
  );
  if (trouble.protection) sayings.push(trouble.protection);
  if (sayings.length === 0 && !before?.length) return {};
  const { generation } = set.metadata ?? {};
  return { conditions: conditionsOf(before, sayings, { now, generation, over: [BUSY_PROTECTED] }) };
}

/** What is said while it is so, and what is said afterwards. */
interface Word {
  readonly said: Saying | undefined;
  readonly otherwise: Saying;
}

function failing({ streak, blocked }: Trouble): Word {
  const type = RUNNERS_FAILING;
  const failed = streak && streak.pauses > 0
    ? { reason: streak.reason || "Failed", message: streak.message }
    : undefined;
  const why = blocked ?? failed;
  return {
    said: why && { type, status: "True", ...why },
    otherwise: { type, status: "False", reason: "RunnersStart", message: "" },
  };
}

/** The runner that is named stays the same while any waits: each has other figures in its message. */
function waiting({ waiting: why }: Trouble, before: readonly Condition[] | undefined): Word {
  const type = RUNNERS_WAITING;
  const told = conditionNamed(before, type);
  const message = told?.status === "True" && told.reason === why?.reason ? told.message : why?.message ?? "";
  return {
    said: why && { type, status: "True", reason: why.reason, message },
    otherwise: { type, status: "False", reason: "RunnersStart", message: "" },
  };
}

function deprecated({ deprecation }: Trouble): Word {
  const type = VERSION_DEPRECATED;
  const message = "GitHub refuses this version of the runner: use a newer image in the template";
  return {
    said: deprecation && { type, status: "True", reason: "Outdated", message },
    otherwise: { type, status: "False", reason: "Accepted", message: "" },
  };
}

function progressing({ rolloutStuck, streak }: Trouble): Word {
  const type = PROGRESSING;
  const message = `the runners that are to take over do not become ready, so the old ones stay${
    streak?.message ? `: ${streak.message}` : ""
  }`;
  return {
    said: rolloutStuck ? { type, status: "False", reason: "RolloutStuck", message } : undefined,
    otherwise: { type, status: "True", reason: "InPlace", message: "" },
  };
}
