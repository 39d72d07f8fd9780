/** Sets, runners and pods as tests want them: valid, and changed by what a test is about. */
import type { EphemeralRunner, EphemeralRunnerSet, EphemeralRunnerSpec } from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import type { ObjectMeta, Pod, Stored } from "../../src/k8s/resource.ts";
import { rfc3339 } from "../../src/lib/clock.ts";

export const NAMESPACE = "arc-runners";
export const NOON = Date.UTC(2026, 0, 1, 12);

/** Kubernetes' text for a moment so many seconds after noon of the first day. */
export function at(seconds: number): string {
  return rfc3339(NOON + seconds * 1000);
}

export function runnerSpec(changes: Partial<EphemeralRunnerSpec> = {}): EphemeralRunnerSpec {
  return {
    githubConfigUrl: "https://github.com/acme/api",
    githubConfigSecret: "github",
    runnerScaleSetId: 7,
    spec: { containers: [{ name: "runner", image: "runner:1" }] },
    ...changes,
  } as EphemeralRunnerSpec;
}

/** The set `linux`, which wants nothing yet. */
export function runnerSet(
  spec: Partial<NonNullable<EphemeralRunnerSet["spec"]>> = {},
  metadata: Partial<ObjectMeta> = {},
): Stored<EphemeralRunnerSet> {
  return {
    apiVersion: "actions.github.com/v1alpha1",
    kind: "EphemeralRunnerSet",
    metadata: {
      name: "linux",
      namespace: NAMESPACE,
      uid: "set-1",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: at(0),
      finalizers: [FINALIZERS.ephemeralRunnerSet],
      labels: { team: "core", "app.kubernetes.io/component": "runner-set" },
      ...metadata,
    },
    spec: { patchID: 1, ephemeralRunnerSpec: runnerSpec(), ...spec },
  } as Stored<EphemeralRunnerSet>;
}

/** The runner `linux-runner-abcde` of that set. */
export function runner(
  status: NonNullable<EphemeralRunner["status"]> = {},
  metadata: Partial<ObjectMeta> = {},
  spec: Partial<EphemeralRunnerSpec> = {},
): Stored<EphemeralRunner> {
  return {
    metadata: {
      name: "linux-runner-abcde",
      namespace: NAMESPACE,
      uid: "runner-1",
      resourceVersion: "10",
      generation: 1,
      creationTimestamp: at(0),
      finalizers: [FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration],
      labels: { team: "core", "app.kubernetes.io/component": "runner" },
      ownerReferences: [{
        apiVersion: "actions.github.com/v1alpha1",
        kind: "EphemeralRunnerSet",
        name: "linux",
        uid: "set-1",
        controller: true,
        blockOwnerDeletion: true,
      }],
      ...metadata,
    },
    spec: runnerSpec(spec),
    status,
  } as Stored<EphemeralRunner>;
}

/** Job facts, as the listener writes them. */
export const JOB = { jobId: "job-1", jobRepositoryName: "acme/api", jobDisplayName: "build" };

type PodStatus = NonNullable<Pod["status"]>;
type ContainerStatus = NonNullable<PodStatus["containerStatuses"]>[number];

/** A pod with that status; on a node unless `nodeName` says "". */
export function pod(status: PodStatus = {}, metadata: Partial<ObjectMeta> = {}, nodeName = "node-1"): Stored<Pod> {
  return {
    metadata: {
      name: "linux-runner-abcde",
      namespace: NAMESPACE,
      uid: "pod-1",
      resourceVersion: "20",
      ownerReferences: [{
        apiVersion: "actions.github.com/v1alpha1",
        kind: "EphemeralRunner",
        name: "linux-runner-abcde",
        uid: "runner-1",
        controller: true,
      }],
      ...metadata,
    },
    spec: { containers: [], ...(nodeName ? { nodeName } : {}) },
    status,
  };
}

/** The status of one container, most of which does not matter. */
export function container(name: string, state: ContainerStatus["state"], more: Partial<ContainerStatus> = {}) {
  return { name, state, ready: false, restartCount: 0, image: "", imageID: "", ...more };
}

export function running(isReady = true): PodStatus {
  return {
    phase: "Running",
    conditions: [{ type: "Ready", status: isReady ? "True" : "False" }],
    containerStatuses: [container("runner", { running: { startedAt: at(1) } })],
  };
}

/** The runner's container has exited after that many seconds. */
export function exited(exitCode: number, seconds = 10, more: { reason?: string; message?: string } = {}): PodStatus {
  return {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    containerStatuses: [
      container("runner", { terminated: { exitCode, startedAt: at(1), finishedAt: at(1 + seconds), ...more } }),
    ],
  };
}

export function waiting(reason: string, message = ""): PodStatus {
  return { phase: "Pending", containerStatuses: [container("runner", { waiting: { reason, message } })] };
}

/** The pod failed and no container ever had a state. */
export function rejected(reason: string): PodStatus {
  return { phase: "Failed", reason, message: `pod was rejected: ${reason}` };
}
