/** How a runner goes: what is removed, in which order, and how long GitHub is waited for. Pure. */
import { EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { FINALIZERS } from "../../api/names.ts";
import { PODS, refOf } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, type DeleteStep, patch, perform, type Plan, remove, rest, type Step } from "../../runtime/plan.ts";
import { hasJob, isMarked } from "../shared/runner_state.ts";
import { hasContainerHooks } from "./build.ts";
import { jobOf, told } from "./ended.ts";
import type { Call } from "./memory.ts";
import type { Seen, SeenPod } from "./observe.ts";
import { describe, isStuck } from "./outcome.ts";
import { soon } from "./pace.ts";

const OURS: readonly string[] = [FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration];

/** The runner is being deleted. */
export function dismiss(seen: Seen, now: Instant): Plan<Call> {
  const { runner, pod } = seen;
  if (!runner.metadata.finalizers?.some((finalizer) => OURS.includes(finalizer))) return rest("leaving");
  if (isAtWork(seen) || mayJustHaveStarted(seen, now)) return waitForJob(seen, now);
  if (wentUnseen(seen)) return askWhatBecame(seen, now);

  const steps: Step<Call>[] = [];
  const loss = lossOf(seen);
  if (loss) steps.push(told(seen, loss.reason, `${loss.what}, while it was being deleted${jobOf(seen)}`));
  const outside = outsideOf(seen);
  if (pod && !pod.isDeleting) steps.push(removePod(seen));
  // The pod takes its time: who finds the runner without it after a restart must not think that it went with a job.
  const takesTime = pod && (pod.isDeleting || pod.state.is === "running" || pod.state.is === "starting");
  if (takesTime && !outside.registration && isHeldFor(seen, FINALIZERS.runnerRegistration)) {
    steps.push(withoutFinalizers(seen, [FINALIZERS.runnerRegistration]));
  }
  // Before its container has ended, a runner with a job is for GitHub to keep: that is no failure of GitHub's.
  const { endedAt, podlessSince = 0, triedHooks } = seen.memory;
  const since = hadJob(seen) ? Math.max(seen.deletingSince ?? now, endedAt ?? podlessSince) : triedSince(seen, now);
  // What container hooks made is in the cluster: it is not tried while a job may run, but before the runner goes.
  const expired = isExpired(seen, since, now) && (!outside.hooks || triedHooks === true);
  const wait = soon(seen, "release", now);
  const isOpen = (outside.registration || outside.hooks) && !expired;
  if (isOpen && seen.calling === undefined && wait === 0) steps.push(perform(release(seen, outside)));
  if (!pod && seen.calling === undefined && !isOpen) {
    if (outside.registration || outside.hooks) steps.push(gaveUp(seen));
    return act("dismissed", [...steps, withoutFinalizers(seen, OURS)]);
  }
  const inMs = isOpen && wait > 0 ? wait : undefined;
  return steps.length > 0 ? act("dismiss", steps, inMs) : rest(pod ? "pod-leaving" : "github-leaving", inMs);
}

/** A failed or outdated runner: it stays, but nothing of it runs and GitHub does not know it. */
export function history(seen: Seen, now: Instant): Plan<Call> {
  const { pod } = seen;
  const steps: Step<Call>[] = [];
  if (pod && !pod.isDeleting) steps.push(removePod(seen));
  if (!isHeldFor(seen, FINALIZERS.runnerRegistration)) return steps.length > 0 ? act("clear", steps) : rest("history");

  const outside = outsideOf(seen);
  if (!outside.registration) {
    return act("clear", [...steps, withoutFinalizers(seen, [FINALIZERS.runnerRegistration])]);
  }
  if (isExpired(seen, seen.memory.failure?.since, now) && seen.calling === undefined) {
    return act("clear", [...steps, gaveUp(seen), withoutFinalizers(seen, [FINALIZERS.runnerRegistration])]);
  }
  const wait = soon(seen, "release", now);
  if (seen.calling === undefined && wait === 0) {
    steps.push(perform(release(seen, { registration: true, hooks: false })));
  }
  return steps.length > 0 ? act("clear", steps) : rest("history", wait > 0 ? wait : undefined);
}

/** Time alone is not enough: a controller may have been away, and a clock may have jumped. GitHub has been asked in vain. */
function isExpired({ memory: { failure }, settings }: Seen, since: Instant | undefined, now: Instant): boolean {
  if (failure?.call !== "release" || failure.count < TRIES) return false;
  return now - (since ?? now) >= settings.waits.timeBox;
}

/**
 * Since when the service has been asked in vain to let the runner go. A controller that has just started asks for as long
 * as any other; what a set has waited counts for its runners, for an uninstall has to end.
 */
function triedSince({ deletingSince, set, memory: { failure } }: Seen, now: Instant): Instant {
  const asked = deletingSince ?? now;
  return set?.deletingSince === undefined ? Math.max(asked, failure?.since ?? 0) : asked;
}

/** At least so many calls for a runner must have failed in a row before it is given up. */
const TRIES = 2;

/** Whether the runner has a job, as far as GitHub has told anybody. */
function hadJob({ runner, memory }: Seen): boolean {
  return hasJob(runner) || memory.saidBusy === true;
}

/** Whether nothing can be lost any more: the job has completed, or GitHub has let the runner go. */
function isSettled({ runner, memory, released }: Seen): boolean {
  return isMarked(runner) || released || memory.registration === "removed";
}

/** Whether the runner has a job and may still be at it: then only the service or its container's end lets it go. */
function isAtWork(seen: Seen): boolean {
  const { pod } = seen;
  return hadJob(seen) && !isSettled(seen) && (pod?.state.is === "running" || pod?.state.is === "starting");
}

/**
 * Whether a runner that looks idle may have been given a job a moment ago: only the service knows. It is asked until it
 * answers, for as long as clean-up at GitHub is tried.
 */
function mayJustHaveStarted(seen: Seen, now: Instant): boolean {
  const { runner, pod } = seen;
  if (!pod || pod.isDeleting || isMarked(runner) || !mayRun(pod)) return false;
  return outsideOf(seen).registration && !isExpired(seen, triedSince(seen, now), now);
}

/** A watch may be late, and a kubelet too: what is on a node and has nothing in its way may run already. */
function mayRun({ state }: SeenPod): boolean {
  return state.is === "running" || (state.is === "starting" && state.bound && !isStuck(state.waiting?.reason ?? ""));
}

/**
 * Whether the pod of a runner went while no controller looked: it may have had a job, and that may be done or lost. An
 * ephemeral runner that GitHub still knows has not completed its job; of one that it has forgotten only GitHub can tell.
 */
function wentUnseen(seen: Seen): boolean {
  const { memory } = seen;
  if (!isUnseen(seen) || memory.toldLoss || isSettled(seen)) return false;
  return memory.saidBusy !== true && outsideOf(seen).registration && memory.registration === "unasked";
}

/** Whether the runner is known to have run, or to have had a job, and has no pod that this controller ever saw. */
function isUnseen(seen: Seen): boolean {
  const { runner, pod, memory } = seen;
  return !pod && memory.pod === undefined && (hadJob(seen) || runner.status?.phase === "Running");
}

/** How the runner's job came to an end that was bad, or may have been, and that nobody has been told of yet. */
function lossOf(seen: Seen): { readonly reason: "RunnerLost" | "RunnerVanished"; readonly what: string } | undefined {
  const { runner, pod, memory } = seen;
  if (memory.toldLoss || isSettled(seen)) return undefined;
  if (!hadJob(seen)) {
    // A registration goes with its job, or because somebody removed it: who was to hear of the job was away.
    const isForgotten = isUnseen(seen) && memory.registration === "forgotten" && memory.endedAt === undefined;
    if (!isForgotten) return undefined;
    return {
      reason: "RunnerVanished",
      what:
        "its pod went while no controller looked, and GitHub does not know it any more: if it had a job, GitHub says how that ended",
    };
  }
  if (pod?.state.is === "ended" && pod.state.end.exitCode !== 0) {
    return { reason: "RunnerLost", what: `its container ended while it had a job (${describe(pod.state.end)})` };
  }
  const isHistory = runner.status?.phase === "Failed" || runner.status?.phase === "Outdated";
  if (!pod && memory.badEnd !== undefined && !isHistory) {
    return { reason: "RunnerLost", what: `its container ended while it had a job (${memory.badEnd})` };
  }
  if (pod || memory.endedAt !== undefined) return undefined;
  const isLost = memory.pod !== undefined || memory.saidBusy === true || memory.registration === "known";
  if (isLost) return { reason: "RunnerLost", what: "its pod has vanished" };
  if (memory.registration !== "forgotten") return undefined;
  return {
    reason: "RunnerVanished",
    what:
      "its pod went while no controller looked, and GitHub, which does not know it any more, says how its job ended",
  };
}

function askWhatBecame(seen: Seen, now: Instant): Plan<Call> {
  if (seen.calling !== undefined) return rest("asking");
  const wait = soon(seen, "checkRegistration", now);
  if (wait > 0) return rest("asking", wait);
  return act("ask-what-became", perform({ do: "checkRegistration", runnerId: idOf(seen) }));
}

function waitForJob(seen: Seen, now: Instant): Plan<Call> {
  if (seen.calling !== undefined) return rest("job-running");
  const wait = soon(seen, "release", now);
  if (wait > 0) return rest("job-running", wait);
  return act("ask-service", perform(release(seen, { registration: true, hooks: false })));
}

/** What may be left of the runner outside its own objects. */
function outsideOf(seen: Seen): { readonly registration: boolean; readonly hooks: boolean } {
  const { runner, memory } = seen;
  const isGone = memory.registration === "removed" || memory.registration === "forgotten" ||
    memory.endedWell === true || seen.released || !seen.mayBeRegistered ||
    !isHeldFor(seen, FINALIZERS.runnerRegistration);
  return { registration: !isGone, hooks: hasContainerHooks(runner) && memory.hooksGone !== true };
}

function release(seen: Seen, parts: { readonly registration: boolean; readonly hooks: boolean }): Call {
  const runnerId = idOf(seen);
  return { do: "release", ...parts, ...(runnerId === undefined ? {} : { runnerId }) };
}

/** The id under which GitHub knows the runner. */
function idOf({ runner, memory }: Seen): number | undefined {
  return runner.status?.runnerId ?? memory.runnerId;
}

/**
 * A pod in which nothing runs any more needs no grace; another has its own. One that waits for a node goes only while it
 * does: a watch may be late, and a job may run by now.
 */
function removePod({ runner, pod }: Seen): DeleteStep {
  const { namespace, name } = runner.metadata;
  const isOver = pod?.state.is === "ended" && !pod.state.end.init || pod?.state.is === "rejected";
  const isWaiting = pod?.state.is === "starting" && !pod.state.bound;
  return {
    ...remove(PODS, { namespace, name, uid: pod?.uid ?? "" }, isOver ? 0 : undefined),
    ...(isWaiting && { resourceVersion: pod.resourceVersion }),
  };
}

function isHeldFor({ runner }: Seen, finalizer: string): boolean {
  return runner.metadata.finalizers?.includes(finalizer) === true;
}

/** One patch, which holds only while nobody else has changed the runner: finalizers of others stay. */
function withoutFinalizers({ runner }: Seen, which: readonly string[]) {
  const { finalizers = [], resourceVersion } = runner.metadata;
  const left = finalizers.filter((finalizer) => !which.includes(finalizer));
  const body = { metadata: { finalizers: left.length > 0 ? left : null, resourceVersion } };
  return patch(EPHEMERAL_RUNNERS, refOf(runner), body, { goneIsDone: true });
}

function gaveUp(seen: Seen) {
  const { runner, memory } = seen;
  const id = idOf(seen);
  const what = `runner ${runner.metadata.name}${id === undefined ? "" : ` (id ${id})`}`;
  return told(
    seen,
    "CleanupIncomplete",
    `${what} may still be registered at GitHub: ${memory.failure?.message ?? "no answer in time"}. Remove it there${
      jobOf(seen)
    }`,
  );
}
