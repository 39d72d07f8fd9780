/** Kubernetes objects and kinds in general: what is true of every one of them. */
import type {
  V1ConfigMap,
  V1Lease,
  V1Namespace,
  V1Pod,
  V1PodDisruptionBudget,
  V1PodTemplateSpec,
  V1Role,
  V1RoleBinding,
  V1Secret,
  V1ServiceAccount,
} from "@kubernetes/client-node";

/** A type of client-node as it travels: its dates are RFC 3339 texts. */
export type Wire<T> = T extends Date ? string
  : T extends (infer Item)[] ? Wire<Item>[]
  : T extends object ? { [Key in keyof T]: Wire<T[Key]> }
  : T;

/** Who an object belongs to. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** The metadata that this program reads and writes. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** Any object. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** An object as the API server returns it: named, identified and versioned. */
export type Stored<T extends KubeObject> = T & {
  metadata: ObjectMeta & { name: string; uid: string; resourceVersion: string };
};

/** A kind, and where the API server serves it. `T` is the type of its objects. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never there: carries `T` through inference. */
  readonly objects?: T;
}

/** Describes a namespaced kind. */
export function resource<T extends KubeObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
): Resource<T> {
  return { group, version, kind, plural, namespaced: true };
}

export type Pod = Omit<Wire<V1Pod>, "metadata"> & KubeObject;
export type PodTemplate = Omit<Wire<V1PodTemplateSpec>, "metadata"> & { metadata?: ObjectMeta };
export type Secret = Omit<Wire<V1Secret>, "metadata"> & KubeObject;
export type ConfigMap = Omit<Wire<V1ConfigMap>, "metadata"> & KubeObject;
export type ServiceAccount = Omit<Wire<V1ServiceAccount>, "metadata"> & KubeObject;
export type Role = Omit<Wire<V1Role>, "metadata"> & KubeObject;
export type RoleBinding = Omit<Wire<V1RoleBinding>, "metadata"> & KubeObject;
export type PodDisruptionBudget = Omit<Wire<V1PodDisruptionBudget>, "metadata"> & KubeObject;
export type Lease = Omit<Wire<V1Lease>, "metadata"> & KubeObject;
export type Namespace = Omit<Wire<V1Namespace>, "metadata"> & KubeObject;

export const PODS = resource<Pod>("", "v1", "Pod", "pods");
export const SECRETS = resource<Secret>("", "v1", "Secret", "secrets");
export const CONFIG_MAPS = resource<ConfigMap>("", "v1", "ConfigMap", "configmaps");
export const SERVICE_ACCOUNTS = resource<ServiceAccount>("", "v1", "ServiceAccount", "serviceaccounts");
export const ROLES = resource<Role>("rbac.authorization.k8s.io", "v1", "Role", "roles");
export const ROLE_BINDINGS = resource<RoleBinding>("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings");
export const POD_DISRUPTION_BUDGETS = resource<PodDisruptionBudget>(
  "policy",
  "v1",
  "PodDisruptionBudget",
  "poddisruptionbudgets",
);
export const LEASES = resource<Lease>("coordination.k8s.io", "v1", "Lease", "leases");

/** `group/version`, or `version` for the core group, as objects carry it. */
export function apiVersionOf(kind: Resource): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** The path of a collection, or of one object, or of a subresource of it. */
export function pathOf(kind: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const parts = [root];
  if (kind.namespaced && namespace !== undefined) parts.push("namespaces", encodeURIComponent(namespace));
  parts.push(kind.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join("/");
}

/** Where one object is. */
export interface ObjectRef {
  readonly namespace?: string;
  readonly name: string;
  /** When given, only the object with this UID is meant. */
  readonly uid?: string;
}

/** The reference of an object that the API server returned. */
export function refOf(object: KubeObject): ObjectRef & { uid: string } {
  const { namespace, name, uid } = object.metadata ?? {};
  return { namespace, name: name ?? "", uid: uid ?? "" };
}

/** `namespace/name`: the key of an object in queues and stores. A cluster-wide object's is `/name`. */
export function keyOf(object: KubeObject | ObjectRef): string {
  const { namespace = "", name = "" } = "metadata" in object ? object.metadata ?? {} : (object as ObjectRef);
  return `${namespace}/${name}`;
}

/** The parts of a key. */
export function refOfKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The owner that controls an object, if any. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((owner) => owner.controller === true);
}

/** The owner reference that makes `owner` the controller of an object. */
export function controlledBy(kind: Resource, owner: KubeObject): OwnerReference {
  const { name, uid } = refOf(owner);
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whether somebody has asked for the object to go. */
export function isDeleting(object: KubeObject): boolean {
  return object.metadata?.deletionTimestamp !== undefined;
}

/**
 * Whether an object that a delete, or the removal of its last finalizer, has returned is still there afterwards. The
 * API server also returns objects that are gone: for most kinds a Status, for pods and service accounts their last state.
 */
export function isThereAfterDelete(answer: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = answer.metadata ?? {};
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds > 0 || finalizers.length > 0);
}

/**
 * Whether resource version `a` is newer than `b`. API servers since Kubernetes 1.35 promise that versions of one
 * kind can be compared as numbers, and older ones on etcd behave so.
 */
export function isNewer(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || a === "") return false;
  if (b === undefined || b === "") return true;
  return a.length === b.length ? a > b : a.length > b.length;
}
