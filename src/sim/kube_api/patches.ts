/** JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Neither modifies its target: what stays is shared. */
import { StatusError } from "./status.ts";
import { asObject, type Json, same } from "./types.ts";

/** `target` with a merge patch applied. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  const changes = asObject(patch);
  if (!changes) return patch;
  const result: Record<string, unknown> = { ...asObject(target) };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

/**
 * `target` with a JSON Patch applied.
 * @throws StatusError 400 for what is no patch, 422 for one that does not fit the target
 */
export function jsonPatch(target: Json, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw new StatusError(400, "BadRequest", "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  }
  return patch.reduce<unknown>((document, operation) => applyOperation(document, asObject(operation) ?? {}), target);
}

function applyOperation(document: unknown, operation: Json): unknown {
  const path = pointer(operation.path);
  switch (operation.op) {
    case "add":
      return edit(document, path, () => ({ insert: operation.value }));
    case "remove":
      return edit(document, path, (found) => found === undefined ? undefined : { remove: true });
    case "replace":
      return edit(document, path, (found) => found === undefined ? undefined : { set: operation.value });
    case "test":
      if (!same(read(document, path) ?? null, operation.value ?? null)) {
        throw unfit(`testing value ${operation.path} failed`);
      }
      return document;
    case "copy":
      return edit(document, path, () => ({ insert: existing(document, operation.from) }));
    case "move": {
      const value = existing(document, operation.from);
      const rest = edit(document, pointer(operation.from), () => ({ remove: true }));
      return edit(rest, path, () => ({ insert: value }));
    }
    default:
      throw unfit(`Unexpected kind: ${String(operation.op)}`);
  }
}

type Edit = { readonly insert: unknown } | { readonly set: unknown } | { readonly remove: true };

/** Changes the one place that `path` names; `decide` gives undefined when the operation does not fit it. */
function edit(value: unknown, path: readonly string[], decide: (found: unknown) => Edit | undefined): unknown {
  const [name, ...rest] = path;
  if (name === undefined) {
    const action = decide(value);
    if (!action || "remove" in action) throw unfit("the whole document cannot be removed");
    return "insert" in action ? action.insert : action.set;
  }
  if (Array.isArray(value)) return editArray(value, name, rest, decide);
  const object = asObject(value);
  if (!object) throw unfit(`there is nothing at ${name}`);
  if (rest.length > 0) {
    if (!(name in object)) throw unfit(`there is nothing at ${name}`);
    return { ...object, [name]: edit(object[name], rest, decide) };
  }
  const action = decide(object[name]);
  if (!action) throw unfit(`there is nothing at ${name}`);
  if (!("remove" in action)) return { ...object, [name]: "insert" in action ? action.insert : action.set };
  const { [name]: _, ...left } = object;
  return left;
}

function editArray(
  value: readonly unknown[],
  name: string,
  rest: readonly string[],
  decide: (found: unknown) => Edit | undefined,
): unknown {
  const index = name === "-" ? value.length : /^\d+$/.test(name) ? Number(name) : NaN;
  if (!(index <= value.length)) throw unfit(`invalid array index ${name}`);
  if (rest.length > 0) {
    if (index === value.length) throw unfit(`invalid array index ${name}`);
    return value.with(index, edit(value[index], rest, decide));
  }
  const action = decide(value[index]);
  if (!action) throw unfit(`invalid array index ${name}`);
  if ("insert" in action) return value.toSpliced(index, 0, action.insert);
  if (index === value.length) throw unfit(`invalid array index ${name}`);
  return "set" in action ? value.with(index, action.set) : value.toSpliced(index, 1);
}

function read(document: unknown, path: readonly string[]): unknown {
  let here = document;
  for (const name of path) here = Array.isArray(here) ? here[Number(name)] : asObject(here)?.[name];
  return here;
}

function existing(document: unknown, from: unknown): unknown {
  const found = read(document, pointer(from));
  if (found === undefined) throw unfit(`there is nothing at ${String(from)}`);
  return found;
}

function pointer(text: unknown): string[] {
  if (text === "") return [];
  if (typeof text !== "string" || !text.startsWith("/")) throw unfit(`invalid pointer ${String(text)}`);
  return text.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The API server does not say why; the cause is for whoever debugs. */
function unfit(why: string): StatusError {
  const error = new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});
  error.cause = why;
  return error;
}
