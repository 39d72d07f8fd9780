/** What a structural schema does to an object before it is stored: unknown fields go, defaults come. */
import { asObject, type Json, type Schema } from "./types.ts";

/** Fields that every object has, whatever its schema says. */
const OF_EVERY_OBJECT = new Set(["apiVersion", "kind", "metadata"]);

/**
 * `value` without the fields that `schema` does not know. Parts that lose nothing are shared.
 * @param dropped gets the paths of what went
 */
export function prune(value: unknown, schema: Schema, path = "", dropped: string[] = [], root = true): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return value;
    let changed = false;
    const kept = value.map((item, index) => {
      const next = prune(item, items, `${path}[${index}]`, dropped, false);
      changed ||= next !== item;
      return next;
    });
    return changed ? kept : value;
  }
  const object = asObject(value);
  if (!object) return value;
  const whole = root || schema["x-kubernetes-embedded-resource"] === true;
  let result: Record<string, unknown> | undefined;
  for (const name of Object.keys(object)) {
    const known = schema.properties?.[name] ?? otherProperty(schema);
    if (whole && OF_EVERY_OBJECT.has(name)) continue;
    const where = path === "" ? name : `${path}.${name}`;
    if (known === undefined) {
      if (schema["x-kubernetes-preserve-unknown-fields"]) continue;
      dropped.push(where);
      result ??= { ...object };
      delete result[name];
      continue;
    }
    const next = prune(object[name], known, where, dropped, false);
    if (next !== object[name]) (result ??= { ...object })[name] = next;
  }
  return result ?? value;
}

function otherProperty(schema: Schema): Schema | undefined {
  const { additionalProperties } = schema;
  return typeof additionalProperties === "object" ? additionalProperties : additionalProperties ? {} : undefined;
}

/** `value` with the defaults of `schema` where fields are absent, and without the nulls that are not allowed. */
export function withDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items) return value;
    let changed = false;
    const filled = value.map((item) => {
      const next = withDefaults(item, items);
      changed ||= next !== item;
      return next;
    });
    return changed ? filled : value;
  }
  const object = asObject(value);
  if (!object) return value;
  let result: Record<string, unknown> | undefined;
  const { properties = {} } = schema;
  for (const name in properties) {
    const property = properties[name]!;
    if (object[name] === undefined && property.default === undefined) continue;
    const replaced = replacement(object, name, property);
    if (replaced !== object[name]) (result ??= { ...object })[name] = replaced;
    else if (object[name] === null && dropsNull(property)) delete (result ??= { ...object })[name];
  }
  if (typeof schema.additionalProperties === "object") {
    for (const name of Object.keys(object)) {
      const next = withDefaults(object[name], schema.additionalProperties);
      if (next !== object[name]) (result ??= { ...object })[name] = next;
    }
  }
  return result ?? value;
}

function replacement(object: Json, name: string, property: Schema): unknown {
  const found = object[name];
  const absent = found === undefined || (found === null && property.nullable !== true);
  if (absent && property.default !== undefined) return withDefaults(property.default, property);
  return found === undefined || found === null ? found : withDefaults(found, property);
}

/** A null that is not allowed counts as absent, where the schema says what the field is. */
function dropsNull(property: Schema): boolean {
  return property.nullable !== true && (property.type !== undefined || property["x-kubernetes-int-or-string"] === true);
}
