import { FINALIZERS } from "../../../../src/api/names.ts";
import { at, container, exited, JOB, NOON, pod, rejected, runner } from "../../../support/builders.ts";
import { type Case, checkDecision, failed, online } from "../../../support/runner_cases.ts";
import { table } from "../../../support/table.ts";

table<Case>("one runner, at its end", {
  // The end.
  "exit 0 with a job": {
    runner: online(JOB),
    pod: pod(exited(0)),
    why: "finished",
    does: ["delete EphemeralRunner", "delete Pod"],
    grace: 0,
  },
  "exit 0 after more than a minute, whatever the job": {
    runner: online(),
    pod: pod(exited(0, 61)),
    why: "finished",
    does: ["delete EphemeralRunner", "delete Pod"],
  },
  "exit 0 early: the facts may be late": {
    runner: online(),
    pod: pod(exited(0, 5)),
    memory: { endedAt: NOON + 58_000 },
    why: "late-facts",
    inMs: 8000,
  },
  "exit 0 early, and no facts have come: the service is asked whether it had a job": {
    runner: online(),
    pod: pod(exited(0, 5)),
    memory: { endedAt: NOON + 50_000 },
    why: "check",
    does: ["checkRegistration"],
  },
  "exit 0 early, and neither facts nor the id of its registration are known: the service is asked by its name": {
    runner: runner(),
    pod: pod(exited(0, 5)),
    memory: { endedAt: NOON + 50_000 },
    why: "check",
    does: ["checkRegistration"],
  },
  "exit 0 early, and the service has removed it: it had a job": {
    runner: online(),
    pod: pod(exited(0, 5)),
    memory: { endedAt: NOON + 50_000, checkedAt: NOON + 59_000, registration: "forgotten" },
    why: "finished",
    does: ["delete EphemeralRunner", "delete Pod"],
    grace: 0,
  },
  "exit 0 early, and no job": {
    runner: online(),
    pod: pod(exited(0, 5)),
    memory: { endedAt: NOON + 50_000, checkedAt: NOON + 59_000, registration: "known" },
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "ExitedWithoutJob" },
  },
  "its pod went before the runner could": {
    runner: online(JOB),
    memory: { endedAt: NOON, endedWell: true, pod: { uid: "pod-1", bound: true, rejected: false } },
    why: "finished",
    does: ["delete EphemeralRunner"],
  },
  "exit 1 with a job": {
    runner: online(JOB),
    pod: pod(exited(1)),
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "exit 137, out of memory, no job": {
    pod: pod(exited(137, 5, { reason: "OOMKilled" })),
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "OOMKilled", message: "container runner exited with code 137, OOMKilled" },
  },
  "an init container failed": {
    pod: pod({
      phase: "Failed",
      initContainerStatuses: [container("prepare", { terminated: { exitCode: 3, message: "no disk" } })],
    }),
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "Error", message: "container prepare exited with code 3, Error: no disk" },
  },
  "exit 7: refused for its version": {
    pod: pod(exited(7)),
    why: "outdated",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Outdated", reason: "Outdated", message: "Runner is deprecated" },
  },
  "the service let it go, and it ended": {
    runner: online(),
    pod: pod(exited(1, 5)),
    seen: { released: true, asked: true },
    why: "let-go",
    does: ["delete EphemeralRunner"],
  },
  "the service is about to let it go": {
    runner: online(),
    pod: pod(exited(1, 5)),
    seen: { asked: true },
    why: "let-go-soon",
    inMs: 10_000,
  },
  "deleted from outside while it ran": {
    runner: online(),
    pod: pod(exited(143), { deletionTimestamp: at(55) }),
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "evicted": {
    runner: online(),
    pod: pod({ ...exited(137), reason: "Evicted" }),
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "refused by the kubelet before anything ran": {
    pod: pod(rejected("OutOfcpu")),
    why: "rejected",
    does: ["delete Pod"],
    grace: 0,
  },
  "refused, and the pod is gone": {
    memory: { pod: { uid: "pod-1", bound: false, rejected: true }, rejected: new Set(["pod-1"]), rejectedAt: NOON },
    why: "create-pod",
    does: ["create Pod"],
  },
  "refused a moment ago": {
    memory: {
      pod: { uid: "pod-1", bound: false, rejected: true },
      rejected: new Set(["pod-0", "pod-1"]),
      rejectedAt: NOON + 59_000,
    },
    why: "rejected",
    inMs: 1000,
  },
  "refused five times": {
    memory: { pod: { uid: "5", bound: false, rejected: true }, rejected: new Set(["1", "2", "3", "4", "5"]) },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },

  // Gone.
  "its pod is not there any more: really?": {
    runner: online(),
    memory: { pod: { uid: "pod-1", bound: true, rejected: false } },
    why: "make-sure",
    does: ["readPod"],
  },
  "its pod vanished": {
    runner: online(JOB),
    memory: { pod: { uid: "pod-1", bound: true, rejected: false }, vanished: "pod-1" },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "its pod vanished while nobody looked": {
    runner: online(),
    memory: { secret: "unknown", vanished: "" },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "its pod vanished before it had a node": {
    memory: { pod: { uid: "pod-1", bound: false, rejected: false }, vanished: "pod-1" },
    why: "create-pod",
    does: ["create Pod"],
  },

  // History.
  "failed: the service is asked, the pod goes": {
    runner: runner({ phase: "Failed", failures: { "pod-1": at(0) } }),
    pod: pod(exited(1)),
    why: "clear",
    does: ["delete Pod", "release"],
    grace: 0,
  },
  "failed, and the service does not know it": {
    runner: runner({ phase: "Failed" }),
    memory: { registration: "removed" },
    why: "clear",
    does: ["patch EphemeralRunner"],
    finalizers: [FINALIZERS.ephemeralRunner],
  },
  "failed, and all is clear": {
    runner: runner({ phase: "Failed" }, { finalizers: [FINALIZERS.ephemeralRunner] }),
    why: "history",
  },
  "failed, and the service gives no answer for 5 min": {
    runner: runner({ phase: "Failed" }),
    memory: { failure: { ...failed("release", "Other", 500, 2).failure, since: NOON } },
    now: 300,
    why: "clear",
    does: ["event EphemeralRunner", "patch EphemeralRunner"],
  },
  "failed long ago, while no controller was there: the service is asked for 5 min all the same": {
    runner: runner({ phase: "Failed", failures: { "pod-1": at(-3600) } }),
    memory: { failure: { ...failed("release", "Other", 500, 2).failure, since: NOON + 1_000 } },
    now: 300,
    why: "history",
    inMs: 200_000,
  },
}, checkDecision);
