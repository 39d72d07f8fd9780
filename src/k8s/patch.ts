/** Patches as data: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and whether an object is as it should be. Pure. */

type Fields = Readonly<Record<string, unknown>>;

/** What `target` becomes by a JSON merge patch: null removes, objects merge, everything else replaces. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else if (value !== undefined) result.set(key, applyMergePatch(result.get(key), value));
  }
  return Object.fromEntries(result);
}

/**
 * The merge patch that makes `after` of `before`; undefined when they are the same. Fields of `before` that `after`
 * lacks become null; arrays are replaced. A null or undefined field of `after` counts as absent.
 */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return sameJson(before, after) ? undefined : after;
  const patch: [string, unknown][] = [];
  const has = (fields: Fields, key: string) => Object.hasOwn(fields, key) && isThere(fields[key]);
  for (const key of Object.keys(before)) {
    if (isThere(before[key]) && !has(after, key)) patch.push([key, null]);
  }
  for (const [key, value] of Object.entries(after)) {
    if (!isThere(value)) continue;
    const change = has(before, key) ? mergePatchOf(before[key], value) : value;
    if (change !== undefined) patch.push([key, change]);
  }
  return patch.length === 0 ? undefined : Object.fromEntries(patch);
}

/**
 * Whether everything that `desired` names is so in `actual`. Fields that only `actual` has do not matter: the API
 * server adds defaults, and others add labels. Arrays must have as many items, each matching the one at its place.
 * An empty object or array, and null, also match absence, because the API server drops them.
 */
export function matches(actual: unknown, desired: unknown): boolean {
  if (!isThere(desired)) return !isThere(actual);
  if (Array.isArray(desired)) {
    const items = isThere(actual) ? actual : [];
    return Array.isArray(items) && items.length === desired.length &&
      desired.every((item, at) => matches(items[at], item));
  }
  if (!isObject(desired)) return actual === desired;
  if (!isThere(actual)) return Object.values(desired).every((value) => matches(undefined, value));
  return isObject(actual) &&
    Object.entries(desired).every(([key, value]) =>
      value === undefined || matches(Object.hasOwn(actual, key) ? actual[key] : undefined, value)
    );
}

/** Whether two JSON values are the same. Fields that are undefined count as absent. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, at) => sameJson(item, b[at]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = (fields: Fields) => Object.keys(fields).filter((key) => fields[key] !== undefined);
  const own = keys(a);
  return own.length === keys(b).length && own.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}

/** One operation of a JSON patch. */
export interface JsonPatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  /** A JSON pointer (RFC 6901). */
  readonly path: string;
  /** For move and copy. */
  readonly from?: string;
  /** For add, replace and test. */
  readonly value?: unknown;
}

/** A JSON patch that can't be applied: `reason` says whether it is malformed, misses its path, or a test of it failed. */
export class JsonPatchError extends Error {
  override readonly name = "JsonPatchError";
  readonly reason: "malformed" | "path" | "test";

  constructor(reason: "malformed" | "path" | "test", message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * What `target` becomes by a JSON patch; `target` itself stays as it is.
 * @throws JsonPatchError when one operation can't be applied: then none is
 */
export function applyJsonPatch(target: unknown, operations: readonly JsonPatchOperation[]): unknown {
  if (!Array.isArray(operations)) throw new JsonPatchError("malformed", "a JSON patch is an array of operations");
  return operations.reduce<unknown>(applyOperation, target);
}

function applyOperation(document: unknown, operation: JsonPatchOperation): unknown {
  const { op } = operation;
  const path = tokensOf(operation.path, "path");
  switch (op) {
    case "add":
      return put(document, path, valueOf(operation), true);
    case "replace":
      read(document, path);
      return put(document, path, valueOf(operation), false);
    case "remove":
      return cut(document, path);
    case "copy":
      return put(document, path, read(document, tokensOf(operation.from, "from")), true);
    case "move": {
      const from = tokensOf(operation.from, "from");
      if (from.length < path.length && from.every((token, at) => token === path[at])) {
        throw new JsonPatchError("path", `move: "${operation.from}" can't move into itself`);
      }
      return put(cut(document, from), path, read(document, from), true);
    }
    case "test":
      if (sameJson(read(document, path), valueOf(operation))) return document;
      throw new JsonPatchError("test", `test: the value at "${operation.path}" is another one`);
    default:
      throw new JsonPatchError("malformed", `op: "${op}" is unknown`);
  }
}

function valueOf(operation: JsonPatchOperation): unknown {
  if (operation.value === undefined) throw new JsonPatchError("malformed", `${operation.op}: has no value`);
  return operation.value;
}

/** The reference tokens of a JSON pointer. */
function tokensOf(pointer: string | undefined, field: string): string[] {
  if (pointer === "") return [];
  if (typeof pointer !== "string" || !pointer.startsWith("/")) {
    throw new JsonPatchError("malformed", `${field}: "${pointer}" is no JSON pointer`);
  }
  return pointer.slice(1).split("/").map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(document: unknown, path: readonly string[]): unknown {
  let at = document;
  for (const token of path) {
    const found: unknown = Array.isArray(at)
      ? at[indexOf(token, at.length - 1)]
      : isObject(at) && Object.hasOwn(at, token)
      ? at[token]
      : undefined;
    if (found === undefined) throw new JsonPatchError("path", `nothing is at "/${path.join("/")}"`);
    at = found;
  }
  return at;
}

/** A copy of `document` with `value` at `path`; in an array it goes between two others, or replaces one. */
function put(document: unknown, path: readonly string[], value: unknown, insert: boolean): unknown {
  const [token, ...rest] = path;
  if (token === undefined) return value;
  if (Array.isArray(document)) {
    const isLast = rest.length === 0;
    const at = isLast && insert && token === "-"
      ? document.length
      : indexOf(token, document.length - 1, isLast && insert);
    return isLast
      ? document.toSpliced(at, insert ? 0 : 1, value)
      : document.with(at, put(document[at], rest, value, insert));
  }
  if (!isObject(document)) throw new JsonPatchError("path", `nothing can be put at "${token}"`);
  if (rest.length > 0 && !Object.hasOwn(document, token)) {
    throw new JsonPatchError("path", `nothing is at "${token}"`);
  }
  const inner = rest.length === 0 ? value : put(document[token], rest, value, insert);
  return Object.fromEntries(new Map(Object.entries(document)).set(token, inner));
}

/** A copy of `document` without what is at `path`. */
function cut(document: unknown, path: readonly string[]): unknown {
  read(document, path);
  const [token, ...rest] = path;
  if (token === undefined) return null;
  if (Array.isArray(document)) {
    const at = indexOf(token, document.length - 1);
    return rest.length === 0 ? document.toSpliced(at, 1) : document.with(at, cut(document[at], rest));
  }
  const fields = new Map(Object.entries(document as Fields));
  if (rest.length === 0) fields.delete(token);
  else fields.set(token, cut(fields.get(token), rest));
  return Object.fromEntries(fields);
}

function indexOf(token: string, last: number, orAfterLast = false): number {
  const index = /^(0|[1-9]\d{0,9})$/.test(token) ? Number(token) : -1;
  if (index >= 0 && index <= (orAfterLast ? last + 1 : last)) return index;
  throw new JsonPatchError("path", `"${token}" is no index of an array with ${last + 1} items`);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
