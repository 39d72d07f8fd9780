/** What the pod of a runner with a job is told: annotations for people and autoscalers, a label for its budget. */
import assert from "node:assert/strict";
import { decide } from "../../../../src/controllers/ephemeral_runner/decide.ts";
import type { Seen } from "../../../../src/controllers/ephemeral_runner/observe.ts";
import type { Stored } from "../../../../src/k8s/resource.ts";
import type { Pod } from "../../../../src/k8s/resource.ts";
import { JOB, NOON, pod, runner, running } from "../../../support/builders.ts";
import { online, seenOf, WAITS } from "../../../support/runner_cases.ts";
import { table } from "../../../support/table.ts";

const BUSY = "actions.github.com/busy";
const TOLD = { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" };
const protectedSet = { set: { scaleSetId: 7, protectsBusy: true } };
const settings = (annotatePods: boolean, mayPatchPods = true) => ({
  settings: { version: "1", waits: WAITS, annotatePods, mayPatchPods },
});

interface Case {
  readonly runner?: ReturnType<typeof runner>;
  readonly pod?: Stored<Pod>;
  readonly seen?: Partial<Seen>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotated?: boolean;
}

table<Case>("what a busy runner's pod is told", {
  "annotations alone, where nobody asks for protection": { seen: { set: { scaleSetId: 7 } }, annotated: true },
  "label and annotations in one patch": { seen: protectedSet, labels: { [BUSY]: "set-1" }, annotated: true },
  "the label alone, where annotations are switched off": {
    seen: { ...protectedSet, ...settings(false) },
    labels: { [BUSY]: "set-1" },
  },
  "the label alone, where the pod has its annotations: protection is switched on while the job runs": {
    seen: protectedSet,
    pod: pod(running(), { annotations: TOLD }),
    labels: { [BUSY]: "set-1" },
  },
  "before its own start is reported: until then it can be evicted": {
    runner: runner(JOB),
    seen: protectedSet,
    labels: { [BUSY]: "set-1" },
    annotated: true,
  },
  "nothing, when it knows": {
    seen: protectedSet,
    pod: pod(running(), { annotations: TOLD, labels: { [BUSY]: "set-1" } }),
  },
  "the label of its own set, not of another": {
    seen: protectedSet,
    pod: pod(running(), { annotations: TOLD, labels: { [BUSY]: "another" } }),
    labels: { [BUSY]: "set-1" },
  },
  "nothing, where pods may not be patched": { seen: { ...protectedSet, ...settings(true, false) } },
  "nothing, without a job": { runner: online(), seen: protectedSet },
  "nothing, when the job is over": {
    runner: runner({ ...online(JOB).status }, { annotations: { "actions.github.com/job-completed": "true" } }),
    seen: protectedSet,
  },
  "nothing, when it is going anyway": {
    seen: protectedSet,
    pod: pod(running(), { deletionTimestamp: "2026-01-01T12:00:30Z" }),
  },
}, (example) => {
  const now = NOON + 60_000;
  const seen = seenOf({ why: "", runner: online(JOB), pod: pod(running()), ...example }, now);
  const patches = decide(seen, now).steps.flatMap((step) =>
    step.do === "patch" && step.kind.kind === "Pod" ? [step.patch as Pod] : []
  );
  const { labels, annotations } = patches[0]?.metadata ?? {};
  assert.deepEqual(labels, example.labels);
  assert.equal(annotations?.["karpenter.sh/do-not-disrupt"], example.annotated ? "true" : undefined);
  assert.equal(patches.length, example.labels || example.annotated ? 1 : 0);
});

table<{ readonly at?: number; readonly inMs: number | undefined }>("a pod that may not be patched now is told later", {
  "at the time of the next try": { at: 5_000, inMs: 5_000 },
  "never, where it is given up": { inMs: undefined },
}, ({ at, inMs }) => {
  const now = NOON + 60_000;
  const patchPodsAt = at === undefined ? {} : { patchPodsAt: now + at };
  const settings = { version: "1", waits: WAITS, annotatePods: true, mayPatchPods: false, ...patchPodsAt };
  const plan = decide(seenOf({ why: "", runner: online(JOB), pod: pod(running()), seen: { settings } }, now), now);
  assert.deepEqual(plan.steps, []);
  if (inMs !== undefined) assert.equal(plan.requeueAfter, inMs);
  else assert.ok(plan.requeueAfter === undefined || plan.requeueAfter > 60_000, `${plan.requeueAfter}`);
});
