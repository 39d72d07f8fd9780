/** Parts of a set's plans: what several rules have in common. Pure. */
import { EPHEMERAL_RUNNER_SETS } from "../../api/kinds.ts";
import { refOf } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { type EventStep, patch, type Step } from "../../runtime/plan.ts";
import { conditionNamed, heldTo } from "../shared/conditions.ts";
import type { RetireCall } from "./calls.ts";
import type { Seen } from "./observe.ts";
import { RUNNERS_WAITING, statusOf, statusPatch } from "./status.ts";

/** Runners of one set that the service is asked for in one call. */
export const MOST_AT_ONCE = 50;

/** Part of a plan, and when there may be more to do (milliseconds). */
export interface Part {
  readonly steps: readonly Step<RetireCall>[];
  readonly inMs?: number;
}

/** The status follows its cause by a moment, so that what comes together is written together. */
export function statusStepOf(seen: Seen, now: Instant): Part {
  const { set, census, trouble, pruned, waits } = seen;
  const body = statusPatch(set, statusOf(set, census, trouble, now), pruned);
  if (!body) return { steps: [] };
  const due = set.status?.currentReplicas === undefined ? now : (seen.statusSince ?? now) + waits.setStatus;
  if (now < due) return { steps: [], inMs: due - now };
  const held = { ...heldTo(set, body.status), ...body };
  const steps = [patch(EPHEMERAL_RUNNER_SETS, refOf(set), held, { subresource: "status", goneIsDone: true })];
  return { steps: [...steps, ...waitingEvent(seen)] };
}

/** Told once, when it begins; where conditions are dropped nothing says that it has been told. */
function waitingEvent({ set, trouble: { waiting }, pruned }: Seen): EventStep[] {
  const told = conditionNamed(set.status?.conditions, RUNNERS_WAITING);
  if (!waiting || pruned.has("conditions") || (told?.status === "True" && told.reason === waiting.reason)) return [];
  return [{ do: "event", kind: EPHEMERAL_RUNNER_SETS, about: set, type: "Warning", ...waiting }];
}

/** Milliseconds until then, at least one. */
export function until(at: Instant | undefined, now: Instant): number | undefined {
  return at === undefined ? undefined : Math.max(1, at - now);
}

/** The shortest of some waits. */
export function soonest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
