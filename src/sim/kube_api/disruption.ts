/**
 * Disruption budgets and evictions, by Kubernetes' documentation ("Disruptions", "API-initiated Eviction"). Budgets
 * count pods that are ready. There is no scale of anything here: a budget that needs one (maxUnavailable, percentages)
 * can't be worked out for pods with a controller, as in a cluster for custom kinds, and then allows nothing.
 */
import { rfc3339 } from "../../lib/clock.ts";
import { deleteOptions, remove } from "./deletes.ts";
import { BUDGETS, PODS } from "./kinds.ts";
import { StatusError } from "./status.ts";
import { asArray, asObject, at, type Json, type Obj, same, textAt } from "./types.ts";
import { existing, type World } from "./world.ts";

/** How late a budget's status follows the pods. */
export const BUDGET_DELAY_MS = 100;

/** Deletes a pod unless a budget stands in the way. @throws StatusError 404, 429, 500 */
export function evict(world: World, namespace: string, name: string, body: unknown): void {
  const { object: pod } = existing(world, PODS, namespace, name);
  const options = deleteOptions(asObject(body)?.deleteOptions, new URLSearchParams());
  const isFree = ["Succeeded", "Failed", "Pending"].includes(textAt(pod, "status", "phase")) ||
    pod.metadata.deletionTimestamp !== undefined;
  if (!isFree) askBudget(world, pod, options.dryRun);
  remove(world, { kind: PODS, namespace, name }, { propagation: "Background", ...options });
}

function askBudget(world: World, pod: Obj, dryRun: boolean): void {
  const budgets = budgetsOf(world, pod.metadata.namespace ?? "").filter((budget) => matches(budget, pod));
  const [budget] = budgets;
  if (!budget) return;
  if (budgets.length > 1) {
    const message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    throw new StatusError(500, "", message);
  }
  if (!isReady(pod) && textAt(budget, "spec", "unhealthyPodEvictionPolicy") === "AlwaysAllow") return;
  const status = asObject(budget.status) ?? {};
  const allowed = numberAt(status, "disruptionsAllowed");
  const isOld = numberAt(status, "observedGeneration") < (budget.metadata.generation ?? 0);
  if (isOld || allowed === 0) throw refusal(budget, status);
  if (!dryRun) world.storage.put(BUDGETS, { ...budget, status: { ...status, disruptionsAllowed: allowed - 1 } });
}

function refusal(budget: Obj, status: Json): StatusError {
  const { name } = budget.metadata;
  const failed = asArray(status.conditions).find((condition) => textAt(condition, "reason") === "SyncFailed");
  const why = failed
    ? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${
      textAt(failed, "message")
    }`
    : `The disruption budget ${name} needs ${numberAt(status, "desiredHealthy")} healthy pods and has ${
      numberAt(status, "currentHealthy")
    } currently`;
  const message = "Cannot evict pod as it would violate the pod's disruption budget.";
  return new StatusError(429, "TooManyRequests", message, { causes: [{ reason: "DisruptionBudget", message: why }] });
}

/** Brings the status of every budget up to date. */
export function countBudgets(world: World): void {
  for (const { object: budget } of world.storage.table(BUDGETS).entries()) {
    const status = statusOf(world, budget);
    if (!same(asObject(budget.status), status)) world.storage.put(BUDGETS, { ...budget, status });
  }
}

function statusOf(world: World, budget: Obj): Json {
  const pods = world.storage.table(PODS).entries(`${budget.metadata.namespace ?? ""}/`)
    .map(({ object }) => object).filter((pod) => matches(budget, pod));
  const spec = asObject(budget.spec) ?? {};
  const needsScale = spec.maxUnavailable !== undefined || typeof spec.minAvailable === "string";
  const owned = pods.find((pod) => pod.metadata.ownerReferences?.some(({ controller }) => controller === true));
  const before = asObject(budget.status) ?? {};
  if (needsScale && owned) {
    const kind = owned.metadata.ownerReferences?.find(({ controller }) => controller === true)?.kind ?? "";
    const message = `${kind} does not implement the scale subresource`;
    return { ...before, disruptionsAllowed: 0, ...told(world, budget, "False", "SyncFailed", message) };
  }
  const desiredHealthy = typeof spec.minAvailable === "number" ? spec.minAvailable : 0;
  const expectedPods = needsScale ? 0 : pods.length;
  const currentHealthy = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod)).length;
  const spare = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  return {
    disruptionsAllowed: spare,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    ...told(world, budget, spare > 0 ? "True" : "False", spare > 0 ? "SufficientPods" : "InsufficientPods", ""),
  };
}

function told(world: World, budget: Obj, status: string, reason: string, message: string): Json {
  const { generation: observedGeneration = 0 } = budget.metadata;
  const old = asArray(asObject(budget.status)?.conditions)[0];
  const lastTransitionTime = textAt(old, "status") === status
    ? textAt(old, "lastTransitionTime")
    : rfc3339(world.clock.now());
  const condition = { type: "DisruptionAllowed", status, observedGeneration, lastTransitionTime, reason, message };
  return { observedGeneration, conditions: [condition] };
}

function budgetsOf(world: World, namespace: string): Obj[] {
  return world.storage.table(BUDGETS).entries(`${namespace}/`).map(({ object }) => object);
}

/** A selector that is not there selects nothing; an empty one, everything. */
function matches(budget: Obj, pod: Obj): boolean {
  const selector = asObject(asObject(budget.spec)?.selector);
  if (!selector) return false;
  const labels = pod.metadata.labels ?? {};
  const wanted = Object.entries(asObject(selector.matchLabels) ?? {});
  return wanted.every(([key, value]) => labels[key] === value) &&
    asArray(selector.matchExpressions).every((rule) => satisfies(labels, rule));
}

function satisfies(labels: Readonly<Record<string, string>>, rule: unknown): boolean {
  const value = labels[textAt(rule, "key")];
  const values = asArray(at(rule, "values"));
  switch (textAt(rule, "operator")) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    default:
      return value === undefined;
  }
}

function isReady(pod: Obj): boolean {
  const ready = asArray(at(pod, "status", "conditions")).find((condition) => textAt(condition, "type") === "Ready");
  return textAt(ready, "status") === "True";
}

function numberAt(value: Json, field: string): number {
  return typeof value[field] === "number" ? value[field] : 0;
}
