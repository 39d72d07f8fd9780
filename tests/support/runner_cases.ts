/** Cases of `decide` for one runner: what is seen, and what is to be done. */
import assert from "node:assert/strict";
import type { EphemeralRunner } from "../../src/api/kinds.ts";
import { FINALIZERS } from "../../src/api/names.ts";
import { decide } from "../../src/controllers/ephemeral_runner/decide.ts";
import type { Memory } from "../../src/controllers/ephemeral_runner/memory.ts";
import { remember, type Seen, seenPod } from "../../src/controllers/ephemeral_runner/observe.ts";
import { waitsOf } from "../../src/controllers/shared/waits.ts";
import { controllerOf, type Pod, type Stored } from "../../src/k8s/resource.ts";
import type { Step } from "../../src/runtime/plan.ts";
import { at, NOON, runner } from "./builders.ts";

export const WAITS = waitsOf();

/** A runner as a decision sees it, and what is to be done about it. */
export interface Case {
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
  /** The version that the pod must have to be deleted. */
  readonly onlyAs?: string;
}

export function seenOf(example: Case, now: number): Seen {
  const it = example.runner ?? runner();
  const memory: Memory = {
    uid: "runner-1",
    setUid: "set-1",
    secret: "made",
    registration: "unasked",
    rejected: new Set(),
    ...example.memory,
  };
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
    settings: { version: "0.14.2", waits: WAITS, annotatePods: true, mayPatchPods: true },
    ...(it.metadata.deletionTimestamp ? { deletingSince: Date.parse(it.metadata.deletionTimestamp) } : {}),
    ...example.seen,
  };
}

function nameOf(step: Step<{ readonly do: string }>): string {
  if (step.do === "perform") return step.call.do;
  return `${step.do} ${step.kind.kind}${step.do === "patch" && step.subresource ? " status" : ""}`;
}

/** Being deleted since the 50th second. */
export const going = (status: EphemeralRunner["status"] = {}, extra: readonly string[] = []) =>
  runner(status, {
    deletionTimestamp: at(50),
    finalizers: [FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration, ...extra],
  });
/** Running, registered as 42. */
export const online = (status: EphemeralRunner["status"] = {}) =>
  runner({ phase: "Running", ready: true, runnerId: 42, runnerName: "linux-runner-abcde", ...status });
/** With container hooks. */
export const hooked = (deletionTimestamp?: string) =>
  runner({}, { deletionTimestamp }, {
    spec: {
      containers: [{ name: "runner", env: [{ name: "ACTIONS_RUNNER_CONTAINER_HOOKS", value: "/k8s/index.js" }] }],
    },
  });
export const jit = { runnerId: 42, runnerName: "linux-runner-abcde", scaleSetId: 7, encoded: "secret" };
/** The last calls failed. */
export const failed = (
  call: "register" | "release" | "checkRegistration",
  problem: "Other" | "NameTaken" | "JobStillRunning" | "Unauthorized",
  retrySeconds: number,
  count = 1,
) => ({
  failure: { call, problem, count, message: "no answer", retryAt: NOON + retrySeconds * 1000 },
});

/** What `decide` says is what the case says. */
export function checkDecision(example: Case): void {
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
    if (step.do === "delete" && step.kind.kind === "Pod") assert.equal(step.resourceVersion, example.onlyAs);
    if (step.do === "delete" && step.kind.kind === "Pod" && example.grace !== undefined) {
      assert.equal(step.gracePeriodSeconds, example.grace === "its own" ? undefined : example.grace);
    }
  }
}
