import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FINALIZERS, LABELS, newRunnerName } from "../../../src/api/names.ts";
import type { Facts, Objects } from "../../../src/doctor/checks/facts.ts";
import { judgeFinalizers, STUCK_MS } from "../../../src/doctor/checks/finalizers.ts";
import { type Finding, known, unknown } from "../../../src/doctor/checks/finding.ts";
import { judgeOrphans, strayNames } from "../../../src/doctor/checks/orphans.ts";
import { exitCodeOf, reportJson, reportText } from "../../../src/doctor/report.ts";
import type { KubeObject, ObjectMeta, Pod, Secret, Stored } from "../../../src/k8s/resource.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { at, runner, runnerSet } from "../../support/builders.ts";
import { stored } from "../../support/builders_set.ts";
import { facts, github, NOW, objects, well, wrong } from "../../support/doctor_facts.ts";
import { table } from "../../support/table.ts";

const deleted = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
const gone = { deletionTimestamp: deleted(900) };
const owner = (
  kind: string,
  uid: string,
) => [{ apiVersion: "actions.github.com/v1alpha1", kind, name: "linux", uid, controller: true }];
const object = <T extends KubeObject>(metadata: Partial<ObjectMeta>): Stored<T> =>
  stored<T>({ metadata: { name: "it", namespace: "arc-runners" } } as T, { creationTimestamp: at(0), ...metadata });
const busyPod = object<Pod>({ name: "linux-runner-abcde" });
busyPod.status = { phase: "Running" };

table<{ objects: Partial<Objects>; says: RegExp }>("finalizers", {
  "nothing": { objects: {}, says: /^ok all kinds: nothing/ },
  "deleted a moment ago": {
    objects: { runners: known([runner({}, { deletionTimestamp: deleted(60) })]) },
    says: /^ok/,
  },
  "deleted, and without a finalizer": {
    objects: { runners: known([runner({}, { ...gone, finalizers: [] })]) },
    says: /^ok/,
  },
  "a runner": {
    objects: { runners: known([runner({}, { ...gone, finalizers: [FINALIZERS.ephemeralRunner] })]) },
    says:
      /^fix EphemeralRunner arc-runners\/linux-runner-abcde: it was deleted 15m ago and hangs on ephemeralrunner\.actions\.github\.com\/finalizer -> .*kubectl -n arc-runners patch ephemeralrunners\.actions\.github\.com linux-runner-abcde --type=merge -p '\{"metadata":\{"finalizers":null\}\}'$/,
  },
  "what others have put there stays": {
    objects: { runners: known([runner({}, { ...gone, finalizers: ["a/b", FINALIZERS.ephemeralRunner] })]) },
    says: /hangs on ephemeralrunner\S+ -> .*\{"finalizers":\["a\/b"\]\}/,
  },
  "what others hold alone": {
    objects: { runners: known([runner({}, { ...gone, finalizers: ["a/b"] })]) },
    says: /^note .*hangs on a\/b, which is not ours/,
  },
  "a runner that has a job": {
    objects: {
      runners: known([runner({ jobId: "1" }, { ...gone, finalizers: [FINALIZERS.ephemeralRunner] })]),
      runnerPods: known([busyPod]),
    },
    says: /^note .*still has a job/,
  },
  "a runner whose job was lost with its pod": {
    objects: { runners: known([runner({ jobId: "1" }, { ...gone, finalizers: [FINALIZERS.ephemeralRunner] })]) },
    says: /^fix/,
  },
  "a protected secret": {
    objects: { secrets: known([object<Secret>({ ...gone, finalizers: [FINALIZERS.cleanupProtection] })]) },
    says: /^fix Secret .*kubectl -n arc-runners patch secrets it /,
  },
  "a role": {
    objects: { roles: known([object({ ...gone, finalizers: [FINALIZERS.cleanupProtection] })]) },
    says: /patch roles\.rbac\.authorization\.k8s\.io it /,
  },
}, ({ objects: changes, says }) => {
  const findings = judgeFinalizers(objects(changes), NOW);
  assert.equal(findings.length, 1);
  const [{ state, object, message, wayOut = "" }] = findings as [Finding];
  assert.match(`${state} ${object}: ${message}${wayOut ? ` -> ${wayOut}` : ""}`, says);
});

test("kinds that may not be listed are told, and the others are looked at", () => {
  const stuck = runner({}, { ...gone, finalizers: [FINALIZERS.ephemeralRunner] });
  const findings = judgeFinalizers(objects({ secrets: unknown("no right"), runners: known([stuck]) }), NOW);
  assert.deepEqual(findings.map(({ state }) => state).sort(), ["fix", "not checked"]);
  assert.equal(STUCK_MS, 600_000);
});

const OLD_LISTENER = { [LABELS.listenerName]: "old", [LABELS.listenerNamespace]: "arc-systems" };
const HIS = { [LABELS.listenerName]: "linux-listener", [LABELS.listenerNamespace]: "arc-systems" };
const young = { creationTimestamp: deleted(30) };

table<{ facts?: Partial<Facts>; objects?: Partial<Objects>; says: RegExp | undefined }>("left over", {
  "nothing": { says: undefined },
  "a runner set of a scale set": {
    objects: { runnerSets: known([runnerSet({}, { ownerReferences: owner("AutoscalingRunnerSet", "ars-1") })]) },
    says: undefined,
  },
  "a runner set of nobody": {
    objects: { runnerSets: known([runnerSet()]) },
    says:
      /ephemeralrunnerset arc-runners\/linux: nobody owns it -> kubectl -n arc-runners delete ephemeralrunnerset linux/,
  },
  "a runner set whose scale set is gone": {
    objects: { runnerSets: known([runnerSet({}, { ownerReferences: owner("AutoscalingRunnerSet", "ars-0") })]) },
    says: /its owner AutoscalingRunnerSet linux is gone/,
  },
  "a runner of a set": {
    objects: {
      runners: known([runner({}, { ownerReferences: owner("EphemeralRunnerSet", "set-1") })]),
      runnerSets: known([runnerSet({}, { ownerReferences: owner("AutoscalingRunnerSet", "ars-1") })]),
    },
    says: undefined,
  },
  "a runner without a set": {
    objects: { runners: known([runner({}, { ownerReferences: [] })]) },
    says: /ephemeralrunner arc-runners\/linux-runner-abcde: nobody owns it/,
  },
  "a runner that is going": {
    objects: { runners: known([runner({}, { ownerReferences: [], ...gone })]) },
    says: undefined,
  },
  "a runner that came this minute": {
    objects: { runners: known([runner({}, { ownerReferences: [], ...young })]) },
    says: undefined,
  },
  "a runner that is said to run, without a pod": {
    objects: {
      runners: known([runner({ phase: "Running" }, { ownerReferences: owner("EphemeralRunnerSet", "set-1") })]),
      runnerSets: known([runnerSet({}, { ownerReferences: owner("AutoscalingRunnerSet", "ars-1") })]),
    },
    says: /said to run and has no pod/,
  },
  "a pod without a runner": {
    objects: { runnerPods: known([object<Pod>({})]) },
    says: /pod arc-runners\/it: nobody owns it/,
  },
  "a listener without a scale set": {
    objects: { scaleSets: known([]), allScaleSets: known([]) },
    says: /autoscalinglistener arc-systems\/linux-listener: its scale set arc-runners\/linux is gone/,
  },
  "a listener's pod without a listener": {
    objects: { listenerPods: known([object<Pod>({ labels: { [LABELS.component]: "runner-scale-set-listener" } })]) },
    says: /its AutoscalingListener is gone/,
  },
  "another pod of the controller's namespace": { objects: { listenerPods: known([object<Pod>({})]) }, says: undefined },
  "a role of a listener": { objects: { roles: known([object({ labels: HIS })]) }, says: undefined },
  "a role of a listener that is gone": {
    objects: { roles: known([object({ labels: OLD_LISTENER })]) },
    says: /role arc-runners\/it: its listener arc-systems\/old is gone/,
  },
  "a role binding of a listener that is gone": {
    objects: { roleBindings: known([object({ labels: OLD_LISTENER })]) },
    says: /kubectl -n arc-runners delete rolebinding it/,
  },
  "a role of the chart": { objects: { roles: known([object({})]) }, says: undefined },
  "a proxy's secret that nobody owns": {
    objects: { secrets: known([object<Secret>({ name: "linux-x-runner-proxy" })]) },
    says: /secret .*nobody owns it/,
  },
  "a secret whose runner is gone": {
    objects: { secrets: known([object<Secret>({ ownerReferences: owner("EphemeralRunner", "runner-0") })]) },
    says: /its owner EphemeralRunner linux is gone/,
  },
  "the chart's secret": {
    objects: { secrets: known([object<Secret>({ name: "linux-github-secret" })]) },
    says: undefined,
  },
  "a registration": {
    facts: { github: [github({ strays: well([{ id: 1, name: "linux-runner-aaaaa", busy: true, online: true }]) })] },
    says: /registrations of arc-runners\/linux: .*linux-runner-aaaaa \(busy\)/,
  },
}, ({ facts: changes, objects: some = {}, says }) => {
  const findings = judgeOrphans(facts({ objects: objects(some), ...changes }));
  const found = findings.filter(({ state }) => state === "fix");
  assert.equal(found.length, says ? 1 : 0, JSON.stringify(found));
  if (says) assert.match(`${found[0]!.object}: ${found[0]!.message} -> ${found[0]!.wayOut}`, says);
});

test("what may not be read is no pass", () => {
  const blind = objects({ roles: unknown("no right to list roles"), secrets: unknown("no right to list secrets") });
  const findings = judgeOrphans(facts({ objects: blind, github: [github({ strays: wrong("Unauthorized", "403") })] }));
  const unchecked = findings.filter(({ state }) => state === "not checked").map(({ object }) => object);
  assert.deepEqual(unchecked, ["roles of listeners", "secrets of runners", "registrations of arc-runners/linux"]);
});

test("the names that we give are known again, whatever the set is called; others' are left alone", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,44}$/), fc.integer({ min: 1, max: 1_000_000 }), (set, seed) => {
      const name = newRunnerName(set, seededRandom(seed));
      assert.deepEqual(strayNames([{ name }], set, []), [name]);
      assert.deepEqual(strayNames([{ name }], set, [runner({}, { name })]), []);
      assert.deepEqual(strayNames([{ name: `${name}x` }, { name: "my-laptop" }], set, []), []);
    }),
  );
});

test("a runner that registered under another name is known by it", () => {
  assert.deepEqual(
    strayNames([{ name: "linux-runner-zzzzz" }], "linux", [runner({ runnerName: "linux-runner-zzzzz" })]),
    [],
  );
});

const FINDINGS: Finding[] = [
  { check: "secret", object: "a/b", state: "fix", message: "two\n  lines", wayOut: "do it" },
  { check: "clock", object: "hub", state: "ok", message: "fine" },
];

test("the report: a line each, whatever others have said, and a summary", () => {
  assert.equal(
    reportText(FINDINGS),
    "fix          secret  a/b: two lines -> do it\nok           clock   hub: fine\n\n" +
      "1 thing needs a person: 2 checks, 1 ok, 0 note, 1 fix, 0 not checked\n",
  );
  assert.deepEqual(JSON.parse(reportJson(FINDINGS)), [
    { ...FINDINGS[0], wayOut: "do it" },
    { ...FINDINGS[1], wayOut: null },
  ]);
  assert.equal(exitCodeOf(FINDINGS), 1);
  assert.equal(exitCodeOf(FINDINGS.slice(1)), 0);
  assert.equal(exitCodeOf([{ ...FINDINGS[0]!, state: "not checked" }]), 0);
});
