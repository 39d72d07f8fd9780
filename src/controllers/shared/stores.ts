/** How the stores of runners and their pods are made: what they are indexed by, and what is kept of an object. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import { controllerOf, type Pod, type Stored } from "../../k8s/resource.ts";
import { revisionOfRunner } from "./revision.ts";
import { hasJob, isMarked, setKeyOf, setUidOf, stateOf } from "./runner_state.ts";

/** Values: `<UID of the set>/<state>`. */
export const BY_STATE = "state";
/** Runners that have a job. Values: `<UID of the set>/<generation of the set that counted the job>`. */
export const BY_JOB_GENERATION = "jobGeneration";
/** Runners that can take a job. Values: `<UID of the set>/<revision>/<pending or idle>`. */
export const BY_REVISION = "revision";
/** Runners that wait for something other than their own start. Values: `<UID of the set>/<reason>`. */
export const BY_WAITING = "waiting";
/** All runners of a set. Values: its UID. */
export const BY_SET = "set";
/** Runners of a set and of those that had its name before it. Values: its key. */
export const BY_SET_KEY = "setKey";
/** Values: the runner's own UID. */
export const BY_UID = "uid";

/** Indexes of the store of EphemeralRunners. */
export const RUNNER_INDEXES = {
  [BY_STATE](runner: EphemeralRunner): string | undefined {
    const uid = setUidOf(runner);
    return uid === undefined ? undefined : `${uid}/${stateOf(runner)}`;
  },
  [BY_JOB_GENERATION](runner: EphemeralRunner): string | undefined {
    const uid = setUidOf(runner);
    const generation = runner.status?.jobSetGeneration;
    const state = stateOf(runner);
    const isAtJob = state === "busy" || (state === "deleting" && hasJob(runner) && !isMarked(runner));
    return uid === undefined || !generation || !isAtJob ? undefined : `${uid}/${generation}`;
  },
  [BY_REVISION](runner: EphemeralRunner): string | undefined {
    const uid = setUidOf(runner);
    const state = stateOf(runner);
    if (uid === undefined || (state !== "pending" && state !== "idle")) return undefined;
    return `${uid}/${revisionOfRunner(runner)}/${state}`;
  },
  [BY_WAITING](runner: EphemeralRunner): string | undefined {
    const uid = setUidOf(runner);
    const reason = runner.status?.reason;
    return uid === undefined || !reason || stateOf(runner) !== "pending" ? undefined : `${uid}/${reason}`;
  },
  [BY_SET]: setUidOf,
  [BY_SET_KEY]: setKeyOf,
  [BY_UID]: (runner: EphemeralRunner): string | undefined => runner.metadata?.uid,
};

/** Keeps of a runner's pod what the controllers read: a few hundred bytes of many thousand. */
export function projectPod(pod: Stored<Pod>): Stored<Pod> {
  const { metadata, spec, status } = pod;
  const containers = (list: NonNullable<Pod["status"]>["containerStatuses"]) =>
    list?.map(({ name, state, lastState, ready, restartCount }) => ({
      name,
      state,
      lastState,
      ready,
      restartCount,
      image: "",
      imageID: "",
    }));
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels, annotations } = metadata;
  return {
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      creationTimestamp,
      deletionTimestamp,
      labels,
      annotations,
      ownerReferences: metadata.ownerReferences,
    },
    spec: { nodeName: spec?.nodeName, containers: [] },
    status: {
      phase: status?.phase,
      reason: status?.reason,
      message: status?.message,
      conditions: status?.conditions?.filter(({ type }) => type === "PodScheduled" || type === "Ready"),
      containerStatuses: containers(status?.containerStatuses),
      initContainerStatuses: containers(status?.initContainerStatuses),
    },
  };
}

/** Key of the EphemeralRunner that a pod belongs to, if it belongs to one. */
export function runnerKeyOfPod(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === "EphemeralRunner" ? `${pod.metadata?.namespace ?? ""}/${owner.name}` : undefined;
}
