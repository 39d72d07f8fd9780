/** Whether a client that knows a schema, and nothing more, can read an object. */
import type { JsonSchema } from "../../src/api/json_schema.ts";

/**
 * What in a value a strict reader of the schema stumbles on: fields that it does not know, values of another type, what
 * is asked for and not there. @param known paths of fields, with all that is in them, that are no matter
 */
export function undecodable(value: unknown, schema: JsonSchema, known: readonly string[] = [], path = ""): string[] {
  if (known.includes(path)) return [];
  const at = path === "" ? "the object" : path;
  if (schema["x-kubernetes-int-or-string"]) {
    return typeof value === "string" || Number.isInteger(value) ? [] : [`${at}: neither a number nor a text`];
  }
  switch (schema.type) {
    case "array":
      if (!Array.isArray(value)) return [`${at}: no list`];
      return value.flatMap((item) => undecodable(item, schema.items ?? {}, known, `${path}[]`));
    case "object":
      return ofObject(value, schema, known, path);
    case "integer":
      return Number.isInteger(value) && Number(value) >= (schema.minimum ?? -Infinity) ? [] : [`${at}: no integer`];
    case "string": {
      const isTime = schema.format !== "date-time" || !Number.isNaN(Date.parse(String(value)));
      return typeof value === "string" && isTime ? [] : [`${at}: no ${schema.format ?? "text"}`];
    }
    case "number":
      return typeof value === "number" ? [] : [`${at}: no number`];
    case "boolean":
      return typeof value === "boolean" ? [] : [`${at}: no boolean`];
    case undefined:
      return [];
  }
}

function ofObject(value: unknown, schema: JsonSchema, known: readonly string[], path: string): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path}: no object`];
  const { properties, additionalProperties, required = [] } = schema;
  const missing = required.filter((name) => !(name in value)).map((name) => `${path}.${name}: not there`);
  // A schema without fields says that anything may be in it.
  if (!properties && !additionalProperties) return missing;
  return [
    ...missing,
    ...Object.entries(value).flatMap(([name, part]) => {
      const own = path === "" ? name : `${path}.${name}`;
      const field = properties?.[name] ?? additionalProperties;
      if (field) return undecodable(part, field, known, own);
      return known.includes(own) ? [] : [`${own}: unknown`];
    }),
  ];
}
