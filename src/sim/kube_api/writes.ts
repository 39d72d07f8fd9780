/** Create and update: from what a client sends to what is stored. */
import { builtInErrors, builtInUpdateErrors, prepared, preparedUpdate } from "./built_in.ts";
import { read, refuseOtherName, refuseOtherNamespace, refuseUpdate } from "./input.ts";
import { CREATED_BY_PUT } from "./kinds.ts";
import { countsAsChange, metaErrors, metaUpdateErrors, newMeta, updatedMeta } from "./meta.ts";
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
} from "./status.ts";
import { Entry, storageKey } from "./storage.ts";
import {
  asArray,
  asObject,
  groupVersion,
  type Json,
  type Kind,
  type Obj,
  same,
  type Schema,
  textAt,
  without,
} from "./types.ts";
import { validate } from "./validate.ts";
import { refuseClosedNamespace, type World } from "./world.ts";

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

/** Makes `given` the object's new state, as far as it may be. */
export function change(world: World, target: Target, old: Entry, given: Json, options: WriteOptions): Entry {
  const { kind, name, subresource } = target;
  const before = old.object;
  const meta = asObject(given.metadata) ?? {};
  const version = textAt(meta, "resourceVersion");
  if (version !== "" && version !== before.metadata.resourceVersion) throw conflict(kind, name, MODIFIED);
  refuseInvalid(kind, name, metaUpdateErrors(before, meta));

  let after = merged(kind, subresource, before, given, meta);
  const checked = ofChanges(kind, before, after);
  after = shaped(checked, after, options);
  if (!kind.custom && subresource === "") after = preparedUpdate(before, after);
  if (kind.kind === "Pod" && !kind.custom) after = preparedPodStatus(before, after);
  const errors = errorsOf(checked, after);
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

const ANYTHING: Schema = { "x-kubernetes-preserve-unknown-fields": true };

/** The kind as far as a change concerns it: fields that are shared with the old state are not looked at again. */
function ofChanges(kind: Kind, before: Obj, after: Obj): Kind {
  const { schema } = kind;
  if (!schema?.properties) return kind;
  const properties = Object.entries(schema.properties).map(([name, property]) => [
    name,
    after[name] !== undefined && after[name] === before[name] ? ANYTHING : property,
  ]);
  return { ...kind, schema: { ...schema, properties: Object.fromEntries(properties) } };
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
