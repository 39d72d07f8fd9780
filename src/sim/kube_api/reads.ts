/** List and watch: pages, versions, selectors. */
import { Buffer } from "node:buffer";
import { between } from "../../lib/random.ts";
import type { Format } from "./requests.ts";
import { isTrue } from "./requests.ts";
import { fieldMatcher, labelMatcher, type Matcher } from "./selectors.ts";
import { badRequest, expired, type FieldError, forbiddenField, invalidValue, StatusError } from "./status.ts";
import { type Entry, keyOfEntry, type StoredChange } from "./storage.ts";
import { partialText, Printer, type RowObject } from "./table.ts";
import { groupVersion, type Kind } from "./types.ts";
import { Watch } from "./watch.ts";
import type { World } from "./world.ts";

export interface Selected {
  readonly kind: Kind;
  readonly namespace: string;
  readonly query: URLSearchParams;
}

/** Which objects a selection means. @throws StatusError 400 */
export function matcherOf({ kind, query }: Selected): Matcher | undefined {
  const labels = labelMatcher(query.get("labelSelector") ?? "");
  const fields = fieldMatcher(query.get("fieldSelector") ?? "", kind);
  return labels && fields ? (object) => labels(object) && fields(object) : labels ?? fields;
}

/** The prefix of the keys of a selection. */
function prefixOf({ kind, namespace }: Selected): string {
  return kind.namespaced && namespace !== "" ? `${namespace}/` : "";
}

/** The objects of a selection as they are now. */
export function selectedEntries(world: World, selected: Selected): Entry[] {
  const match = matcherOf(selected);
  const entries = world.storage.table(selected.kind).entries(prefixOf(selected));
  return match ? entries.filter(({ object }) => match(object)) : entries;
}

/** A list as JSON. @throws StatusError */
export function list(world: World, selected: Selected, format: Format): string {
  const { kind, query } = selected;
  refuseOptions(query, false);
  const match = matcherOf(selected);
  const token = query.get("continue") ?? "";
  const limit = numberOf(query, "limit");
  const { version, start } = token === "" ? startOf(world, query, limit) : continuation(world, token);
  const table = world.storage.table(kind);
  const prefix = prefixOf(selected);
  let entries = version < 0 ? table.entries(prefix) : entriesAt(world, kind, version, prefix, start);
  if (start !== "") entries = entries.filter((entry) => keyOfEntry(kind, entry) > start);
  if (match) entries = entries.filter(({ object }) => match(object));
  const shown = version < 0 ? world.storage.version : version;
  const more = limit > 0 && entries.length > limit;
  const page = more ? entries.slice(0, limit) : entries;
  const meta = {
    resourceVersion: String(shown),
    ...(more ? { continue: tokenOf(shown, keyOfEntry(kind, page.at(-1)!)) } : {}),
    ...(more && !match ? { remainingItemCount: entries.length - limit } : {}),
  };
  return listText(world, selected, page, meta, format);
}

/** A list's JSON. Items of built-in kinds do not repeat kind and apiVersion. */
export function listText(world: World, { kind, query }: Selected, page: Entry[], meta: object, format: Format): string {
  if (format.as === "Table") {
    return new Printer(kind).table(page, meta, rowObjectOf(query), world.clock.now());
  }
  if (format.as !== "Object") {
    const head = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata: meta };
    return `${JSON.stringify(head).slice(0, -1)},"items":[${page.map(partialText).join(",")}]}`;
  }
  const head = { kind: kind.listKind, apiVersion: groupVersion(kind), metadata: meta };
  const items = page.map((entry) => (kind.custom ? entry.text : entry.bare));
  return `${JSON.stringify(head).slice(0, -1)},"items":[${items.join(",")}]}`;
}

export function rowObjectOf(query: URLSearchParams): RowObject {
  const asked = query.get("includeObject") ?? "";
  return asked === "None" || asked === "Object" ? asked : "Metadata";
}

/** -1: what is newest. */
function startOf(world: World, query: URLSearchParams, limit: number): { version: number; start: string } {
  const asked = versionOf(query);
  const match = query.get("resourceVersionMatch") ?? "";
  if (asked === undefined || asked === 0) return { version: -1, start: "" };
  if (asked > world.storage.version) throw tooLarge(asked, world.storage.version);
  const exact = match === "Exact" || (match === "" && limit > 0);
  return { version: exact ? asked : -1, start: "" };
}

function tooLarge(asked: number, current: number): StatusError {
  return new StatusError(504, "Timeout", `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

/** @throws StatusError 410, with a token for the rest as it is now when there is one */
function entriesAt(world: World, kind: Kind, version: number, prefix: string, start: string): Entry[] {
  try {
    return world.storage.table(kind).entriesAt(version, prefix);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    if (start === "") throw expired(`The resourceVersion for the provided list is too old.`);
    throw new ExpiredToken(tokenOf(-1, start));
  }
}

const EXPIRED_TOKEN = "The provided continue parameter is too old to display a consistent list result. You can start " +
  "a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of " +
  "the results. Continuing with the provided token results in an inconsistent list - objects that were created, " +
  "modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/** The answer to a token that is too old carries another one. */
class ExpiredToken extends StatusError {
  readonly #token: string;

  constructor(token: string) {
    super(410, "Expired", EXPIRED_TOKEN);
    this.#token = token;
  }

  override toJson(): Record<string, unknown> {
    return { ...super.toJson(), metadata: { continue: this.#token } };
  }
}

function tokenOf(version: number, start: string): string {
  const token = { v: "meta.k8s.io/v1", rv: version, start: `${start}\u0000` };
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

function continuation(world: World, token: string): { version: number; start: string } {
  let parsed: { rv?: unknown; start?: unknown } | undefined;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    parsed = undefined; // refused below, as any token is that we did not make
  }
  if (typeof parsed?.rv !== "number" || typeof parsed.start !== "string" || parsed.rv > world.storage.version) {
    throw badRequest("invalid continue token: continue key is not valid");
  }
  return { version: parsed.rv, start: parsed.start.split("\u0000", 1)[0]! };
}

function versionOf(query: URLSearchParams): number | undefined {
  const text = query.get("resourceVersion") ?? "";
  if (text === "") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const why = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${
    JSON.stringify(text)
  }: invalid syntax`;
  if (isTrue(query.get("watch"))) throw new StatusError(500, "", why);
  throw badRequest(`invalid resource version: ${why}`);
}

function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "";
  if (text === "") return 0;
  if (!/^\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** Combinations of options that the API server refuses. @throws StatusError 422 */
function refuseOptions(query: URLSearchParams, watch: boolean): void {
  const match = query.get("resourceVersionMatch") ?? "";
  const version = query.get("resourceVersion") ?? "";
  const initial = query.get("sendInitialEvents");
  const refuse = (detail: string, field = "resourceVersionMatch") => refuseList([forbiddenField(field, detail)]);
  if (watch && initial !== null) {
    if (match !== "NotOlderThan") refuse("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    return;
  }
  if (initial !== null) refuse("sendInitialEvents is forbidden for list", "sendInitialEvents");
  if (match === "") return;
  if (watch) refuse("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  if (version === "") refuse("resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (query.get("continue")) refuse("resourceVersionMatch is forbidden when continue is provided");
  if (match !== "Exact" && match !== "NotOlderThan") {
    refuseList([invalidValue("resourceVersionMatch", match, "unsupported")]);
  }
  if (match === "Exact" && version === "0") refuse(`resourceVersionMatch "exact" is forbidden for resourceVersion "0"`);
}

function refuseList(causes: readonly FieldError[]): never {
  const lines = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  const details = { group: "meta.k8s.io", kind: "ListOptions", causes };
  throw new StatusError(422, "Invalid", `ListOptions.meta.k8s.io "" is invalid: ${lines}`, details);
}

/** How long a watch stays open that names no timeout: 30 to 60 minutes, as the API server draws it. Seconds. */
const LEAST_WATCH_S = 1800;

/** Opens a watch. @throws StatusError for options that are none; a version that is too old is told in the stream */
export function watch(
  world: World,
  selected: Selected,
  format: Format,
  options: {
    readonly signal: AbortSignal;
    readonly lag: () => number;
    readonly closed: (watch: Watch) => void;
  },
): Watch {
  const { kind, query } = selected;
  refuseOptions(query, true);
  const { storage, clock, random } = world;
  const table = storage.table(kind);
  const asked = versionOf(query);
  const initial = query.get("sendInitialEvents");
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  const seconds = numberOf(query, "timeoutSeconds") || between(random, LEAST_WATCH_S, 2 * LEAST_WATCH_S);
  const fromNow = initial === null ? asked === undefined || asked === 0 : isTrue(initial);
  const match = matcherOf(selected);
  let missed: readonly StoredChange[] = [];
  let failure: StatusError | undefined;
  try {
    if (!fromNow && asked) missed = table.since(asked);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    failure = error;
  }
  const start = fromNow || !asked ? storage.version : asked;
  const opened = new Watch(clock, table, start, {
    prefix: prefixOf(selected),
    match,
    bookmarks,
    timeoutMs: seconds * 1000,
    signal: options.signal,
    lag: options.lag,
    show: shower(world, selected, format),
    bookmark: (version, end) => bookmarkText(kind, format, Math.max(version, fromNow ? start : 0), end),
  }, options.closed);
  if (failure) opened.fail(failure);
  else if (fromNow) opened.initial(table.entries(prefixOf(selected)), isTrue(initial) && bookmarks);
  else opened.replay(missed);
  return opened;
}

function shower(world: World, { kind, query }: Selected, format: Format): (entry: Entry) => string {
  if (format.as === "Object") return (entry) => entry.text;
  if (format.as !== "Table") return partialText;
  const printer = new Printer(kind);
  let first = true;
  return (entry) => {
    const meta = { resourceVersion: String(entry.version) };
    const text = printer.table([entry], meta, rowObjectOf(query), world.clock.now(), first);
    first = false;
    return text;
  };
}

function bookmarkText(kind: Kind, format: Format, version: number, initialEnd: boolean): string {
  const metadata = {
    resourceVersion: String(version),
    ...(initialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
  };
  if (format.as === "Table") {
    const object = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
    const rows = [{ cells: null, object }];
    return JSON.stringify({ kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: {}, columnDefinitions: null, rows });
  }
  const partial = format.as !== "Object";
  return JSON.stringify({
    kind: partial ? "PartialObjectMetadata" : kind.kind,
    apiVersion: partial ? "meta.k8s.io/v1" : groupVersion(kind),
    metadata,
  });
}
