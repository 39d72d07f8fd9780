/** Reads what is asked: the path of a resource, its verb, and how the answer is to look. */
import type { HttpRequest } from "../../lib/http.ts";
import type { Registry } from "./kinds.ts";
import { methodNotAllowed, noSuchResource, notAcceptable } from "./status.ts";
import type { Kind } from "./types.ts";

/** A path below /api or /apis that names a resource. */
export interface Route {
  readonly kind: Kind;
  /** "" for all namespaces, and for what belongs to none. */
  readonly namespace: string;
  /** "" for a collection. */
  readonly name: string;
  readonly subresource: string;
}

/**
 * The resource that a path names; undefined when the path names none at all (not even one that is missing).
 * @throws StatusError 404 for a resource that a served group does not have
 */
export function routeOf(registry: Registry, path: string): Route | undefined {
  const parts = (path.includes("%") ? path.split("/").map(decodeURIComponent) : path.split("/")).slice(1);
  const core = parts[0] === "api";
  const group = core ? "" : parts[1] ?? "";
  const version = (core ? parts[1] : parts[2]) ?? "";
  const rest = parts.slice(core ? 2 : 3);
  if (!registry.serves(group, version)) {
    if (core) throw noSuchResource();
    return undefined;
  }
  const spaced = rest[0] === "namespaces" && rest.length >= 3 && !["status", "finalize"].includes(rest[2]!);
  const [plural = "", name = "", ...below] = spaced ? rest.slice(2) : rest;
  const kind = registry.find(group, version, plural);
  // a group that CRDs define answers as if there were no path
  if (!kind && registry.isCustom(group)) return undefined;
  if (!kind || (spaced && !kind.namespaced) || (!spaced && kind.namespaced && name !== "")) throw noSuchResource();
  return { kind, namespace: spaced ? rest[1]! : "", name, subresource: below.join("/") };
}

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

/** What a request does to a resource. @throws StatusError 405 */
export function verbOf(method: string, route: Route, query: URLSearchParams): Verb {
  const named = route.name !== "";
  switch (method) {
    case "GET":
      return isTrue(query.get("watch")) && !named ? "watch" : named ? "get" : "list";
    case "POST":
      if (!named && (!route.kind.namespaced || route.namespace !== "")) return "create";
      break;
    case "PUT":
      if (named) return "update";
      break;
    case "PATCH":
      if (named) return "patch";
      break;
    case "DELETE":
      if (route.subresource !== "") break;
      if (named) return "delete";
      if (!route.kind.namespaced || route.namespace !== "") return "deletecollection";
  }
  throw methodNotAllowed();
}

/** Whether a query parameter says yes. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "" && value !== "0" && value !== "false";
}

/** How an answer is to look. */
export interface Format {
  readonly as: "Object" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList" | "Discovery";
  readonly yaml: boolean;
}

const TYPES = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/** The first form that is wanted and can be had; protobuf cannot. @throws StatusError 406 */
export function formatOf(request: HttpRequest, custom = false): Format {
  const accept = request.headers["accept"] ?? "";
  if (accept === "application/json" || accept.trim() === "") return { as: "Object", yaml: false };
  for (const wish of accept.split(",")) {
    const [type = "", ...parameters] = wish.split(";").map((part) => part.trim());
    if (!["application/json", "application/yaml", "*/*", "application/*"].includes(type)) continue;
    const as = parameters.find((parameter) => parameter.startsWith("as="))?.slice(3);
    const yaml = type === "application/yaml";
    if (as === undefined) return { as: "Object", yaml };
    if (as === "Table" || as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return { as, yaml };
    if (as === "APIGroupDiscoveryList" && parameters.includes("v=v2")) return { as: "Discovery", yaml };
  }
  throw notAcceptable(TYPES, custom);
}
