import { FINALIZERS } from "../../../../src/api/names.ts";
import { JOB, NOON, pod, runner, running, waiting } from "../../../support/builders.ts";
import { type Case, checkDecision, failed, jit, online, WAITS } from "../../../support/runner_cases.ts";
import { table } from "../../../support/table.ts";

table<Case>("one runner", {
  // On its way.
  "made by somebody who set no finalizers": {
    runner: runner({}, { finalizers: ["other"] }),
    why: "protect",
    does: ["patch EphemeralRunner"],
    finalizers: ["other", FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration],
  },
  "born here, nothing done yet": { memory: { secret: "absent" }, why: "register", does: ["register"] },
  "not born here: its secret is looked at": { memory: { secret: "unknown" }, why: "look", does: ["readSecret"] },
  "a call in flight is waited for": {
    memory: { secret: "absent" },
    seen: { calling: "register" },
    why: "register",
    does: [],
  },
  "registered": { memory: { secret: "absent", jit }, why: "keep-configuration", does: ["create Secret"] },
  "a registration that failed waits": {
    memory: { secret: "absent", ...failed("register", "Other", 65) },
    why: "register-later",
    inMs: 5000,
  },
  "and is tried again": {
    memory: { secret: "absent", ...failed("register", "Other", 60) },
    why: "register",
    does: ["register"],
  },
  "the name is somebody else's at the service": {
    memory: { secret: "absent", ...failed("register", "NameTaken", 65) },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "the set has another scale set by now": {
    memory: { secret: "absent" },
    seen: { set: { scaleSetId: 8 } },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "a secret that somebody else made counts as used": {
    memory: { secret: "found" },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "secret, no pod": { why: "create-pod", does: ["create Pod"] },
  "a template without a container named runner": {
    runner: runner({}, {}, { spec: { containers: [{ name: "main" }] } }),
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "InvalidPod" },
  },
  "a pod that the API server refuses": {
    memory: { refusal: { reason: "InvalidPod", message: "no such account", since: NOON, retryAt: NOON, tries: 1 } },
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "InvalidPod", message: "Failed to create the pod: no such account" },
  },
  "no right to make pods: an API server that has just started may say so": {
    memory: {
      refusal: { reason: "NotAllowed", message: "no", since: NOON + 59_000, retryAt: NOON + 61_000, tries: 1 },
    },
    why: "not-allowed",
    inMs: 1000,
  },
  "no right to make pods: tries again": {
    memory: {
      refusal: { reason: "NotAllowed", message: "no", since: NOON + 59_000, retryAt: NOON + 60_000, tries: 1 },
    },
    why: "create-pod",
    does: ["create Pod"],
  },
  "no right to make pods for 30 s": {
    memory: { refusal: { reason: "NotAllowed", message: "no", since: NOON + 30_000, retryAt: NOON, tries: 5 } },
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "InvalidPod", message: "Failed to create the pod: no" },
  },
  "over quota: said once": {
    memory: { refusal: { reason: "QuotaExceeded", message: "used: 3", since: NOON, retryAt: NOON + 65_000, tries: 3 } },
    why: "quota",
    does: ["patch EphemeralRunner status"],
    status: { phase: "Pending", reason: "QuotaExceeded", message: "used: 3" },
  },
  "over quota: then waits": {
    runner: runner({ phase: "Pending", reason: "QuotaExceeded", message: "used: 3" }),
    memory: { refusal: { reason: "QuotaExceeded", message: "used: 4", since: NOON, retryAt: NOON + 65_000, tries: 3 } },
    why: "quota",
    inMs: 5000,
  },
  "over quota: tries again": {
    memory: { refusal: { reason: "QuotaExceeded", message: "used: 3", since: NOON, retryAt: NOON + 60_000, tries: 3 } },
    why: "create-pod",
    does: ["create Pod"],
  },
  "over quota for 10 min": {
    memory: { refusal: { reason: "QuotaExceeded", message: "used: 3", since: NOON, retryAt: NOON, tries: 9 } },
    now: 600,
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "the pod's name is somebody else's": {
    pod: pod({}, { ownerReferences: [] }),
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },

  // The pod.
  "bound, and on its way": { pod: pod({ phase: "Pending" }), why: "starting" },
  "an image that can't be pulled is waited for no longer than a runner may take to start": {
    pod: pod(waiting("ImagePullBackOff")),
    memory: { stuckSince: NOON },
    seen: { set: { scaleSetId: 7, pendingTimeout: 60_000 } },
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "ImagePullBackOff" },
  },
  "an image may be missing for a while": {
    pod: pod(waiting("ImagePullBackOff")),
    memory: { stuckSince: NOON },
    why: "stuck",
    inMs: 240_000,
  },
  "an image is missing for 5 min": {
    pod: pod(waiting("ErrImagePull", "no such image")),
    memory: { stuckSince: NOON },
    now: 300,
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "ErrImagePull", message: "container runner: no such image" },
  },
  "an image that has no valid name": {
    pod: pod(waiting("InvalidImageName")),
    why: "fail",
    does: ["event EphemeralRunner", "patch EphemeralRunner status"],
    status: { phase: "Failed", reason: "InvalidImageName" },
  },
  "fits nowhere for a while": {
    pod: pod(
      { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3" }] },
      {},
      "",
    ),
    memory: { unschedulableSince: NOON + 50_000 },
    why: "unschedulable",
    inMs: 20_000,
  },
  "fits nowhere, and that is to be seen": {
    pod: pod(
      { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3" }] },
      {},
      "",
    ),
    memory: { unschedulableSince: NOON },
    why: "unschedulable",
    does: ["patch EphemeralRunner status"],
    status: { phase: "Pending", reason: "Unschedulable", message: "0/3" },
  },
  "runs": {
    pod: pod(running()),
    memory: { runnerId: 42 },
    why: "report",
    does: ["patch EphemeralRunner status"],
    status: { phase: "Running", ready: true, runnerId: 42, runnerName: "linux-runner-abcde" },
  },
  "runs, and its id is only in its secret": {
    pod: pod(running()),
    memory: { secret: "unknown" },
    why: "look",
    does: ["readSecret"],
  },
  "a reason to wait goes as it runs": {
    runner: runner({ phase: "Pending", reason: "QuotaExceeded", message: "used: 3" }),
    pod: pod(running()),
    memory: { runnerId: 42 },
    why: "report",
    does: ["patch EphemeralRunner status"],
    status: {
      phase: "Running",
      ready: true,
      runnerId: 42,
      runnerName: "linux-runner-abcde",
      reason: null,
      message: null,
    },
  },
  "online and idle": { runner: online(), pod: pod(running()), why: "idle", inMs: 541_000 },
  "idle for 10 min": {
    runner: online(),
    pod: pod(running()),
    now: 601,
    why: "check",
    does: ["checkRegistration"],
  },
  "idle for 10 min, and others are to be checked first": {
    runner: online(),
    pod: pod(running()),
    memory: { turnAt: NOON + 700_000 },
    now: 660,
    why: "idle",
    inMs: 40_000,
  },
  "checked a moment ago": {
    runner: online(),
    pod: pod(running()),
    memory: { checkedAt: NOON + 600_000 },
    now: 660,
    why: "idle",
    inMs: 540_000,
  },
  "unknown to the service": {
    runner: online(),
    pod: pod(running()),
    memory: { unknownToService: true },
    why: "replace",
    does: ["event EphemeralRunner", "delete EphemeralRunner"],
  },
  "has a job": {
    runner: online(JOB),
    pod: pod(running()),
    why: "tell-pod",
    does: ["patch Pod"],
  },
  "has a job, and its pod knows": {
    runner: online(JOB),
    pod: pod(running(), { annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" } }),
    why: "running",
  },
  "has a job, and pods can't be told": {
    runner: online(JOB),
    pod: pod(running()),
    seen: { settings: { version: "1", waits: WAITS, annotatePods: true, mayPatchPods: false } },
    why: "running",
  },
  "its job has completed, and it goes on": {
    runner: runner({ ...online(JOB).status }, { annotations: { "actions.github.com/job-completed": "true" } }),
    pod: pod(running()),
    memory: { completedSince: NOON + 30_000 },
    why: "completed",
    inMs: 30_000,
  },
  "its job has completed a minute ago": {
    runner: runner({ ...online(JOB).status }, { annotations: { "actions.github.com/job-completed": "true" } }),
    pod: pod(running()),
    memory: { completedSince: NOON },
    why: "overdue",
    does: ["delete Pod"],
    grace: "its own",
  },
}, checkDecision);
