/** What travels between us and an API server, and how our objects and patches become that. Pure. */
import { type HttpReply, TransportError } from "../lib/http.ts";
import { readableLine } from "../lib/errors.ts";
import type { Page, PatchType, Selection, WatchEvent } from "./client.ts";
import { KubeError } from "./errors.ts";
import { apiVersionOf, type KubeObject, type Resource, type Stored } from "./resource.ts";
import { errorOfStatus } from "./status.ts";

export const PATCH_CONTENT_TYPE: Readonly<Record<PatchType, string>> = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml", // JSON is YAML
};

/** A list as it comes. */
export interface List<T extends KubeObject> {
  readonly items?: Stored<T>[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** Items of a list lack what the list itself says: their kind. */
export function typed<T extends KubeObject>(kind: Resource<T>, object: Stored<T>): Stored<T> {
  object.apiVersion ??= apiVersionOf(kind);
  object.kind ??= kind.kind;
  return object;
}

/** What goes into a request: kind and version are there, the server's book-keeping of field owners is not. */
export function sendable<T extends KubeObject>(kind: Resource<T>, object: T): T {
  const { managedFields: _, ...metadata } = (object.metadata ?? {}) as NonNullable<T["metadata"]> & {
    managedFields?: unknown;
  };
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
}

/** A patch that only fits the object with this UID: a UID can't be changed, and the refusal names the field (status.ts). */
export function withUid(patch: unknown, type: PatchType, uid: string): unknown {
  if (type === "json") return [{ op: "add", path: "/metadata/uid", value: uid }, ...patch as unknown[]];
  const body = patch as KubeObject;
  return { ...body, metadata: { ...body.metadata, uid } };
}

/** A selection as query parameters. */
export function selectors(selection: Selection): Record<string, string | undefined> {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector };
}

/** A query with its question mark; "" without parameters. */
export function queryText(query: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/** What an answer's body says. Only a raw path may answer by plain text. @throws KubeError when it is no JSON */
export function jsonOf<Answer>(reply: HttpReply, ask: { method: string; path: string; kind: string }): Answer {
  const isRaw = ask.kind === "";
  if (isRaw && reply.headers["content-type"]?.startsWith("text/plain")) return reply.text as Answer;
  try {
    const value: unknown = JSON.parse(reply.text);
    if (isRaw || isRecord(value)) return value as Answer;
  } catch {
    // Not JSON: told below.
  }
  throw noObject(reply.status, `${ask.method} ${ask.path}`);
}

/** A page of a list. @throws KubeError when it is none, or holds what is no object */
export function listOf<T extends KubeObject>(kind: Resource<T>, answer: List<T>, request: string): Page<T> {
  const items: unknown = answer.items ?? [];
  const { resourceVersion = "", continue: next }: { resourceVersion?: unknown; continue?: unknown } = answer.metadata ??
    {};
  if (!Array.isArray(items) || typeof resourceVersion !== "string") throw noObject(200, request);
  for (const item of items) if (!isStored(item)) throw noObject(200, request);
  const page = { items: (items as Stored<T>[]).map((item) => typed(kind, item)), resourceVersion };
  return typeof next === "string" && next !== "" ? { ...page, continue: next } : page;
}

/** The event that a line of a watch's body is. @throws KubeError for an ERROR event, TransportError for what is none */
export function eventOf<T extends KubeObject>(kind: Resource<T>, line: string, request: string): WatchEvent<T> {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    // The parser's message quotes the line.
    throw new TransportError("reset", "the watch broke off in the middle of an event");
  }
  const { type, object } = isRecord(event) ? event : {};
  if (type === "ERROR") throw errorOfStatus(isRecord(object) ? object : {}, request);
  if (type === "BOOKMARK" && isRecord(object) && isRecord(object["metadata"])) {
    const { resourceVersion } = object["metadata"];
    if (typeof resourceVersion === "string") return { type, resourceVersion };
  }
  if (!isStored(object)) throw new TransportError("other", "what came is no event of a watch");
  if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") {
    return { type, object: typed(kind, object as Stored<T>) };
  }
  throw new TransportError("other", `a watch has no events of type ${readableLine(JSON.stringify(type))}`);
}

function noObject(status: number, request: string): KubeError {
  const message = "the answer is no Kubernetes object: is this an API server?";
  return new KubeError(message, { kind: "Other", status, reason: "BadReply", request });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether it has what every stored object has: all that reads one relies on it. */
function isStored(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value["metadata"])) return false;
  const { name, uid, resourceVersion, namespace } = value["metadata"];
  return [name, uid, resourceVersion].every((field) => typeof field === "string") &&
    (namespace === undefined || typeof namespace === "string");
}
