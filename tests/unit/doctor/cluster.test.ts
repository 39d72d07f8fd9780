import assert from "node:assert/strict";
import { test } from "node:test";
import { customResourceDefinitions } from "../../../src/api/crd.ts";
import { judgeApi, judgeClocks, judgeControllers } from "../../../src/doctor/checks/controller.ts";
import { differences, judgeCrds } from "../../../src/doctor/checks/crds.ts";
import type { CrdFacts, Facts } from "../../../src/doctor/checks/facts.ts";
import { type Finding, known, type State, unknown } from "../../../src/doctor/checks/finding.ts";
import { judge } from "../../../src/doctor/checks/judge.ts";
import { judgeRights } from "../../../src/doctor/checks/rights.ts";
import { NEEDED_RIGHTS, type RightScope, rightText } from "../../../src/doctor/checks/rights_table.ts";
import { leaseNameOf } from "../../../src/doctor/gather/controllers.ts";
import type { InstalledCrd } from "../../../src/doctor/kinds.ts";
import { stored } from "../../support/builders_set.ts";
import { controllerDeployment } from "../../support/doctor.ts";
import { controller, facts, linux, NOW, objects } from "../../support/doctor_facts.ts";
import { CLUSTER_RULES, EXTRA_RULES, LEADER_RULES, LISTENER_RULES, SCALE_SET_RULES } from "../../support/rbac.ts";
import { table } from "../../support/table.ts";

/** The only finding. */
function one(findings: readonly Finding[], state: State, says: RegExp): void {
  assert.equal(findings.length, 1, JSON.stringify(findings));
  const [found] = findings;
  assert.equal(`${found!.state}: ${says.test(found!.message)}`, `${state}: true`, found!.message);
  if (state === "fix") assert.ok(found!.wayOut, "what needs a person has a way out");
}

table(
  "the API server",
  {
    "it answers": { version: known("v1.35.0"), state: "ok", says: /v1\.35\.0/ },
    "it does not": { version: unknown("it can't be reached: no"), state: "fix", says: /can't be reached/ },
  } as const,
  ({ version, state, says }) => one([judgeApi({ host: "kube", version })], state, says),
);

test("without an API server one line says all", () => {
  const findings = judge(facts({ api: { host: "kube", version: unknown("no answer") } }));
  assert.deepEqual(findings.map(({ check, state }) => `${state} ${check}`), ["fix api-server"]);
});

const [definition] = customResourceDefinitions();
const BUNDLED = definition!.spec.versions[0]!.schema.openAPIV3Schema;

function crd(
  changes: Partial<CrdFacts> = {},
  spec: InstalledCrd["spec"] = definition!.spec as InstalledCrd["spec"],
): CrdFacts {
  const conditions = [{ type: "Established", status: "True" }];
  const installed = known(stored<InstalledCrd>({ spec, status: { conditions } }));
  return { name: "x", kind: "AutoscalingRunnerSet", installed, served: known(true), bundled: BUNDLED, ...changes };
}

/** The schema, with a part of it changed. */
function changed(change: (schema: Fields) => void): CrdFacts {
  const spec = structuredClone(definition!.spec) as unknown as InstalledCrd["spec"];
  change(spec!.versions![0]!.schema!.openAPIV3Schema as Fields);
  return crd({}, spec);
}
interface Fields {
  properties: Record<string, Fields>;
}

table(
  "definitions",
  {
    "as ours": { crd: crd(), state: "ok", says: /current/ },
    "there is none": { crd: crd({ installed: known(undefined) }), state: "fix", says: /no such definition/ },
    "it may not be read, and is served": {
      crd: crd({ installed: unknown("no right") }),
      state: "not checked",
      says: /is served.*no right/,
    },
    "it may not be read, and is not served": {
      crd: crd({ installed: unknown("no right"), served: known(false) }),
      state: "fix",
      says: /serves no AutoscalingRunnerSet/,
    },
    "nothing is known": {
      crd: crd({ installed: unknown("no right"), served: unknown("no") }),
      state: "not checked",
      says: /no right/,
    },
    "it is not established": {
      crd: crd({
        installed: known(
          stored<InstalledCrd>({
            spec: definition!.spec as InstalledCrd["spec"],
            status: { conditions: [{ type: "NamesAccepted", status: "False", message: "names conflict" }] },
          }),
        ),
      }),
      state: "fix",
      says: /not established: names conflict/,
    },
    "it is being deleted": {
      crd: crd({ installed: known(stored<InstalledCrd>({}, { deletionTimestamp: "2026-01-01T00:00:00Z" })) }),
      state: "fix",
      says: /being deleted/,
    },
    "another version is served": {
      crd: crd({}, { versions: [{ name: "v2", served: true }] }),
      state: "fix",
      says: /no version v1alpha1/,
    },
    "a field of ours is missing": {
      crd: changed((schema) => delete schema.properties.spec!.properties.paused),
      state: "note",
      says: /drops spec\.paused,/,
    },
    "a field that we do not know": {
      crd: changed((schema) => schema.properties.spec!.properties.hovering = { properties: {} }),
      state: "note",
      says: /newer.*spec\.hovering/,
    },
    "pod templates of another Kubernetes": {
      crd: changed((schema) =>
        delete schema.properties.spec!.properties.template!.properties.spec!.properties.hostUsers
      ),
      state: "note",
      says: /another Kubernetes version: 2 fields/,
    },
  } as const,
  ({ crd, state, says }) => one(judgeCrds([crd]), state, says),
);

test("a branch that is missing is named once, by its root", () => {
  const ours = { properties: { a: { properties: { b: { properties: { c: {} } } } } } };
  assert.deepEqual(differences(ours, { properties: { a: {} } }).lacking, ["a.b"]);
  assert.deepEqual(differences(ours, ours), { lacking: [], unknown: [], templates: 0 });
});

const right = NEEDED_RIGHTS.find(({ scope }) => scope === "scale-sets")!;
const extra = NEEDED_RIGHTS.find(({ scope }) => scope === "extra")!;

table("rights", {
  "all are there": { isController: true, asked: [{ right, allowed: known(true) }], says: ["ok"] },
  "one is missing": { isController: true, asked: [{ right, namespace: "a", allowed: known(false) }], says: ["fix"] },
  "a small one is missing": {
    isController: true,
    asked: [{ right: extra, namespace: "a", allowed: known(false) }],
    says: ["note"],
  },
  "missing in two namespaces": {
    isController: true,
    asked: ["a", "b"].map((namespace) => ({ right, namespace, allowed: known(false) })),
    says: ["fix", "fix"],
  },
  "they are somebody else's": { isController: false, asked: [{ right, allowed: known(true) }], says: ["not checked"] },
  "somebody else lacks one": {
    isController: false,
    asked: [{ right, allowed: known(false) }],
    says: ["not checked", "note"],
  },
  "it can't be asked": { isController: true, asked: [{ right, allowed: unknown("no") }], says: ["not checked"] },
}, ({ isController, asked, says }) => {
  assert.deepEqual(judgeRights([{ who: "me", isController, asked }]).map(({ state }) => state), says);
});

test("the rights that are asked for are those of the charts", () => {
  const charts = (rules: typeof CLUSTER_RULES) =>
    rules.flatMap(({ apiGroups, resources, verbs }) => verbs.map((verb) => `${verb} ${apiGroups[0]} ${resources[0]}`))
      .sort();
  const asked = (scope: RightScope) =>
    NEEDED_RIGHTS.filter((each) => each.scope === scope)
      .map(({ verb, group, resource, subresource }) =>
        `${verb} ${group} ${resource}${subresource ? `/${subresource}` : ""}`
      ).sort();
  assert.deepEqual(asked("watched"), charts(CLUSTER_RULES));
  assert.deepEqual(asked("own"), charts(LISTENER_RULES));
  assert.deepEqual(asked("scale-sets"), charts(SCALE_SET_RULES));
  assert.deepEqual(asked("extra"), charts(EXTRA_RULES));
  assert.deepEqual(asked("leader"), charts(LEADER_RULES).filter((text) => text.includes("leases")));
  assert.equal(rightText(right), "create pods");
});

const unseen = objects({ scaleSets: known([linux({}, {}, { finalizers: [] })]) });

table<{ facts: Partial<Facts>; says: [State, RegExp][] }>("the controller", {
  "it runs and leads": { facts: {}, says: [["ok", /version 0\.14\.2/], ["ok", /controller-1 leads/]] },
  "it elects no leader": { facts: { controllers: known([controller({}, null)]) }, says: [["ok", /runs/]] },
  "Deployments may not be listed": { facts: { controllers: unknown("no right") }, says: [["not checked", /no right/]] },
  "there is none, and all is served": { facts: { controllers: known([]) }, says: [["note", /from elsewhere/]] },
  "there is none, and a scale set waits": {
    facts: { controllers: known([]), objects: unseen },
    says: [["fix", /no controller has taken up arc-runners\/linux/]],
  },
  "it is ready, and a scale set waits": {
    facts: { objects: unseen },
    says: [["fix", /has not taken up arc-runners\/linux/], ["ok", /leads/]],
  },
  "it watches another namespace": {
    facts: {
      objects: unseen,
      controllers: known([controller({ labels: { "actions.github.com/controller-watch-single-namespace": "else" } })]),
    },
    says: [["ok", /runs/], ["ok", /leads/]],
  },
  "it is scaled to 0": {
    facts: { controllers: known([controller({ replicas: 0 }, null)]) },
    says: [["fix", /scaled to 0/]],
  },
  "none of its pods is ready": {
    facts: { controllers: known([controller({ ready: 0 }, null)]) },
    says: [["fix", /none of its 1 pods/]],
  },
  "one of two is ready": {
    facts: { controllers: known([controller({ replicas: 2, ready: 1 }, null)]) },
    says: [["note", /1 of 2/]],
  },
  "a chart of another version": {
    facts: {
      objects: objects({ scaleSets: known([linux({}, {}, { labels: { "app.kubernetes.io/version": "0.13.0" } })]) }),
    },
    says: [["note", /it is 0\.14\.2.*another chart: arc-runners\/linux/], ["ok", /leads/]],
  },
  "a definition of another version": {
    facts: {
      crds: [{
        ...crd(),
        installed: known(stored<InstalledCrd>({}, { labels: { "app.kubernetes.io/version": "0.13.0" } })),
      }],
    },
    says: [["note", /x is of another version/], ["ok", /leads/]],
  },
  "another version than this program": {
    facts: { version: "0.15.0" },
    says: [["note", /this program 0\.15\.0/], ["ok", /leads/]],
  },
  "the lease is old": {
    facts: { controllers: known([controller({}, 90)]) },
    says: [["ok", /runs/], ["fix", /1m30s ago: nobody leads/]],
  },
  "nobody holds the lease": {
    facts: { controllers: known([controller({}, 2, "")]) },
    says: [["ok", /runs/], ["fix", /nobody holds it/]],
  },
  "the holder is no pod of here": {
    facts: { controllers: known([controller({}, 2, "laptop_x")]) },
    says: [["ok", /runs/], ["note", /no pod laptop/]],
  },
  "there is no lease": {
    facts: { controllers: known([{ ...controller(), lease: { name: "lease", found: known(undefined) } }]) },
    says: [["ok", /runs/], ["fix", /no such lease/]],
  },
  "the lease may not be read": {
    facts: { controllers: known([{ ...controller(), lease: { name: "lease", found: unknown("no right") } }]) },
    says: [["ok", /runs/], ["not checked", /no right/]],
  },
}, ({ facts: changes, says }) => {
  const findings = judgeControllers(facts(changes));
  assert.deepEqual(findings.map(({ state }) => state), says.map(([state]) => state), JSON.stringify(findings));
  says.forEach(([, text], at) => assert.match(findings[at]!.message, text));
});

table("the name of the lease", {
  "no election": { args: [], name: undefined },
  "by default": { args: ["--enable-leader-election"], name: "actions-runner-controller" },
  "given": { args: ["--enable-leader-election=true", "--leader-election-id=mine"], name: "mine" },
  "switched off": { args: ["--enable-leader-election=false", "--leader-election-id=mine"], name: undefined },
}, ({ args, name }) => assert.equal(leaseNameOf(controllerDeployment({ args })), name));

const ahead = (server: number | undefined, hub: number | undefined): Facts["clocks"] => [
  { host: "kube", of: "api-server", aheadMs: server === undefined ? unknown("no Date") : known(server * 1000) },
  { host: "hub", of: "github", aheadMs: hub === undefined ? unknown("no Date") : known(hub * 1000) },
];

table("clocks", {
  "all agree": { clocks: ahead(0, 1), inPod: false, says: ["ok", "ok"] },
  "a laptop is off, the cluster is right": { clocks: ahead(300, 301), inPod: false, says: ["note", "ok"] },
  "the cluster is off, the laptop is right": { clocks: ahead(300, 0), inPod: false, says: ["note", "fix"] },
  "both are off, in different directions": { clocks: ahead(40, -40), inPod: false, says: ["ok", "fix"] },
  "the pod is off": { clocks: ahead(300, 301), inPod: true, says: ["fix", "fix"] },
  "a minute is let pass": { clocks: ahead(60, -60), inPod: true, says: ["ok", "ok"] },
  "no Date of GitHub": { clocks: ahead(0, undefined), inPod: true, says: ["ok", "not checked"] },
  "no Date of the API server": { clocks: ahead(undefined, 90), inPod: false, says: ["not checked", "note"] },
}, ({ clocks, inPod, says }) => {
  assert.deepEqual(judgeClocks(facts({ clocks, inPod, now: NOW })).map(({ state }) => state), says);
});
