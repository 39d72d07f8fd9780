/** What a scale set's status says, computed from its children each time. Pure. */
import {
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingRunnerSetStatus,
  type EphemeralRunnerSetStatus,
} from "../../api/kinds.ts";
import { LABELS } from "../../api/names.ts";
import { refOf } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { patch, type Step } from "../../runtime/plan.ts";
import { conditionNamed, conditionsOf, heldTo, type Saying } from "../shared/conditions.ts";
import { same } from "../shared/drift.ts";
import type { Problem } from "../shared/problems.ts";
import type { Observed } from "./observe.ts";
import { limitEvents, limitStatus, PAUSED, pauseSaying } from "./status_limits.ts";

/** How far a scale set is. */
export interface Standing {
  /** What is waited for, when it is not yet as it is wanted. */
  readonly pending?: Problem;
  /** What stands in the way. */
  readonly problem?: Problem;
}

/** Steps that make the status say how things are: none when it does already. */
export function statusSteps(seen: Observed, standing: Standing, now: Instant): Step[] {
  const { ars } = seen;
  const wanted = statusOf(seen, standing, now);
  const steps: Step[] = limitEvents(ars, now, seen.outdated);
  const event = problemEvent(seen, standing.problem);
  steps.push(...event ? [event] : standing.pending ? [] : listenerEvents(seen));
  if (!same(ars.status, { ...ars.status, ...wanted })) {
    // The whole status each time: where fields are dropped, a repetition can be told as one (see execute.ts).
    const body = { ...heldTo(ars, wanted), status: wanted };
    steps.push(patch(AUTOSCALING_RUNNER_SETS, refOf(ars), body, { subresource: "status", goneIsDone: true }));
  }
  return steps;
}

/** The whole status; null takes a field away that is not so any more. */
function statusOf(seen: Observed, standing: Standing, now: Instant) {
  const { ars } = seen;
  const generation = ars.metadata.generation;
  return {
    ...countsOf(seen),
    ...limitStatus(ars, now, seen.outdated),
    phase: phaseOf(seen, standing),
    observedGeneration: generation,
    conditions: conditionsOf(ars.status?.conditions, sayingsOf(seen, standing), {
      now,
      generation,
      over: ["VersionSkew", PAUSED, POLICY_IGNORED, LISTENER_IGNORED, ...OF_CHILDREN],
    }),
  };
}

function countsOf({ runnerSet, formerSets }: Observed): AutoscalingRunnerSetStatus {
  const sets = [...runnerSet ? [runnerSet] : [], ...formerSets];
  const sum = (field: keyof EphemeralRunnerSetStatus) =>
    sets.reduce((total, { status }) => total + Number(status?.[field] ?? 0), 0);
  return {
    currentRunners: sum("currentReplicas"),
    pendingEphemeralRunners: sum("pendingEphemeralRunners"),
    runningEphemeralRunners: sum("runningEphemeralRunners"),
    failedEphemeralRunners: sum("failedEphemeralRunners"),
    finishedEphemeralRunners: sum("finishedEphemeralRunners"),
    deletingEphemeralRunners: sum("deletingEphemeralRunners"),
  };
}

function phaseOf(seen: Observed, { pending, problem }: Standing): AutoscalingRunnerSetStatus["phase"] {
  if (seen.outdated) return "Outdated";
  // A problem with GitHub does not undo what runs already.
  if (pending || (problem && !seen.runnerSet)) return "Pending";
  return "Running";
}

function sayingsOf(seen: Observed, standing: Standing): Saying[] {
  const { pending, problem } = standing;
  const listener = listenerProblem(seen);
  const unready = problem ?? pending ?? listener;
  const ready: Saying = unready
    ? { type: "Ready", status: "False", reason: unready.reason, message: unready.message }
    : { type: "Ready", status: "True", reason: "Ready", message: "listener and runner set are as they are wanted" };
  const halted = conditionNamed(seen.runnerSet?.status?.conditions, "Progressing");
  return [
    ready,
    progressOf({ pending, problem }, listener, halted),
    ...pauseSaying(seen.ars),
    ...passedOn(seen),
    ...policyOf(seen),
    ...listenerOf(seen),
    ...skewOf(seen),
  ];
}

/** Why the listener is not at work; what it has not said yet counts as not yet. */
function listenerProblem({ listeners, isListening }: Observed): Problem | undefined {
  const said = conditionNamed(listeners[0]?.status?.conditions, "Ready");
  if (said) return said.status === "True" ? undefined : said;
  return isListening ? undefined : { reason: PENDING_LISTENER, message: "the listener has not started yet" };
}

const PENDING_LISTENER = "ListenerPending";

function progressOf(
  { pending, problem }: Standing,
  listener: Problem | undefined,
  ofRunners: Saying | undefined,
): Saying {
  const of = (status: Saying["status"], { reason, message }: Problem): Saying => ({
    type: "Progressing",
    status,
    reason,
    message,
  });
  if (problem) return of("False", problem);
  if (pending) return of("True", pending);
  if (listener) return of(listener.reason === PENDING_LISTENER ? "True" : "False", listener);
  if (ofRunners?.status === "False") return of("False", ofRunners);
  return of("False", { reason: "Done", message: "nothing is left to do" });
}

const PHANTOM = "PhantomDemand";
/** Conditions of children that are true of the scale set. */
const OF_CHILDREN = ["RunnersFailing", "RunnersWaiting", "RunnerVersionDeprecated", PHANTOM, "BusyRunnersProtected"];

function passedOn({ runnerSet, listeners }: Observed): Saying[] {
  const said = [...runnerSet?.status?.conditions ?? [], ...listeners[0]?.status?.conditions ?? []];
  return said.filter(({ type }) => OF_CHILDREN.includes(type))
    .map(({ type, status, reason, message }) => ({ type, status, reason, message }));
}

const POLICY_IGNORED = "RunnerPolicyIgnored";

function policyOf({ ars, dropsPolicy }: Observed): Saying[] {
  if (!dropsPolicy || !ars.spec?.runnerPolicy) return [];
  const message = "the CRD of EphemeralRunnerSets is older than this controller and drops runnerPolicy: apply the " +
    "controller's CRDs";
  return [{ type: POLICY_IGNORED, status: "True", reason: "OldCRD", message }];
}

const LISTENER_IGNORED = "ListenerSettingsIgnored";

/** Without a listener pod nobody would see that what is said of it has no effect. */
function listenerOf({ ars: { spec }, settings }: Observed): Saying[] {
  const ignored = (["listenerTemplate", "listenerMetrics"] as const).filter((field) => spec?.[field] !== undefined);
  if (settings.listenerMode !== "embedded" || ignored.length === 0) return [];
  const fields = ignored.map((field) => `spec.${field}`).join(" and ");
  const message = `${fields}: no effect with --listener-mode=embedded, where the controller's own endpoint has the ` +
    `metrics of all scale sets; take the field out, or use --listener-mode=pod`;
  return [{ type: LISTENER_IGNORED, status: "True", reason: "EmbeddedListener", message }];
}

/** Another version than ours made the object: we go on all the same, and say so. */
function skewOf({ ars, settings }: Observed): Saying[] {
  const version = ars.metadata.labels?.[LABELS.version];
  if (version === undefined || version === settings.version) return [];
  const message = `the object is of version ${version}, the controller of version ${settings.version}: it is served ` +
    "all the same; upgrade the older of the two charts";
  return [{ type: "VersionSkew", status: "True", reason: "OtherVersion", message }];
}

function problemEvent({ ars }: Observed, problem: Problem | undefined): Step | undefined {
  const said = conditionNamed(ars.status?.conditions, "Ready");
  if (!problem || (said?.reason === problem.reason && said.message === problem.message)) return undefined;
  return { do: "event", kind: AUTOSCALING_RUNNER_SETS, about: ars, type: "Warning", ...problem };
}

/** What the listener says is told of the scale set too, when it begins: people look here. */
function listenerEvents(seen: Observed): Step[] {
  const { ars, listeners } = seen;
  const before = ars.status?.conditions;
  // Where conditions are dropped nothing tells what has been told.
  if (!before) return [];
  const tell = (reason: string, message: string): Step => ({
    do: "event",
    kind: AUTOSCALING_RUNNER_SETS,
    about: ars,
    type: "Warning",
    reason,
    message,
  });
  const problem = listenerProblem(seen);
  const isNew = problem && problem.reason !== PENDING_LISTENER &&
    conditionNamed(before, "Ready")?.reason !== problem.reason;
  const phantom = conditionNamed(listeners[0]?.status?.conditions, PHANTOM);
  const isNewDemand = phantom?.status === "True" && conditionNamed(before, PHANTOM)?.status !== "True";
  return [
    ...isNew ? [tell(problem.reason, problem.message)] : [],
    ...isNewDemand ? [tell(PHANTOM, phantom.message)] : [],
  ];
}
