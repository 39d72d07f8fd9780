/** What the simulated API server stores, and how it describes a kind. */

/** Any JSON object. Stored values are never modified: a change makes a new object that shares what stays. */
export type Json = { readonly [field: string]: unknown };

export type Owner = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

/** Metadata as stored. */
export type Meta = {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly Owner[];
};

/** A stored object. */
export type Obj = {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: Meta;
  readonly [field: string]: unknown;
};

/** A column of a Table. `path` is a JSONPath as a CRD has it; `cell` computes what a path cannot. */
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  /** 0: always shown; more: with `-o wide`. */
  readonly priority?: number;
  readonly path?: string;
  readonly cell?: (object: Obj, now: number) => unknown;
};

/** A structural schema: the part of OpenAPI v3 that CRDs may use. */
export type Schema = {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
};

/** A kind that is served. */
export type Kind = {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Whether `/status` is a subresource: then the main resource leaves the status alone. */
  readonly status: boolean;
  /** Whether the kind is defined by a CustomResourceDefinition. */
  readonly custom: boolean;
  readonly schema?: Schema;
  /** Beyond the name and the age that every kind has. */
  readonly columns?: readonly Column[];
  /** Field labels that selectors may use, beside metadata.name and metadata.namespace. */
  readonly fields: readonly string[];
  /** Whether an update without a resourceVersion is taken. */
  readonly unconditionalUpdate: boolean;
  /** Whether deletion answers with the object that was deleted, not with a Status. */
  readonly returnsDeleted: boolean;
  /** Whether changes are counted in metadata.generation. */
  readonly counted: boolean;
};

/** `pods` or `runners.example.com`: how messages and storage name a resource. */
export function resourceName(kind: Kind): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

/** `v1` or `example.com/v1`. */
export function groupVersion(kind: Kind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** `value` as a JSON object, or undefined when it is anything else. */
export function asObject(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** `value` as an array, or an empty one. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What is at a path of field names. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here: unknown = value;
  for (const name of path) here = asObject(here)?.[name];
  return here;
}

/** A text at a path, or "". */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

/** Whether two JSON values are the same. Shared parts are not looked into. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => same(item, b[index]));
  }
  const left = asObject(a);
  const right = asObject(b);
  if (!left || !right) return false;
  const names = Object.keys(left).filter((name) => left[name] !== undefined);
  if (names.length !== Object.keys(right).filter((name) => right[name] !== undefined).length) return false;
  return names.every((name) => same(left[name], right[name]));
}

/** A copy of `object` without a field; the object itself when it has none. */
export function without<T extends Json>(object: T, field: string): T {
  if (!(field in object)) return object;
  const { [field]: _, ...rest } = object;
  return rest as T;
}
