import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../../src/lib/log.ts";
import type { KubeClient } from "../../../src/k8s/client.ts";
import { KubeError, type KubeErrorKind } from "../../../src/k8s/errors.ts";
import { type KubeObject, PODS, type Stored } from "../../../src/k8s/resource.ts";
import type { Overlay } from "../../../src/k8s/store.ts";
import { Executor } from "../../../src/runtime/execute.ts";
import { create, patch, remove, type Step } from "../../../src/runtime/plan.ts";
import { table } from "../../support/table.ts";

function refusal(kind: KubeErrorKind): KubeError {
  return new KubeError(kind, { kind, status: 400, reason: kind });
}

function pod(name: string, uid: string, owner?: string, extra: object = {}): Stored<KubeObject> {
  const ownerReferences = owner
    ? [{ apiVersion: "v1", kind: "X", name: owner, uid: owner, controller: true }]
    : undefined;
  return { metadata: { namespace: "n", name, uid, resourceVersion: "7", ownerReferences, ...extra } };
}

/** An API server that answers each verb as told, and an overlay that notes what it is given. */
function world(answers: Partial<Record<"get" | "create" | "patch" | "delete", unknown>>) {
  const notes: string[] = [];
  const sent: unknown[] = [];
  const answer = (verb: keyof typeof answers) => (...args: unknown[]) => {
    sent.push(args[2]);
    const value = answers[verb];
    return value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
  };
  const kube = {
    get: answer("get"),
    create: answer("create"),
    patch: answer("patch"),
    delete: answer("delete"),
  } as unknown as KubeClient;
  const overlay: Overlay<KubeObject> = {
    wrote: (object) => notes.push(`wrote ${object.metadata.uid}`),
    deleted: (uid, left) => notes.push(`deleted ${uid}${left ? ", stays" : ""}`),
    versionOf: () => "7",
  };
  const executor = new Executor({ kube, log: silentLog, events: { record: () => {} }, overlayOf: () => overlay });
  return { executor, notes, sent };
}

const REF = { namespace: "n", name: "a", uid: "u1" };

table<{
  answers: Parameters<typeof world>[0];
  step: Step;
  changed?: boolean;
  notes?: string[];
  error?: KubeErrorKind;
}>("execute", {
  "what was created is seen at once": {
    answers: { create: pod("a", "u1", "o1") },
    step: create(PODS, pod("a", "", "o1")),
    changed: true,
    notes: ["wrote u1"],
  },
  "already there and ours is done": {
    answers: { create: refusal("AlreadyExists"), get: pod("a", "u9", "o1") },
    step: create(PODS, pod("a", "", "o1")),
    changed: true,
    notes: ["wrote u9"],
  },
  "already there and another's is an error": {
    answers: { create: refusal("AlreadyExists"), get: pod("a", "u9", "o2") },
    step: create(PODS, pod("a", "", "o1")),
    error: "AlreadyExists",
  },
  "already there but on its way out is an error, to be tried again": {
    answers: {
      create: refusal("AlreadyExists"),
      get: pod("a", "u9", "o1", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    step: create(PODS, pod("a", "", "o1")),
    error: "AlreadyExists",
  },
  "a patch that returns the version we have changed nothing": {
    answers: { patch: pod("a", "u1") },
    step: patch(PODS, REF, { metadata: {} }),
    changed: false,
    notes: ["wrote u1"],
  },
  "a patch that took the last finalizer off ends the object, though its version stays": {
    answers: { patch: pod("a", "u1", undefined, { deletionTimestamp: "2026-01-01T00:00:00Z" }) },
    step: patch(PODS, REF, { metadata: { finalizers: [] } }),
    changed: true,
    notes: ["wrote u1"],
  },
  "a patch that returns another version did": {
    answers: { patch: pod("a", "u1", undefined, { resourceVersion: "8" }) },
    step: patch(PODS, REF, { metadata: {} }),
    changed: true,
    notes: ["wrote u1"],
  },
  "a patch of what has gone is an error": {
    answers: { patch: refusal("NotFound") },
    step: patch(PODS, REF, {}),
    error: "NotFound",
  },
  "unless nothing is left to change then": {
    answers: { patch: refusal("NotFound") },
    step: patch(PODS, REF, {}, { goneIsDone: true }),
    changed: true,
    notes: ["deleted u1"],
  },
  "a delete that is answered with the object leaves it": {
    answers: { delete: pod("a", "u1") },
    step: remove(PODS, REF),
    changed: true,
    notes: ["deleted u1, stays"],
  },
  "a delete of what has gone is done": {
    answers: { delete: refusal("NotFound") },
    step: remove(PODS, REF),
    changed: true,
    notes: ["deleted u1"],
  },
  "a delete when another has the name is done": {
    answers: { delete: refusal("Conflict") },
    step: remove(PODS, REF),
    changed: true,
    notes: ["deleted u1"],
  },
  "a refusal is an error": {
    answers: { delete: refusal("Forbidden") },
    step: remove(PODS, REF),
    error: "Forbidden",
  },
}, async ({ answers, step, changed = false, notes = [], error }) => {
  const { executor, notes: seen } = world(answers);
  const result = await executor.execute([step]);
  assert.deepEqual(result.errors.map((each) => (each as KubeError).kind), error ? [error] : []);
  assert.equal(result.changed, changed);
  assert.deepEqual(seen, notes);
});

test("execute: a merge patch carries the UID that it is meant for", async () => {
  const { executor, sent } = world({ patch: pod("a", "u1") });
  await executor.execute([patch(PODS, REF, { metadata: { labels: { a: "b" } }, spec: 1 })]);
  assert.deepEqual(sent, [{ metadata: { labels: { a: "b" }, uid: "u1" }, spec: 1 }]);
});

test("execute: one failure does not stop the others", async () => {
  const { executor, notes } = world({ create: refusal("Invalid"), delete: undefined });
  const result = await executor.execute([create(PODS, pod("a", "")), remove(PODS, REF)]);
  assert.equal(result.errors.length, 1);
  assert.deepEqual(notes, ["deleted u1"]);
});
