/** From a request to its answer: each path and verb to what does it. */
import { load } from "js-yaml";
import type { HttpRequest, HttpResponse } from "../../lib/http.ts";
import { emptyReply } from "../http.ts";
import { deleteOptions, remove } from "./deletes.ts";
import {
  aggregated,
  coreVersions,
  groupList,
  groupNamed,
  KUBERNETES_VERSION,
  openApiDocument,
  openApiIndex,
  resourceList,
} from "./discovery.ts";
import { patch } from "./patching.ts";
import { fromProtobuf, PROTOBUF } from "./protobuf.ts";
import { list, listText, rowObjectOf, type Selected, selectedEntries, watch } from "./reads.ts";
import { plain, reply, stream } from "./reply.ts";
import { type Format, formatOf, type Route, routeOf, verbOf } from "./requests.ts";
import { badRequest, StatusError, unsupportedMediaType } from "./status.ts";
import type { Entry } from "./storage.ts";
import { subresource, type Tokens } from "./subresources.ts";
import { partialText, Printer } from "./table.ts";
import type { Kind } from "./types.ts";
import type { Watch } from "./watch.ts";
import { existing, type World } from "./world.ts";
import { create, replace, type WriteOptions } from "./writes.ts";

/** What a review of access asks for. */
export interface ReviewedAttributes {
  readonly verb?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

/** What the handlers need from the server. */
export interface Hooks {
  /** Whether a review is answered with no. @param user undefined: whoever asks */
  denies(attributes: ReviewedAttributes, user?: string): boolean;
  lagOf(plural: string): number;
  opened(watch: Watch): void;
  closed(watch: Watch): void;
  /** Who sent a request. */
  userOf(request: HttpRequest): string | undefined;
}

const BODY_TYPES = ["application/json", "application/yaml", PROTOBUF];

export class Handlers {
  readonly #world: World;
  readonly #tokens: Tokens;
  readonly #hooks: Hooks;

  constructor(world: World, tokens: Tokens, hooks: Hooks) {
    this.#world = world;
    this.#tokens = tokens;
    this.#hooks = hooks;
  }

  /** @throws StatusError */
  handle(request: HttpRequest): HttpResponse {
    const { path, query } = addressOf(request.url);
    const general = this.#general(request, path);
    if (general) return general;
    const route = /^\/apis?\//.test(path) ? routeOf(this.#world.registry, path) : undefined;
    if (!route) return plain(404, "404 page not found\n");
    return this.#resource(request, route, query);
  }

  /** What is no resource: health, version, discovery, OpenAPI, reviews of access. */
  #general(request: HttpRequest, path: string): HttpResponse | undefined {
    const { registry } = this.#world;
    if (/^\/(healthz|livez|readyz)(\/.*)?$/.test(path)) return plain(200, "ok");
    if (path === "/version") return json(200, versionInfo());
    if (path === "/api" || path === "/apis") {
      if (formatOf(request).as === "Discovery") return discovery(aggregated(registry, path === "/api"));
      return json(200, path === "/api" ? coreVersions() : groupList(registry));
    }
    const parts = path.split("/").slice(1);
    if (path === "/openapi/v3") return json(200, openApiIndex(registry));
    if (path.startsWith("/openapi/v3/")) return found(openApiDocument(registry, ...groupVersionOf(parts.slice(2))));
    if (parts[0] === "api" && parts.length === 2) return found(resourceList(registry, "", parts[1]!));
    if (parts[0] === "apis" && parts.length === 2) return found(groupNamed(registry, parts[1]!));
    if (parts[0] === "apis" && parts.length === 3) return found(resourceList(registry, parts[1]!, parts[2]!));
    const review = /^\/apis\/authorization\.k8s\.io\/v1\/(self)?subjectaccessreviews$/.exec(path);
    if (review) {
      return json(201, reviewed(request, review[1] ? "SelfSubjectAccessReview" : "SubjectAccessReview", this.#hooks));
    }
    if (path === "/apis/authentication.k8s.io/v1/selfsubjectreviews") {
      return json(201, self(this.#hooks.userOf(request)));
    }
    return undefined;
  }

  #resource(request: HttpRequest, route: Route, query: URLSearchParams): HttpResponse {
    const { kind, namespace, name } = route;
    const isStatus = route.subresource === "status" && kind.status;
    if (route.subresource !== "" && !isStatus && !(kind.plural === "namespaces" && route.subresource === "finalize")) {
      const { code, body } = subresource(this.#world, this.#tokens, request.method, route, bodyOf(request));
      return body ? json(code, body) : emptyReply(code);
    }
    const verb = verbOf(request.method, route, query);
    const format = formatOf(request, kind.custom);
    const selected: Selected = { kind, namespace, query };
    switch (verb) {
      case "get":
        return this.#one(200, kind, existing(this.#world, kind, namespace, name), format, query);
      case "list":
        return reply(200, list(this.#world, selected, format), undefined, format.yaml);
      case "watch":
        return this.#watch(request, selected, format);
      case "delete":
        return this.#delete(request, route, query, format);
      case "deletecollection":
        return this.#deleteAll(request, selected, format);
      default:
        return this.#write(request, route, verb, format, query);
    }
  }

  #write(
    request: HttpRequest,
    route: Route,
    verb: "create" | "update" | "patch",
    format: Format,
    query: URLSearchParams,
  ): HttpResponse {
    const options: WriteOptions = {
      dryRun: query.get("dryRun") === "All",
      strict: query.get("fieldValidation") === "Strict",
    };
    const world = this.#world;
    const type = contentType(request);
    const written = verb === "create"
      ? create(world, route, bodyOf(request), options)
      : verb === "update"
      ? replace(world, route, bodyOf(request), options)
      : patch(world, route, type, request.body ?? "", { ...options, fieldManager: query.get("fieldManager") ?? "" });
    return this.#one(written.created ? 201 : 200, route.kind, written.entry, format, query);
  }

  #delete(request: HttpRequest, route: Route, query: URLSearchParams, format: Format): HttpResponse {
    const { kind } = route;
    const { entry, gone } = remove(this.#world, route, deleteOptions(bodyOf(request), query));
    if (!gone || kind.returnsDeleted) return this.#one(200, kind, entry, format, query);
    const details = {
      name: route.name,
      ...(kind.group === "" ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: entry.object.metadata.uid,
    };
    return json(200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
  }

  #deleteAll(request: HttpRequest, selected: Selected, format: Format): HttpResponse {
    const { kind, query } = selected;
    const options = deleteOptions(bodyOf(request), query);
    const entries = selectedEntries(this.#world, selected); // the answer is what was there before
    for (const { object } of entries) {
      const { namespace = "", name } = object.metadata;
      remove(this.#world, { kind, namespace, name }, options);
    }
    const meta = { resourceVersion: String(this.#world.storage.version) };
    return reply(200, listText(this.#world, selected, entries, meta, format), undefined, format.yaml);
  }

  #watch(request: HttpRequest, selected: Selected, format: Format): HttpResponse {
    const { plural } = selected.kind;
    const opened = watch(this.#world, selected, format, {
      signal: request.signal,
      lag: () => this.#hooks.lagOf(plural),
      closed: (closed) => this.#hooks.closed(closed),
    });
    this.#hooks.opened(opened);
    return stream(opened);
  }

  #one(code: number, kind: Kind, entry: Entry, format: Format, query: URLSearchParams): HttpResponse {
    if (format.as === "Object") return reply(code, entry.text, undefined, format.yaml);
    if (format.as !== "Table") return reply(code, partialText(entry), undefined, format.yaml);
    const meta = { resourceVersion: String(entry.version) };
    const text = new Printer(kind).table([entry], meta, rowObjectOf(query), this.#world.clock.now());
    return reply(code, text, undefined, format.yaml);
  }
}

function addressOf(url: string): { path: string; query: URLSearchParams } {
  const { pathname, searchParams } = new URL(url);
  return { path: pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname, query: searchParams };
}

function groupVersionOf(parts: readonly string[]): [string, string] {
  return parts[0] === "api" ? ["", parts[1] ?? ""] : [parts[1] ?? "", parts[2] ?? ""];
}

function json(code: number, value: object): HttpResponse {
  return reply(code, JSON.stringify(value));
}

function found(value: object | undefined): HttpResponse {
  return value ? json(200, value) : plain(404, "404 page not found\n");
}

function discovery(value: object): HttpResponse {
  const response = json(200, value);
  const type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  return { ...response, headers: { ...response.headers, "content-type": type } };
}

function versionInfo(): object {
  return { ...KUBERNETES_VERSION, gitCommit: "", gitTreeState: "clean", platform: "simulated/none" };
}

function self(username = ""): object {
  const userInfo = { username, groups: ["system:authenticated"] };
  return { kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1", metadata: {}, status: { userInfo } };
}

/** There is no RBAC: everything is allowed but what a test denies, and that in reviews alone. */
function reviewed(request: HttpRequest, kind: string, { denies }: Hooks): object {
  const asked = bodyOf(request);
  const spec = (typeof asked === "object" && asked !== null && "spec" in asked ? asked.spec : {}) as ReviewSpec;
  const allowed = !denies(spec.resourceAttributes ?? {}, spec.user);
  return { kind, apiVersion: "authorization.k8s.io/v1", spec, status: { allowed } };
}

interface ReviewSpec {
  readonly resourceAttributes?: ReviewedAttributes;
  readonly user?: string;
}

function contentType(request: HttpRequest): string {
  return (request.headers["content-type"] ?? "").split(";", 1)[0]!.trim();
}

/** The body, parsed. @throws StatusError 400, 415 */
function bodyOf(request: HttpRequest): unknown {
  const { body = "" } = request;
  if (body === "") return undefined;
  const type = contentType(request) || "application/json";
  if (type === PROTOBUF) return fromProtobuf(body);
  if (type !== "application/json" && type !== "application/yaml") throw unsupportedMediaType(BODY_TYPES);
  try {
    return type === "application/yaml" ? load(body) : JSON.parse(body);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw badRequest("the object provided is unrecognized: couldn't get version/kind; json parse error");
  }
}
