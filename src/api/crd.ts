/** The custom resource definitions of the four kinds. */
import { type JsonSchema, structuralSchema } from "./json_schema.ts";
import { GROUP, VERSION } from "./kinds.ts";
import podTemplate from "./pod_template.json" with { type: "json" };
import { autoscalingListener } from "./schema/autoscaling_listener.ts";
import { autoscalingRunnerSet } from "./schema/autoscaling_runner_set.ts";
import { ephemeralRunner } from "./schema/ephemeral_runner.ts";
import { ephemeralRunnerSet } from "./schema/ephemeral_runner_set.ts";
import type { Column, KindSchema } from "./schema/kind.ts";

/** A custom resource definition, as far as ours go. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames?: readonly string[];
    };
    readonly scope: "Namespaced";
    readonly versions: readonly {
      readonly name: string;
      readonly served: true;
      readonly storage: true;
      readonly additionalPrinterColumns: readonly Column[];
      readonly schema: { readonly openAPIV3Schema: JsonSchema };
      readonly subresources: { readonly status: Record<never, never> };
    }[];
  };
}

/** The Kubernetes version whose pod template the definitions have. */
export const POD_TEMPLATE_VERSION: string = podTemplate.kubernetes;

export const KIND_SCHEMAS: readonly KindSchema[] = [
  autoscalingRunnerSet,
  autoscalingListener,
  ephemeralRunnerSet,
  ephemeralRunner,
];

/** All four, made anew at each call. */
export function customResourceDefinitions(): CustomResourceDefinition[] {
  return KIND_SCHEMAS.map(definitionOf);
}

function definitionOf(of: KindSchema): CustomResourceDefinition {
  const template = structuredClone(podTemplate.schema) as JsonSchema;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${of.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: of.kind,
        listKind: `${of.kind}List`,
        plural: of.plural,
        singular: of.kind.toLowerCase(),
        ...(of.shortNames.length > 0 && { shortNames: of.shortNames }),
      },
      scope: "Namespaced",
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        additionalPrinterColumns: of.columns,
        schema: { openAPIV3Schema: objectSchema(of, template) },
        subresources: { status: {} },
      }],
    },
  };
}

function objectSchema(of: KindSchema, template: JsonSchema): JsonSchema {
  return {
    description: of.description,
    type: "object",
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: structuralSchema(of.spec, template),
      status: structuralSchema(of.status, template),
    },
  };
}
