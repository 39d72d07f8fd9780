import assert from "node:assert/strict";
import { test } from "node:test";
import type { AutoscalingRunnerSet, Condition } from "../../../src/api/kinds.ts";
import type { Facts, GithubFacts } from "../../../src/doctor/checks/facts.ts";
import { type CheckName, known, type State, unknown } from "../../../src/doctor/checks/finding.ts";
import { judgeDoubles, judgeGithub } from "../../../src/doctor/checks/github.ts";
import { judge } from "../../../src/doctor/checks/judge.ts";
import { judgeListener } from "../../../src/doctor/checks/listener.ts";
import type { Stored } from "../../../src/k8s/resource.ts";
import { at } from "../../support/builders.ts";
import {
  controller,
  facts,
  github,
  linux,
  listener,
  listenerPod,
  objects,
  well,
  wrong,
} from "../../support/doctor_facts.ts";
import { table } from "../../support/table.ts";

const untried = { went: "untried", why: "no right" } as const;
const app = (changes: Record<string, unknown> = {}) =>
  well({
    kind: "app" as const,
    installation: {
      account: "acme",
      permissions: { organization_self_hosted_runners: "write" },
      suspended: false,
      ...changes,
    },
  });
const pat = (...scopes: string[]) => well({ kind: "pat" as const, scopes });
const at7 = (changes: Record<string, unknown>) =>
  well({ id: 7, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels: ["linux"], ...changes });
const saying = (type: string, status: "True" | "False", reason: string, message = "so it is"): Condition => ({
  ...{ type, status, reason, message },
  lastTransitionTime: at(0),
});
const noId = linux({}, {}, { annotations: {} });

/** Which check says what, where it is not fine: all others are. */
table<{ github: Partial<GithubFacts>; inPod?: boolean; says: Partial<Record<CheckName, [State, RegExp]>> }>(
  "a way to GitHub",
  {
    "all is well": { github: {}, says: {} },
    "no secret": {
      github: { secret: wrong("SecretNotFound", "there is no secret arc-runners/github") },
      says: { secret: ["fix", /no secret/] },
    },
    "the secret may not be read": { github: { secret: untried }, says: { secret: ["not checked", /no right/] } },
    "the name is not found": {
      github: { reached: wrong("ServiceUnavailable", "ENOTFOUND", "dns") },
      says: { github: ["fix", /from here, its name is not found: ENOTFOUND/] },
    },
    "no connection, from a pod": {
      github: { reached: wrong("ServiceUnavailable", "refused", "connect") },
      inPod: true,
      says: { github: ["fix", /can't be reached, no connection/] },
    },
    "no trust": {
      github: { reached: wrong("CertificateInvalid", "self-signed", "tls") },
      says: { github: ["fix", /no trust/] },
    },
    "the proxy": {
      github: { reached: wrong("ProxyInvalid", "407", "proxy") },
      says: { github: ["fix", /the proxy does not/] },
    },
    "no answer": {
      github: { reached: wrong("ServiceUnavailable", "slow", "timeout") },
      says: { github: ["fix", /no answer in time/] },
    },
    "it breaks": {
      github: { reached: wrong("ServiceUnavailable", "reset", "broken") },
      says: { github: ["fix", /connection breaks/] },
    },
    "GitHub is down": { github: { reached: well(503) }, says: { github: ["fix", /answers 503/] } },
    "a URL that is none": {
      github: { reached: wrong("InvalidConfigURL", "githubConfigUrl: bad") },
      says: { github: ["fix", /githubConfigUrl: bad/] },
    },
    "a token with another scope": {
      github: { access: pat("repo") },
      says: { token: ["fix", /lacks the scope admin:org; it has: repo/] },
    },
    "a token of a repository": { github: { access: pat("repo"), scope: "repository" }, says: {} },
    "a token of an enterprise": { github: { access: pat("manage_runners:enterprise"), scope: "enterprise" }, says: {} },
    "an enterprise, with an organization's token": {
      github: { access: pat("admin:org"), scope: "enterprise" },
      says: { token: ["fix", /manage_runners:enterprise/] },
    },
    "a classic token without any scope that was let in": { github: { access: pat() }, says: {} },
    "a classic token without any scope": {
      github: { access: pat(), group: wrong("ServiceUnavailable", "no") },
      says: {
        "token": ["fix", /it has: none/],
        "runner-group": ["fix", /no/],
        "scale-set": ["not checked", /no answer/],
      },
    },
    "a fine-grained token that was let in": { github: { access: well({ kind: "pat" }) }, says: {} },
    "a fine-grained token that proved nothing yet": {
      github: { access: well({ kind: "pat" }), group: untried },
      says: {
        "token": ["note", /names no scopes/],
        "runner-group": ["not checked", /no right/],
        "scale-set": ["not checked", /./],
      },
    },
    "a token that is refused": { github: { access: wrong("Unauthorized", "401") }, says: { token: ["fix", /401/] } },
    "an app": { github: { access: app() }, says: {} },
    "an app that is suspended": {
      github: { access: app({ suspended: true }) },
      says: { token: ["fix", /at acme is suspended/] },
    },
    "an app of somebody else": {
      github: { access: app({ account: "other" }) },
      says: { token: ["fix", /at other, and githubConfigUrl is of acme/] },
    },
    "an app that may only read": {
      github: { access: app({ permissions: { organization_self_hosted_runners: "read" } }) },
      says: { token: ["fix", /organization_self_hosted_runners: read, and needs write/] },
    },
    "an app without the permission for repositories": {
      github: { access: app(), scope: "repository" },
      says: { token: ["fix", /administration: none/] },
    },
    "an app at an enterprise": {
      github: { access: app(), scope: "enterprise" },
      says: { token: ["fix", /can't register runners at an enterprise/] },
    },
    "an installation of which nothing is said": {
      github: { access: well({ kind: "app" }) },
      says: { token: ["not checked", /nothing/] },
    },
    "no such group": {
      github: { set: linux({ runnerGroup: "gpu" }), group: well(undefined), byId: untried },
      says: { "runner-group": ["fix", /no runner group "gpu"/], "scale-set": ["not checked", /group is not there/] },
    },
    "not registered, and nobody has the name": {
      github: { set: noId, byId: well(undefined), byName: well(undefined) },
      says: { "scale-set": ["fix", /not registered yet; GitHub has none/] },
    },
    "not registered, and a condition says why": {
      github: {
        set: linux({}, { conditions: [saying("Ready", "False", "InvalidRunnerLimits")] }, { annotations: {} }),
        byId: well(undefined),
        byName: well(undefined),
      },
      says: { "scale-set": ["note", /not registered yet: InvalidRunnerLimits; GitHub has none/] },
    },
    "not registered, and somebody has the name": {
      github: { set: noId },
      says: { "scale-set": ["fix", /has one named linux \(id 7\)/] },
    },
    "forgotten": {
      github: { byId: well(undefined), byName: well(undefined) },
      says: { "scale-set": ["fix", /does not know its id 7$/] },
    },
    "made again by another": {
      github: { byId: well(undefined), byName: at7({ id: 9 }) },
      says: { "scale-set": ["fix", /linux is 9 there/] },
    },
    "another name": { github: { byId: at7({ name: "x" }) }, says: { "scale-set": ["fix", /called x, not linux/] } },
    "another group": {
      github: { byId: at7({ runnerGroupId: 2, runnerGroupName: "gpu" }) },
      says: { "scale-set": ["fix", /in the runner group gpu/] },
    },
    "a label is missing": {
      github: { set: linux({ runnerScaleSetLabels: ["gpu"] }) },
      says: { "scale-set": ["fix", /lacks the label gpu/] },
    },
    "a label too many": {
      github: { byId: at7({ labels: ["linux", "old"] }) },
      says: { "scale-set": ["fix", /the label old besides/] },
    },
    "GitHub fails on the way": {
      github: { byId: wrong("ServiceUnavailable", "GET answered 500") },
      says: { "scale-set": ["fix", /500/] },
    },
    "a proxy that can't be used": {
      github: { set: linux({ proxy: { http: { url: "x" } } }), proxy: wrong("ProxyInvalid", "proxy.http.url: bad") },
      says: { proxy: ["fix", /proxy\.http\.url/] },
    },
    "no authority": {
      github: {
        set: linux({ githubServerTLS: {} }),
        certificate: wrong("CertificateInvalid", "githubServerTLS: none"),
      },
      says: { certificate: ["fix", /githubServerTLS/] },
    },
  },
  ({ github: changes, inPod = false, says }) => {
    const findings = judgeGithub(github(changes), inPod);
    for (const finding of findings) {
      const [state, text] = says[finding.check] ?? ["ok", /./];
      assert.equal(finding.state, state, JSON.stringify(finding));
      assert.match(finding.message, text);
      if (state === "fix") assert.ok(finding.wayOut);
    }
    const checks = findings.map(({ check }) => check);
    assert.deepEqual((Object.keys(says) as CheckName[]).filter((check) => !checks.includes(check)), []);
  },
);

test("a proxy and an authority are looked at where a scale set has them", () => {
  assert.deepEqual(judgeGithub(github(), true).map(({ check }) => check), [
    "secret",
    "github",
    "token",
    "runner-group",
    "scale-set",
  ]);
});

test("names that differ by case, and URLs by a slash, are the same", () => {
  const twin = linux({ runnerScaleSetName: "LINUX", githubConfigUrl: `${linux().spec!.githubConfigUrl}/` }, {}, {
    name: "twin",
  });
  assert.equal(judgeDoubles([github(), github({ set: twin })]).length, 1);
  assert.equal(judgeDoubles([github(), github({ set: linux({}, {}, { name: "other" }) })]).length, 0);
  assert.equal(judgeDoubles([github(), github({ set: linux({ runnerGroup: "b" }) })]).length, 0);
});

const ONE = linux();
const HELD = linux({ paused: true });
const embedded = known([controller({ args: ["--listener-mode=embedded"] })]);

table<{ facts?: Partial<Facts>; set?: Stored<AutoscalingRunnerSet>; says: [State, RegExp][] }>("a listener", {
  "its pod is ready": { says: [["ok", /arc-systems\/linux-listener is ready/], ["ok", /nobody complains/]] },
  "there is none, and a condition says why": {
    facts: { objects: objects({ listeners: known([]) }) },
    set: linux({}, { conditions: [saying("Ready", "False", "SecretNotFound")] }),
    says: [["note", /nobody listens for it.*SecretNotFound/]],
  },
  "there is none, and nothing says why": {
    facts: { objects: objects({ listeners: known([]) }) },
    set: linux({}, { conditions: [saying("Ready", "True", "Ready")] }),
    says: [["fix", /nobody listens for it/]],
  },
  "listeners may not be listed": {
    facts: { objects: objects({ listeners: unknown("no right") }) },
    says: [["not checked", /no right/], ["not checked", /no right/]],
  },
  "its pod is gone": {
    facts: { objects: objects({ listenerPods: known([]) }) },
    says: [["fix", /is not there/], ["ok", /./]],
  },
  "its pod is on its way": {
    facts: {
      objects: objects({
        listenerPods: known([]),
        listeners: known([listener({ conditions: [saying("Ready", "False", "ListenerPending")] })]),
      }),
    },
    says: [["note", /ListenerPending/], ["ok", /./]],
  },
  "pods may not be listed, and it says that it listens": {
    facts: {
      objects: objects({
        listenerPods: unknown("no right"),
        listeners: known([listener({ conditions: [saying("Ready", "True", "Listening")] })]),
      }),
    },
    says: [["ok", /says that it listens/], ["ok", /./]],
  },
  "pods may not be listed": {
    facts: { objects: objects({ listenerPods: unknown("no right") }) },
    says: [["not checked", /no right/], ["ok", /./]],
  },
  "its image can't be pulled": {
    facts: {
      objects: objects({
        listenerPods: known([
          listenerPod({ state: { waiting: { reason: "ErrImagePull", message: "no such image" } } }),
        ]),
      }),
    },
    says: [["fix", /does not run: ErrImagePull: no such image/], ["ok", /./]],
  },
  "it has ended": {
    facts: { objects: objects({ listenerPods: known([listenerPod({ state: { terminated: { exitCode: 2 } } })]) }) },
    says: [["fix", /exit code 2/], ["ok", /./]],
  },
  "it runs and is not ready": {
    facts: { objects: objects({ listenerPods: known([listenerPod({ state: { running: {} }, ready: false })]) }) },
    says: [["fix", /not ready/], ["ok", /./]],
  },
  "embedded, and it listens": {
    facts: {
      controllers: embedded,
      objects: objects({
        listenerPods: known([]),
        listeners: known([listener({ conditions: [saying("Ready", "True", "Listening")] })]),
      }),
    },
    says: [["ok", /listens itself/], ["ok", /./]],
  },
  "embedded, and it does not say so": {
    facts: { controllers: embedded, objects: objects({ listenerPods: known([]) }) },
    says: [["fix", /does not say/], ["ok", /./]],
  },
  "another session": {
    facts: {
      objects: objects({
        listeners: known([listener({ conditions: [saying("Ready", "False", "SessionConflict", "owned by x")] })]),
      }),
    },
    says: [["ok", /./], ["fix", /owned by x/]],
  },
  "jobs wait and none is assigned": {
    facts: {
      github: [github({ set: ONE, byId: at7({ statistics: { totalAvailableJobs: 3, totalAssignedJobs: 0 } }) })],
    },
    set: ONE,
    says: [["ok", /./], ["note", /3 jobs wait/]],
  },
  "jobs wait because it is paused": {
    facts: {
      github: [github({ set: HELD, byId: at7({ statistics: { totalAvailableJobs: 3, totalAssignedJobs: 0 } }) })],
    },
    set: HELD,
    says: [["ok", /./], ["ok", /./]],
  },
}, ({ facts: changes, set = linux(), says }) => {
  const findings = judgeListener(set, facts(changes));
  assert.deepEqual(findings.map(({ state }) => state), says.map(([state]) => state), JSON.stringify(findings));
  says.forEach(([, text], at) => assert.match(findings[at]!.message, text));
});

test("a scale set that is being deleted is not looked at", () => {
  const going = linux({}, {}, { deletionTimestamp: at(0) });
  const findings = judge(facts({ objects: objects({ scaleSets: known([going]) }), github: [] }));
  const about = findings.filter(({ object }) => object === "arc-runners/linux");
  assert.deepEqual(about.map(({ check, state }) => `${state} ${check}`), ["note scale-sets"]);
});
