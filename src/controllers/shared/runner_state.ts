/** What a runner is to its set, told from the runner object alone, so that a store can count runners by it. Pure. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import { ANNOTATIONS } from "../../api/names.ts";
import { controllerOf, isDeleting } from "../../k8s/resource.ts";

/**
 * pending: not online yet. idle: online, and can take a job. busy: has a job. marked: its job has completed, and its
 * container may still run. ended, failed, outdated: it never takes a job (again). deleting: on its way out.
 */
export const RUNNER_STATES = [
  "pending",
  "idle",
  "busy",
  "marked",
  "ended",
  "failed",
  "outdated",
  "deleting",
] as const;
export type RunnerState = typeof RUNNER_STATES[number];

/** Whether a job's facts stand on the runner. */
export function hasJob({ status }: EphemeralRunner): boolean {
  return Boolean(status?.jobId) || Boolean(status?.jobRequestId);
}

/** Whether the listener has said that the runner's job has completed. */
export function isMarked(runner: EphemeralRunner): boolean {
  return runner.metadata?.annotations?.[ANNOTATIONS.jobCompleted] !== undefined;
}

export function stateOf(runner: EphemeralRunner): RunnerState {
  if (isDeleting(runner)) return "deleting";
  switch (runner.status?.phase) {
    case "Failed":
      return "failed";
    case "Outdated":
      return "outdated";
    case "Succeeded":
      return "ended";
  }
  if (isMarked(runner)) return "marked";
  if (hasJob(runner)) return "busy";
  return runner.status?.phase === "Running" ? "idle" : "pending";
}

/** UID of the set that controls the runner; undefined for one that nobody owns. */
export function setUidOf(runner: EphemeralRunner): string | undefined {
  const owner = controllerOf(runner);
  return owner?.kind === "EphemeralRunnerSet" ? owner.uid : undefined;
}

/** Key of the set that controls the runner. */
export function setKeyOf(runner: EphemeralRunner): string | undefined {
  const owner = controllerOf(runner);
  return owner?.kind === "EphemeralRunnerSet" ? `${runner.metadata?.namespace ?? ""}/${owner.name}` : undefined;
}
