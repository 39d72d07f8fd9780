/** What is particular to built-in kinds: what the server fills in, and what it refuses. */
import { preparedPod } from "./pod_defaults.ts";
import { podErrors, podUpdateErrors } from "./pods.ts";
import { type FieldError, forbiddenField, invalidValue, required, unsupported } from "./status.ts";
import { asArray, asObject, at, type Obj, same, textAt, without } from "./types.ts";

/** A new object with what the server fills in. */
export function prepared(object: Obj): Obj {
  switch (object.kind) {
    case "Pod":
      return preparedPod(object);
    case "PodDisruptionBudget":
      return {
        ...object,
        status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
      };
    case "Secret":
      return preparedSecret(object);
    case "Namespace":
      return preparedNamespace(object);
    case "CustomResourceDefinition":
      return preparedCrd(object);
    case "RoleBinding":
    case "ClusterRoleBinding":
      return { ...object, subjects: asArray(object.subjects).map(preparedSubject) };
    default:
      return object;
  }
}

/** An updated object with what the server fills in or keeps. */
export function preparedUpdate(before: Obj, after: Obj): Obj {
  switch (after.kind) {
    case "Secret":
      return preparedSecret(after);
    case "Pod":
      return { ...after, spec: { ...asObject(before.spec), ...asObject(preparedPod(after).spec) } };
    case "Namespace":
      return { ...after, spec: before.spec };
    case "CustomResourceDefinition":
      return preparedCrd(after);
    default:
      return after;
  }
}

function preparedSecret(secret: Obj): Obj {
  const texts = asObject(secret.stringData);
  const encoded = Object.entries(texts ?? {}).map(([name, value]) => [name, toBase64(String(value))]);
  const data = texts ? { ...asObject(secret.data), ...Object.fromEntries(encoded) } : secret.data;
  return {
    ...without(secret, "stringData"),
    ...(data === undefined ? {} : { data }),
    type: secret.type ?? "Opaque",
  };
}

function toBase64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function preparedNamespace(namespace: Obj): Obj {
  const labels = { ...namespace.metadata.labels, "kubernetes.io/metadata.name": namespace.metadata.name };
  return {
    ...namespace,
    metadata: { ...namespace.metadata, labels },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  };
}

function preparedSubject(subject: unknown): unknown {
  const kind = textAt(subject, "kind");
  return kind === "ServiceAccount" ? subject : { apiGroup: "rbac.authorization.k8s.io", ...asObject(subject) };
}

function preparedCrd(crd: Obj): Obj {
  const spec = asObject(crd.spec) ?? {};
  const names = asObject(spec.names) ?? {};
  const kind = textAt(names, "kind");
  return {
    ...crd,
    spec: {
      conversion: { strategy: "None" },
      ...spec,
      names: { singular: kind.toLowerCase(), listKind: `${kind}List`, ...names },
    },
  };
}

/** What is wrong with an object. */
export function builtInErrors(object: Obj): FieldError[] {
  switch (object.kind) {
    case "Pod":
      return podErrors(object);
    case "Secret":
    case "ConfigMap":
      return dataErrors(object);
    case "Role":
    case "ClusterRole":
      return ruleErrors(object);
    case "Event":
      return eventErrors(object);
    case "CustomResourceDefinition":
      return crdErrors(object);
    case "RoleBinding":
    case "ClusterRoleBinding":
      return roleRefErrors(object);
    case "Lease":
      return leaseErrors(object);
    case "PodDisruptionBudget":
      return budgetErrors(object);
    default:
      return [];
  }
}

/** What is wrong with a change of an object. */
export function builtInUpdateErrors(before: Obj, after: Obj): FieldError[] {
  switch (after.kind) {
    case "Pod":
      return podUpdateErrors(before, after);
    case "Secret":
    case "ConfigMap":
      return immutableErrors(before, after);
    case "RoleBinding":
    case "ClusterRoleBinding":
      return same(before.roleRef, after.roleRef) ? [] : [invalidValue("roleRef", after.roleRef, "field is immutable")];
    default:
      return [];
  }
}

const DATA_KEY = /^[-._a-zA-Z0-9]+$/;

function dataErrors(object: Obj): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of Object.keys(asObject(object.data) ?? {})) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
      "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    if (!DATA_KEY.test(key)) errors.push(invalidValue(`data[${key}]`, key, rule));
  }
  return errors;
}

function ruleErrors(role: Obj): FieldError[] {
  return asArray(role.rules).flatMap((rule, index) =>
    asArray(at(rule, "verbs")).length === 0 ? [required(`rules[${index}].verbs`)] : []
  );
}

function roleRefErrors(binding: Obj): FieldError[] {
  const kinds = binding.kind === "RoleBinding" ? ["Role", "ClusterRole"] : ["ClusterRole"];
  const kind = textAt(binding, "roleRef", "kind");
  return [
    ...(kinds.includes(kind) ? [] : [unsupported("roleRef.kind", kind, kinds)]),
    ...(textAt(binding, "roleRef", "name") === "" ? [required("roleRef.name")] : []),
  ];
}

function eventErrors(event: Obj): FieldError[] {
  const about = textAt(event, "involvedObject", "namespace");
  if (about === event.metadata.namespace || (about === "" && event.metadata.namespace === "default")) return [];
  return [invalidValue("involvedObject.namespace", about, "does not match event.namespace")];
}

function immutableErrors(before: Obj, after: Obj): FieldError[] {
  const errors: FieldError[] = [];
  if (before.kind === "Secret" && before.type !== after.type) {
    errors.push(invalidValue("type", after.type, "field is immutable"));
  }
  if (before.immutable !== true) return errors;
  if (after.immutable !== true) errors.push(forbiddenField("immutable", "field is immutable when `immutable` is set"));
  if (!same(before.data, after.data)) errors.push(forbiddenField("data", "field is immutable when `immutable` is set"));
  return errors;
}

function leaseErrors(lease: Obj): FieldError[] {
  const errors: FieldError[] = [];
  const seconds = at(lease, "spec", "leaseDurationSeconds");
  const transitions = at(lease, "spec", "leaseTransitions");
  if (typeof seconds === "number" && seconds <= 0) {
    errors.push(invalidValue("spec.leaseDurationSeconds", seconds, "must be greater than 0"));
  }
  if (typeof transitions === "number" && transitions < 0) {
    errors.push(invalidValue("spec.leaseTransitions", transitions, "must be greater than or equal to 0"));
  }
  return errors;
}

const EVICTION_POLICIES = ["AlwaysAllow", "IfHealthyBudget"];

function budgetErrors(budget: Obj): FieldError[] {
  const spec = asObject(budget.spec) ?? {};
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    errors.push(invalidValue("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
  }
  for (const field of ["minAvailable", "maxUnavailable"]) {
    const value = spec[field];
    if (typeof value === "number" && value < 0) {
      errors.push(invalidValue(`spec.${field}`, value, "must be greater than or equal to 0"));
    }
  }
  const policy = textAt(spec, "unhealthyPodEvictionPolicy");
  if (policy !== "" && !EVICTION_POLICIES.includes(policy)) {
    errors.push(unsupported("spec.unhealthyPodEvictionPolicy", policy, EVICTION_POLICIES));
  }
  return errors;
}

function crdErrors(crd: Obj): FieldError[] {
  const errors: FieldError[] = [];
  const group = textAt(crd, "spec", "group");
  const plural = textAt(crd, "spec", "names", "plural");
  const versions = asArray(at(crd, "spec", "versions"));
  if (group === "") errors.push(required("spec.group"));
  if (plural === "") errors.push(required("spec.names.plural"));
  if (textAt(crd, "spec", "names", "kind") === "") errors.push(required("spec.names.kind"));
  const scopes = ["Cluster", "Namespaced"];
  if (!scopes.includes(textAt(crd, "spec", "scope"))) {
    errors.push(unsupported("spec.scope", textAt(crd, "spec", "scope"), scopes));
  }
  if (crd.metadata.name !== `${plural}.${group}`) {
    errors.push(invalidValue("metadata.name", crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (versions.filter((version) => at(version, "storage") === true).length !== 1) {
    errors.push(invalidValue("spec.versions", versions, "must have exactly one version marked as storage version"));
  }
  versions.forEach((version, index) => {
    const field = `spec.versions[${index}].schema.openAPIV3Schema`;
    const schema = at(version, "schema", "openAPIV3Schema");
    if (schema === undefined) errors.push(required(field, "schemas are required"));
    else if (at(schema, "type") !== "object") errors.push(required(`${field}.type`, "must be object at the root"));
  });
  return errors;
}
