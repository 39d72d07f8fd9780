/** The disruption budget of busy runners: decisions, and their life under both controllers. */
import assert from "node:assert/strict";
import {
  budgetPart,
  budgetRemoval,
  protectionOf,
  type SeenBudget,
} from "../../../../src/controllers/ephemeral_runner_set/budget.ts";
import { busyBudgetOf } from "../../../../src/controllers/ephemeral_runner_set/build.ts";
import type { Seen } from "../../../../src/controllers/ephemeral_runner_set/observe.ts";
import { EPHEMERAL_RUNNER_SETS } from "../../../../src/api/kinds.ts";
import { POD_DISRUPTION_BUDGETS, type PodDisruptionBudget, type Stored } from "../../../../src/k8s/resource.ts";
import { NAMESPACE, NOON, runnerSet } from "../../../support/builders.ts";
import { refusal } from "../../../support/memory_api.ts";
import { idle, story } from "../../../support/runner_story.ts";
import type { RunnerWorld } from "../../../support/runner_world.ts";
import { table } from "../../../support/table.ts";

const TYPE = "BusyRunnersProtected";
const set = runnerSet();
const said = (reason: string, message = "") => {
  const lastTransitionTime = "2026-01-01T12:00:00Z";
  return {
    ...set,
    status: {
      currentReplicas: 0,
      conditions: [{ type: TYPE, status: "False" as const, reason, message, lastTransitionTime }],
    },
  };
};
const wanted = busyBudgetOf(set);
const there = (changes: Partial<PodDisruptionBudget> = {}) =>
  ({ ...wanted, ...changes, metadata: { ...wanted.metadata, uid: "pdb-1", resourceVersion: "7" } }) as Stored<
    PodDisruptionBudget
  >;
const problem = { reason: "Forbidden", message: "may not" };

interface Case {
  readonly set?: typeof set;
  readonly budget?: SeenBudget;
  readonly pruned?: boolean;
  readonly deleting?: boolean;
  readonly does?: readonly string[];
  readonly inMs?: number;
  /** `status reason`. */
  readonly says?: string;
}

table<Case>("the budget", {
  "nobody wants one": {},
  "it is said before it is made": { budget: { wanted }, says: "False BudgetPending" },
  "then it is made": { set: said("BudgetPending"), budget: { wanted }, does: ["create"], says: "False BudgetPending" },
  "it is made at once where conditions are dropped": {
    budget: { wanted },
    pruned: true,
    does: ["create"],
    says: "False BudgetPending",
  },
  "it is there": { set: said("BudgetPending"), budget: { wanted, there: there() }, says: "True BudgetInPlace" },
  "somebody has changed it": {
    set: said("BudgetInPlace"),
    budget: { wanted, there: there({ spec: { maxUnavailable: 1 } }) },
    does: ["patch"],
    says: "True BudgetInPlace",
  },
  "it is not wanted any more": {
    set: said("BudgetInPlace"),
    budget: { there: there() },
    does: ["delete"],
    says: "False BudgetGoing",
  },
  "it is gone": { set: said("BudgetGoing"), budget: {} },
  "it may not be made": {
    set: said("BudgetPending"),
    budget: { wanted, problem, retryAt: NOON + 30_000 },
    does: ["BusyRunnersUnprotected"],
    inMs: 30_000,
    says: "False Forbidden",
  },
  "which is told once": {
    set: said("BudgetPending"),
    budget: { wanted, problem, retryAt: NOON + 30_000, told: "may not" },
    inMs: 30_000,
    says: "False Forbidden",
  },
  "also by another process": {
    set: said("Forbidden", "may not"),
    budget: { wanted, problem, retryAt: NOON + 30_000 },
    inMs: 30_000,
    says: "False Forbidden",
  },
  "it may not be taken away": {
    set: said("BudgetInPlace"),
    budget: { problem, retryAt: NOON + 9 },
    inMs: 9,
    says: "False Forbidden",
  },
  "pods may not be marked": {
    set: said("BudgetInPlace"),
    budget: { wanted, there: there(), podsForbidden: true },
    does: ["BusyRunnersUnprotected"],
    says: "False Forbidden",
  },
  "a set that goes gets none": {
    set: said("BudgetPending"),
    budget: { wanted },
    deleting: true,
    says: "False BudgetPending",
  },
  "a set that goes keeps its own": {
    set: said("BudgetInPlace"),
    budget: { wanted, there: there() },
    deleting: true,
    says: "True BudgetInPlace",
  },
}, ({ set: seenSet = set, budget, pruned, deleting, does = [], inMs, says }) => {
  const seen = {
    set: seenSet,
    budget,
    pruned: new Set(pruned ? ["conditions"] : []),
    ...(deleting && { deletingSince: NOON }),
  } as unknown as Seen;
  const part = budgetPart(seen, NOON);
  assert.deepEqual(part.steps.map((step) => step.do === "event" ? step.reason : step.do), does);
  assert.equal(part.inMs, inMs);
  const saying = protectionOf(budget);
  assert.equal(saying && `${saying.status} ${saying.reason}`, says);
});

table("the end of a set", {
  "takes the budget away": { budget: { wanted, there: there() }, does: 1 },
  "not what is no longer there": { budget: { wanted }, does: 0 },
  "not what it may not": { budget: { wanted, there: there(), problem }, does: 0 },
}, ({ budget, does }) => assert.equal(budgetRemoval({ budget } as unknown as Seen).length, does));

const budgets = (world: RunnerWorld) => world.api.all(POD_DISRUPTION_BUDGETS);
const condition = (world: RunnerWorld) => {
  const found = world.set.status?.conditions?.find(({ type }) => type === TYPE);
  return found && `${found.status} ${found.reason}`;
};
const labelled = (world: RunnerWorld) =>
  world.pods.filter(({ metadata }) => metadata.labels?.["actions.github.com/busy"] !== undefined)
    .map(({ metadata }) => metadata.name);
const asked = (world: RunnerWorld) =>
  [...world.api.requests].filter(([what]) => what.includes("poddisruptionbudgets")).map(([what]) => what);

story("protection: nobody who has not asked for it pays for it", {}, async (world) => {
  await idle(world, 2);
  world.assign(world.idle[0]!);
  world.facts(world.runners[0]!, world.demand(2, 1, 2));
  await world.clock.advance(3_600_000);
  assert.deepEqual(asked(world), []);
  assert.deepEqual(labelled(world), []);
  assert.equal(condition(world), undefined);
});

story(
  "protection: only the pod of a runner with a job is under the budget, which goes with the wish",
  {},
  async (world) => {
    world.protectsBusy = true;
    await idle(world, 2);
    await world.clock.advance(3_000);
    const [budget] = budgets(world);
    assert.deepEqual(budget?.spec, {
      minAvailable: 2147483647,
      selector: { matchLabels: { "actions.github.com/busy": world.set.metadata.uid } },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    });
    assert.equal(budget?.metadata.ownerReferences?.[0]?.uid, world.set.metadata.uid);
    assert.equal(condition(world), "True BudgetInPlace");
    const [busy] = world.idle;
    world.assign(busy!);
    world.facts(busy!, world.demand(2, 1, 2));
    await world.clock.advance(100);
    assert.deepEqual(labelled(world), [busy!.metadata.name]);

    await world.restart();
    world.protectsBusy = false;
    world.demand(3, 1, 3);
    await world.clock.advance(5_000);
    assert.deepEqual(budgets(world), []);
    assert.equal(condition(world), undefined, "another process takes it away");
    const before = world.api.requests.get("get poddisruptionbudgets");
    await world.clock.advance(3_600_000);
    assert.equal(world.api.requests.get("get poddisruptionbudgets"), before, "and then it is not asked for");
  },
);

story("protection: without the right to it it is said once, and all else goes on", {}, async (world) => {
  world.protectsBusy = true;
  world.api.refuse = (_verb, kind) => {
    if (kind === POD_DISRUPTION_BUDGETS) throw refusal("Forbidden", 403, "no rights");
  };
  await idle(world, 2);
  await world.clock.advance(3_600_000);
  assert.equal(world.idle.length, 2);
  assert.equal(condition(world), "False Forbidden");
  const told = world.events.filter(({ reason }) => reason === "BusyRunnersUnprotected");
  assert.equal(told.length, 1);
  assert.match(told[0]!.message, /poddisruptionbudgets in this namespace \(403\): set rbac\.extra/);
  const tries = world.api.requests.get("get poddisruptionbudgets") ?? 0;
  assert.ok(tries > 5 && tries < 15, `${tries} tries in an hour`);
  assert.deepEqual(world.logs.filter((line) => /^(warn|error)(?! event)/.test(line)), []);

  world.api.refuse = () => {};
  await world.clock.advance(700_000);
  assert.equal(condition(world), "True BudgetInPlace", "when the right comes it is used");
  assert.equal(budgets(world).length, 1);
});

story("protection: where pods may not be patched it is said, and tried again", {}, async (world) => {
  world.protectsBusy = true;
  world.api.refuse = (verb, kind) => {
    if (verb === "patch" && kind.plural === "pods") throw refusal("Forbidden", 403, "no rights");
  };
  await idle(world, 2);
  await world.clock.advance(3_000);
  const [busy] = world.idle;
  world.assign(busy!);
  world.facts(busy!, world.demand(2, 1, 2));
  await world.clock.advance(3_000);
  assert.equal(condition(world), "False Forbidden");
  assert.equal(world.events.filter(({ reason }) => reason === "BusyRunnersUnprotected").length, 1);
  world.api.refuse = () => {};
  await world.clock.advance(1_300_000);
  assert.deepEqual(labelled(world), [busy!.metadata.name]);
  assert.equal(condition(world), "True BudgetInPlace");
});

story("protection: a budget of somebody else's under that name stays", {}, async (world) => {
  const foreign = { metadata: { name: "linux-busy-runners", namespace: NAMESPACE }, spec: { minAvailable: 1 } };
  world.api.create(POD_DISRUPTION_BUDGETS, foreign);
  world.protectsBusy = true;
  await idle(world, 1);
  await world.clock.advance(5_000);
  assert.equal(condition(world), "False NameTaken");
  assert.deepEqual(budgets(world)[0]?.spec, { minAvailable: 1 });
  world.protectsBusy = false;
  world.demand(1, 0, 3);
  await world.clock.advance(700_000);
  assert.equal(condition(world), undefined);
  assert.equal(budgets(world).length, 1);
});

story("protection: it lasts until the last runner of a deleted set is done, and goes then", {}, async (world) => {
  world.protectsBusy = true;
  await idle(world, 1);
  await world.clock.advance(3_000);
  const [busy] = world.idle;
  world.assign(busy!);
  world.facts(busy!, world.demand(1, 1, 2));
  await world.clock.advance(1_000);
  world.api.delete(EPHEMERAL_RUNNER_SETS, { namespace: NAMESPACE, name: "linux" });
  await world.clock.advance(60_000);
  assert.equal(budgets(world).length, 1);
  world.service.complete(busy!.metadata.name);
  world.exit(busy!);
  await world.clock.advance(60_000);
  assert.deepEqual(world.api.all(EPHEMERAL_RUNNER_SETS), []);
  assert.deepEqual(budgets(world), []);
});
