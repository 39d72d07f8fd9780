/** What the API server does with metadata, whatever the kind. */
import { type Instant, rfc3339 } from "../../lib/clock.ts";
import { type Random, safeText, uuid } from "../../lib/random.ts";
import { type FieldError, forbiddenField, invalidValue, required } from "./status.ts";
import { asArray, asObject, type Json, type Kind, type Meta, type Obj, type Owner, same } from "./types.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^(|[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$/;
const QUALIFIED = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start " +
  "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " +
  "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used " +
  "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const NAME_PART_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Kinds whose names are path segments, nothing more. */
const FREE_NAMES = new Set(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);
const LARGEST_ANNOTATIONS = 256 * 1024;

/** What is wrong with a label that is to be a DNS label. */
export function dnsLabelErrors(field: string, value: string): FieldError[] {
  if (value.length > 63) return [invalidValue(field, value, "must be no more than 63 bytes")];
  return LABEL.test(value) ? [] : [invalidValue(field, value, LABEL_RULE)];
}

/** The metadata of a new object: names, identity and time are the server's. */
export function newMeta(kind: Kind, namespace: string, given: Json, random: Random, now: Instant): Meta {
  const { generateName } = given;
  let name = typeof given.name === "string" ? given.name : "";
  if (name === "" && typeof generateName === "string" && generateName !== "") {
    name = generateName.slice(0, 58) + safeText(random, 5);
  }
  return {
    name,
    ...(typeof generateName === "string" && generateName !== "" ? { generateName } : {}),
    ...(kind.namespaced ? { namespace } : {}),
    uid: uuid(random),
    resourceVersion: "",
    ...(kind.counted ? { generation: 1 } : {}),
    creationTimestamp: rfc3339(now),
    ...chosenMeta(given),
  };
}

/** The metadata of an object after an update: what the server owns stays as it was. */
export function updatedMeta(old: Meta, given: Json): Meta {
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, ...owned } = old;
  return { ...owned, ...chosenMeta(given) };
}

/** What clients choose. Empty maps and lists are not kept. */
function chosenMeta(given: Json): Pick<Meta, "labels" | "annotations" | "finalizers" | "ownerReferences"> {
  const result: Record<string, unknown> = {};
  for (const name of ["labels", "annotations"]) {
    const map = asObject(given[name]);
    if (map && Object.keys(map).length > 0) result[name] = map;
  }
  for (const name of ["finalizers", "ownerReferences"]) {
    const list = asArray(given[name]);
    if (list.length > 0) result[name] = name === "finalizers" ? [...new Set(list)] : list;
  }
  return result;
}

/** What is wrong with an object's metadata. */
export function metaErrors(kind: Kind, meta: Meta): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.name === "") errors.push(required("metadata.name", "name or generateName is required"));
  else errors.push(...nameErrors(kind, meta.name));
  errors.push(...mapErrors(meta));
  for (const finalizer of meta.finalizers ?? []) {
    if (!QUALIFIED.test(finalizer)) {
      errors.push(invalidValue("metadata.finalizers", finalizer, NAME_PART_RULE));
    }
  }
  errors.push(...ownerErrors(meta.ownerReferences ?? []));
  return errors;
}

function nameErrors(kind: Kind, name: string): FieldError[] {
  if (FREE_NAMES.has(kind.kind)) {
    return /[/%]/.test(name) || name === "." || name === ".."
      ? [invalidValue("metadata.name", name, "may not contain '/'")]
      : [];
  }
  if (kind.kind === "Namespace") {
    return name.includes(".")
      ? [invalidValue("metadata.name", name, "must not contain dots")]
      : dnsLabelErrors("metadata.name", name);
  }
  if (name.length > 253) return [invalidValue("metadata.name", name, "must be no more than 253 characters")];
  return SUBDOMAIN.test(name) ? [] : [invalidValue("metadata.name", name, SUBDOMAIN_RULE)];
}

function mapErrors(meta: Meta): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    if (!QUALIFIED.test(key)) {
      errors.push(invalidValue("metadata.labels", key, NAME_PART_RULE));
    }
    if (typeof value !== "string" || !LABEL_VALUE.test(value)) {
      errors.push(invalidValue("metadata.labels", value, LABEL_VALUE_RULE));
    } else if (value.length > 63) {
      errors.push(invalidValue("metadata.labels", value, "must be no more than 63 bytes"));
    }
  }
  let size = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    if (!QUALIFIED.test(key.toLowerCase())) errors.push(invalidValue("metadata.annotations", key, NAME_PART_RULE));
    size += key.length + String(value).length;
  }
  if (size > LARGEST_ANNOTATIONS) {
    const message = `Too long: may not be more than ${LARGEST_ANNOTATIONS} bytes`;
    errors.push({ field: "metadata.annotations", reason: "FieldValueTooLong", message });
  }
  return errors;
}

function ownerErrors(owners: readonly Owner[]): FieldError[] {
  const errors: FieldError[] = [];
  owners.forEach((owner, index) => {
    const field = `metadata.ownerReferences[${index}]`;
    if (!owner.apiVersion) errors.push(invalidValue(`${field}.apiVersion`, "", "version must not be empty"));
    for (const name of ["kind", "name", "uid"] as const) {
      if (!owner[name]) errors.push(invalidValue(`${field}.${name}`, "", "must not be empty"));
    }
  });
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const shown = `Only one reference can have Controller set to true. Found "true" in references for ` +
      controllers.slice(0, 2).map((owner) => `${owner.kind}/${owner.name}`).join(" and ");
    errors.push(invalidValue("metadata.ownerReferences", owners, shown));
  }
  return errors;
}

/** What is wrong with a change of metadata. */
export function metaUpdateErrors(old: Obj, given: Json): FieldError[] {
  const errors: FieldError[] = [];
  const { uid, deletionTimestamp } = old.metadata;
  if (typeof given.uid === "string" && given.uid !== "" && given.uid !== uid) {
    errors.push(invalidValue("metadata.uid", given.uid, "field is immutable"));
  }
  if (deletionTimestamp !== undefined) {
    const known = old.metadata.finalizers ?? [];
    const added = asArray(given.finalizers).filter((finalizer) => !known.includes(String(finalizer)));
    if (added.length > 0) {
      const listed = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
      const detail = "no new finalizers can be added if the object is being deleted, " +
        `found new finalizers []string{${listed}}`;
      errors.push(forbiddenField("metadata.finalizers", detail));
    }
  }
  return errors;
}

/** Whether an update is of what the generation counts: anything but metadata, and status where it is apart. */
export function countsAsChange(kind: Kind, before: Obj, after: Obj): boolean {
  const { metadata: _m, status: statusBefore, ...restBefore } = before;
  const { metadata: _n, status: statusAfter, ...restAfter } = after;
  return !same(restBefore, restAfter) || (!kind.status && !same(statusBefore, statusAfter));
}
