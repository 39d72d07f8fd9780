import assert from "node:assert/strict";
import type { Condition } from "../../../src/api/kinds.ts";
import type { Facts } from "../../../src/doctor/checks/facts.ts";
import { type Finding, known, type State, unknown } from "../../../src/doctor/checks/finding.ts";
import { judgeConditions, judgeRunners } from "../../../src/doctor/checks/listener.ts";
import type { Pod } from "../../../src/k8s/resource.ts";
import { at, runner } from "../../support/builders.ts";
import { stored } from "../../support/builders_set.ts";
import { facts, linux, objects } from "../../support/doctor_facts.ts";
import { table } from "../../support/table.ts";

const saying = (type: string, status: "True" | "False", reason: string, message = "so it is"): Condition => ({
  ...{ type, status, reason, message },
  lastTransitionTime: at(0),
});

table<{ conditions: Condition[]; says: [State, RegExp][] }>("what the controller says", {
  "nothing": { conditions: [], says: [["not checked", /ARC's/]] },
  "ready": { conditions: [saying("Ready", "True", "Ready")], says: [["ok", /Ready=True/]] },
  "not ready": { conditions: [saying("Ready", "False", "Unauthorized")], says: [["fix", /Unauthorized/]] },
  "not ready yet": { conditions: [saying("Ready", "False", "Registering")], says: [["note", /Registering/]] },
  "runners fail": {
    conditions: [saying("Ready", "True", "Ready"), saying("RunnersFailing", "True", "Error")],
    says: [["fix", /RunnersFailing/]],
  },
  "runners failed once": {
    conditions: [saying("RunnersFailing", "False", "RunnersStart")],
    says: [["ok", /none is bad/]],
  },
  "a roll-out is stuck": {
    conditions: [saying("Progressing", "False", "RolloutStuck")],
    says: [["fix", /RolloutStuck/]],
  },
  "phantom demand": { conditions: [saying("PhantomDemand", "True", "IdleRunners")], says: [["note", /PhantomDemand/]] },
}, ({ conditions, says }) => {
  const findings = judgeConditions(linux({}, { conditions }));
  assert.deepEqual(findings.map(({ state }) => state), says.map(([state]) => state), JSON.stringify(findings));
  says.forEach(([, text], at) => assert.match(findings[at]!.message, text));
});

const OF_LINUX = {
  "actions.github.com/scale-set-name": "linux",
  "actions.github.com/scale-set-namespace": "arc-runners",
};
const pending = stored<Pod>({
  metadata: { name: "linux-runner-abcde", namespace: "arc-runners", labels: OF_LINUX },
  status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", message: "0/3 nodes" }] },
} as Pod, { creationTimestamp: at(0) });

table<{ facts: Partial<Facts>; says: [State, RegExp] }>("runners", {
  "none": { facts: {}, says: ["ok", /^0 runners/] },
  "one with a job": {
    facts: { objects: objects({ runners: known([runner({ phase: "Running", jobId: "1" }, { labels: OF_LINUX })]) }) },
    says: ["ok", /^1 runner, 1 with a job/],
  },
  "one that failed": {
    facts: {
      objects: objects({
        runners: known([runner({ phase: "Failed", reason: "Error", message: "exit code 1" }, { labels: OF_LINUX })]),
      }),
    },
    says: ["note", /Error: exit code 1/],
  },
  "one of another scale set that failed": {
    facts: {
      objects: objects({
        runners: known([
          runner({ phase: "Failed" }, { labels: { ...OF_LINUX, "actions.github.com/scale-set-name": "b" } }),
        ]),
      }),
    },
    says: ["ok", /^0/],
  },
  "one that a quota refuses": {
    facts: {
      objects: objects({
        runners: known([
          runner({ phase: "Running" }, { labels: OF_LINUX }),
          runner({ phase: "Pending", conditions: [saying("QuotaExceeded", "True", "QuotaExceeded", "pods=2")] }, {
            labels: OF_LINUX,
          }),
        ]),
      }),
    },
    says: ["note", /^1 of 2 wait, one of them: QuotaExceeded: pods=2/],
  },
  "one that fits onto no node any more": {
    facts: {
      objects: objects({
        runners: known([
          runner({ phase: "Pending", conditions: [saying("Unschedulable", "False", "Scheduled")] }, {
            labels: OF_LINUX,
          }),
        ]),
      }),
    },
    says: ["ok", /^1 runner,/],
  },
  "one that waits": {
    facts: { objects: objects({ runnerPods: known([pending]) }) },
    says: ["note", /waiting.*0\/3 nodes/],
  },
  "they may not be listed": {
    facts: { objects: objects({ runners: unknown("no right") }) },
    says: ["not checked", /no right/],
  },
}, ({ facts: changes, says: [state, text] }) => {
  const found: Finding = judgeRunners(linux(), facts(changes));
  assert.equal(found.state, state, found.message);
  assert.match(found.message, text);
});
