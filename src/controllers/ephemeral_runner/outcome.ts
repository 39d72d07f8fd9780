/** What a runner's pod has come to, told from its status alone. Pure. */
import type { Pod } from "../../k8s/resource.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";

/** The container in which the runner runs; its name is part of the contract with users' templates. */
export const RUNNER_CONTAINER = "runner";

/** What keeps a container from starting. */
export interface Waiting {
  readonly container: string;
  /** As the kubelet says: `ImagePullBackOff`, `ContainerCreating`, ... */
  readonly reason: string;
  readonly message: string;
}

/** How a container ended. */
export interface End {
  readonly container: string;
  readonly init: boolean;
  readonly exitCode: number;
  /** As the kubelet says: `Error`, `OOMKilled`, `Completed`, ... */
  readonly reason: string;
  readonly message: string;
  /** Milliseconds that the container ran; undefined when the kubelet does not know. */
  readonly livedMs?: number;
  /** Why Kubernetes ended it, when it was not the container's own doing: `Evicted`, `NodeShutdown`, ... */
  readonly disrupted?: string;
}

/**
 * starting: no container of the runner has run. running: the runner's container runs. ended: it has, or an init
 * container failed for good. rejected: the pod failed before any container had a state.
 */
export type PodState =
  | { readonly is: "starting"; readonly bound: boolean; readonly waiting?: Waiting; readonly unschedulable?: string }
  | { readonly is: "running"; readonly ready: boolean; readonly since?: Instant }
  | { readonly is: "ended"; readonly end: End }
  | { readonly is: "rejected"; readonly reason: string; readonly message: string };

/** Pod-level reasons for which the kubelet or the control plane ends pods that have done nothing wrong. */
const DISRUPTIONS = new Set([
  "Evicted",
  "Preempted",
  "Preempting",
  "Shutdown",
  "NodeShutdown",
  "Terminated",
  "NodeLost",
  "NodeAffinity",
  "UnexpectedAdmissionError",
]);

type ContainerStatus = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];
type Terminated = NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>;

export function podStateOf(pod: Pod): PodState {
  const { status = {} } = pod;
  const runner = status.containerStatuses?.find(({ name }) => name === RUNNER_CONTAINER);
  const over = runner && terminationOf(runner);
  if (over) return { is: "ended", end: endOf(RUNNER_CONTAINER, false, over, pod) };
  if (status.phase === "Failed") {
    const init = status.initContainerStatuses?.find((one) => (terminationOf(one)?.exitCode ?? 0) !== 0);
    if (init) return { is: "ended", end: endOf(init.name, true, terminationOf(init)!, pod) };
    if (runner?.state?.running) return { is: "ended", end: lostWithNode(pod) };
    return { is: "rejected", reason: status.reason || "Failed", message: status.message ?? "" };
  }
  if (status.phase === "Succeeded") return { is: "ended", end: endOf(RUNNER_CONTAINER, false, { exitCode: 0 }, pod) };
  if (runner?.state?.running) {
    return { is: "running", ready: isTrue(pod, "Ready"), since: instantOf(runner.state.running.startedAt) };
  }
  return { is: "starting", bound: Boolean(pod.spec?.nodeName), ...obstaclesOf(pod) };
}

/** Whether the runner's container has started, so that its JIT configuration may be used up. */
export function hasStarted(state: PodState): boolean {
  return state.is === "running" || (state.is === "ended" && !state.end.init);
}

/** A container that ended and was started again counts as ended: a JIT configuration serves once. */
function terminationOf({ state, lastState, restartCount }: ContainerStatus): Terminated | undefined {
  return state?.terminated ?? ((restartCount ?? 0) > 0 ? lastState?.terminated : undefined);
}

function endOf(container: string, init: boolean, over: Terminated, pod: Pod): End {
  const { exitCode, reason, message, startedAt, finishedAt } = over;
  const from = instantOf(startedAt);
  const to = instantOf(finishedAt);
  const podReason = pod.status?.reason;
  const disrupted = reason === "ContainerStatusUnknown"
    ? reason
    : DISRUPTIONS.has(podReason ?? "")
    ? podReason
    : undefined;
  return {
    container,
    init,
    exitCode,
    reason: reason || (exitCode === 0 ? "Completed" : "Error"),
    message: message ?? "",
    // The kubelet writes the epoch for a container that it could not start.
    ...(from && to ? { livedMs: Math.max(0, to - from) } : {}),
    ...(disrupted === undefined ? {} : { disrupted }),
  };
}

/** A pod that has failed while its container is said to run: its node has gone, and nobody knows how it ended. */
function lostWithNode(pod: Pod): End {
  const { reason = "NodeLost", message = "" } = pod.status ?? {};
  return { container: RUNNER_CONTAINER, init: false, exitCode: 137, reason, message, disrupted: reason };
}

function obstaclesOf({ status }: Pod): { waiting?: Waiting; unschedulable?: string } {
  const scheduled = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable") {
    return { unschedulable: scheduled.message ?? "" };
  }
  const waits = [...status?.initContainerStatuses ?? [], ...status?.containerStatuses ?? []].flatMap((one) => {
    const { reason, message } = one.state?.waiting ?? {};
    return reason ? [{ container: one.name, reason, message: message ?? "" }] : [];
  });
  const waiting = waits.find(({ reason }) => isStuck(reason)) ?? waits[0];
  return waiting ? { waiting } : {};
}

/** Reasons to wait that no time heals. */
export function isHopeless(reason: string): boolean {
  return reason === "InvalidImageName";
}

/** Reasons to wait that last until somebody mends something. */
export function isStuck(reason: string): boolean {
  return isHopeless(reason) ||
    ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "ErrImageNeverPull", "CreateContainerError"]
      .includes(reason);
}

function isTrue({ status }: Pod, condition: string): boolean {
  return status?.conditions?.some(({ type, status }) => type === condition && status === "True") ?? false;
}

/** How a container ended, for people. */
export function describe({ container, exitCode, reason, message }: End): string {
  const first = message.split("\n")[0];
  return `container ${container} exited with code ${exitCode}, ${reason}${first ? `: ${first}` : ""}`;
}
