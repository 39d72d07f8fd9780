/**
 * Reads the protobuf bodies that clients made from Go types send for built-in kinds (`kubectl create secret` and its
 * like). Field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery. Answers are always JSON.
 */
import { Buffer } from "node:buffer";
import { rfc3339 } from "../../lib/clock.ts";
import { badRequest } from "./status.ts";
import type { Json } from "./types.ts";

export const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** How a field is to be read: a message by its table, a map, or a plain value. "[]" before it: it may repeat. */
type Type =
  | "text"
  | "bytes"
  | "int"
  | "bool"
  | "time"
  | "quantity"
  | "[]text"
  | "map:text"
  | "map:bytes"
  | "map:quantity"
  | Message
  | [Message];

/** The fields of a message, by number. */
interface Message {
  readonly [number: number]: readonly [name: string, type: Type];
}

const OWNER: Message = {
  1: ["kind", "text"],
  3: ["name", "text"],
  4: ["uid", "text"],
  5: ["apiVersion", "text"],
  6: ["controller", "bool"],
  7: ["blockOwnerDeletion", "bool"],
};
const META: Message = {
  1: ["name", "text"],
  2: ["generateName", "text"],
  3: ["namespace", "text"],
  5: ["uid", "text"],
  6: ["resourceVersion", "text"],
  7: ["generation", "int"],
  8: ["creationTimestamp", "time"],
  9: ["deletionTimestamp", "time"],
  10: ["deletionGracePeriodSeconds", "int"],
  11: ["labels", "map:text"],
  12: ["annotations", "map:text"],
  13: ["ownerReferences", [OWNER]],
  14: ["finalizers", "[]text"],
};
const REFERENCE: Message = {
  1: ["kind", "text"],
  2: ["namespace", "text"],
  3: ["name", "text"],
  4: ["uid", "text"],
  5: ["apiVersion", "text"],
};
const RULE: Message = {
  1: ["verbs", "[]text"],
  2: ["apiGroups", "[]text"],
  3: ["resources", "[]text"],
  4: ["resourceNames", "[]text"],
  5: ["nonResourceURLs", "[]text"],
};
const ROLE: Message = { 1: ["metadata", META], 2: ["rules", [RULE]] };
const BINDING: Message = {
  1: ["metadata", META],
  2: ["subjects", [{ 1: ["kind", "text"], 2: ["apiGroup", "text"], 3: ["name", "text"], 4: ["namespace", "text"] }]],
  3: ["roleRef", { 1: ["apiGroup", "text"], 2: ["kind", "text"], 3: ["name", "text"] }],
};
const DELETE_OPTIONS: Message = {
  1: ["gracePeriodSeconds", "int"],
  2: ["preconditions", { 1: ["uid", "text"], 2: ["resourceVersion", "text"] }],
  3: ["orphanDependents", "bool"],
  4: ["propagationPolicy", "text"],
  5: ["dryRun", "[]text"],
};
const RESOURCE_ATTRIBUTES: Message = {
  1: ["namespace", "text"],
  2: ["verb", "text"],
  3: ["group", "text"],
  4: ["version", "text"],
  5: ["resource", "text"],
  6: ["subresource", "text"],
  7: ["name", "text"],
};

const KINDS: Readonly<Record<string, Message>> = {
  Namespace: { 1: ["metadata", META], 2: ["spec", { 1: ["finalizers", "[]text"] }] },
  ConfigMap: {
    1: ["metadata", META],
    2: ["data", "map:text"],
    3: ["binaryData", "map:bytes"],
    4: ["immutable", "bool"],
  },
  Secret: {
    1: ["metadata", META],
    2: ["data", "map:bytes"],
    3: ["type", "text"],
    4: ["stringData", "map:text"],
    5: ["immutable", "bool"],
  },
  ServiceAccount: {
    1: ["metadata", META],
    2: ["secrets", [REFERENCE]],
    3: ["imagePullSecrets", [{ 1: ["name", "text"] }]],
    4: ["automountServiceAccountToken", "bool"],
  },
  Role: ROLE,
  ClusterRole: ROLE,
  RoleBinding: BINDING,
  ClusterRoleBinding: BINDING,
  ResourceQuota: { 1: ["metadata", META], 2: ["spec", { 1: ["hard", "map:quantity"], 2: ["scopes", "[]text"] }] },
  TokenRequest: {
    1: ["metadata", META],
    2: ["spec", { 1: ["audiences", "[]text"], 4: ["expirationSeconds", "int"] }],
  },
  Eviction: { 1: ["metadata", META], 2: ["deleteOptions", DELETE_OPTIONS] },
  DeleteOptions: DELETE_OPTIONS,
  SelfSubjectReview: { 1: ["metadata", META] },
  SelfSubjectAccessReview: {
    1: ["metadata", META],
    2: ["spec", {
      1: ["resourceAttributes", RESOURCE_ATTRIBUTES],
      2: ["nonResourceAttributes", { 1: ["path", "text"], 2: ["verb", "text"] }],
    }],
  },
};

const ENVELOPE: Message = {
  1: ["type", { 1: ["apiVersion", "text"], 2: ["kind", "text"] }],
  2: ["raw", "bytes"],
};
const MAGIC = "k8s\0";

/**
 * The object that a body holds. `body` has one character for each byte.
 * @throws StatusError 400 for what cannot be read, and for kinds whose protobuf is not known here
 */
export function fromProtobuf(body: string): Json {
  if (!body.startsWith(MAGIC)) throw badRequest("the body is no protobuf of Kubernetes");
  const envelope = read(Buffer.from(body.slice(MAGIC.length), "latin1"), ENVELOPE);
  const { apiVersion, kind } = envelope.type as { apiVersion: string; kind: string };
  const message = KINDS[kind];
  if (!message) throw badRequest(`this simulated API server reads no protobuf of kind ${kind}: send JSON`);
  return { kind, apiVersion, ...read(Buffer.from(String(envelope.raw), "base64"), message) };
}

function read(bytes: Buffer, message: Message): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { number, value } of fields(bytes)) {
    const field = message[number];
    if (!field) continue; // a newer client's field
    const [name, type] = field;
    const list = Array.isArray(type) || (typeof type === "string" && type.startsWith("[]"));
    if (typeof type === "string" && type.startsWith("map:")) addToMap(result, name, type.slice(4) as Type, value);
    else if (list) {
      const known = (result[name] ??= []) as unknown[];
      known.push(valueOf(value, Array.isArray(type) ? type[0] : "text"));
    } else {
      const found = valueOf(value, type as Type);
      if (found !== "" && found !== undefined) result[name] = found;
    }
  }
  return result;
}

function addToMap(result: Record<string, unknown>, name: string, type: Type, value: Buffer | number): void {
  const { key = "", value: found = "" } = read(value as Buffer, { 1: ["key", "text"], 2: ["value", type] });
  result[name] ??= {} as Record<string, unknown>;
  (result[name] as Record<string, unknown>)[String(key)] = found;
}

function valueOf(value: Buffer | number, type: Type): unknown {
  if (typeof type === "object") return read(value as Buffer, type as Message);
  if (typeof value === "number") return type === "bool" ? value !== 0 : value;
  if (type === "bytes") return value.toString("base64");
  if (type === "quantity") return read(value, { 1: ["string", "text"] }).string;
  if (type !== "time") return value.toString("utf8");
  const { seconds } = read(value, { 1: ["seconds", "int"] });
  return typeof seconds === "number" ? rfc3339(seconds * 1000) : undefined;
}

/** The fields of a message as they come: varints as numbers, the rest as bytes. */
function* fields(bytes: Buffer): Generator<{ number: number; value: Buffer | number }> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw badRequest("the protobuf body ends too early");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) yield { number: tag >>> 3, value: varint() };
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      yield { number: tag >>> 3, value: bytes.subarray(at, at + length) };
      at += length;
    }
  }
}
