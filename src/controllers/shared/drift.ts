/** What has to change so that an object says what it should. Nothing here knows any kind. */

/** Whether two JSON values say the same. A field that is undefined or null is the same as one that is not there. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b || (isNothing(a) && isNothing(b))) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(a[key], b[key]));
}

/**
 * The merge patch (RFC 7386) that turns `actual` into `wanted`, or undefined when they say the same. Fields that only
 * `actual` has are removed; lists are replaced whole.
 */
export function mergePatch(actual: unknown, wanted: unknown): unknown {
  if (same(actual, wanted)) return undefined;
  if (!isObject(wanted)) return isNothing(wanted) ? null : wanted;
  if (!isObject(actual)) return withoutNothings(wanted);
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(actual), ...Object.keys(wanted)])) {
    const part = mergePatch(actual[key], wanted[key]);
    if (part !== undefined) patch[key] = part;
  }
  return patch;
}

/** The part of `wanted` that `actual` does not say yet, or undefined; what only `actual` has stays as it is. */
export function missingFrom(
  actual: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  const missing = Object.entries(wanted ?? {}).filter(([key, value]) => actual?.[key] !== value);
  return missing.length > 0 ? Object.fromEntries(missing) : undefined;
}

/** A merge patch's body without its parts that change nothing, or undefined when nothing is left. */
export function compact(body: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const parts = Object.entries(body).flatMap(([key, value]): [string, unknown][] => {
    if (key !== "metadata" || !isObject(value)) return value === undefined ? [] : [[key, value]];
    const meta = Object.entries(value).filter(([, part]) => part !== undefined);
    return meta.length > 0 ? [[key, Object.fromEntries(meta)]] : [];
  });
  return parts.length > 0 ? Object.fromEntries(parts) : undefined;
}

/** A text that is the same for values that say the same: keys in order, nothing for what is not there. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const parts = Object.keys(value).filter((key) => !isNothing(value[key])).sort();
  return `{${parts.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

function withoutNothings(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => !isNothing(part)));
}

function isNothing(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
