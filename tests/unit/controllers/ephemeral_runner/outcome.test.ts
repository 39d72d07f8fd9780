import assert from "node:assert/strict";
import type { Pod } from "../../../../src/k8s/resource.ts";
import { podStateOf } from "../../../../src/controllers/ephemeral_runner/outcome.ts";
import { at, container, exited, NOON, pod, rejected, running, waiting } from "../../../support/builders.ts";
import { table } from "../../../support/table.ts";

interface Case {
  readonly status: NonNullable<Pod["status"]>;
  readonly node?: string;
  readonly is: Record<string, unknown>;
}

const end = (changes: Record<string, unknown>) => ({
  is: "ended",
  end: { container: "runner", init: false, exitCode: 0, reason: "Completed", message: "", ...changes },
});

table<Case>("state of a pod", {
  "nothing has happened": { status: {}, node: "", is: { is: "starting", bound: false } },
  "bound, and nothing runs": { status: { phase: "Pending" }, is: { is: "starting", bound: true } },
  "unschedulable": {
    status: {
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes fit" }],
    },
    node: "",
    is: { is: "starting", bound: false, unschedulable: "0/3 nodes fit" },
  },
  "an image that can't be pulled": {
    status: waiting("ImagePullBackOff", "Back-off"),
    is: {
      is: "starting",
      bound: true,
      waiting: { container: "runner", reason: "ImagePullBackOff", message: "Back-off" },
    },
  },
  "what is stuck counts more than what is on its way": {
    status: {
      initContainerStatuses: [container("prepare", { waiting: { reason: "PodInitializing" } })],
      containerStatuses: [
        container("runner", { waiting: { reason: "ContainerCreating" } }),
        container("dind", { waiting: { reason: "ErrImagePull", message: "no such image" } }),
      ],
    },
    is: {
      is: "starting",
      bound: true,
      waiting: { container: "dind", reason: "ErrImagePull", message: "no such image" },
    },
  },
  "running and ready": { status: running(), is: { is: "running", ready: true, since: NOON + 1000 } },
  "running and not ready": { status: running(false), is: { is: "running", ready: false, since: NOON + 1000 } },
  "exit 0": { status: exited(0, 90), is: end({ livedMs: 90_000 }) },
  "exit 0 while a side-car goes on": {
    status: {
      phase: "Running",
      containerStatuses: [
        container("runner", { terminated: { exitCode: 0, startedAt: at(1), finishedAt: at(3) } }),
        container("dind", { running: { startedAt: at(1) } }),
      ],
    },
    is: end({ livedMs: 2000 }),
  },
  "exit 1": { status: exited(1), is: end({ exitCode: 1, reason: "Error", livedMs: 10_000 }) },
  "out of memory": {
    status: exited(137, 5, { reason: "OOMKilled" }),
    is: end({ exitCode: 137, reason: "OOMKilled", livedMs: 5000 }),
  },
  "a container that never started": {
    status: {
      phase: "Failed",
      containerStatuses: [
        container("runner", {
          terminated: { exitCode: 128, reason: "StartError", startedAt: "1970-01-01T00:00:00Z", finishedAt: at(2) },
        }),
      ],
    },
    is: end({ exitCode: 128, reason: "StartError" }),
  },
  "restarted by the kubelet counts as ended": {
    status: {
      phase: "Running",
      containerStatuses: [
        container("runner", { waiting: { reason: "CrashLoopBackOff" } }, {
          restartCount: 1,
          lastState: { terminated: { exitCode: 1, startedAt: at(1), finishedAt: at(2) } },
        }),
      ],
    },
    is: end({ exitCode: 1, reason: "Error", livedMs: 1000 }),
  },
  "an init container failed for good": {
    status: {
      phase: "Failed",
      initContainerStatuses: [container("prepare", { terminated: { exitCode: 3, message: "no disk" } })],
      containerStatuses: [container("runner", { waiting: { reason: "PodInitializing" } })],
    },
    is: end({ container: "prepare", init: true, exitCode: 3, reason: "Error", message: "no disk" }),
  },
  "evicted while it ran": {
    status: { ...exited(137, 5), reason: "Evicted" },
    is: end({ exitCode: 137, reason: "Error", livedMs: 5000, disrupted: "Evicted" }),
  },
  "the kubelet lost the container": {
    status: exited(137, 5, { reason: "ContainerStatusUnknown" }),
    is: end({ exitCode: 137, reason: "ContainerStatusUnknown", livedMs: 5000, disrupted: "ContainerStatusUnknown" }),
  },
  "its node has gone, and nobody knows how it ended": {
    status: { ...running(), phase: "Failed" },
    is: end({ exitCode: 137, reason: "NodeLost", disrupted: "NodeLost" }),
  },
  "refused by the kubelet": {
    status: rejected("OutOfcpu"),
    is: { is: "rejected", reason: "OutOfcpu", message: "pod was rejected: OutOfcpu" },
  },
  "succeeded, and no word of containers": { status: { phase: "Succeeded" }, is: end({}) },
}, ({ status, node, is }) => assert.deepEqual(podStateOf(pod(status, {}, node ?? "node-1")), is));
