/** What one runner needs next. Pure; the rules are those of docs/behaviour.md, "One runner". */
import { EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { FINALIZERS } from "../../api/names.ts";
import { PODS, refOf, SECRETS } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, create, patch, perform, type Plan, remove, rest } from "../../runtime/plan.ts";
import { hasJob, isMarked } from "../shared/runner_state.ts";
import { busyLabelsOf, jitSecretOf, jobAnnotationsOf, podOf, runnerContainerOf } from "./build.ts";
import { dismiss, history } from "./dismiss.ts";
import { ended, fail, lost } from "./ended.ts";
import type { Call } from "./memory.ts";
import type { Seen, SeenPod } from "./observe.ts";
import { isHopeless, isStuck, type PodState } from "./outcome.ts";
import { again, soon } from "./pace.ts";
import { runningStatus, waitingStatus } from "./status.ts";

type RunnerPlan = Plan<Call>;
type StateOf<Is extends PodState["is"]> = Extract<PodState, { is: Is }>;

export function decide(seen: Seen, now: Instant): RunnerPlan {
  const { runner, pod } = seen;
  const phase = runner.status?.phase;

  if (seen.deletingSince !== undefined) return protect(seen) ?? dismiss(seen, now);
  if (!hasFinalizers(seen)) return act("protect", withFinalizers(seen));
  if (phase === "Failed" || phase === "Outdated") return history(seen, now);
  if (phase === "Succeeded") return act("finished", remove(EPHEMERAL_RUNNERS, refOf(runner)));
  if (!pod) return withoutPod(seen, now);

  switch (pod.state.is) {
    case "starting":
      return starting(seen, pod, pod.state, now);
    case "running":
      return running(seen, pod, pod.state, now);
    case "ended":
      return ended(seen, pod, pod.state.end, now);
    case "rejected":
      return rejected(seen, pod, pod.state);
  }
}

/** No pod: it has still to be made, or it has gone. */
function withoutPod(seen: Seen, now: Instant): RunnerPlan {
  const { runner, memory, calling } = seen;
  if (seen.nameTaken) return replace(seen, "PodNameTaken", "a pod that is not this runner's has its name");
  if (memory.endedAt !== undefined) return act("finished", remove(EPHEMERAL_RUNNERS, refOf(runner)));

  const hadPod = memory.pod !== undefined || runner.status?.phase === "Running" ||
    runner.status?.runnerId !== undefined;
  if (hadPod) {
    const uid = memory.pod?.uid ?? "";
    const isSure = memory.pod?.rejected === true || memory.vanished === uid;
    if (!isSure) return call(seen, { do: "readPod", uid }, "make-sure", now);
    if (memory.started || memory.pod?.bound !== false || hasJob(runner)) {
      return lost(seen, "PodVanished", "its pod has vanished");
    }
    if (memory.rejected.size >= MOST_REJECTIONS) {
      return replace(seen, "PodRejected", `its pod was rejected ${memory.rejected.size} times`);
    }
    const wait = again(memory.rejected.size, memory.rejectedAt, seen.settings.waits, now);
    if (wait > 0) return rest("rejected", wait);
  }
  if (calling !== undefined) return rest(calling);
  return memory.secret === "made" ? withSecret(seen, now) : withoutSecret(seen, now);
}

/** A pod that is rejected so often on its way gives way to a fresh runner. */
const MOST_REJECTIONS = 5;

function withoutSecret(seen: Seen, now: Instant): RunnerPlan {
  const { runner, memory, set } = seen;
  if (memory.secret === "unknown") return call(seen, { do: "readSecret" }, "look", now);
  if (memory.secret === "found") {
    return replace(seen, "Abandoned", "its configuration may have been used, and its pod is not there");
  }
  if (memory.jit) return act("keep-configuration", create(SECRETS, jitSecretOf(runner, memory.jit)));
  if (memory.failure?.problem === "NameTaken") return replace(seen, "NameTaken", memory.failure.message);
  if (set?.scaleSetId !== undefined && set.scaleSetId !== runner.spec?.runnerScaleSetId) {
    return replace(seen, "ScaleSetChanged", "its scale set has been replaced before it was registered");
  }
  return refused(seen, now) ?? call(seen, { do: "register" }, "register", now);
}

/** The scale set itself may ask GitHub for nothing for hours: that its credentials are refused shows here first. */
function refused({ runner, memory: { failure } }: Seen, now: Instant): RunnerPlan | undefined {
  if (failure?.problem !== "Unauthorized" || failure.call !== "register" || failure.retryAt <= now) return undefined;
  const saying = waitingStatus(runner, { reason: "Unauthorized", message: failure.message }, now);
  return saying && act("unauthorized", patch(EPHEMERAL_RUNNERS, refOf(runner), saying, { subresource: "status" }));
}

function withSecret(seen: Seen, now: Instant): RunnerPlan {
  const { runner, memory, settings } = seen;
  const { refusal } = memory;
  if (!runnerContainerOf(runner)) {
    return fail(seen, { reason: "InvalidPod", message: "the pod template has no container named runner" }, now);
  }
  const isFinal = refusal?.reason === "InvalidPod" ||
    (refusal?.reason === "NotAllowed" && now - refusal.since >= settings.waits.rights);
  if (isFinal) {
    return fail(seen, { reason: "InvalidPod", message: `Failed to create the pod: ${refusal.message}` }, now);
  }
  if (refusal?.reason === "NotAllowed" && refusal.retryAt > now) return rest("not-allowed", refusal.retryAt - now);
  if (refusal && now - refusal.since >= settings.waits.quotaGivesUp) {
    return replace(seen, "QuotaExceeded", refusal.message);
  }
  if (refusal && refusal.retryAt > now) {
    const saying = waitingStatus(runner, { reason: "QuotaExceeded", message: refusal.message }, now);
    if (!saying) return rest("quota", refusal.retryAt - now);
    return act("quota", patch(EPHEMERAL_RUNNERS, refOf(runner), saying, { subresource: "status" }));
  }
  return act("create-pod", create(PODS, podOf(runner, settings.version)));
}

function starting(seen: Seen, pod: SeenPod, state: StateOf<"starting">, now: Instant): RunnerPlan {
  const { runner, memory, set, settings: { waits } } = seen;
  const { waiting, unschedulable } = state;
  if (pod.isDeleting) return rest("pod-leaving");
  if (waiting && isStuck(waiting.reason)) {
    const since = memory.stuckSince ?? now;
    const due = since + Math.min(waits.imageStuck, set?.pendingTimeout ?? Infinity);
    if (isHopeless(waiting.reason) || now >= due) {
      return fail(seen, { reason: waiting.reason, message: `container ${waiting.container}: ${waiting.message}` }, now);
    }
    return rest("stuck", due - now);
  }
  if (unschedulable !== undefined && memory.unschedulableSince !== undefined) {
    const due = memory.unschedulableSince + waits.unschedulable;
    if (now < due) return rest("unschedulable", due - now);
    const saying = waitingStatus(runner, { reason: "Unschedulable", message: unschedulable }, now);
    if (saying) return act("unschedulable", patch(EPHEMERAL_RUNNERS, refOf(runner), saying, { subresource: "status" }));
  }
  return rest("starting");
}

function running(seen: Seen, pod: SeenPod, state: StateOf<"running">, now: Instant): RunnerPlan {
  const { mayPatchPods, patchPodsAt } = seen.settings;
  // First of all: until the pod is marked as busy it can be evicted.
  const tidings = tidingsFor(seen, pod);
  if (!tidings) return untroubled(seen, pod, state, now);
  if (mayPatchPods) {
    return act("tell-pod", patch(PODS, podRef(seen, pod), { metadata: tidings }, { goneIsDone: true }));
  }
  const plan = untroubled(seen, pod, state, now);
  if (patchPodsAt === undefined) return plan;
  return { ...plan, requeueAfter: Math.min(plan.requeueAfter ?? Infinity, Math.max(1, patchPodsAt - now)) };
}

/** A running pod that needs to be told nothing. */
function untroubled(seen: Seen, pod: SeenPod, state: StateOf<"running">, now: Instant): RunnerPlan {
  const { runner, memory, settings: { waits } } = seen;
  const runnerId = runner.status?.runnerId ?? memory.runnerId;
  // After a restart only the secret says under which id the runner is known; a failure to read it holds nothing up.
  if (runnerId === undefined && memory.secret === "unknown" && memory.failure?.call !== "readSecret") {
    return call(seen, { do: "readSecret" }, "look", now);
  }
  const says = runningStatus(runner, { ready: state.ready, runnerId });
  if (says) return act("report", patch(EPHEMERAL_RUNNERS, refOf(runner), says, { subresource: "status" }));
  if (memory.completedSince !== undefined && !pod.isDeleting) {
    const due = memory.completedSince + waits.completed;
    if (now < due) return rest("completed", due - now);
    // That the service does not know the runner is believed when it has said so twice: a job may depend on it.
    const isSure = isMarked(runner) || runnerId === undefined || (memory.checkedAt ?? 0) >= due;
    if (!isSure) return call(seen, { do: "checkRegistration", runnerId }, "make-sure", now);
    return act("overdue", remove(PODS, podRef(seen, pod)));
  }
  if (runnerId === undefined || pod.isDeleting) return rest("running");
  return hasJob(runner) ? busy(seen, state, runnerId, now) : idle(seen, state, runnerId, now);
}

/** A runner that is being deleted finishes its job: until its pod is marked as busy it can be evicted. */
function protect(seen: Seen): RunnerPlan | undefined {
  const { pod, set, settings } = seen;
  if (pod?.state.is !== "running" || !set?.protectsBusy || pod.saysBusy || !settings.mayPatchPods) return undefined;
  const tidings = tidingsFor(seen, pod);
  return tidings && act("tell-pod", patch(PODS, podRef(seen, pod), { metadata: tidings }, { goneIsDone: true }));
}

/** What a pod is still to be told of its runner's job. */
function tidingsFor({ runner, memory, set, settings }: Seen, pod: SeenPod): Record<string, unknown> | undefined {
  if (!hasJob(runner) || memory.completedSince !== undefined || pod.isDeleting) return undefined;
  const annotations = settings.annotatePods && !pod.saysJob ? jobAnnotationsOf(runner) : undefined;
  const labels = set?.protectsBusy && !pod.saysBusy ? busyLabelsOf(runner) : undefined;
  if (!annotations && !labels) return undefined;
  return { ...(annotations && { annotations }), ...(labels && { labels }) };
}

/**
 * The service forgets a runner when its job has completed: a container that goes on all the same would do so for ever.
 * With a scale set that has been replaced meanwhile this says nothing about the job, and is believed only when the set
 * is to go: it would never be gone. A set that is to go waits for this alone: it is asked for more often.
 */
function busy(seen: Seen, state: StateOf<"running">, runnerId: number, now: Instant): RunnerPlan {
  const { runner, set } = seen;
  const isReplaced = set?.scaleSetId !== runner.spec?.runnerScaleSetId;
  if (isReplaced && set?.deletingSince === undefined) return rest("running", seen.settings.waits.idleCheck);
  const everyMs = set?.deletingSince === undefined ? seen.settings.waits.idleCheck : seen.settings.waits.leavingCheck;
  return checked(seen, state, { runnerId, everyMs }, now, "busy");
}

/** A runner that the service no longer knows waits for ever: its registration is looked at now and then. */
function idle(seen: Seen, state: StateOf<"running">, runnerId: number, now: Instant): RunnerPlan {
  if (seen.memory.registration === "forgotten") {
    return lost(seen, "RegistrationGone", "GitHub does not know the runner any more");
  }
  return checked(seen, state, { runnerId, everyMs: seen.settings.waits.idleCheck }, now, "idle");
}

function checked(
  seen: Seen,
  state: StateOf<"running">,
  { runnerId, everyMs }: { readonly runnerId: number; readonly everyMs: number },
  now: Instant,
  why: "idle" | "busy",
): RunnerPlan {
  const { memory } = seen;
  const due = memory.turnAt ?? Math.max(memory.checkedAt ?? 0, memory.runningSince ?? state.since ?? now) + everyMs;
  if (now < due) return rest(why, due - now);
  return call(seen, { do: "checkRegistration", runnerId, mayWait: memory.turnAt === undefined }, "check", now);
}

/** Nothing has run: the same configuration serves the next pod. */
function rejected(seen: Seen, pod: SeenPod, state: StateOf<"rejected">): RunnerPlan {
  const { runner, memory } = seen;
  const hasRun = memory.started || runner.status?.phase === "Running" || hasJob(runner);
  if (hasRun) return lost(seen, state.reason, state.message);
  if (pod.isDeleting) return rest("pod-leaving");
  return act("rejected", remove(PODS, podRef(seen, pod), 0));
}

/** Starts a call, unless one is under way or has failed a moment ago. */
function call(seen: Seen, wanted: Call, why: string, now: Instant): RunnerPlan {
  if (seen.calling !== undefined) return rest(why);
  const wait = soon(seen, wanted.do, now);
  return wait > 0 ? rest(`${why}-later`, wait) : act(why, perform(wanted));
}

/** The runner can't be used, and nobody is to blame: the set makes another. */
function replace(seen: Seen, reason: string, message: string): RunnerPlan {
  return lost(seen, reason, message);
}

function hasFinalizers({ runner }: Seen): boolean {
  const there = runner.metadata.finalizers ?? [];
  return OURS.every((finalizer) => there.includes(finalizer)) ||
    // A failed runner whose registration is gone keeps the other one alone.
    (there.includes(FINALIZERS.ephemeralRunner) && runner.status?.phase !== undefined &&
      ["Failed", "Outdated"].includes(runner.status.phase));
}

const OURS = [FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration];

function withFinalizers({ runner }: Seen) {
  const { finalizers = [], resourceVersion } = runner.metadata;
  const all = [...new Set([...finalizers, ...OURS])];
  return patch(EPHEMERAL_RUNNERS, refOf(runner), { metadata: { finalizers: all, resourceVersion } });
}

function podRef({ runner }: Seen, pod: SeenPod) {
  return { namespace: runner.metadata.namespace, name: runner.metadata.name, uid: pod.uid };
}
