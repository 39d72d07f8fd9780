/** The comparison of rights finds what is wrong: else the test that uses it could not fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Audited } from "../support/audit.ts";
import type { GrantedRight } from "../support/granted.ts";
import { rightsOf, type UsedRight } from "../support/rights.ts";
import { judgeUse } from "../support/rights_judge.ts";
import type { Reason } from "../support/rights_reasons.ts";
import { table } from "../support/table.ts";

const EVERYWHERE: GrantedRight = {
  role: "manager_cluster_role",
  who: "controller",
  group: "",
  resource: "pods",
  verb: "list",
  where: "all",
  mode: "cluster",
};
const HERE: GrantedRight = { ...EVERYWHERE, role: "manager_role", where: "sets", mode: undefined };
const USE: UsedRight = {
  who: "controller",
  group: "",
  resource: "pods",
  verb: "list",
  where: "sets",
  mode: "cluster",
  forbidden: false,
  test: "t",
};
const REASON: Reason = { roles: "manager_role", rules: { pods: "list" }, because: "so" };

interface Case {
  readonly granted?: readonly GrantedRight[];
  readonly used?: readonly UsedRight[];
  readonly reasons?: readonly Reason[];
  readonly says: readonly RegExp[];
}

table<Case>("rights", {
  "what is used may be granted": { used: [USE], says: [] },
  "what nobody uses may not": { says: [/^manager_role: list pods: no test has used it/] },
  "nor what only another verb is used of": { used: [{ ...USE, verb: "watch" }], says: [/no test has used it/] },
  "nor what is used elsewhere": { used: [{ ...USE, where: "own" }], says: [/no test has used it/] },
  "nor what a listener uses": { used: [{ ...USE, who: "listener" }], says: [/no test has used it/] },
  "nor what is used in another mode": {
    granted: [EVERYWHERE],
    used: [{ ...USE, mode: "single" }],
    says: [/no test has used it/],
  },
  "what is used in all namespaces at once needs a right in all": {
    used: [{ ...USE, where: "all" }],
    says: [/no test has used it/],
  },
  "a right in all namespaces is too wide for the controller's own": {
    granted: [EVERYWHERE],
    used: [{ ...USE, where: "own" }],
    says: [/own namespace only/],
  },
  "with a reason it may stand": { reasons: [REASON], says: [] },
  "a reason for what is used is an error": { used: [USE], reasons: [REASON], says: [/a test uses it: take it out/] },
  "but where chance decides": { used: [USE], reasons: [{ ...REASON, byChance: true }], says: [] },
  "a reason for what is not granted is an error": {
    used: [USE],
    reasons: [{ ...REASON, rules: { secrets: "list" } }],
    says: [/^manager_role: list secrets: has a reason, but is not granted/],
  },
  "so are two for one right": { reasons: [REASON, REASON], says: [/twice/] },
  "a refusal is an error": {
    used: [USE, { ...USE, verb: "patch", forbidden: true }],
    says: [/^t: the controller may not patch/],
  },
  "one that was wanted is none": { used: [USE, { ...USE, verb: "patch", forbidden: true, wanted: "so" }], says: [] },
}, ({ granted = [HERE], used = [], reasons = [], says }) => {
  const wrong = judgeUse(granted, used, reasons);
  assert.equal(wrong.length, says.length, wrong.join("\n"));
  says.forEach((text, index) => assert.match(wrong[index]!, text));
});

const REQUEST: Audited = {
  user: "system:serviceaccount:arc-systems:arc-gha-rs-controller",
  agent: "arc-controller/1.0.0",
  verb: "patch",
  resource: "pods",
  namespace: "arc-runners",
  name: "p",
  status: 200,
  forbidden: false,
  role: 'ClusterRole "arc-gha-rs-controller"',
  uri: "/api/v1/namespaces/arc-runners/pods/p",
  at: 10,
};
const REFUSED: Audited = { ...REQUEST, status: 403, forbidden: true, role: "" };
const EXTRA: Audited = {
  ...REQUEST,
  user: "admin",
  agent: "helm",
  verb: "create",
  resource: "roles",
  name: "linux-gha-rs-manager-extra",
  status: 201,
  uri: "/apis/rbac.authorization.k8s.io/v1/namespaces/arc-runners/roles",
  at: 1,
};
const wantedOf = (requests: readonly Audited[], arcsAlone = true) =>
  rightsOf(requests, { arcsAlone }).find(({ forbidden }) => forbidden)?.wanted;

test("what the doctor and other programs do with the account is not noted", () => {
  assert.deepEqual(rightsOf([{ ...REQUEST, agent: "arc-doctor/1.0.0" }, { ...REQUEST, user: "admin" }]), []);
  assert.deepEqual(rightsOf([REQUEST]).map(({ verb, where, mode }) => [verb, where, mode]), [[
    "patch",
    "sets",
    "cluster",
  ]]);
});

test("the mode is that of the role that was last used", () => {
  const single = { ...REQUEST, role: 'Role "arc-gha-rs-controller-single-namespace-watch"' };
  const other = { ...REQUEST, verb: "get", role: 'Role "linux-gha-rs-manager"' };
  assert.deepEqual(rightsOf([REQUEST, single, other]).map(({ mode }) => mode), ["cluster", "single", "single"]);
});

test("a refusal is wanted where the rights were not given, or were taken away", () => {
  assert.equal(wantedOf([REFUSED]), "the original's rights alone");
  assert.equal(wantedOf([REFUSED], false), undefined);
  assert.equal(wantedOf([EXTRA, REFUSED]), undefined);
  assert.equal(wantedOf([EXTRA, { ...EXTRA, verb: "delete", at: 5 }, REFUSED]), "its role has been taken away");
  assert.equal(wantedOf([{ ...REFUSED, verb: "list" }]), undefined, "a right of the original");
  const bound = { ...EXTRA, resource: "clusterrolebindings", namespace: "", name: "arc-gha-rs-controller" };
  assert.equal(wantedOf([bound, { ...REFUSED, verb: "list" }]), undefined);
  const unbound = { ...bound, verb: "delete", at: 5 };
  assert.match(wantedOf([bound, unbound, { ...REFUSED, verb: "list" }]) ?? "", /being uninstalled/);
});

test("a refusal between two permissions is an API server that has not read its roles yet", () => {
  const refused = { ...REFUSED, verb: "list" };
  const before = { ...REQUEST, verb: "list", at: 5 };
  const after = { ...before, at: 15 };
  assert.match(wantedOf([before, refused, after]) ?? "", /just started/);
  assert.equal(wantedOf([before, refused]), undefined);
});
