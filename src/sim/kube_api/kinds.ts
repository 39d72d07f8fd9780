/** The kinds that are served: the built-in ones, and those of the CustomResourceDefinitions that are stored. */
import { BUILT_IN_COLUMNS } from "./columns.ts";
import { CORE_SCHEMAS } from "./core_schemas.ts";
import { asArray, asObject, at, type Column, type Kind, type Obj, type Schema, textAt } from "./types.ts";

type Special = Partial<Omit<Kind, "group" | "version" | "kind" | "plural">>;

function builtIn(group: string, version: string, kind: string, plural: string, special: Special = {}): Kind {
  const columns = BUILT_IN_COLUMNS[kind];
  const schema = CORE_SCHEMAS[kind];
  return {
    group,
    version,
    kind,
    plural,
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    status: false,
    custom: false,
    fields: [],
    unconditionalUpdate: true,
    returnsDeleted: false,
    counted: false,
    ...(columns ? { columns } : {}),
    ...(schema ? { schema } : {}),
    ...special,
  };
}

const EVENT_FIELDS = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"]
  .map((field) => `involvedObject.${field}`);
const POD_FIELDS = ["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"];
const RBAC = "rbac.authorization.k8s.io";

export const PODS = builtIn("", "v1", "Pod", "pods", {
  shortNames: ["po"],
  categories: ["all"],
  status: true,
  fields: [...POD_FIELDS, "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"],
  returnsDeleted: true,
  counted: true,
});
export const NAMESPACES = builtIn("", "v1", "Namespace", "namespaces", {
  shortNames: ["ns"],
  namespaced: false,
  status: true,
  fields: ["status.phase"],
  returnsDeleted: true,
});
export const SERVICE_ACCOUNTS = builtIn("", "v1", "ServiceAccount", "serviceaccounts", {
  shortNames: ["sa"],
  returnsDeleted: true,
});
export const QUOTAS = builtIn("", "v1", "ResourceQuota", "resourcequotas", {
  shortNames: ["quota"],
  status: true,
  returnsDeleted: true,
});
export const SECRETS = builtIn("", "v1", "Secret", "secrets", { fields: ["type"] });
export const CONFIG_MAPS = builtIn("", "v1", "ConfigMap", "configmaps", { shortNames: ["cm"] });
export const EVENTS = builtIn("", "v1", "Event", "events", {
  shortNames: ["ev"],
  fields: [...EVENT_FIELDS, "reason", "reportingComponent", "source", "type"],
});
export const BUDGETS = builtIn("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", {
  shortNames: ["pdb"],
  status: true,
  unconditionalUpdate: false,
  counted: true,
});
export const NODES = builtIn("", "v1", "Node", "nodes", {
  shortNames: ["no"],
  namespaced: false,
  status: true,
  fields: ["spec.unschedulable"],
});
export const CRDS = builtIn("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", {
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  namespaced: false,
  status: true,
  unconditionalUpdate: false,
  counted: true,
});

/** In the order of discovery. */
export const BUILT_IN: readonly Kind[] = [
  CONFIG_MAPS,
  EVENTS,
  NAMESPACES,
  NODES,
  PODS,
  QUOTAS,
  SECRETS,
  SERVICE_ACCOUNTS,
  CRDS,
  BUDGETS,
  builtIn("apps", "v1", "Deployment", "deployments", { shortNames: ["deploy"], status: true }),
  builtIn("coordination.k8s.io", "v1", "Lease", "leases", { unconditionalUpdate: false }),
  builtIn(RBAC, "v1", "Role", "roles"),
  builtIn(RBAC, "v1", "RoleBinding", "rolebindings"),
  builtIn(RBAC, "v1", "ClusterRole", "clusterroles", { namespaced: false }),
  builtIn(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", { namespaced: false }),
];

/** Built-in kinds that a PUT may create. */
export const CREATED_BY_PUT: ReadonlySet<string> = new Set([
  "leases",
  "roles",
  "rolebindings",
  "clusterroles",
  "clusterrolebindings",
]);

/** The kind that a stored CustomResourceDefinition defines: its version that is stored, when that is served. */
export function kindOfCrd(crd: Obj): Kind | undefined {
  const version = asArray(at(crd, "spec", "versions")).find((item) => at(item, "storage") === true);
  if (at(version, "served") !== true) return undefined;
  const names = asObject(at(crd, "spec", "names")) ?? {};
  const kind = textAt(names, "kind");
  const status = at(version, "subresources", "status") !== undefined;
  const columns = asArray(at(version, "additionalPrinterColumns")).map(columnOf);
  return {
    group: textAt(crd, "spec", "group"),
    version: textAt(version, "name"),
    kind,
    listKind: textAt(names, "listKind") || `${kind}List`,
    plural: textAt(names, "plural"),
    singular: textAt(names, "singular") || kind.toLowerCase(),
    shortNames: asArray(names.shortNames).map(String),
    categories: asArray(names.categories).map(String),
    namespaced: at(crd, "spec", "scope") === "Namespaced",
    status,
    custom: true,
    schema: (at(version, "schema", "openAPIV3Schema") ?? {}) as Schema,
    fields: asArray(at(version, "selectableFields")).map((field) => textAt(field, "jsonPath").replace(/^\./, "")),
    unconditionalUpdate: false,
    returnsDeleted: false,
    counted: true,
    ...(columns.length > 0 ? { columns } : {}),
  };
}

function columnOf(column: unknown): Column {
  const path = textAt(column, "jsonPath");
  const priority = at(column, "priority");
  return {
    name: textAt(column, "name"),
    type: textAt(column, "type"),
    format: textAt(column, "format"),
    description: textAt(column, "description") || `Custom resource definition column (in JSONPath format): ${path}`,
    priority: typeof priority === "number" ? priority : 0,
    path,
  };
}

/** Which kinds are served now. */
export class Registry {
  readonly #kinds = new Map<string, Kind>();
  /** How many kinds each group version has. */
  readonly #served = new Map<string, number>();

  constructor() {
    for (const kind of BUILT_IN) this.add(kind);
  }

  add(kind: Kind): void {
    const version = `${kind.group}/${kind.version}`;
    const key = `${version}/${kind.plural}`;
    if (!this.#kinds.has(key)) this.#served.set(version, (this.#served.get(version) ?? 0) + 1);
    this.#kinds.set(key, kind);
  }

  remove(kind: Kind): void {
    const version = `${kind.group}/${kind.version}`;
    if (this.#kinds.delete(`${version}/${kind.plural}`)) this.#served.set(version, this.#served.get(version)! - 1);
  }

  /** Whether a group version has any kind. */
  serves(group: string, version: string): boolean {
    return (this.#served.get(`${group}/${version}`) ?? 0) > 0;
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#kinds.get(`${group}/${version}/${plural}`);
  }

  /** Whether a group's kinds come from CRDs. */
  isCustom(group: string): boolean {
    return this.all().some((kind) => kind.group === group && kind.custom);
  }

  /** The kind that an owner reference or an object names. */
  ofObject(apiVersion: string, kindName: string): Kind | undefined {
    for (const kind of this.#kinds.values()) {
      if (kind.kind === kindName && (kind.group ? `${kind.group}/${kind.version}` : kind.version) === apiVersion) {
        return kind;
      }
    }
    return undefined;
  }

  all(): Kind[] {
    return [...this.#kinds.values()];
  }

  /** The served group versions, the core group first. */
  groupVersions(): { group: string; version: string; kinds: Kind[] }[] {
    const found = new Map<string, { group: string; version: string; kinds: Kind[] }>();
    for (const kind of this.#kinds.values()) {
      const key = `${kind.group}/${kind.version}`;
      const entry = found.get(key) ?? { group: kind.group, version: kind.version, kinds: [] };
      entry.kinds.push(kind);
      found.set(key, entry);
    }
    return [...found.values()].sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0));
  }
}
