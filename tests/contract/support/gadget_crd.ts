import { GROUP, type Json } from "./contract.ts";

/** The kind that the cases use: something of everything that a structural schema has. */
export const GADGET_CRD: Json = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `gadgets.${GROUP}` },
  spec: {
    group: GROUP,
    scope: "Namespaced",
    names: { plural: "gadgets", singular: "gadget", kind: "Gadget", shortNames: ["gd"], categories: ["all"] },
    versions: [{
      name: "v1",
      served: true,
      storage: true,
      subresources: { status: {} },
      selectableFields: [{ jsonPath: ".spec.color" }],
      additionalPrinterColumns: [
        { name: "Size", type: "integer", jsonPath: ".spec.size" },
        { name: "Phase", type: "string", jsonPath: ".status.phase" },
        { name: "Code", type: "string", jsonPath: ".spec.code", priority: 1 },
        { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
      ],
      schema: {
        openAPIV3Schema: {
          type: "object",
          required: ["spec"],
          properties: { spec: specSchema(), status: statusSchema() },
        },
      },
    }],
  },
};

function specSchema(): Json {
  const text = { type: "string" };
  const part = { type: "object", required: ["name"], properties: { name: text, count: { type: "integer" } } };
  return {
    type: "object",
    required: ["size"],
    properties: {
      size: { type: "integer", minimum: 0, maximum: 10 },
      color: { type: "string", enum: ["red", "blue"], default: "red" },
      code: { type: "string", pattern: "^[a-z]+$", minLength: 2, maxLength: 5 },
      port: { "x-kubernetes-int-or-string": true },
      ratio: { type: "number" },
      when: { type: "string", format: "date-time" },
      on: { type: "boolean" },
      maybe: { type: "string", nullable: true },
      parts: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: part },
      letters: { type: "array", "x-kubernetes-list-type": "set", items: text },
      tags: { type: "array", items: text, minItems: 1, maxItems: 3 },
      extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      texts: { type: "object", additionalProperties: text },
      nested: {
        type: "object",
        default: {},
        properties: { depth: { type: "integer", default: 3 }, note: text },
      },
    },
  };
}

function statusSchema(): Json {
  return { type: "object", properties: { phase: { type: "string" }, count: { type: "integer" } } };
}
