/** Label and field selectors. */
import { badRequest } from "./status.ts";
import { at, type Kind, type Obj } from "./types.ts";

/** Whether an object is meant. */
export type Matcher = (object: Obj) => boolean;

const KEY = /^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(|[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$/;

/** @throws StatusError 400 for a text that is no label selector */
export function labelMatcher(selector: string): Matcher | undefined {
  const rules = splitSelector(selector).map((text) => labelRule(text.trim()));
  if (rules.length === 0) return undefined;
  return ({ metadata: { labels } }) => rules.every((rule) => rule(labels ?? {}));
}

type LabelRule = (labels: Readonly<Record<string, string>>) => boolean;

function labelRule(text: string): LabelRule {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text);
  if (set) {
    const key = labelKey(set[1]!, text);
    const values = new Set(set[3]!.split(",").map((value) => labelValue(value.trim(), text)));
    if (set[2] === "in") return (labels) => labels[key] !== undefined && values.has(labels[key]);
    return (labels) => labels[key] === undefined || !values.has(labels[key]);
  }
  const equality = /^([^!=\s]+)\s*(==|=|!=)\s*(.*)$/.exec(text);
  if (equality) {
    const key = labelKey(equality[1]!, text);
    const value = labelValue(equality[3]!, text);
    return equality[2] === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const absent = /^!\s*(\S+)$/.exec(text);
  if (absent) {
    const key = labelKey(absent[1]!, text);
    return (labels) => labels[key] === undefined;
  }
  const key = labelKey(text, text);
  return (labels) => labels[key] !== undefined;
}

function labelKey(key: string, selector: string): string {
  if (!KEY.test(key)) throw badRequest(`unable to parse requirement: found '${selector}', expected: identifier`);
  return key;
}

function labelValue(value: string, selector: string): string {
  if (!VALUE.test(value)) throw badRequest(`unable to parse requirement: invalid label value in '${selector}'`);
  return value;
}

/** At commas that are not within parentheses. */
function splitSelector(selector: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index <= selector.length; index++) {
    const char = selector[index];
    if (char === "(") depth++;
    else if (char === ")") depth--;
    if (char === undefined || (char === "," && depth === 0)) {
      parts.push(selector.slice(start, index));
      start = index + 1;
    }
  }
  return parts.filter((part) => part.trim() !== "");
}

/** @throws StatusError 400 for a text that is no field selector, or a field that the kind cannot be selected by */
export function fieldMatcher(selector: string, kind: Kind): Matcher | undefined {
  const rules = selector.split(",").filter((part) => part.trim() !== "").map((part) => fieldRule(part, kind));
  if (rules.length === 0) return undefined;
  return (object) => rules.every((rule) => rule(object));
}

function fieldRule(text: string, kind: Kind): Matcher {
  const parts = /^([^!=]+)(==|=|!=)(.*)$/.exec(text.trim());
  if (!parts) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  const [, field, operator, value] = parts;
  const known = field === "metadata.name" || (field === "metadata.namespace" && kind.namespaced) ||
    kind.fields.includes(field!);
  if (!known) throw badRequest(`field label not supported: ${field}`);
  const path = field!.split(".");
  const equal = operator !== "!=";
  return (object) => (fieldText(at(object, ...path)) === value) === equal;
}

function fieldText(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}
