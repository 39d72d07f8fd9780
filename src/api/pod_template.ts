/** From the OpenAPI document of an API server to the structural schema of a pod template. */
import { type JsonSchema, mapValues } from "./json_schema.ts";

/** A schema of an OpenAPI v3 document, as far as Kubernetes uses it for its own types. */
export interface OpenApiSchema {
  $ref?: string;
  allOf?: OpenApiSchema[];
  properties?: Record<string, OpenApiSchema>;
  items?: OpenApiSchema;
  additionalProperties?: OpenApiSchema;
  required?: string[];
  default?: unknown;
  "x-kubernetes-list-map-keys"?: string[];
  [keyword: string]: unknown;
}

/** What `/openapi/v3/api/v1` answers. */
export interface OpenApiDocument {
  components: { schemas: Record<string, OpenApiSchema> };
}

const POD_TEMPLATE_SPEC = "io.k8s.api.core.v1.PodTemplateSpec";
const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** Of an object's metadata, what a template of one can say; the rest is the API server's. */
const TEMPLATE_METADATA = ["annotations", "finalizers", "labels", "name", "namespace"];

/** Types that are a number or a text. */
const INT_OR_STRING = new Set([
  "io.k8s.apimachinery.pkg.api.resource.Quantity",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
]);

/** Keywords that a structural schema keeps as they are. */
const KEPT = new Set([
  "type",
  "format",
  "required",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
]);

/**
 * Keywords that it loses: texts (for size), sets of values (a later Kubernetes may know more), defaults (the API
 * server sets them on the pod; in a template they would show as changes), and what only typed clients understand.
 */
const DROPPED = new Set([
  "description",
  "enum",
  "default",
  "x-kubernetes-patch-strategy",
  "x-kubernetes-patch-merge-key",
  "x-kubernetes-unions",
]);

/**
 * The structural schema of PodTemplateSpec.
 * @throws Error when the document says something that this does not know how to carry over
 */
export function podTemplateSchema(document: OpenApiDocument): JsonSchema {
  return structuralOf({ $ref: POD_TEMPLATE_SPEC }, document, []);
}

/** The schema that a reference means, and the name of its type. */
function resolve(schema: OpenApiSchema, document: OpenApiDocument): { name?: string; schema: OpenApiSchema } {
  const ref = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
  if (ref === undefined) return { schema };
  const name = ref.slice(ref.lastIndexOf("/") + 1);
  const target = document.components.schemas[name];
  if (target === undefined) throw new Error(`the document has no ${name}`);
  return { name, schema: name === OBJECT_META ? templateMetadata(target) : target };
}

/** Whether a type is written as a number or as a text. */
function isIntOrString(name: string | undefined): boolean {
  return name !== undefined && INT_OR_STRING.has(name);
}

function templateMetadata(metadata: OpenApiSchema): OpenApiSchema {
  const entries = TEMPLATE_METADATA.map((key) => [key, metadata.properties?.[key] ?? {}] as const);
  return { type: "object", properties: Object.fromEntries(entries) };
}

function structuralOf(from: OpenApiSchema, document: OpenApiDocument, within: readonly string[]): JsonSchema {
  const { name, schema } = resolve(from, document);
  if (isIntOrString(name)) return { "x-kubernetes-int-or-string": true };
  if (name !== undefined && within.includes(name)) throw new Error(`${name} is within itself`);
  const path = name === undefined ? within : [...within, name];
  const { properties, items, additionalProperties, ...keywords } = schema;

  const result: JsonSchema = {};
  for (const [keyword, value] of Object.entries(keywords)) {
    if (KEPT.has(keyword)) Object.assign(result, { [keyword]: value });
    else if (!DROPPED.has(keyword)) throw new Error(`${path.at(-1)} has the unknown keyword ${keyword}`);
  }
  if (properties !== undefined) result.properties = mapValues(properties, (it) => structuralOf(it, document, path));
  if (additionalProperties !== undefined) {
    result.additionalProperties = structuralOf(additionalProperties, document, path);
  }
  if (items !== undefined) {
    result.items = structuralOf(items, document, path);
    keepKeyDefaults(result, resolve(items, document).schema);
  }
  if (result.type === undefined) throw new Error(`${path.at(-1)} has a field without a type`);
  if (result.type === "object" && !properties && !additionalProperties) throw new Error(`${path.at(-1)} is opaque`);
  return result;
}

/** The keys of a list that is a map must be required or have a default: here their defaults come back. */
function keepKeyDefaults(list: JsonSchema, items: OpenApiSchema): void {
  for (const key of list["x-kubernetes-list-map-keys"] ?? []) {
    const target = list.items?.properties?.[key];
    const value = items.properties?.[key]?.default;
    if (target !== undefined && value !== undefined && !items.required?.includes(key)) target.default = value;
  }
}
