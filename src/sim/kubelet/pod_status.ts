/** The status of a pod, as a kubelet writes it. Pure. */
import { type Instant, rfc3339 } from "../../lib/clock.ts";
import type { Pod } from "../../k8s/resource.ts";
import type { Exit } from "./fate.ts";

/** The state of a container. */
export type ContainerState =
  | { readonly kind: "waiting"; readonly reason: string; readonly message?: string }
  | { readonly kind: "running"; readonly since: Instant }
  | { readonly kind: "terminated"; readonly since: Instant; readonly at: Instant; readonly exit: Exit };

/** What a status is made from. Containers that are not named wait for the pod to start. */
export interface StatusFacts {
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly startedAt: Instant;
  readonly now: Instant;
  readonly init: ReadonlyMap<string, ContainerState>;
  readonly containers: ReadonlyMap<string, ContainerState>;
  readonly node?: string;
}

const NOT_STARTED: ContainerState = { kind: "waiting", reason: "PodInitializing" };

/** The whole status, for a merge patch. */
export function podStatus(pod: Pod, facts: StatusFacts): Record<string, unknown> {
  const { phase, reason, message, startedAt, now } = facts;
  const containers = (pod.spec?.containers ?? []).map((container) => container.name);
  const inits = (pod.spec?.initContainers ?? []).map((container) => container.name);
  const states = containers.map((name) => facts.containers.get(name) ?? NOT_STARTED);
  const ready = phase === "Running" && states.every((state) => state.kind === "running");
  const initialized = states.some((state) => state.kind !== "waiting") || inits.length === 0;
  const conditions = [
    condition("PodScheduled", true, now),
    condition("Initialized", initialized, now),
    condition("ContainersReady", ready, now),
    condition("Ready", ready, now),
  ];
  return {
    phase,
    reason: reason ?? null,
    message: message ?? null,
    startTime: rfc3339(startedAt),
    hostIP: "10.0.0.1",
    podIP: "10.1.0.1",
    conditions,
    initContainerStatuses: inits.length === 0
      ? null
      : inits.map((name) => containerStatus(pod, name, facts.init.get(name) ?? NOT_STARTED)),
    containerStatuses: containers.map((name, index) => containerStatus(pod, name, states[index]!)),
  };
}

/** The status of a pod that no node has room for. */
export function unschedulableStatus(now: Instant): Record<string, unknown> {
  const message = "0/3 nodes are available: 3 Insufficient cpu.";
  return {
    phase: "Pending",
    conditions: [{ ...condition("PodScheduled", false, now), reason: "Unschedulable", message }],
  };
}

/** The status of a pod that its node refuses: no container was ever made. */
export function rejectedStatus(reason: string, message: string, now: Instant): Record<string, unknown> {
  return { phase: "Failed", reason, message, startTime: rfc3339(now), containerStatuses: null };
}

/** The status of a running pod whose node does not answer any more. */
export function unknownStatus(pod: Pod): Record<string, unknown> {
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === "Ready" ? { ...condition, status: "False", reason: "NodeStatusUnknown" } : condition
  );
  return { phase: "Unknown", reason: "NodeLost", conditions };
}

function condition(type: string, met: boolean, now: Instant): Record<string, unknown> {
  return { type, status: met ? "True" : "False", lastTransitionTime: rfc3339(now) };
}

function containerStatus(pod: Pod, name: string, state: ContainerState): Record<string, unknown> {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const image = all.find((container) => container.name === name)?.image ?? "";
  const running = state.kind === "running";
  return {
    name,
    image,
    imageID: "",
    ready: running || (state.kind === "terminated" && state.exit.code === 0),
    started: running,
    restartCount: 0,
    ...(state.kind === "waiting" ? {} : { containerID: `containerd://${pod.metadata?.uid}-${name}` }),
    state: stateBody(state),
  };
}

function stateBody(state: ContainerState): Record<string, unknown> {
  if (state.kind === "waiting") return { waiting: { reason: state.reason, message: state.message } };
  if (state.kind === "running") return { running: { startedAt: rfc3339(state.since) } };
  const { code, reason } = state.exit;
  return {
    terminated: { exitCode: code, reason, startedAt: rfc3339(state.since), finishedAt: rfc3339(state.at) },
  };
}
