/**
 * Strategic merge patches of built-in kinds: lists merge by the key of their items where the kinds' Go types say so,
 * and are replaced elsewhere. The keys are the "patch strategy" of the API reference:
 * https://kubernetes.io/docs/reference/generated/kubernetes-api/
 */
import { badRequest, StatusError } from "./status.ts";
import { asArray, asObject, type Json, same } from "./types.ts";

/** Merge keys of a pod's spec, by path below it. "" is a list of plain values that are merged as a set. */
const POD_SPEC: Readonly<Record<string, string>> = {
  containers: "name",
  "containers.env": "name",
  "containers.ports": "containerPort",
  "containers.volumeMounts": "mountPath",
  "containers.volumeDevices": "devicePath",
  ephemeralContainers: "name",
  "ephemeralContainers.env": "name",
  "ephemeralContainers.volumeMounts": "mountPath",
  hostAliases: "ip",
  imagePullSecrets: "name",
  initContainers: "name",
  "initContainers.env": "name",
  "initContainers.ports": "containerPort",
  "initContainers.volumeMounts": "mountPath",
  "initContainers.volumeDevices": "devicePath",
  resourceClaims: "name",
  schedulingGates: "name",
  topologySpreadConstraints: "topologyKey",
  volumes: "name",
};

const METADATA: Readonly<Record<string, string>> = {
  "metadata.finalizers": "",
  "metadata.ownerReferences": "uid",
};

const OF_KIND: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Pod: {
    ...prefixed("spec.", POD_SPEC),
    "status.conditions": "type",
    "status.podIPs": "ip",
    "status.hostIPs": "ip",
  },
  Namespace: { "status.conditions": "type" },
  Node: { "status.conditions": "type", "status.addresses": "type", "spec.podCIDRs": "" },
  ServiceAccount: { secrets: "name" },
};

function prefixed(prefix: string, keys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([path, key]) => [prefix + path, key]));
}

/** The merge key of the list at `path` of a kind; "" for a set, undefined for a list that is replaced whole. */
export function mergeKeyOf(kind: string, path: string): string | undefined {
  return METADATA[path] ?? OF_KIND[kind]?.[path];
}

/**
 * `target` with a strategic merge patch applied.
 * @throws StatusError 400 for a directive that is none, 422 for an item without its merge key
 */
export function strategicPatch(kind: string, target: Json, patch: unknown): unknown {
  const changes = asObject(patch);
  if (!changes) throw badRequest("the patch must be a JSON object");
  return mergeObject(kind, "", target, changes);
}

function mergeObject(kind: string, path: string, target: Json, patch: Json): Json {
  const directive = patch["$patch"];
  if (directive === "replace") return withoutDirectives(patch);
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") throw badRequest(`unknown patch type: ${String(directive)}`);
  const result: Record<string, unknown> = { ...target };
  const retained = patch["$retainKeys"];
  if (Array.isArray(retained)) {
    for (const name of Object.keys(result)) if (!retained.includes(name)) delete result[name];
  }
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith("$")) continue;
    if (value === null) delete result[name];
    else result[name] = mergeValue(kind, path === "" ? name : `${path}.${name}`, result[name], value);
  }
  for (const [name, value] of Object.entries(patch)) applyListDirective(kind, path, result, name, asArray(value));
  return result;
}

function mergeValue(kind: string, path: string, target: unknown, value: unknown): unknown {
  if (Array.isArray(value)) {
    const key = mergeKeyOf(kind, path);
    if (key === undefined) return value;
    return key === "" ? union(asArray(target), value) : mergeList(kind, path, key, asArray(target), value);
  }
  const changes = asObject(value);
  return changes ? mergeObject(kind, path, asObject(target) ?? {}, changes) : value;
}

function mergeList(
  kind: string,
  path: string,
  key: string,
  target: readonly unknown[],
  patch: readonly unknown[],
): readonly unknown[] {
  if (patch.some((item) => asObject(item)?.["$patch"] === "replace")) {
    return patch.filter((item) => asObject(item)?.["$patch"] !== "replace");
  }
  let result = [...target];
  for (const item of patch) {
    const changes = asObject(item) ?? {};
    const id = changes[key];
    if (id === undefined) {
      const text = `map: ${JSON.stringify(changes)} does not contain declared merge key: ${key}`;
      throw new StatusError(422, "Invalid", text, { causes: [{ reason: "FieldValueInvalid", message: text }] });
    }
    const index = result.findIndex((known) => asObject(known)?.[key] === id);
    if (changes["$patch"] === "delete") result = result.filter((known) => asObject(known)?.[key] !== id);
    else if (index < 0) result.push(mergeObject(kind, path, {}, changes));
    else result[index] = mergeObject(kind, path, asObject(result[index]) ?? {}, changes);
  }
  return result;
}

/** `$setElementOrder/x` and `$deleteFromPrimitiveList/x`: what kubectl apply adds to its patches. */
function applyListDirective(
  kind: string,
  path: string,
  result: Record<string, unknown>,
  name: string,
  value: readonly unknown[],
): void {
  const [directive, field] = name.split("/", 2);
  if (field === undefined || !Array.isArray(result[field])) return;
  const list = asArray(result[field]);
  if (directive === "$deleteFromPrimitiveList") result[field] = list.filter((item) => !value.includes(item));
  if (directive !== "$setElementOrder") return;
  const key = mergeKeyOf(kind, path === "" ? field : `${path}.${field}`) ?? "";
  const idOf = (item: unknown) => (key === "" ? item : asObject(item)?.[key]);
  const order = value.map(idOf);
  const ordered = order.flatMap((id) => list.filter((item) => idOf(item) === id));
  result[field] = [...ordered, ...list.filter((item) => !order.includes(idOf(item)))];
}

function union(target: readonly unknown[], added: readonly unknown[]): readonly unknown[] {
  return [...target, ...added.filter((item) => !target.some((known) => same(known, item)))];
}

function withoutDirectives(patch: Json): Json {
  return Object.fromEntries(Object.entries(patch).filter(([name]) => !name.startsWith("$")));
}
