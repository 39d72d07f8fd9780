/** What a listener's status says. Pure. */
import { AUTOSCALING_LISTENERS, type AutoscalingListenerStatus } from "../../api/kinds.ts";
import { refOf } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { patch, type Step } from "../../runtime/plan.ts";
import { conditionsOf, heldTo, type Saying } from "../shared/conditions.ts";
import { same } from "../shared/drift.ts";
import type { Problem } from "../shared/problems.ts";
import type { Observed } from "./observe.ts";

/** How a listener is. */
export interface Standing {
  /** Why it is not at work. */
  readonly unready: Problem | undefined;
  /** Assigned jobs that seem not to be real. */
  readonly phantomDemand: number;
}

/** Steps that make the status say whether the listener is at work: none when it does already. */
export function statusSteps({ listener }: Observed, standing: Standing, now: Instant): Step[] {
  const { generation } = listener.metadata;
  const { unready, phantomDemand } = standing;
  const ready: Saying = unready
    ? { type: "Ready", status: "False", reason: unready.reason, message: unready.message }
    : { type: "Ready", status: "True", reason: "Listening", message: "the listener runs" };
  const wanted: AutoscalingListenerStatus = {
    observedGeneration: generation,
    conditions: conditionsOf(listener.status?.conditions, [ready, ...phantom(phantomDemand)], {
      now,
      generation,
      over: ["PhantomDemand"],
    }),
  };
  if (same(listener.status, { ...listener.status, ...wanted })) return [];
  // The whole status each time: where fields are dropped, a repetition can be told as one (see execute.ts).
  const body = { ...heldTo(listener, wanted), status: wanted };
  return [patch(AUTOSCALING_LISTENERS, refOf(listener), body, { subresource: "status", goneIsDone: true })];
}

function phantom(jobs: number): Saying[] {
  if (jobs === 0) return [];
  const message = `GitHub counts ${jobs} assigned jobs that idle runners have stood ready for in vain`;
  return [{ type: "PhantomDemand", status: "True", reason: "IdleRunners", message }];
}
