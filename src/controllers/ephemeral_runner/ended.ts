/** What to do about a runner whose container has ended, or whose pod is lost. Pure. */
import { EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { PODS, refOf } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, type EventStep, patch, perform, type Plan, remove, rest } from "../../runtime/plan.ts";
import { hasJob } from "../shared/runner_state.ts";
import type { Call } from "./memory.ts";
import type { Seen, SeenPod } from "./observe.ts";
import { describe, type End } from "./outcome.ts";
import { soon } from "./pace.ts";
import { failedStatus } from "./status.ts";

/** What the runner exits with when GitHub refuses its version. */
const DEPRECATED = 7;

export function ended(seen: Seen, pod: SeenPod, end: End, now: Instant): Plan<Call> {
  const { runner, memory, settings: { waits } } = seen;
  if (memory.endedWell) return finished(seen, pod);
  // The runner's program ends when the service lets it go: no fault of its own.
  if (seen.released) return act("let-go", remove(EPHEMERAL_RUNNERS, refOf(runner)));
  if (seen.asked && !hasJob(runner)) return rest("let-go-soon", waits.lateFacts);
  // Somebody ends the pod from outside: whatever its exit code says, the runner has not failed.
  if (end.exitCode !== 0 && (pod.isDeleting || end.disrupted !== undefined)) {
    return lost(seen, end.disrupted ?? "PodDeleted", `its pod was ended from outside (${describe(end)})`);
  }
  if (end.exitCode === DEPRECATED && !end.init) {
    return fail(seen, { phase: "Outdated", reason: "Outdated", message: "Runner is deprecated" }, now);
  }
  if (hasJob(runner)) return lost(seen, end.reason, `its container ended while it had a job (${describe(end)})`);
  if (end.exitCode !== 0) return fail(seen, { reason: end.reason, message: describe(end) }, now);

  const due = (memory.endedAt ?? now) + waits.lateFacts;
  if (now < due) return rest("late-facts", due - now);
  // A registration that is gone has had its job: the listener that brings the facts was away for long.
  if (memory.registration === "forgotten") return finished(seen, pod);
  return check(seen, now) ??
    fail(seen, { reason: "ExitedWithoutJob", message: "the runner exited with code 0 and never had a job" }, now);
}

/** Whether the service still knows the runner is asked once, before the runner is blamed. */
function check(seen: Seen, now: Instant): Plan<Call> | undefined {
  const { runner, memory, calling } = seen;
  const runnerId = runner.status?.runnerId ?? memory.runnerId;
  if (memory.checkedAt !== undefined) return undefined;
  if (calling !== undefined) return rest("check");
  const wait = soon(seen, "checkRegistration", now);
  return wait > 0 ? rest("check-later", wait) : act("check", perform({ do: "checkRegistration", runnerId }));
}

/** The service removes an ephemeral runner by itself, and nothing runs in the pod any more. */
function finished({ runner }: Seen, pod: SeenPod): Plan<Call> {
  const { namespace, name } = runner.metadata;
  return act("finished", [
    remove(EPHEMERAL_RUNNERS, refOf(runner)),
    remove(PODS, { namespace, name, uid: pod.uid }, 0),
  ]);
}

/** The runner is gone through no fault of its template: recorded, and replaced by its set where one is wanted. */
export function lost(seen: Seen, reason: string, message: string): Plan<Call> {
  const { runner } = seen;
  return act("replace", [
    told(seen, "RunnerLost", `${message} [${reason}]${jobOf(seen)}; the runner is removed`, reason),
    remove(EPHEMERAL_RUNNERS, refOf(runner)),
  ]);
}

/** The runner failed: it is kept as it is for people to look at, and its set makes another, not too fast. */
export function fail(
  seen: Seen,
  fault: { readonly phase?: "Outdated"; readonly reason: string; readonly message: string },
  now: Instant,
): Plan<Call> {
  const { runner, pod } = seen;
  const { phase = "Failed", reason, message } = fault;
  const body = failedStatus({ phase, reason, message, podUid: pod?.uid }, now);
  return act(phase === "Failed" ? "fail" : "outdated", [
    told(seen, phase === "Failed" ? "RunnerFailed" : "RunnerOutdated", `${message} [${reason}]`, reason),
    patch(EPHEMERAL_RUNNERS, refOf(runner), body, { subresource: "status" }),
  ]);
}

/** A Warning about the runner. */
export function told({ runner }: Seen, reason: string, message: string, cause?: string): EventStep {
  const event = { do: "event", kind: EPHEMERAL_RUNNERS, about: runner, type: "Warning", reason, message } as const;
  return cause === undefined ? event : { ...event, cause };
}

/** The job that went with the runner, for people; empty when it had none. */
export function jobOf({ runner }: Seen): string {
  if (!hasJob(runner)) return "";
  const { jobId, jobRequestId, jobRepositoryName, jobDisplayName } = runner.status ?? {};
  return `; its job: ${[jobRepositoryName, jobDisplayName, jobId || jobRequestId].filter(Boolean).join(" ")}`;
}
