/** The shapes of built-in kinds: what the API server decodes them into. Anything else in them is dropped. */
import { POD_SPEC_SCHEMA } from "./pod_schema.ts";
import type { Schema } from "./types.ts";

const TEXT: Schema = { type: "string" };
const NUMBER: Schema = { type: "integer" };
const NUMBER_OR_TEXT: Schema = { "x-kubernetes-int-or-string": true };
const BOOLEAN: Schema = { type: "boolean" };
const TEXTS: Schema = { type: "object", additionalProperties: TEXT };
const TEXT_LIST: Schema = { type: "array", items: TEXT };
const TIME: Schema = { type: "string", format: "date-time" };
const MICRO_TIME: Schema = { type: "string", format: "micro-time" };
const ANY: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const REFERENCE = fields(["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"]);

/** An object of texts with these names, and of what else there is. */
function fields(texts: readonly string[], others: Readonly<Record<string, Schema>> = {}): Schema {
  return { type: "object", properties: { ...Object.fromEntries(texts.map((name) => [name, TEXT])), ...others } };
}

function list(items: Schema): Schema {
  return { type: "array", items };
}

const METADATA: Schema = fields(["name", "generateName", "namespace", "uid", "resourceVersion"], {
  labels: TEXTS,
  annotations: TEXTS,
  finalizers: TEXT_LIST,
  ownerReferences: list(
    fields(["apiVersion", "kind", "name", "uid"], { controller: BOOLEAN, blockOwnerDeletion: BOOLEAN }),
  ),
});

function kind(texts: readonly string[], others: Readonly<Record<string, Schema>>): Schema {
  return fields(texts, { metadata: METADATA, ...others });
}

const RULES = list(
  fields(
    [],
    Object.fromEntries(
      ["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"].map((name) => [name, TEXT_LIST]),
    ),
  ),
);
const BINDING = kind([], {
  subjects: list(fields(["kind", "apiGroup", "name", "namespace"])),
  roleRef: fields(["apiGroup", "kind", "name"]),
});
const EVENT_TEXTS = ["reason", "message", "type", "action", "reportingComponent", "reportingInstance"];

/** By kind. */
export const CORE_SCHEMAS: Readonly<Record<string, Schema>> = {
  Pod: kind([], { spec: POD_SPEC_SCHEMA, status: ANY }),
  ConfigMap: kind([], { data: TEXTS, binaryData: TEXTS, immutable: BOOLEAN }),
  Secret: kind(["type"], {
    data: { type: "object", additionalProperties: { type: "string", format: "byte" } },
    stringData: TEXTS,
    immutable: BOOLEAN,
  }),
  ServiceAccount: kind([], {
    secrets: list(REFERENCE),
    imagePullSecrets: list(fields(["name"])),
    automountServiceAccountToken: BOOLEAN,
  }),
  Namespace: kind([], { spec: fields([], { finalizers: TEXT_LIST }), status: ANY }),
  Role: kind([], { rules: RULES }),
  ClusterRole: kind([], { rules: RULES, aggregationRule: ANY }),
  RoleBinding: BINDING,
  ClusterRoleBinding: BINDING,
  Lease: kind([], {
    spec: fields(["holderIdentity", "strategy", "preferredHolder"], {
      leaseDurationSeconds: NUMBER,
      leaseTransitions: NUMBER,
      acquireTime: MICRO_TIME,
      renewTime: MICRO_TIME,
    }),
  }),
  PodDisruptionBudget: kind([], {
    spec: fields(["unhealthyPodEvictionPolicy"], {
      minAvailable: NUMBER_OR_TEXT,
      maxUnavailable: NUMBER_OR_TEXT,
      selector: fields([], {
        matchLabels: TEXTS,
        matchExpressions: list(fields(["key", "operator"], { values: TEXT_LIST })),
      }),
    }),
    status: ANY,
  }),
  Event: kind(EVENT_TEXTS, {
    involvedObject: REFERENCE,
    related: REFERENCE,
    source: fields(["component", "host"]),
    firstTimestamp: TIME,
    lastTimestamp: TIME,
    eventTime: MICRO_TIME,
    count: NUMBER,
    series: fields([], { count: NUMBER, lastObservedTime: MICRO_TIME }),
  }),
};
