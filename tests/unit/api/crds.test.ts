import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { load, YAML11_SCHEMA } from "js-yaml";
import * as z from "zod";
import { customResourceDefinitions } from "../../../src/api/crd.ts";
import { crdFiles } from "../../../src/api/crd_files.ts";
import { type JsonSchema, structuralSchema } from "../../../src/api/json_schema.ts";
import { type OpenApiDocument, type OpenApiSchema, podTemplateSchema } from "../../../src/api/pod_template.ts";
import { at, fieldsOf, NOT_OURS, schemaOf } from "../../support/crd_fields.ts";
import { table } from "../../support/table.ts";

const folder = new URL("../../../crds/", import.meta.url);

test("crds/ is what the schemas say: run `npm run crds` when this fails", () => {
  const found = new Map(readdirSync(folder).sort().map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
  assert.deepEqual([...found.keys()], [...crdFiles().keys()].sort());
  for (const [name, content] of crdFiles()) assert.ok(found.get(name) === content, `crds/${name} is stale`);
});

test("crds/ is the same to readers of YAML 1.1 and 1.2", () => {
  const plain = customResourceDefinitions().map((it) => JSON.parse(JSON.stringify(it)));
  assert.deepEqual([...crdFiles().values()].map((text) => load(text)), plain);
  assert.deepEqual([...crdFiles().values()].map((text) => load(text, { schema: YAML11_SCHEMA })), plain);
});

test("each definition fits the annotation of a client-side kubectl apply", () => {
  for (const definition of customResourceDefinitions()) {
    const size = Buffer.byteLength(JSON.stringify(definition));
    assert.ok(size < 200 * 1024, `${definition.metadata.name}: ${size} of 262144 bytes`);
  }
});

test("every field of ours has a description; a pod template's have none", () => {
  for (const definition of customResourceDefinitions()) {
    // Items and values have no name; the API server itself describes the three of every object.
    const bare = fieldsOf(schemaOf(definition), NOT_OURS).filter((field) => !field.schema.description)
      .map((field) => field.path).filter((path) => !/[\]}]$|^(apiVersion|kind|metadata)$/.test(path));
    assert.deepEqual(bare, [], definition.metadata.name);
  }
  const [scaleSet] = customResourceDefinitions();
  assert.doesNotMatch(JSON.stringify(at(schemaOf(scaleSet!), "spec", "template", "spec")), /"description"/);
});

test("kinds.ts, which every controller loads, loads neither zod nor the schemas", () => {
  const text = readFileSync(new URL("../../../src/api/kinds.ts", import.meta.url), "utf8");
  const loaded = [...text.matchAll(/^import (?!type ).*from "(.*)"/gm)].map((match) => match[1]);
  assert.deepEqual(loaded, ["../k8s/resource.ts"]);
});

test("definitions share nothing that a caller could change", () => {
  const [first] = customResourceDefinitions();
  at(schemaOf(first!), "spec", "template", "spec").type = "string";
  assert.equal(at(schemaOf(customResourceDefinitions()[0]!), "spec", "template", "spec").type, "object");
});

const TEMPLATE: JsonSchema = { type: "object", properties: { metadata: { type: "object" }, spec: { type: "object" } } };

table<[schema: z.ZodType, json: JsonSchema]>("structural schema", {
  "a whole number has no bounds": [z.int(), { type: "integer" }],
  "but those that were meant": [z.int().min(0), { type: "integer", minimum: 0 }],
  "a set of values is open": [z.enum(["a", "b"]).describe("A or b."), { type: "string", description: "A or b." }],
  "an object is open": [
    z.strictObject({ a: z.string() }),
    { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
  ],
  "a map": [z.record(z.string(), z.string()), { type: "object", additionalProperties: { type: "string" } }],
  "a pod template's part is put in": [
    z.custom().meta({ description: "The pod.", "x-pod-template": "spec" }),
    { type: "object", description: "The pod." },
  ],
}, ([schema, json]) => assert.deepEqual(structuralSchema(schema, TEMPLATE), json));

table<z.ZodType>("structural schema refuses", {
  "a union, which has no type": z.union([z.string(), z.int()]),
  "anything": z.object({ a: z.any() }),
}, (schema) => assert.throws(() => structuralSchema(schema, TEMPLATE), /no structural schema/));

const openApi = (fields: Record<string, OpenApiSchema>, more: Record<string, OpenApiSchema> = {}): OpenApiDocument => ({
  components: { schemas: { "io.k8s.api.core.v1.PodTemplateSpec": { type: "object", properties: fields }, ...more } },
});
const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";

table<[document: OpenApiDocument, fields: Record<string, JsonSchema>]>("pod template from OpenAPI", {
  "texts, sets of values and defaults go": [
    openApi({
      a: { type: "string", description: "A.", enum: ["x"], default: "x", "x-kubernetes-patch-strategy": "m" },
    }),
    { a: { type: "string" } },
  ],
  "references are put in their place": [
    openApi(
      { a: { $ref: "#/components/schemas/T" }, b: { allOf: [{ $ref: "#/components/schemas/T" }], default: {} } },
      {
        T: { type: "object", properties: { c: { type: "integer", format: "int32" } }, required: ["c"] },
      },
    ),
    {
      a: { type: "object", properties: { c: { type: "integer", format: "int32" } }, required: ["c"] },
      b: { type: "object", properties: { c: { type: "integer", format: "int32" } }, required: ["c"] },
    },
  ],
  "a quantity is a number or a text": [
    openApi({ a: { type: "object", additionalProperties: { $ref: QUANTITY } } }, { [QUANTITY]: { oneOf: [] } }),
    { a: { type: "object", additionalProperties: { "x-kubernetes-int-or-string": true } } },
  ],
  "a key of a list that is a map keeps its default, unless it is required": [
    openApi({
      a: {
        type: "array",
        items: {
          type: "object",
          properties: {
            k: { type: "string", default: "" },
            r: { type: "string", default: "" },
            o: { type: "string", default: "" },
          },
          required: ["r"],
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k", "r"],
      },
    }),
    {
      a: {
        type: "array",
        items: {
          type: "object",
          properties: { k: { type: "string", default: "" }, r: { type: "string" }, o: { type: "string" } },
          required: ["r"],
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k", "r"],
      },
    },
  ],
}, ([document, fields]) => assert.deepEqual(podTemplateSchema(document), { type: "object", properties: fields }));

table<[document: OpenApiDocument, says: RegExp]>("pod template from OpenAPI refuses", {
  "a keyword that it does not know": [openApi({ a: { type: "string", pattern: "x" } }), /unknown keyword pattern/],
  "a type that is not there": [openApi({ a: { $ref: "#/components/schemas/T" } }), /no T/],
  "a type within itself": [
    openApi({ a: { $ref: "#/x/T" } }, { T: { type: "object", properties: { a: { $ref: "#/x/T" } } } }),
    /T is within itself/,
  ],
  "an object that it would prune": [openApi({ a: { type: "object" } }), /opaque/],
  "a field without a type": [openApi({ a: {} }), /without a type/],
}, ([document, says]) => assert.throws(() => podTemplateSchema(document), says));
