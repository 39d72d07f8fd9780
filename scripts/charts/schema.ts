/** values.schema.json: what a value may look like. Keys that it does not know are let through: old files must go on working. */
import type { Entry } from "./values.ts";

interface Schema {
  readonly type?: readonly string[];
  readonly description?: string;
  readonly enum?: readonly (string | null)[];
  readonly pattern?: string;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  properties?: Record<string, Schema>;
}

const SCALAR = ["string", "number", "boolean"];

/** By the types' names in values.yaml. null is "not set" everywhere. */
const TYPES: Readonly<Record<string, Schema>> = {
  text: { type: [...SCALAR, "null"] },
  boolean: { type: ["boolean", "null"] },
  // `--set-string` gives digits as text
  integer: { type: ["number", "string", "null"], pattern: "^-?[0-9]*$" },
  "integer or text": { type: ["number", "string", "null"] },
  map: { type: ["object", "null"] },
  texts: { type: ["object", "null"], additionalProperties: { type: [...SCALAR, "null"] } },
  list: { type: ["array", "null"] },
  "list of texts": { type: ["array", "null"], items: { type: [...SCALAR, "null"] } },
  "list or map": { type: ["array", "object", "null"] },
  "list or text": { type: ["array", "string", "null"] },
  "map or text": { type: ["object", ...SCALAR, "null"] },
};

/** @throws Error at a type that is not known */
export function schemaOf(title: string, entries: readonly Entry[]): string {
  const root: Schema = { type: ["object"], properties: {} };
  for (const { path, type, choices, text } of entries) {
    const known = TYPES[type];
    if (!known) throw new Error(`${path.join(".")}: "${type}" is no type`);
    const limits = choices.length > 0 ? { type: ["string", "null"], enum: [...choices, "", null] } : known;
    const parent = path.slice(0, -1).reduce(inner, root);
    parent.properties![path.at(-1)!] = { description: text, ...limits };
  }
  return JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", title, ...root }, null, 2) + "\n";
}

function inner(schema: Schema, key: string): Schema {
  schema.properties ??= {};
  const found = schema.properties[key] ??= { type: ["object", "null"], properties: {} };
  found.properties ??= {};
  return found;
}
