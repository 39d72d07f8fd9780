/** The JSON Schema of custom resource definitions ("structural schema" in Kubernetes' documentation), and zod's as one. */
import * as z from "zod";
import { POD_TEMPLATE } from "./schema/shared.ts";

/** A structural schema: the keywords of it that we use. */
export interface JsonSchema {
  description?: string;
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  format?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message: string }[];
  "x-kubernetes-int-or-string"?: true;
  "x-kubernetes-list-type"?: "atomic" | "map" | "set";
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: "atomic" | "granular";
}

/** What zod gives: our keywords, and those that {@link structural} takes away. */
type ZodSchema = Omit<JsonSchema, "properties" | "items" | "additionalProperties"> & {
  properties?: Record<string, ZodSchema>;
  items?: ZodSchema;
  additionalProperties?: ZodSchema | boolean;
  enum?: unknown;
  [POD_TEMPLATE]?: "template" | "metadata" | "spec";
};

/**
 * The structural schema of a zod schema. Where it stands for a pod template, that part of `podTemplate` is put.
 * Closed sets of values are left open: other versions of the controller may know more of them.
 */
export function structuralSchema(schema: z.ZodType, podTemplate: JsonSchema): JsonSchema {
  const made = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", unrepresentable: "any" });
  return structural(made as ZodSchema, podTemplate);
}

function structural(schema: ZodSchema, podTemplate: JsonSchema): JsonSchema {
  const { [POD_TEMPLATE]: part, properties, items, additionalProperties, minimum, maximum, ...rest } = schema;
  if (part !== undefined) return { ...rest, ...partOf(podTemplate, part) };
  // JavaScript's own limits of a whole number are no limits of the field.
  delete rest.enum;
  const result: JsonSchema = rest;
  if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) result.minimum = minimum;
  if (maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER) result.maximum = maximum;
  if (items !== undefined) result.items = structural(items, podTemplate);
  if (properties !== undefined) {
    result.properties = mapValues(properties, (property) => structural(property, podTemplate));
  } else if (typeof additionalProperties === "object") {
    result.additionalProperties = structural(additionalProperties, podTemplate);
  }
  if (result.type === undefined) throw new Error(`no structural schema for ${JSON.stringify(schema)}`);
  return result;
}

function partOf(podTemplate: JsonSchema, part: "template" | "metadata" | "spec"): JsonSchema {
  const found = part === "template" ? podTemplate : podTemplate.properties?.[part];
  if (found === undefined) throw new Error(`the pod template has no ${part}`);
  return found;
}

/** A record with the same keys, in the same order, and other values. */
export function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
