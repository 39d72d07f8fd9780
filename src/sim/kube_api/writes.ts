/** Create, update and patch: from what a client sends to what is stored. */
import { load } from "js-yaml";
import { applied } from "./apply.ts";
import { builtInErrors, builtInUpdateErrors, prepared, preparedUpdate } from "./built_in.ts";
import { CREATED_BY_PUT } from "./kinds.ts";
import { countsAsChange, metaErrors, metaUpdateErrors, newMeta, updatedMeta } from "./meta.ts";
import { jsonPatch, mergePatch } from "./patches.ts";
import { refuseOverQuota } from "./quota.ts";
import { preparedPodStatus } from "./pod_defaults.ts";
import { prune, withDefaults } from "./schema.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  DecodeError,
  type FieldError,
  invalidValue,
  MODIFIED,
  notFound,
  refuseInvalid,
  StatusError,
  unsupportedMediaType,
} from "./status.ts";
import { Entry, storageKey } from "./storage.ts";
import { strategicPatch } from "./strategic.ts";
import {
  asArray,
  asObject,
  groupVersion,
  type Json,
  type Kind,
  type Obj,
  resourceName,
  same,
  textAt,
  without,
} from "./types.ts";
import { validate } from "./validate.ts";
import { existing, refuseClosedNamespace, type World } from "./world.ts";

/** What a write is about. */
export interface Target {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  /** "status" or "". */
  readonly subresource: string;
}

export interface WriteOptions {
  readonly dryRun: boolean;
  /** Unknown fields are refused. */
  readonly strict: boolean;
}

/** An entry as it is stored now, and whether it is new. */
export interface Written {
  readonly entry: Entry;
  readonly created: boolean;
}

/** Stores a new object. @throws StatusError */
export function create(world: World, target: Target, body: unknown, options: WriteOptions): Written {
  const { kind, namespace } = target;
  const given = read(kind, body);
  const givenMeta = asObject(given.metadata) ?? {};
  refuseOtherNamespace(kind, namespace, givenMeta);
  if (textAt(givenMeta, "resourceVersion") !== "") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  const metadata = newMeta(kind, namespace, givenMeta, world.random, world.clock.now());
  if (kind.namespaced) refuseClosedNamespace(world, kind, namespace, metadata.name);
  const { status: _, ...withoutStatus } = given;
  const content = kind.status ? withoutStatus : given;
  let object: Obj = { ...content, kind: kind.kind, apiVersion: groupVersion(kind), metadata };
  object = shaped(kind, object, options);
  if (!kind.custom) object = prepared(object);
  refuseInvalid(kind, metadata.name, errorsOf(kind, object));
  refuseOverQuota(world.storage, kind, object);
  if (world.storage.table(kind).get(storageKey(kind, namespace, metadata.name))) {
    throw alreadyExists(kind, metadata.name);
  }
  const entry = options.dryRun ? new Entry(object, world.storage.version) : world.storage.put(kind, object);
  return { entry, created: true };
}

/** Replaces an object, or its status. @throws StatusError */
export function replace(world: World, target: Target, body: unknown, options: WriteOptions): Written {
  const { kind, namespace, name } = target;
  const given = read(kind, body);
  const meta = asObject(given.metadata) ?? {};
  if (textAt(meta, "name") === "") {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  refuseOtherName(name, meta);
  refuseOtherNamespace(kind, namespace, meta);
  const old = world.storage.table(kind).get(storageKey(kind, namespace, name));
  if (!old && CREATED_BY_PUT.has(kind.plural) && target.subresource === "") {
    return create(world, target, { ...given, metadata: without(meta, "resourceVersion") }, options);
  }
  if (!old) throw notFound(kind, name);
  const uid = textAt(meta, "uid");
  if (uid !== "" && uid !== old.object.metadata.uid) {
    const found = old.object.metadata.uid;
    throw conflict(kind, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found}`);
  }
  if (textAt(meta, "resourceVersion") === "" && !kind.unconditionalUpdate) {
    refuseUpdate(kind, name, [invalidValue("metadata.resourceVersion", 0, "must be specified for an update")]);
  }
  return { entry: change(world, target, old, given, options), created: false };
}

const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const APPLY = "application/apply-patch+yaml";

/** Patches an object, or its status. @throws StatusError */
export function patch(
  world: World,
  target: Target,
  contentType: string,
  text: string,
  options: WriteOptions & { readonly fieldManager: string },
): Written {
  const { kind, namespace, name } = target;
  const accepted = kind.custom ? [JSON_PATCH, MERGE, APPLY] : [JSON_PATCH, MERGE, STRATEGIC, APPLY];
  if (!accepted.includes(contentType)) throw unsupportedMediaType(accepted, kind);
  if (contentType === APPLY) return apply(world, target, text, options);
  const old = existing(world, kind, namespace, name);
  const changes = parsedPatch(text, contentType === JSON_PATCH);
  const whole = old.object as Json;
  const given = contentType === JSON_PATCH
    ? jsonPatch(whole, changes)
    : contentType === MERGE
    ? mergePatch(whole, changes)
    : strategicPatch(kind.kind, whole, changes);
  const object = read(kind, given);
  refuseOtherName(name, asObject(object.metadata) ?? {});
  try {
    return { entry: change(world, target, old, object, options), created: false };
  } catch (error) {
    throw error instanceof DecodeError ? error.asPatchError() : error;
  }
}

function parsedPatch(text: string, isJsonPatch: boolean): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw badRequest(isJsonPatch ? "error decoding patch: unexpected end of JSON input" : "invalid JSON patch");
  }
  if (isJsonPatch && !Array.isArray(parsed)) {
    throw badRequest(
      "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
  }
  return parsed;
}

/** Server-side apply, as a merge: nobody owns a field, so nothing conflicts and nothing that is left out is removed. */
function apply(
  world: World,
  target: Target,
  text: string,
  options: WriteOptions & { readonly fieldManager: string },
): Written {
  const { kind, namespace, name } = target;
  if (options.fieldManager === "") {
    const error = {
      field: "fieldManager",
      reason: "FieldValueRequired",
      message: "Required value: is required for apply patch",
    };
    throw new StatusError(422, "Invalid", `PatchOptions.meta.k8s.io "" is invalid: ${error.field}: ${error.message}`, {
      group: "meta.k8s.io",
      kind: "PatchOptions",
      causes: [error],
    });
  }
  const configuration = asObject(parsedYaml(text));
  if (!configuration) throw badRequest("error decoding YAML: the configuration is no object");
  const meta = { ...asObject(configuration.metadata) };
  refuseOtherName(name, meta);
  const old = world.storage.table(kind).get(storageKey(kind, namespace, name));
  if (!old) {
    if (target.subresource !== "") throw notFound(kind, name);
    if (textAt(meta, "uid") !== "" || textAt(meta, "resourceVersion") !== "") {
      throw conflict(
        kind,
        name,
        `uid mismatch: the provided object specified uid ${textAt(meta, "uid")}, and no existing object was found`,
      );
    }
    return create(world, target, { ...configuration, metadata: { ...meta, name } }, options);
  }
  const given = read(kind, applied(kind, old.object, configuration));
  return { entry: change(world, target, old, given, options), created: false };
}

function parsedYaml(text: string): unknown {
  try {
    return text.trimStart().startsWith("{") ? JSON.parse(text) : load(text);
  } catch {
    throw badRequest("error decoding YAML");
  }
}

/** Makes `given` the object's new state, as far as it may be. */
function change(world: World, target: Target, old: Entry, given: Json, options: WriteOptions): Entry {
  const { kind, name, subresource } = target;
  const before = old.object;
  const meta = asObject(given.metadata) ?? {};
  const version = textAt(meta, "resourceVersion");
  if (version !== "" && version !== before.metadata.resourceVersion) throw conflict(kind, name, MODIFIED);
  refuseInvalid(kind, name, metaUpdateErrors(before, meta));

  let after = merged(kind, subresource, before, given, meta);
  after = shaped(kind, after, options);
  if (!kind.custom && subresource === "") after = preparedUpdate(before, after);
  if (kind.kind === "Pod" && !kind.custom) after = preparedPodStatus(before, after);
  const errors = errorsOf(kind, after);
  if (!kind.custom && subresource === "") errors.push(...builtInUpdateErrors(before, after));
  refuseInvalid(kind, name, errors);

  if (same(after, before)) return old;
  const { generation } = before.metadata;
  if (generation !== undefined && subresource === "" && countsAsChange(kind, before, after)) {
    after = { ...after, metadata: { ...after.metadata, generation: generation + 1 } };
  }
  if (options.dryRun) return new Entry(after, old.version);
  return isDone(after) ? world.storage.remove(kind, old, after) : world.storage.put(kind, after);
}

/** Whether nothing holds an object any more that is to go. A namespace is held until its content is gone. */
export function isDone({ kind, metadata, spec }: Obj): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return false;
  return kind !== "Namespace" || asArray(asObject(spec)?.finalizers).length === 0;
}

/** Which part of `given` counts: a status write changes the status, any other one everything but the status. */
function merged(kind: Kind, subresource: string, before: Obj, given: Json, meta: Json): Obj {
  const identity = { kind: kind.kind, apiVersion: groupVersion(kind) };
  if (subresource === "status") {
    const metadata = kind.custom ? before.metadata : updatedMeta(before.metadata, {
      ...meta,
      ownerReferences: before.metadata.ownerReferences,
    });
    const { status: _, ...rest } = before;
    return { ...rest, metadata, ...(given.status === undefined ? {} : { status: given.status }) };
  }
  const metadata = updatedMeta(before.metadata, meta);
  if (!kind.status) return { ...given, ...identity, metadata };
  const { status: _, ...rest } = given;
  return { ...rest, ...identity, metadata, ...(before.status === undefined ? {} : { status: before.status }) };
}

/** Prunes and defaults by the kind's schema. */
function shaped(kind: Kind, object: Obj, options: WriteOptions): Obj {
  if (!kind.schema) return object;
  const dropped: string[] = [];
  const pruned = prune(object, kind.schema, "", dropped);
  if (options.strict && dropped.length > 0) {
    const list = dropped.sort().map((path) => `unknown field "${path}"`).join(", ");
    throw new DecodeError(kind, `strict decoding error: ${list}`);
  }
  const filled = withDefaults(pruned, kind.schema) as Obj;
  if (!kind.custom) refuseWrongTypes(kind, filled);
  return filled;
}

/** A field of a wrong type cannot be decoded into a built-in kind: that is a bad request, not an invalid object. */
function refuseWrongTypes(kind: Kind, object: Obj): void {
  const wrong = validate(object, kind.schema!).find(({ reason }) => reason === "FieldValueTypeInvalid");
  if (!wrong) return;
  throw new DecodeError(kind, `json: cannot unmarshal into Go struct field ${wrong.field}: ${wrong.message}`);
}

function errorsOf(kind: Kind, object: Obj): FieldError[] {
  const errors = metaErrors(kind, object.metadata);
  if (kind.custom && kind.schema) errors.push(...validate(object, kind.schema));
  if (!kind.custom) errors.push(...builtInErrors(object));
  return errors;
}

/** The body as an object of the kind. @throws StatusError 400, or 422 for another kind of the same group */
function read(kind: Kind, body: unknown): Json {
  const object = asObject(body);
  if (!object) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error`,
    );
  }
  const apiVersion = textAt(object, "apiVersion");
  const name = textAt(object, "kind");
  if (kind.custom) {
    if (apiVersion !== groupVersion(kind)) {
      throw badRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${groupVersion(kind)})`,
      );
    }
    if (name !== kind.kind) {
      const wrong = { ...kind, kind: name };
      refuseInvalid(wrong, textAt(object, "metadata", "name"), [invalidValue("kind", name, `must be ${kind.kind}`)]);
    }
  } else if ((apiVersion !== "" && apiVersion !== groupVersion(kind)) || (name !== "" && name !== kind.kind)) {
    throw badRequest(`${name} in version "${apiVersion}" cannot be handled as a ${kind.kind}`);
  }
  return object;
}

function refuseOtherName(name: string, meta: Json): void {
  const own = textAt(meta, "name");
  if (own !== "" && own !== name) {
    throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
  }
}

function refuseOtherNamespace(kind: Kind, namespace: string, meta: Json): void {
  const own = textAt(meta, "namespace");
  if (own === "" || own === namespace) return;
  if (!kind.namespaced) throw badRequest("namespace may not be set on cluster-scoped objects");
  throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** A refusal that names the resource, not the kind: what the storage layer finds. */
function refuseUpdate(kind: Kind, name: string, causes: readonly FieldError[]): never {
  const lines = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  throw new StatusError(422, "Invalid", `${resourceName(kind)} "${name}" is invalid: ${lines}`, {
    name,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.plural,
    causes,
  });
}
