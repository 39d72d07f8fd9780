/** Discovery: which groups, versions and resources there are, in the old form and the aggregated one. */
import type { Registry } from "./kinds.ts";
import { groupVersion, type Kind } from "./types.ts";

export const KUBERNETES_VERSION = { major: "1", minor: "37", gitVersion: "v1.37.0-sim" };

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS = ["get", "patch", "update"];

/** Subresources beside status, with their kinds and verbs. */
const OTHERS: Readonly<Record<string, readonly { name: string; group: string; version: string; kind: string }[]>> = {
  pods: [
    { name: "binding", group: "", version: "v1", kind: "Binding" },
    { name: "eviction", group: "policy", version: "v1", kind: "Eviction" },
    { name: "log", group: "", version: "v1", kind: "Pod" },
  ],
  serviceaccounts: [{ name: "token", group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" }],
};

/** `/api`. */
export function coreVersions(): object {
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
}

/** `/apis`. */
export function groupList(registry: Registry): object {
  const groups = registry.groupVersions().filter(({ group }) => group !== "").map(({ group, version }) =>
    apiGroup(group, version)
  );
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

/** `/apis/GROUP`; undefined when it is not served. */
export function groupNamed(registry: Registry, name: string): object | undefined {
  const found = registry.groupVersions().find(({ group }) => group === name);
  return found && { kind: "APIGroup", apiVersion: "v1", ...apiGroup(found.group, found.version) };
}

function apiGroup(group: string, version: string): object {
  const named = { groupVersion: `${group}/${version}`, version };
  return { name: group, versions: [named], preferredVersion: named };
}

/** `/api/v1` and `/apis/GROUP/VERSION`; undefined when it is not served. */
export function resourceList(registry: Registry, group: string, version: string): object | undefined {
  const found = registry.groupVersions().find((item) => item.group === group && item.version === version);
  if (!found) return undefined;
  const name = group === "" ? version : `${group}/${version}`;
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: name, resources: found.kinds.flatMap(resourcesOf) };
}

function resourcesOf(kind: Kind): object[] {
  const { plural, singular, namespaced, shortNames, categories } = kind;
  const subresource = (name: string, verbs: readonly string[], of: object) => ({
    name: `${plural}/${name}`,
    singularName: "",
    namespaced,
    ...of,
    verbs,
  });
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind: kind.kind,
      verbs: VERBS,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    ...(kind.status ? [subresource("status", STATUS_VERBS, { kind: kind.kind })] : []),
    ...(OTHERS[plural] ?? []).map(({ name, group, version, kind }) =>
      subresource(name, [name === "log" ? "get" : "create"], { group, version, kind })
    ),
  ];
}

/** `/api` and `/apis` in the aggregated form. */
export function aggregated(registry: Registry, core: boolean): object {
  const items = registry.groupVersions().filter(({ group }) => (group === "") === core).map((found) => ({
    metadata: found.group === "" ? {} : { name: found.group },
    versions: [{ version: found.version, resources: found.kinds.map(aggregatedResource), freshness: "Current" }],
  }));
  return { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
}

function aggregatedResource(kind: Kind): object {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  const subresources = [
    ...(kind.status ? [{ subresource: "status", responseKind, verbs: STATUS_VERBS }] : []),
    ...(OTHERS[kind.plural] ?? []).map(({ name, ...responseKind }) => ({
      subresource: name,
      responseKind,
      verbs: [name === "log" ? "get" : "create"],
    })),
  ];
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: VERBS,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

/** `/openapi/v3`: one document for each group version. */
export function openApiIndex(registry: Registry): object {
  const paths = registry.groupVersions().map(({ group, version, kinds }) => {
    const path = group === "" ? `api/${version}` : `apis/${group}/${version}`;
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${kinds.map((kind) => kind.plural).join("-")}` }];
  });
  return { paths: Object.fromEntries(paths) };
}

/** `/openapi/v3/...` of one group version; undefined when it is not served. */
export function openApiDocument(registry: Registry, group: string, version: string): object | undefined {
  const found = registry.groupVersions().find((item) => item.group === group && item.version === version);
  if (!found) return undefined;
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: KUBERNETES_VERSION.gitVersion },
    paths: Object.fromEntries(found.kinds.flatMap(openApiPaths)),
    components: { schemas: Object.fromEntries(found.kinds.map((kind) => [schemaName(kind), openApiSchema(kind)])) },
  };
}

function schemaName({ group, version, kind }: Kind): string {
  const domain = group === "" ? "io.k8s.api.core" : group.split(".").reverse().join(".");
  return `${domain}.${version}.${kind}`;
}

function openApiSchema(kind: Kind): object {
  const own = kind.schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const text = (description: string) => ({ type: "string", description });
  return {
    ...own,
    properties: {
      ...own.properties,
      apiVersion: text("The versioned schema of this representation of an object."),
      kind: text("The REST resource that this object represents."),
      metadata: { type: "object", description: "Standard object's metadata." },
    },
    "x-kubernetes-group-version-kind": [{ group: kind.group, version: kind.version, kind: kind.kind }],
  };
}

/** Enough of the operations for kubectl: which kind a path has, and that the server can refuse unknown fields. */
function openApiPaths(kind: Kind): [string, object][] {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${groupVersion(kind)}`;
  const collection = `${root}/${kind.namespaced ? "namespaces/{namespace}/" : ""}${kind.plural}`;
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const schema = { $ref: `#/components/schemas/${schemaName(kind)}` };
  const responses = { "200": { description: "OK", content: { "application/json": { schema } } } };
  const query = (name: string) => ({ name, in: "query", schema: { type: "string", uniqueItems: true } });
  const action = (name: string, parameters: object[] = []) => ({
    "x-kubernetes-action": name,
    "x-kubernetes-group-version-kind": gvk,
    parameters,
    responses,
  });
  const write = [query("dryRun"), query("fieldManager"), query("fieldValidation")];
  return [
    [collection, { get: action("list"), post: action("post", write) }],
    [`${collection}/{name}`, {
      get: action("get"),
      put: action("put", write),
      patch: action("patch", write),
      delete: action("delete"),
    }],
  ];
}
