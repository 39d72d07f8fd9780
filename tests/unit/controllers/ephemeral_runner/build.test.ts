import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { runnerOf } from "../../../../src/controllers/ephemeral_runner_set/build.ts";
import { jitSecretOf, podOf, runnerIdOf, workFolderOf } from "../../../../src/controllers/ephemeral_runner/build.ts";
import type { EphemeralRunner } from "../../../../src/api/kinds.ts";
import { isDeepStrictEqual } from "node:util";
import type { Stored } from "../../../../src/k8s/resource.ts";
import { NAMESPACE, runner, runnerSet, runnerSpec } from "../../../support/builders.ts";

const LABELS = {
  "actions.github.com/organization": "acme",
  "actions.github.com/repository": "api",
  "actions.github.com/scale-set-name": "linux",
  "actions.github.com/scale-set-namespace": "arc-runners",
  "app.kubernetes.io/part-of": "gha-runner-scale-set",
  "app.kubernetes.io/version": "0.14.2",
  team: "core",
};
const NAMES = {
  "actions.github.com/runner-group-name": "Default",
  "actions.github.com/runner-scale-set-name": "linux",
};

/** The example of docs/compatibility.md: proxy.https and noProxy set. */
const set = runnerSet({
  patchID: 3,
  ephemeralRunnerSpec: runnerSpec({
    proxy: { https: { url: "http://proxy:3128" }, noProxy: ["example.com"] },
    metadata: { labels: { team: "mine", tier: "ci" }, annotations: { note: "template" } },
    spec: {
      containers: [
        { name: "side", image: "side:1" },
        { name: "runner", image: "runner:1", env: [{ name: "A", value: "1" }], workingDir: "/work" },
      ],
    },
  }),
  ephemeralRunnerMetadata: { labels: { team: "loses", owner: "people" }, annotations: { note: "runner" } },
}, {
  labels: { ...LABELS, "app.kubernetes.io/component": "runner-set" },
  annotations: NAMES,
});

function born(): Stored<EphemeralRunner> {
  const object = runnerOf(set, "linux-runner-abcde", "rev1");
  return {
    ...object,
    metadata: { ...object.metadata, name: "linux-runner-abcde", uid: "runner-1", resourceVersion: "5" },
  };
}

test("a runner has the set's labels and annotations, both finalizers, and the proxy's secret", () => {
  const { metadata, spec } = runnerOf(set, "linux-runner-abcde", "rev1");
  assert.deepEqual(metadata, {
    name: "linux-runner-abcde",
    namespace: NAMESPACE,
    labels: { owner: "people", ...LABELS, "app.kubernetes.io/component": "runner" },
    annotations: {
      note: "runner",
      ...NAMES,
      "actions.github.com/patch-id": "3",
      "actions.github.com/runner-revision": "rev1",
    },
    finalizers: [
      "ephemeralrunner.actions.github.com/finalizer",
      "ephemeralrunner.actions.github.com/runner-registration-finalizer",
    ],
    ownerReferences: [{
      apiVersion: "actions.github.com/v1alpha1",
      kind: "EphemeralRunnerSet",
      name: "linux",
      uid: "set-1",
      controller: true,
      blockOwnerDeletion: true,
    }],
  });
  assert.deepEqual(spec, { ...set.spec?.ephemeralRunnerSpec, proxySecretRef: "linux-754b578d-runner-proxy" });
});

test("a runner of a set without a proxy refers to no secret", () => {
  assert.equal("proxySecretRef" in (runnerOf(runnerSet(), "x", "r").spec ?? {}), false);
});

test("the runner's pod is the template, and what others know of it", () => {
  const pod = podOf(born(), "0.14.2");
  const { "pod-template-hash": hash, ...labels } = pod.metadata?.labels ?? {};
  assert.match(hash ?? "", /^[bcdfghjklmnpqrstvwxz2456789]{8,10}$/);
  assert.deepEqual(labels, {
    owner: "people",
    ...LABELS,
    "app.kubernetes.io/component": "runner",
    team: "mine",
    tier: "ci",
    "actions-ephemeral-runner": "True",
  });
  assert.deepEqual(pod.metadata?.annotations, { note: "template", ...NAMES, "actions.github.com/patch-id": "3" });
  assert.deepEqual(pod.metadata?.ownerReferences, [{
    apiVersion: "actions.github.com/v1alpha1",
    kind: "EphemeralRunner",
    name: "linux-runner-abcde",
    uid: "runner-1",
    controller: true,
    blockOwnerDeletion: true,
  }]);
  assert.equal(pod.metadata?.name, "linux-runner-abcde");
  assert.deepEqual(pod.spec, {
    restartPolicy: "Never",
    containers: [
      { name: "side", image: "side:1" },
      {
        name: "runner",
        image: "runner:1",
        workingDir: "/work",
        env: [
          { name: "A", value: "1" },
          {
            name: "ACTIONS_RUNNER_INPUT_JITCONFIG",
            valueFrom: { secretKeyRef: { name: "linux-runner-abcde", key: "jitToken" } },
          },
          { name: "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT", value: "actions-runner-controller/0.14.2" },
          { name: "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE", value: "1" },
          {
            name: "https_proxy",
            valueFrom: { secretKeyRef: { name: "linux-754b578d-runner-proxy", key: "https_proxy" } },
          },
          { name: "no_proxy", valueFrom: { secretKeyRef: { name: "linux-754b578d-runner-proxy", key: "no_proxy" } } },
        ],
      },
    ],
  });
});

test("the hash of a template depends on the template and on nothing else", () => {
  const hash = (one: Stored<EphemeralRunner>) => podOf(one, "1").metadata?.labels?.["pod-template-hash"];
  assert.equal(hash(runner()), hash(runner({}, { name: "other", uid: "2" })));
  assert.notEqual(
    hash(runner()),
    hash(runner({}, {}, { spec: { containers: [{ name: "runner", image: "runner:2" }] } })),
  );
});

test("a template's own restart policy stays", () => {
  const spec = { restartPolicy: "OnFailure", containers: [{ name: "runner" }] };
  assert.equal(podOf(runner({}, {}, { spec }), "1").spec?.restartPolicy, "OnFailure");
});

test("building leaves the template as it is", () => {
  const one = born();
  const before = structuredClone(one);
  podOf(one, "0.14.2");
  assert.ok(isDeepStrictEqual(one, before));
});

test("the secret has its four keys as text, its own metadata, and the runner for an owner", () => {
  const one = runner({}, {}, { ephemeralRunnerConfigSecretMetadata: { labels: { keep: "out" } } });
  const jit = { runnerId: 42, runnerName: "linux-runner-abcde", scaleSetId: 7, encoded: "eyJ..." };
  const secret = jitSecretOf(one, jit);
  const texts = Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]);
  assert.deepEqual(Object.fromEntries(texts), {
    jitToken: "eyJ...",
    runnerName: "linux-runner-abcde",
    runnerId: "42",
    scaleSetId: "7",
  });
  assert.deepEqual(secret.metadata?.labels, { keep: "out" });
  assert.equal(secret.metadata?.name, "linux-runner-abcde");
  assert.equal(secret.metadata?.ownerReferences?.[0]?.uid, "runner-1");
  assert.equal(runnerIdOf(secret), 42);
  assert.equal(runnerIdOf({ data: {} }), undefined);
});

test("the working directory of the runner's container is the work folder", () => {
  assert.equal(workFolderOf(born()), "/work");
  assert.equal(workFolderOf(runner()), "");
});
