/** What travels between us and an API server, and how our objects and patches become that. Pure. */
import { type HttpReply, TransportError } from "../lib/http.ts";
import type { PatchType, Selection, WatchEvent } from "./client.ts";
import { KubeError } from "./errors.ts";
import { apiVersionOf, type KubeObject, type Resource, type Stored } from "./resource.ts";
import { errorOfStatus, type Status } from "./status.ts";

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
    if (isRaw || (typeof value === "object" && value !== null)) return value as Answer;
  } catch {
    // Not JSON: told below.
  }
  const request = `${ask.method} ${ask.path}`;
  throw new KubeError("the answer is no Kubernetes object: is this an API server?", {
    kind: "Other",
    status: reply.status,
    reason: "BadReply",
    request,
  });
}

/** The event that a line of a watch's body is. @throws KubeError for an ERROR event, TransportError for what is none */
export function eventOf<T extends KubeObject>(kind: Resource<T>, line: string, request: string): WatchEvent<T> {
  let event: { type: string; object: Stored<T> };
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw new TransportError("reset", "the watch broke off in the middle of an event", cause);
  }
  const { type, object } = event;
  if (type === "ERROR") throw errorOfStatus((object ?? {}) as Status, request);
  if (!object?.metadata) throw new TransportError("other", "what came is no event of a watch");
  if (type === "BOOKMARK") return { type, resourceVersion: object.metadata.resourceVersion };
  if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") return { type, object: typed(kind, object) };
  throw new TransportError("other", `a watch has no events of type ${JSON.stringify(type)}`);
}
