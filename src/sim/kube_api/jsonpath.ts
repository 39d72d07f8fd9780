/** The part of JSONPath that printed columns use: fields, quoted fields, indexes, `[*]` and `[?(@.field=="text")]`. */
import { asArray, asObject } from "./types.ts";

type Step =
  | { readonly field: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly where: string; readonly equals: string };

/**
 * Compiles a path such as `.status.conditions[?(@.type=="Ready")].status`.
 * @throws RangeError for what it cannot read
 */
export function jsonPath(path: string): (value: unknown) => unknown[] {
  const steps = parse(path);
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap((item) => take(item, step)), [value]);
}

function parse(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path.replace(/^\{|\}$/g, "").replace(/^\$/, "");
  while (rest !== "") {
    const part = /^\.((?:\\.|[^.[\\])+)/.exec(rest) ?? /^\[([^\]]*(?:\)\s*)?)\]/.exec(rest);
    if (!part) throw new RangeError(`a column's path cannot be read: ${path}`);
    steps.push(part[0].startsWith(".") ? { field: part[1]!.replaceAll("\\.", ".") } : bracket(part[1]!, path));
    rest = rest.slice(part[0].length);
  }
  return steps;
}

function bracket(text: string, path: string): Step {
  if (text === "*") return { all: true };
  if (/^-?\d+$/.test(text)) return { index: Number(text) };
  const quoted = /^'([^']*)'$/.exec(text) ?? /^"([^"]*)"$/.exec(text);
  if (quoted) return { field: quoted[1]! };
  const filter = /^\?\(\s*@\.([\w.-]+)\s*==\s*["']([^"']*)["']\s*\)\s*$/.exec(text);
  if (filter) return { where: filter[1]!, equals: filter[2]! };
  throw new RangeError(`a column's path cannot be read: ${path}`);
}

function take(value: unknown, step: Step): unknown[] {
  if ("field" in step) {
    const found = asObject(value)?.[step.field];
    return found === undefined ? [] : [found];
  }
  const list = asArray(value);
  if ("index" in step) return list.slice(step.index).slice(0, 1);
  if ("all" in step) return Array.isArray(value) ? [...list] : Object.values(asObject(value) ?? {});
  return list.filter((item) =>
    step.where.split(".").reduce<unknown>((at, name) => asObject(at)?.[name], item) === step.equals
  );
}
