import assert from "node:assert/strict";
import type { EphemeralRunner } from "../../../../src/api/kinds.ts";
import { FINALIZERS } from "../../../../src/api/names.ts";
import { decide } from "../../../../src/controllers/ephemeral_runner/decide.ts";
import type { Memory } from "../../../../src/controllers/ephemeral_runner/memory.ts";
import { remember, type Seen, seenPod } from "../../../../src/controllers/ephemeral_runner/observe.ts";
import { waitsOf } from "../../../../src/controllers/shared/waits.ts";
import { controllerOf, type Pod, type Stored } from "../../../../src/k8s/resource.ts";
import type { Step } from "../../../../src/runtime/plan.ts";
import {
  at,
  container,
  exited,
  JOB,
  NOON,
  pod,
  rejected,
  runner,
  running,
  waiting,
} from "../../../support/builders.ts";
import { table } from "../../../support/table.ts";

const WAITS = waitsOf();

interface Case {
  readonly runner?: Stored<EphemeralRunner>;
  readonly pod?: Stored<Pod>;
  readonly memory?: Partial<Memory>;
  readonly seen?: Partial<Seen>;
  /** Seconds after noon; default 60. */
  readonly now?: number;
  readonly why: string;
  /** What is done, as `verb kind` or the name of a call. */
  readonly does?: readonly string[];
  readonly inMs?: number;
  /** Facts of the status that is written. */
  readonly status?: Readonly<Record<string, unknown>>;
  readonly finalizers?: readonly string[] | null;
  readonly grace?: number | "its own";
}

function seenOf(example: Case, now: number): Seen {
  const it = example.runner ?? runner();
  const memory: Memory = { uid: "runner-1", setUid: "set-1", secret: "made", rejected: new Set(), ...example.memory };
  const seen = seenPod(example.pod, it);
  remember(memory, it, seen, { now, waits: WAITS });
  return {
    runner: it,
    pod: seen,
    nameTaken: example.pod !== undefined && seen === undefined && controllerOf(example.pod)?.uid !== it.metadata.uid,
    memory: { ...memory, ...example.memory },
    mayBeRegistered: true,
    released: false,
    asked: false,
    settings: { version: "0.14.2", waits: WAITS, annotatePods: true },
    ...(it.metadata.deletionTimestamp ? { deletingSince: Date.parse(it.metadata.deletionTimestamp) } : {}),
    ...example.seen,
  };
}

function nameOf(step: Step<{ readonly do: string }>): string {
  if (step.do === "perform") return step.call.do;
  return `${step.do} ${step.kind.kind}${step.do === "patch" && step.subresource ? " status" : ""}`;
}

const going = (status: EphemeralRunner["status"] = {}, extra: readonly string[] = []) =>
  runner(status, {
    deletionTimestamp: at(50),
    finalizers: [FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration, ...extra],
  });
const online = (status: EphemeralRunner["status"] = {}) =>
  runner({ phase: "Running", ready: true, runnerId: 42, runnerName: "linux-runner-abcde", ...status });
const hooked = (deletionTimestamp?: string) =>
  runner({}, { deletionTimestamp }, {
    spec: {
      containers: [{ name: "runner", env: [{ name: "ACTIONS_RUNNER_CONTAINER_HOOKS", value: "/k8s/index.js" }] }],
    },
  });
const jit = { runnerId: 42, runnerName: "linux-runner-abcde", scaleSetId: 7, encoded: "secret" };
const failed = (
  call: "register" | "release",
  problem: "Other" | "NameTaken" | "JobStillRunning",
  retrySeconds: number,
) => ({
  failure: { call, problem, count: 1, message: "no answer", retryAt: NOON + retrySeconds * 1000 },
});

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
    seen: { settings: { version: "1", waits: WAITS, annotatePods: false } },
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
  "exit 0 early, and no job": {
    runner: online(),
    pod: pod(exited(0, 5)),
    memory: { endedAt: NOON + 50_000 },
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
    memory: { registrationGone: true },
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
    memory: failed("release", "Other", 500),
    seen: { failedAt: NOON },
    now: 300,
    why: "clear",
    does: ["event EphemeralRunner", "patch EphemeralRunner"],
  },

  // Being deleted.
  "deleted, idle: pod and registration go together": {
    runner: going({ runnerId: 42 }),
    pod: pod(running()),
    why: "dismiss",
    does: ["delete Pod", "release"],
    grace: "its own",
  },
  "deleted, finished: nobody is asked": {
    runner: going(JOB),
    pod: pod(exited(0)),
    why: "dismiss",
    does: ["delete Pod"],
    grace: 0,
  },
  "deleted, finished, pod gone": {
    runner: going(JOB, ["other"]),
    memory: { endedAt: NOON, endedWell: true },
    why: "dismissed",
    does: ["patch EphemeralRunner"],
    finalizers: ["other"],
  },
  "deleted with a job: the service is asked, and nothing else happens": {
    runner: going(JOB),
    pod: pod(running()),
    why: "ask-service",
    does: ["release"],
  },
  "deleted with a job, which runs": {
    runner: going(JOB),
    pod: pod(running()),
    memory: failed("release", "JobStillRunning", 70),
    why: "job-running",
    inMs: 10_000,
  },
  "deleted with a job an hour ago: its container runs, so it is waited for": {
    runner: going(JOB),
    pod: pod(running()),
    memory: failed("release", "Other", 3610),
    now: 3600,
    why: "job-running",
    inMs: 10_000,
  },
  "deleted, its pod is on its way out": {
    runner: going({ runnerId: 42 }),
    pod: pod(running(), { deletionTimestamp: at(51) }),
    memory: { registrationGone: true },
    why: "pod-leaving",
  },
  "deleted, never registered": {
    runner: going(),
    seen: { mayBeRegistered: false },
    why: "dismissed",
    does: ["patch EphemeralRunner"],
    finalizers: null,
  },
  "deleted, let go by the service before": {
    runner: going(),
    seen: { released: true },
    why: "dismissed",
    does: ["patch EphemeralRunner"],
  },
  "deleted while it is being registered": {
    runner: going(),
    seen: { calling: "register" },
    why: "github-leaving",
  },
  "deleted, GitHub gives no answer": {
    runner: going(),
    memory: failed("release", "Other", 75),
    why: "github-leaving",
    inMs: 15_000,
  },
  "deleted, GitHub gave no answer for 5 min": {
    runner: going(),
    memory: failed("release", "Other", 351),
    now: 350,
    why: "dismissed",
    does: ["event EphemeralRunner", "patch EphemeralRunner"],
    finalizers: null,
  },
  "deleted with its set, which has waited already": {
    runner: going(),
    seen: { deletingSince: NOON - 300_000 },
    why: "dismissed",
    does: ["event EphemeralRunner", "patch EphemeralRunner"],
  },
  "deleted, container hooks made things": {
    runner: hooked(at(50)),
    memory: { registrationGone: true },
    why: "dismiss",
    does: ["release"],
  },
  "deleted, and what container hooks made is gone": {
    runner: hooked(at(50)),
    memory: { registrationGone: true, hooksGone: true },
    why: "dismissed",
    does: ["patch EphemeralRunner"],
  },
  "deleted, finalizers of others hold it": {
    runner: runner({}, { deletionTimestamp: at(50), finalizers: ["other"] }),
    why: "leaving",
  },
}, (example) => {
  const now = NOON + (example.now ?? 60) * 1000;
  const plan = decide(seenOf(example, now), now);
  assert.equal(plan.why, example.why);
  assert.deepEqual(plan.steps.map(nameOf), example.does ?? []);
  if (example.inMs !== undefined) assert.equal(plan.requeueAfter, example.inMs);
  for (const step of plan.steps) {
    if (step.do === "patch" && step.subresource === "status" && example.status) {
      const { status } = step.patch as { status: Record<string, unknown> };
      for (const [field, value] of Object.entries(example.status)) assert.deepEqual(status[field], value, field);
    }
    if (step.do === "patch" && !step.subresource && example.finalizers !== undefined) {
      const { metadata } = step.patch as { metadata: Record<string, unknown> };
      assert.deepEqual(metadata, { finalizers: example.finalizers, resourceVersion: "10" });
    }
    if (step.do === "delete" && step.kind.kind === "Pod" && example.grace !== undefined) {
      assert.equal(step.gracePeriodSeconds, example.grace === "its own" ? undefined : example.grace);
    }
  }
});
