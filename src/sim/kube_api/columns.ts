/** The columns of built-in kinds' tables, beyond the name. */
import { ageOf, type Duration } from "./duration.ts";
import { asArray, asObject, at, type Column, type Obj, textAt } from "./types.ts";

const AGE: Column = { name: "Age", type: "string", cell: (object, now) => ageOf(object, now) };
const text = (name: string, cell: Column["cell"], priority = 0): Column => ({ name, type: "string", priority, cell });
const CREATED: Column = { name: "Created At", type: "date", cell: (object) => object.metadata.creationTimestamp };
const size = (object: Obj, field: string): number => Object.keys(asObject(object[field]) ?? {}).length;

/** By kind. A kind that is not here has name and age. */
export const BUILT_IN_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Pod: [
    text("Ready", (pod) => `${readyContainers(pod)}/${asArray(at(pod, "spec", "containers")).length}`),
    text("Status", podStatus),
    text("Restarts", (pod) => String(restarts(pod))),
    AGE,
    text("IP", (pod) => textAt(pod, "status", "podIP") || "<none>", 1),
    text("Node", (pod) => textAt(pod, "spec", "nodeName") || "<none>", 1),
    text("Nominated Node", (pod) => textAt(pod, "status", "nominatedNodeName") || "<none>", 1),
    text("Readiness Gates", () => "<none>", 1),
  ],
  Namespace: [text("Status", (namespace) => textAt(namespace, "status", "phase")), AGE],
  Secret: [
    text("Type", (secret) => textAt(secret, "type")),
    text("Data", (secret) => size(secret, "data")),
    AGE,
  ],
  ConfigMap: [text("Data", (map) => size(map, "data") + size(map, "binaryData")), AGE],
  ServiceAccount: [AGE],
  Node: [
    text("Status", nodeStatus),
    text("Roles", () => "<none>"),
    AGE,
    text("Version", (node) => textAt(node, "status", "nodeInfo", "kubeletVersion")),
  ],
  Event: [
    text("Last Seen", (event, now) => lastSeen(event, now)),
    text("Type", (event) => textAt(event, "type")),
    text("Reason", (event) => textAt(event, "reason")),
    text("Object", (event) => involved(event)),
    text("Subobject", (event) => textAt(event, "involvedObject", "fieldPath"), 1),
    text("Source", sourceOf, 1),
    text("Message", (event) => textAt(event, "message").trim()),
    text("First Seen", (event, now) => ageOf(textAt(event, "firstTimestamp") || textAt(event, "eventTime"), now), 1),
    text("Count", (event) => String(at(event, "count") ?? at(event, "series", "count") ?? 1), 1),
    text("Name", (event) => event.metadata.name, 1),
  ],
  Role: [CREATED],
  ClusterRole: [CREATED],
  RoleBinding: [text("Role", roleOf), AGE],
  ClusterRoleBinding: [text("Role", roleOf), AGE],
  PodDisruptionBudget: [
    text("Min Available", (budget) => String(at(budget, "spec", "minAvailable") ?? "N/A")),
    text("Max Unavailable", (budget) => String(at(budget, "spec", "maxUnavailable") ?? "N/A")),
    {
      name: "Allowed Disruptions",
      type: "integer",
      cell: (budget) => Number(at(budget, "status", "disruptionsAllowed")),
    },
    AGE,
  ],
  Lease: [text("Holder", (lease) => textAt(lease, "spec", "holderIdentity")), AGE],
  CustomResourceDefinition: [
    text("Scope", (crd) => textAt(crd, "spec", "scope")),
    text("Versions", (crd) => asArray(at(crd, "spec", "versions")).map((version) => textAt(version, "name")).join(",")),
    CREATED,
    text("Group", (crd) => textAt(crd, "spec", "group"), 1),
    text("Kind", (crd) => textAt(crd, "spec", "names", "kind"), 1),
  ],
  ResourceQuota: [
    text("Request", (quota) => usage(quota)),
    text("Limit", () => ""),
    AGE,
  ],
};

function containers(pod: Obj): readonly unknown[] {
  return asArray(at(pod, "status", "containerStatuses"));
}

function readyContainers(pod: Obj): number {
  return containers(pod).filter((status) => at(status, "ready") === true).length;
}

function restarts(pod: Obj): number {
  return containers(pod).reduce<number>((sum, status) => sum + Number(at(status, "restartCount") ?? 0), 0);
}

function podStatus(pod: Obj): string {
  let reason = textAt(pod, "status", "reason") || textAt(pod, "status", "phase");
  for (const status of containers(pod)) {
    const waiting = textAt(status, "state", "waiting", "reason");
    const ended = at(status, "state", "terminated");
    if (waiting) reason = waiting;
    else if (ended) reason = textAt(ended, "reason") || `ExitCode:${String(at(ended, "exitCode"))}`;
  }
  const over = ["Succeeded", "Failed"].includes(textAt(pod, "status", "phase"));
  return pod.metadata.deletionTimestamp !== undefined && !over ? "Terminating" : reason;
}

function nodeStatus(node: Obj): string {
  const ready = asArray(at(node, "status", "conditions")).find((condition) => at(condition, "type") === "Ready");
  const status = ready === undefined ? "Unknown" : at(ready, "status") === "True" ? "Ready" : "NotReady";
  return at(node, "spec", "unschedulable") === true ? `${status},SchedulingDisabled` : status;
}

function involved(event: Obj): string {
  return `${textAt(event, "involvedObject", "kind").toLowerCase()}/${textAt(event, "involvedObject", "name")}`;
}

function lastSeen(event: Obj, now: number): Duration | string {
  const seen = textAt(event, "series", "lastObservedTime") || textAt(event, "lastTimestamp") ||
    textAt(event, "eventTime") || textAt(event, "firstTimestamp");
  return seen === "" ? "<unknown>" : ageOf(seen, now);
}

function sourceOf(event: Obj): string {
  const component = textAt(event, "source", "component") || textAt(event, "reportingComponent");
  const host = textAt(event, "source", "host");
  return host === "" ? component : `${component}, ${host}`;
}

function roleOf(binding: Obj): string {
  return `${textAt(binding, "roleRef", "kind")}/${textAt(binding, "roleRef", "name")}`;
}

function usage(quota: Obj): string {
  const hard = asObject(at(quota, "status", "hard")) ?? {};
  const used = asObject(at(quota, "status", "used")) ?? {};
  return Object.keys(hard).sort().map((name) => `${name}: ${String(used[name] ?? 0)}/${String(hard[name])}`).join(", ");
}
