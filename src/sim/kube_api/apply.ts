/** Server-side apply without field ownership: a merge that knows which lists merge by key. */
import { mergeKeyOf } from "./strategic.ts";
import { asArray, asObject, type Json, type Kind, same, type Schema } from "./types.ts";

/** `object` with an applied configuration merged into it. */
export function applied(kind: Kind, object: Json, configuration: Json): unknown {
  return merge(kind, kind.schema, "", object, configuration);
}

function merge(kind: Kind, schema: Schema | undefined, path: string, target: unknown, value: unknown): unknown {
  if (Array.isArray(value)) return mergeList(kind, schema, path, asArray(target), value);
  const changes = asObject(value);
  if (!changes) return value;
  const result: Record<string, unknown> = { ...asObject(target) };
  const other = typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
  for (const [name, item] of Object.entries(changes)) {
    const where = path === "" ? name : `${path}.${name}`;
    result[name] = merge(kind, schema?.properties?.[name] ?? other, where, result[name], item);
  }
  return result;
}

function mergeList(
  kind: Kind,
  schema: Schema | undefined,
  path: string,
  target: readonly unknown[],
  value: readonly unknown[],
): readonly unknown[] {
  const keys = keysOf(kind, schema, path);
  if (keys === undefined) return value;
  const sameItem = (a: unknown, b: unknown) =>
    keys.length === 0 ? same(a, b) : keys.every((key) => same(asObject(a)?.[key], asObject(b)?.[key]));
  const result = [...target];
  for (const item of value) {
    const index = result.findIndex((known) => sameItem(known, item));
    if (index < 0) result.push(item);
    else result[index] = merge(kind, schema?.items, path, result[index], item);
  }
  return result;
}

/** The keys of a list that merges; none of a set; undefined of one that is replaced whole. */
function keysOf(kind: Kind, schema: Schema | undefined, path: string): readonly string[] | undefined {
  const type = schema?.["x-kubernetes-list-type"];
  if (type === "map") return schema?.["x-kubernetes-list-map-keys"] ?? [];
  if (type === "set") return [];
  if (kind.custom && !path.startsWith("metadata.")) return undefined;
  const key = mergeKeyOf(kind.kind, path);
  return key === undefined ? undefined : key === "" ? [] : [key];
}
