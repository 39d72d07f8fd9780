import { at, exited, JOB, NOON, pod, runner, running } from "../../../support/builders.ts";
import { type Case, checkDecision, failed, going, hooked } from "../../../support/runner_cases.ts";
import { table } from "../../../support/table.ts";

table<Case>("one runner, being deleted", {
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
  "deleted with a job, and its container was killed: its loss is told": {
    runner: going(JOB),
    pod: pod(exited(137)),
    memory: failed("release", "JobStillRunning", 70),
    why: "dismiss",
    does: ["event EphemeralRunner", "delete Pod"],
  },
  "deleted because it was lost with its job: that has been told": {
    runner: going(JOB),
    pod: pod(exited(137)),
    memory: { toldLoss: true },
    why: "dismiss",
    does: ["delete Pod", "release"],
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
    memory: failed("release", "Other", 60),
    seen: { deletingSince: NOON - 300_000 },
    why: "dismissed",
    does: ["event EphemeralRunner", "patch EphemeralRunner"],
  },
  "deleted long ago, and GitHub has not been asked yet": {
    runner: going(),
    seen: { deletingSince: NOON - 3_600_000 },
    why: "dismiss",
    does: ["release"],
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
}, checkDecision);
