/** Names, hashes, labels, annotations and finalizers that other programs know: docs/compatibility.md. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { urlLabels } from "../../src/api/labels.ts";
import * as names from "../../src/api/names.ts";
import { SAFE_ALPHABET, seededRandom } from "../../src/lib/random.ts";
import { table } from "../support/table.ts";

type Hash = { text: string; decimal?: number; safe: string };

table<Hash>("hash", {
  "no runner group": { text: "arc-runners@@https://github.com/acme", decimal: 419342613, safe: "85f786b57" },
  "Default": { text: "arc-runners@Default@https://github.com/acme", decimal: 1775646198, safe: "5cc9b8b5fd" },
  "a group with a blank": { text: "ci@gpu pool@https://github.com/acme/api", decimal: 3144027010, safe: "758846c454" },
  "an enterprise": { text: "team-a@@https://ghe.example.com/enterprises/acme", safe: "8564d476b8" },
  "a namespace": { text: "arc-runners", decimal: 3106134893, safe: "754b578df7" },
  "namespace default": { text: "default", decimal: 2470140894, safe: "68c4584df8" },
  "namespace ci": { text: "ci", decimal: 1613340897, safe: "5b57784dfc" },
}, ({ text, decimal, safe }) => {
  if (decimal !== undefined) assert.equal(names.fnv32a(text), decimal);
  assert.equal(names.safe(String(names.fnv32a(text))), safe);
  assert.equal(names.nameHash(text), safe.slice(0, 8));
});

test("hash: digits have their letters", () => assert.equal(names.safe("0123456789"), "456789bcdf"));

type SetOf = Parameters<typeof names.listenerNameOf>[0];
const linux = { name: "linux", namespace: "arc-runners", githubConfigUrl: "https://github.com/acme" };

table<[set: SetOf, name: string]>("listener", {
  "no runner group": [linux, "linux-85f786b5-listener"],
  "an empty runner group is none": [{ ...linux, runnerGroup: "" }, "linux-85f786b5-listener"],
  "the group Default is another name than none": [{ ...linux, runnerGroup: "Default" }, "linux-5cc9b8b5-listener"],
  "a group with a blank": [
    { name: "linux", namespace: "ci", runnerGroup: "gpu pool", githubConfigUrl: "https://github.com/acme/api" },
    "linux-758846c4-listener",
  ],
  "an enterprise": [
    { name: "linux", namespace: "team-a", githubConfigUrl: "https://ghe.example.com/enterprises/acme" },
    "linux-8564d476-listener",
  ],
  "a repository": [{ ...linux, githubConfigUrl: "https://github.com/acme/api" }, "linux-84bd964b-listener"],
}, ([set, name]) => assert.equal(names.listenerNameOf(set), name));

test("listener: the URL counts as it is written, its last slash too", () => {
  const slash = names.listenerNameOf({ ...linux, githubConfigUrl: "https://github.com/acme/" });
  assert.notEqual(slash, names.listenerNameOf(linux));
});

test("listener: its secrets bear its name", () => {
  assert.equal(names.listenerConfigName("linux-85f786b5-listener"), "linux-85f786b5-listener-config");
  assert.equal(names.listenerProxyName("linux-85f786b5-listener"), "linux-85f786b5-listener-proxy");
});

table<[namespace: string, name: string]>("runners' proxy secret", {
  "arc-runners": ["arc-runners", "linux-754b578d-runner-proxy"],
  "default": ["default", "linux-68c4584d-runner-proxy"],
  "ci": ["ci", "linux-5b57784d-runner-proxy"],
}, ([namespace, name]) => assert.equal(names.runnerProxyName("linux", namespace), name));

const random = () => seededRandom(1);

table<[set: string, pattern: RegExp]>("runner", {
  "the set's name, then five characters": ["linux", /^linux-runner-[bcdfghjklmnpqrstvwxz2456789]{5}$/],
  "50 characters fit": ["x".repeat(50), /^x{50}-runner-[a-z2-9]{5}$/],
  "a longer name is cut to 58": ["x".repeat(53), /^x{53}-runn[a-z2-9]{5}$/],
  "a name longer than that is cut itself": ["x".repeat(100), /^x{58}[a-z2-9]{5}$/],
}, ([set, pattern]) => assert.match(names.newRunnerName(set, random()), pattern));

test("runner: any set's name gives a DNS name of at most 63 characters", () => {
  const part = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  const set = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
  fc.assert(fc.property(set, fc.integer(), (name, seed) => {
    const runner = names.newRunnerName(name, seededRandom(seed));
    assert.ok(runner.length <= 63, runner);
    assert.match(runner, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
  }));
});

table<[text: string, value: string]>("label value", {
  "fits": ["acme", "acme"],
  "ends are trimmed": ["_acme-.", "acme"],
  "63 characters stay": ["x".repeat(63), "x".repeat(63)],
  "64 are cut": ["x".repeat(64), `${"x".repeat(58)}-trim`],
  "a cut that ends in a dash is as the reference's": [`${"x".repeat(57)}-${"y".repeat(9)}`, `${"x".repeat(57)}--trim`],
  "64 with a dash at the end are cut, as the reference's": [`${"x".repeat(63)}-`, `${"x".repeat(58)}-trim`],
  // The reference makes "-yyy...-trim" of it, which the API server refuses.
  "too long and with a dash before is valid": [`-${"y".repeat(63)}`, "y".repeat(63)],
  "nothing is left": ["-_.", ""],
}, ([text, value]) => assert.equal(names.labelValue(text), value));

test("label value: always one that Kubernetes takes", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ maxLength: 200 }),
    fc.stringMatching(/^[-_.a-z]{50,80}$/),
  );
  fc.assert(fc.property(text, (input) => {
    const value = names.labelValue(input);
    assert.ok(value.length <= 63, value);
    assert.match(value, /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/);
  }));
});

test("labels of a URL: names in them are trimmed", () => {
  assert.deepEqual(urlLabels("https://github.com/_acme-."), { "actions.github.com/organization": "acme" });
});

test("pod template hash: ten characters of the safe alphabet, alike for the same template", () => {
  fc.assert(fc.property(fc.jsonValue(), (template) => {
    assert.match(names.podTemplateHash(template), new RegExp(`^[${SAFE_ALPHABET}]{10}$`));
  }));
  const hash = names.podTemplateHash({ spec: { containers: [{ name: "runner", image: "a" }], nodeName: "n" } });
  assert.equal(names.podTemplateHash({ spec: { nodeName: "n", containers: [{ image: "a", name: "runner" }] } }), hash);
  assert.notEqual(
    names.podTemplateHash({ spec: { nodeName: "n", containers: [{ image: "b", name: "runner" }] } }),
    hash,
  );
});

test("labels", () => {
  assert.deepEqual(names.LABELS, {
    partOf: "app.kubernetes.io/part-of",
    component: "app.kubernetes.io/component",
    version: "app.kubernetes.io/version",
    scaleSetName: "actions.github.com/scale-set-name",
    scaleSetNamespace: "actions.github.com/scale-set-namespace",
    enterprise: "actions.github.com/enterprise",
    organization: "actions.github.com/organization",
    repository: "actions.github.com/repository",
    listenerName: "auto-scaling-listener-name",
    listenerNamespace: "auto-scaling-listener-namespace",
    ephemeralRunner: "actions-ephemeral-runner",
    podTemplateHash: "pod-template-hash",
    hookPod: "runner-pod",
    busy: "actions.github.com/busy",
  });
  assert.equal(names.PART_OF, "gha-runner-scale-set");
  assert.deepEqual(names.COMPONENTS, {
    autoscalingRunnerSet: "autoscaling-runner-set",
    listener: "runner-scale-set-listener",
    runnerSet: "runner-set",
    runner: "runner",
  });
});

test("annotations: those of the contract, and ours on listeners, their pods and runners, never on a runner set", () => {
  const ours = {
    jobCompleted: "actions.github.com/job-completed",
    listenerSpec: "actions.github.com/listener-spec",
    listenerConfig: "actions.github.com/listener-config",
    sessionId: "actions.github.com/session-id",
  };
  assert.deepEqual(names.ANNOTATIONS, {
    ...ours,
    scaleSetId: "runner-scale-set-id",
    runnerGroupName: "actions.github.com/runner-group-name",
    scaleSetName: "actions.github.com/runner-scale-set-name",
    patchId: "actions.github.com/patch-id",
    integrityHash: "actions.github.com/integrity-hash",
    valuesHash: "actions.github.com/values-hash",
  });
});

test("clean-up: the protected objects, in the order of their release", () => {
  assert.deepEqual(names.CLEANUP_ANNOTATIONS, [
    "actions.github.com/cleanup-kubernetes-mode-role-binding-name",
    "actions.github.com/cleanup-kubernetes-mode-role-name",
    "actions.github.com/cleanup-kubernetes-mode-service-account-name",
    "actions.github.com/cleanup-no-permission-service-account-name",
    "actions.github.com/cleanup-github-secret-name",
    "actions.github.com/cleanup-manager-role-binding",
    "actions.github.com/cleanup-manager-role-name",
  ]);
});

test("finalizers", () => {
  assert.deepEqual(names.FINALIZERS, {
    autoscalingRunnerSet: "autoscalingrunnerset.actions.github.com/finalizer",
    autoscalingListener: "autoscalinglistener.actions.github.com/finalizer",
    ephemeralRunnerSet: "ephemeralrunnerset.actions.github.com/finalizer",
    ephemeralRunner: "ephemeralrunner.actions.github.com/finalizer",
    runnerRegistration: "ephemeralrunner.actions.github.com/runner-registration-finalizer",
    cleanupProtection: "actions.github.com/cleanup-protection",
  });
});
