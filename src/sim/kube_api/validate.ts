/** Validation by structural schemas, in the API server's words. `x-kubernetes-validations` (CEL) is not evaluated. */
import { duplicate, type FieldError, invalidValue, required, unsupported, wrongType } from "./status.ts";
import { asObject, type Json, same, type Schema } from "./types.ts";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** `metav1.MicroTime` takes six digits of a second, no more and no fewer. */
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;

/** What is wrong with `value`. `path` names it in messages. */
export function validate(value: unknown, schema: Schema, path = ""): FieldError[] {
  const errors: FieldError[] = [];
  check(value, schema, path, errors);
  return errors;
}

function check(value: unknown, schema: Schema, path: string, errors: FieldError[]): void {
  if (value === undefined) return;
  if (value === null) {
    if (schema.nullable || !schema.type) return;
    errors.push(wrongType(path, "null", `${path} in body must be of type ${schema.type}: "null"`));
    return;
  }
  if (!hasType(value, schema)) {
    const type = schema["x-kubernetes-int-or-string"] ? "integer,string" : schema.type!;
    const given = typeOf(value);
    errors.push(wrongType(path, given, `${path} in body must be of type ${type}: "${given}"`));
    return;
  }
  if (schema.enum && !schema.enum.some((allowed) => same(allowed, value))) {
    errors.push(unsupported(path, value, schema.enum));
  }
  if (typeof value === "number") checkNumber(value, schema, path, errors);
  else if (typeof value === "string") checkText(value, schema, path, errors);
  else if (Array.isArray(value)) checkList(value, schema, path, errors);
  else checkObject(value as Json, schema, path, errors);
  checkCombinations(value, schema, path, errors);
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function hasType(value: unknown, schema: Schema): boolean {
  const type = typeOf(value);
  if (schema["x-kubernetes-int-or-string"]) return type === "integer" || type === "string";
  return !schema.type || schema.type === type || (schema.type === "number" && type === "integer");
}

function checkNumber(value: number, schema: Schema, path: string, errors: FieldError[]): void {
  const { minimum, maximum, format } = schema;
  const refuse = (what: string) => errors.push(invalidValue(path, value, `${path} in body should be ${what}`));
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum ? value <= minimum : value < minimum) {
      refuse(schema.exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`);
    }
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum ? value >= maximum : value > maximum) {
      refuse(schema.exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`);
    }
  }
  if (format === "int32" && (value > 2 ** 31 - 1 || value < -(2 ** 31))) {
    errors.push(invalidValue(path, value, `${path} in body must be of type int32: "integer"`));
  }
}

function checkText(value: string, schema: Schema, path: string, errors: FieldError[]): void {
  const { minLength, maxLength, pattern, format } = schema;
  const refuse = (what: string) => errors.push(invalidValue(path, value, `${path} in body should ${what}`));
  if (minLength !== undefined && value.length < minLength) refuse(`be at least ${minLength} chars long`);
  if (maxLength !== undefined && value.length > maxLength) {
    errors.push({
      field: path,
      reason: "FieldValueTooLong",
      message: `Too long: may not be more than ${maxLength} bytes`,
    });
  }
  if (pattern !== undefined && !expressionOf(pattern).test(value)) refuse(`match '${pattern}'`);
  if (format === "byte" && !BASE64.test(value)) errors.push(wrongType(path, "<bytes>", "illegal base64 data"));
  if (format === "micro-time" && (!MICRO_TIME.test(value) || Number.isNaN(Date.parse(value)))) {
    errors.push(wrongType(path, value, "cannot be parsed as a time with microseconds"));
  }
  if (format === "date-time" && Number.isNaN(Date.parse(value))) {
    errors.push(invalidValue(path, value, `${path} in body must be of type date-time: ${JSON.stringify(value)}`));
  }
}

/** Patterns of schemas, each compiled once. */
const EXPRESSIONS = new Map<string, RegExp>();

function expressionOf(pattern: string): RegExp {
  let known = EXPRESSIONS.get(pattern);
  if (!known) EXPRESSIONS.set(pattern, known = new RegExp(pattern, "u"));
  return known;
}

function checkList(value: readonly unknown[], schema: Schema, path: string, errors: FieldError[]): void {
  const { minItems, maxItems, items } = schema;
  if (minItems !== undefined && value.length < minItems) {
    errors.push(invalidValue(path, value.length, `${path} in body should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && value.length > maxItems) {
    const message = `Too many: ${value.length}: must have at most ${maxItems} items`;
    errors.push({ field: path, reason: "FieldValueTooMany", message });
  }
  if (items) value.forEach((item, index) => check(item, items, `${path}[${index}]`, errors));
  const keys = schema["x-kubernetes-list-map-keys"];
  const type = schema["x-kubernetes-list-type"];
  if (type !== "map" && type !== "set") return;
  const idOf = (item: unknown) => (type === "map" ? pickFields(item, keys ?? []) : item);
  const seen: unknown[] = [];
  value.forEach((item, index) => {
    const id = idOf(item);
    if (seen.some((known) => same(known, id))) errors.push(duplicate(`${path}[${index}]`, id));
    else seen.push(id);
  });
}

function pickFields(item: unknown, fields: readonly string[]): Json {
  const object = asObject(item) ?? {};
  return Object.fromEntries(fields.filter((name) => name in object).map((name) => [name, object[name]]));
}

function checkObject(value: Json, schema: Schema, path: string, errors: FieldError[]): void {
  const below = (name: string) => (path === "" ? name : `${path}.${name}`);
  for (const name of schema.required ?? []) if (value[name] === undefined) errors.push(required(below(name)));
  for (const name of Object.keys(value)) {
    const property = schema.properties?.[name];
    if (property) check(value[name], property, below(name), errors);
    else if (typeof schema.additionalProperties === "object") {
      check(value[name], schema.additionalProperties, `${path}.${name}`, errors);
    }
  }
  const count = Object.keys(value).length;
  const { minProperties, maxProperties } = schema;
  if (minProperties !== undefined && count < minProperties) {
    errors.push(invalidValue(path, count, `${path} in body should have at least ${minProperties} properties`));
  }
  if (maxProperties !== undefined && count > maxProperties) {
    const message = `Too many: ${count}: must have at most ${maxProperties} items`;
    errors.push({ field: path, reason: "FieldValueTooMany", message });
  }
}

function checkCombinations(value: unknown, schema: Schema, path: string, errors: FieldError[]): void {
  for (const part of schema.allOf ?? []) check(value, part, path, errors);
  const fits = (part: Schema) => validate(value, part, path).length === 0;
  const refuse = (what: string) => errors.push(invalidValue(path, value, `${path} in body ${what}`));
  if (schema.anyOf && !schema.anyOf.some(fits)) refuse("must validate at least one schema (anyOf)");
  if (schema.oneOf && schema.oneOf.filter(fits).length !== 1) refuse("must validate one and only one schema (oneOf)");
  if (schema.not && fits(schema.not)) refuse("must not validate the schema (not)");
}
