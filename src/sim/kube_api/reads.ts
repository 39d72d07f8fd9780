/** List and watch: pages, versions, selectors. */
import { between } from "../../lib/random.ts";
import { continuation, ExpiredToken, numberOf, refuseOptions, startOf, tokenOf, versionOf } from "./list_options.ts";
import type { Format } from "./requests.ts";
import { isTrue } from "./requests.ts";
import { fieldMatcher, labelMatcher, type Matcher } from "./selectors.ts";
import { expired, StatusError } from "./status.ts";
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
