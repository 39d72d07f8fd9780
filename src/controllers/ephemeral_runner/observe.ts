/** What a decision about a runner needs to see: its object, its pod, and what this process remembers. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import { LABELS } from "../../api/names.ts";
import { ServiceError } from "../../github/errors.ts";
import { controllerOf, isDeleting, type Pod, type Stored } from "../../k8s/resource.ts";
import type { Change } from "../../k8s/store.ts";
import { delayOf } from "../../lib/backoff.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Performance } from "../../runtime/performer.ts";
import { hasJob, isMarked, setUidOf } from "../shared/runner_state.ts";
import { SourceError } from "../shared/services.ts";
import type { Waits } from "../shared/waits.ts";
import { HooksLeftError, NameTakenError } from "./calls.ts";
import type { Answer, Call, Memory, Problem } from "./memory.ts";
import { describe, hasStarted, isStuck, type PodState, podStateOf } from "./outcome.ts";

/** The runner's pod as it is. */
export interface SeenPod {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly isDeleting: boolean;
  readonly state: PodState;
  /** Whether the pod has been told of its runner's job. */
  readonly saysJob: boolean;
  /** Whether the pod is marked as that of a runner with a job. */
  readonly saysBusy: boolean;
}

/** What is chosen for all runners. */
export interface RunnerSettings {
  /** The program's version, for the user agent of runners. */
  readonly version: string;
  readonly waits: Waits;
  /** Whether pods are told of their runner's job. */
  readonly annotatePods: boolean;
  /** False while the API server has forbidden it in the runner's namespace. */
  readonly mayPatchPods: boolean;
  /** When it is tried again. */
  readonly patchPodsAt?: Instant;
}

export interface Seen {
  readonly runner: Stored<EphemeralRunner>;
  readonly pod?: SeenPod;
  /** A pod of somebody else has the runner's name. */
  readonly nameTaken: boolean;
  /** The set that the runner belongs to, while it is there. */
  readonly set?: {
    readonly deletingSince?: Instant;
    readonly scaleSetId?: number;
    /** Milliseconds in which its runners have to start. */
    readonly pendingTimeout?: number;
    /** Runners with a job may not be evicted: their pods are to be marked. */
    readonly protectsBusy?: boolean;
  };
  /** When the runner was asked to go. */
  readonly deletingSince?: Instant;
  readonly memory: Readonly<Memory>;
  /** The call in flight. */
  readonly calling?: Call["do"];
  /** Whether the service has ever been asked to register this runner, as far as this process can know. */
  readonly mayBeRegistered: boolean;
  /** The service let the runner go when the set asked it to. */
  readonly released: boolean;
  /** The set has asked the service to let the runner go, and the service has not refused. */
  readonly asked: boolean;
  readonly settings: RunnerSettings;
}

export const JOB_ANNOTATION = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/** The pod as a decision sees it, or undefined when it belongs to another object. */
export function seenPod(pod: Stored<Pod> | undefined, runner: Stored<EphemeralRunner>): SeenPod | undefined {
  if (!pod || controllerOf(pod)?.uid !== runner.metadata.uid) return undefined;
  return {
    uid: pod.metadata.uid,
    resourceVersion: pod.metadata.resourceVersion,
    isDeleting: isDeleting(pod),
    state: podStateOf(pod),
    saysJob: pod.metadata.annotations?.[JOB_ANNOTATION] !== undefined,
    saysBusy: pod.metadata.labels?.[LABELS.busy] === setUidOf(runner),
  };
}

/** Takes what the pod says now into the memory: since when it says so, and what it never says again. */
export function remember(memory: Memory, runner: Stored<EphemeralRunner>, seen: SeenPod | undefined, at: {
  readonly now: Instant;
  readonly waits: Waits;
}): void {
  const { now } = at;
  const asked = instantOf(runner.metadata.deletionTimestamp);
  if (asked === undefined) memory.seenStaying = true;
  else memory.goingSince ??= memory.seenStaying ? now : Math.min(asked, now);
  const completed = isMarked(runner) || (hasJob(runner) && memory.registration === "forgotten");
  memory.completedSince = completed ? memory.completedSince ?? now : undefined;
  memory.podlessSince = seen ? undefined : memory.podlessSince ?? now;
  if (!seen) return;
  const { uid, state } = seen;
  if (hasStarted(state)) memory.started = true;
  const rejected = state.is === "rejected";
  memory.pod = { uid, rejected, bound: state.is === "starting" ? state.bound : !rejected };
  memory.refusal = undefined;
  if (state.is === "running") memory.runningSince ??= Math.min(state.since ?? now, now);
  const stuck = state.is === "starting" && state.waiting !== undefined && isStuck(state.waiting.reason);
  memory.stuckSince = stuck ? memory.stuckSince ?? now : undefined;
  const unschedulable = state.is === "starting" && state.unschedulable !== undefined;
  memory.unschedulableSince = unschedulable ? memory.unschedulableSince ?? now : undefined;
  if (rejected && !memory.rejected.has(uid)) {
    memory.rejected.add(uid);
    memory.rejectedAt = now;
  }
  if (state.is === "ended") {
    memory.endedAt ??= now;
    const { exitCode, init, livedMs = 0 } = state.end;
    // One that was told to end says nothing by it: only after a job does a runner take its registration with it.
    const hadItsTime = livedMs > at.waits.shortLife && !seen.isDeleting;
    if (exitCode !== 0) memory.badEnd ??= describe(state.end);
    memory.endedWell = exitCode === 0 && !init && (hasJob(runner) || hadItsTime);
  }
}

/**
 * Takes a change of a pod into the memory of its runner. Between two looks at a runner its pod can have started and
 * gone: a container that has started once must be known for good.
 */
export function witness(memory: Memory, { before, after, unseen }: Change<Pod>): void {
  const states = [before, after].flatMap((pod) => pod && controllerOf(pod)?.uid === memory.uid ? podStateOf(pod) : []);
  if (states.length === 0) return;
  if (states.some(hasStarted) || (unseen && states[0]?.is === "starting")) memory.started = true;
  if (before && !after) {
    memory.pod ??= { uid: before.metadata.uid, bound: Boolean(before.spec?.nodeName), rejected: false };
  }
}

/** Takes what a call came to into the memory. @returns whether there was anything to take: it is then to be dropped */
export function digest(memory: Memory, performance: Performance<Call, Answer>, waits: Waits): boolean {
  const { last } = performance;
  if (!last) return false;
  if (last.call.do === "release" && last.call.hooks) memory.triedHooks = true;
  if (!last.ok) {
    const call = last.call.do;
    const count = memory.failure?.call === call ? memory.failure.count + 1 : 1;
    const problem = problemOf(last.error);
    if (call === "release" && problem === "JobStillRunning") memory.saidBusy = true;
    const wait = Math.max(waitOf(call, problem, count, waits), Math.min(retryAfterOf(last.error), waits.timeBox));
    const since = (count > 1 ? memory.failure?.since : undefined) ?? last.at;
    memory.failure = { call, problem, count, message: messageOf(last.error), retryAt: last.at + wait, since };
    const asked = Math.max(memory.goingSince ?? Infinity, memory.podlessSince ?? 0);
    const isInVain = call === "checkRegistration" && count > 1 && last.at - asked >= waits.timeBox;
    if (isInVain && memory.registration === "unasked") memory.registration = "unanswered";
    return true;
  }
  memory.failure = undefined;
  const answer = last.result;
  switch (answer.of) {
    case "register":
      memory.jit = answer.jit;
      memory.runnerId = answer.jit.runnerId;
      break;
    case "readSecret":
      memory.secret = answer.found ? "found" : "absent";
      memory.runnerId ??= answer.runnerId;
      break;
    case "readPod":
      if (answer.gone) memory.vanished = answer.uid;
      else {
        // The API server has the pod and the watch does not show it yet.
        const retryAt = last.at + waits.hookPods;
        memory.failure = { call: "readPod", problem: "Other", count: 1, message: "the pod is still there", retryAt };
      }
      break;
    case "checkRegistration":
      memory.checkedAt = last.at;
      memory.turnAt = undefined;
      memory.registration = answer.known ? "known" : "forgotten";
      break;
    case "turn":
      memory.turnAt = last.at + answer.inMs;
      break;
    case "release":
      if (answer.registration) memory.registration = "removed";
      if (answer.hooks) memory.hooksGone = true;
  }
  return true;
}

function problemOf(error: unknown): Problem {
  if (ServiceError.is(error, "JobStillRunning")) return "JobStillRunning";
  if (ServiceError.is(error, "ScaleSetNotFound")) return "ScaleSetGone";
  if (ServiceError.is(error, "Unauthorized", "Forbidden")) return "Unauthorized";
  if (error instanceof SourceError) return "Source";
  if (error instanceof NameTakenError) return "NameTaken";
  if (error instanceof HooksLeftError) return "HooksLeft";
  return "Other";
}

function retryAfterOf(error: unknown): number {
  return ServiceError.is(error) ? error.fields.retryAfterMs ?? 0 : 0;
}

function waitOf(call: Call["do"], problem: Problem, count: number, waits: Waits): number {
  if (problem === "HooksLeft") return waits.hookPods;
  const [firstMs, maxMs] = call === "register"
    ? [waits.registerFirst, waits.registerMost]
    : [waits.deniedFirst, waits.deniedMost];
  return delayOf({ firstMs, maxMs }, count - 1);
}
