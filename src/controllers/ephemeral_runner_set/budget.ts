/** The disruption budget of a set's runners with a job: made, put right and taken away; and what is said of it. Pure. */
import { EPHEMERAL_RUNNER_SETS, type EphemeralRunnerSet } from "../../api/kinds.ts";
import {
  isDeleting,
  POD_DISRUPTION_BUDGETS,
  type PodDisruptionBudget,
  refOf,
  type Stored,
} from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { create, type EventStep, patch, remove, type Step } from "../../runtime/plan.ts";
import { conditionNamed, type Saying } from "../shared/conditions.ts";
import { same } from "../shared/drift.ts";
import type { Problem } from "../shared/problems.ts";
import type { RetireCall } from "./calls.ts";
import type { Seen } from "./observe.ts";
import { type Part, until } from "./parts.ts";

/** Condition of a set whose scale set asks for it, and of that scale set. */
export const BUSY_PROTECTED = "BusyRunnersProtected";
/** Event: runners with a job can be evicted although they are not to be. */
export const UNPROTECTED = "BusyRunnersUnprotected";

/** The budget, when there is to be one or may be one. */
export interface SeenBudget {
  /** Undefined: the one that is there goes. */
  readonly wanted?: PodDisruptionBudget;
  readonly there?: Stored<PodDisruptionBudget>;
  /** Why nothing can be done about it now. */
  readonly problem?: Problem;
  /** When it is tried again. */
  readonly retryAt?: Instant;
  /** The runners' pods may not be labelled: no budget holds them. */
  readonly podsForbidden?: boolean;
  /** The message of the problem that was told last. */
  readonly told?: string;
}

/** What is to be done about the budget. Nothing else waits for it. */
export function budgetPart({ set, budget, pruned, deletingSince }: Seen, now: Instant): Part {
  if (!budget) return { steps: [] };
  const { problem, retryAt } = budget;
  const steps: Step<RetireCall>[] = [...unprotectedEvent(set, budget)];
  if (problem) return { steps, inMs: until(retryAt, now) };
  // A condition says that there may be one before there is: a later process knows to take it away.
  const isSaid = conditionNamed(set.status?.conditions, BUSY_PROTECTED) !== undefined || pruned.has("conditions");
  if ((budget.there || deletingSince === undefined) && (!budget.wanted || isSaid)) steps.push(...change(budget));
  return { steps };
}

/** Taken away at the end of its set, when no runner is left. */
export function budgetRemoval({ budget }: Seen): Step<RetireCall>[] {
  if (!budget?.there || budget.problem || isDeleting(budget.there)) return [];
  return [remove(POD_DISRUPTION_BUDGETS, refOf(budget.there))];
}

function change({ wanted, there }: SeenBudget): Step<RetireCall>[] {
  if (!wanted) return there && !isDeleting(there) ? [remove(POD_DISRUPTION_BUDGETS, refOf(there))] : [];
  if (!there) return [create(POD_DISRUPTION_BUDGETS, wanted)];
  return same(there.spec, wanted.spec) ? [] : [patch(POD_DISRUPTION_BUDGETS, refOf(there), { spec: wanted.spec })];
}

/** The condition; undefined: there is nothing to say. */
export function protectionOf(budget: SeenBudget | undefined): Saying | undefined {
  const problem = budget && problemOf(budget);
  const say = (status: Saying["status"], { reason, message }: Problem): Saying => ({
    type: BUSY_PROTECTED,
    status,
    reason,
    message,
  });
  if (problem) return say("False", problem);
  if (budget?.wanted && budget.there) return say("True", IN_PLACE);
  if (budget?.wanted) return say("False", PENDING);
  return budget?.there ? say("False", GOING) : undefined;
}

const IN_PLACE: Problem = { reason: "BudgetInPlace", message: "pods of runners with a job are not evicted" };
const PENDING: Problem = { reason: "BudgetPending", message: "the PodDisruptionBudget is being made" };
const GOING: Problem = { reason: "BudgetGoing", message: "the PodDisruptionBudget is being deleted" };

const PODS_FORBIDDEN: Problem = {
  reason: "Forbidden",
  message: "the controller may not patch pods in this namespace (403), so none is marked as busy: set rbac.extra in " +
    "the scale set's chart; it is tried again within ten minutes",
};

function problemOf({ wanted, problem, podsForbidden }: SeenBudget): Problem | undefined {
  return problem ?? (wanted && podsForbidden ? PODS_FORBIDDEN : undefined);
}

function unprotectedEvent(set: Stored<EphemeralRunnerSet>, budget: SeenBudget): EventStep[] {
  const problem = budget.wanted && problemOf(budget);
  const said = conditionNamed(set.status?.conditions, BUSY_PROTECTED);
  if (!problem || budget.told === problem.message || said?.message === problem.message) return [];
  const { message } = problem;
  return [{ do: "event", kind: EPHEMERAL_RUNNER_SETS, about: set, type: "Warning", reason: UNPROTECTED, message }];
}
