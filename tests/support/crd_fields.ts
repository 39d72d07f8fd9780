import type { CustomResourceDefinition } from "../../src/api/crd.ts";
import type { JsonSchema } from "../../src/api/json_schema.ts";

/** The schema of a kind's objects. */
export function schemaOf(definition: CustomResourceDefinition): JsonSchema {
  return definition.spec.versions[0]!.schema.openAPIV3Schema;
}

/** The schema at a path of field names. */
export function at(schema: JsonSchema, ...path: string[]): JsonSchema {
  return path.reduce((found, name) => {
    const next = found.properties?.[name];
    if (next === undefined) throw new Error(`there is no ${name} in ${path.join(".")}`);
    return next;
  }, schema);
}

/** A field of a kind: `spec.a[].b`; `[]` is an item of a list, `{}` a value of a map. */
export interface Field {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** All fields of a schema, depth first. Those whose path is in `opaque` are named, but not what is in them. */
export function fieldsOf(schema: JsonSchema, opaque: readonly string[], path = ""): Field[] {
  if (opaque.includes(path)) return [];
  const { properties = {}, required = [], items, additionalProperties } = schema;
  const own = Object.entries(properties).map(([name, field]) => ({
    path: path === "" ? name : `${path}.${name}`,
    schema: field,
    required: required.includes(name),
  }));
  if (items) own.push({ path: `${path}[]`, schema: items, required: false });
  if (additionalProperties) own.push({ path: `${path}{}`, schema: additionalProperties, required: false });
  return own.flatMap((field) => [field, ...fieldsOf(field.schema, opaque, field.path)]);
}

/** A line for each field: its path, type and what is asked of it: `spec.a[].b: string, required`. */
export function fieldLines(schema: JsonSchema, opaque: readonly string[]): string[] {
  return fieldsOf(schema, opaque).map((field) => `${field.path}: ${wordsOf(field)}`);
}

function wordsOf({ schema, required }: Field): string {
  const words = [schema["x-kubernetes-int-or-string"] ? "int-or-string" : schema.type ?? "nothing"];
  if (schema.format !== undefined) words.push(schema.format);
  if (required) words.push("required");
  if (schema.minimum !== undefined) words.push(`minimum ${schema.minimum}`);
  if (schema.default !== undefined) words.push(`default ${JSON.stringify(schema.default)}`);
  return words.join(", ");
}

/** Where pod templates are, and an object's metadata: their fields are Kubernetes' own. */
export const NOT_OURS = [
  "metadata",
  "spec.template",
  "spec.listenerTemplate",
  "spec.metadata",
  "spec.spec",
  "spec.ephemeralRunnerSpec.metadata",
  "spec.ephemeralRunnerSpec.spec",
];
