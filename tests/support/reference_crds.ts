/**
 * The custom resource definitions of both reference versions, from the facts in tests/fixtures/reference: an API server
 * that has them drops our fields. The environment's ARC_REFERENCE_CRDS may name a folder with `0.14.2` and `main`, each
 * with definitions as YAML files, which are taken instead: a check of the facts against the real ones.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";
import type { CustomResourceDefinition } from "../../src/api/crd.ts";
import type { JsonSchema } from "../../src/api/json_schema.ts";
import { mapValues } from "../../src/api/json_schema.ts";
import podTemplate from "../../src/api/pod_template.json" with { type: "json" };

export const REFERENCE_VERSIONS = ["0.14.2", "main"] as const;
export type ReferenceVersion = typeof REFERENCE_VERSIONS[number];

/** The fixtures of both versions. */
export const REFERENCE = fileURLToPath(new URL("../fixtures/reference/", import.meta.url));

type Fields = Readonly<Record<string, string>>;

interface Facts {
  readonly types: Readonly<Record<string, Fields>>;
  readonly [kind: string]:
    | { readonly plural: string; readonly spec: Fields | string; readonly status: Fields }
    | unknown;
}

type Columns = Readonly<Record<string, Fields>>;
type Column = CustomResourceDefinition["spec"]["versions"][number]["additionalPrinterColumns"][number];

const GROUP = "actions.github.com";

/** The four definitions of a version. */
export function referenceCrds(version: ReferenceVersion): CustomResourceDefinition[] {
  const real = process.env.ARC_REFERENCE_CRDS;
  if (real !== undefined) {
    const folder = join(real, version);
    return readdirSync(folder).sort().map((file) => read<CustomResourceDefinition>(join(folder, file)));
  }
  const facts = read<Facts>(join(REFERENCE, "fields.yaml"));
  const columns = read<Columns>(join(REFERENCE, version, "columns.yaml"));
  return Object.entries(columns).map(([kind, shown]) => definition(kind, facts, shown));
}

/** An object's schema in a version, by its kind. */
export function referenceSchema(version: ReferenceVersion, kind: string): JsonSchema {
  const found = referenceCrds(version).find(({ spec }) => spec.names.kind === kind);
  if (!found) throw new Error(`${version} has no kind ${kind}`);
  return found.spec.versions[0]!.schema.openAPIV3Schema;
}

function read<T>(file: string): T {
  return load(readFileSync(file, "utf8")) as T;
}

function definition(kind: string, facts: Facts, columns: Fields): CustomResourceDefinition {
  const { plural, spec, status } = facts[kind] as { plural: string; spec: Fields | string; status: Fields };
  const schema = {
    type: "object" as const,
    properties: {
      apiVersion: { type: "string" as const },
      kind: { type: "string" as const },
      metadata: { type: "object" as const },
      spec: typeof spec === "string" ? typed(spec, facts) : object(spec, facts),
      status: object(status, facts),
    },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: "Namespaced",
      versions: [{
        name: "v1alpha1",
        served: true,
        storage: true,
        additionalPrinterColumns: Object.entries(columns).map(([name, words]) => {
          const [type, jsonPath] = words.split(" ");
          return { name, type, jsonPath } as Column;
        }),
        schema: { openAPIV3Schema: schema },
        subresources: { status: {} },
      }],
    },
  };
}

function object(fields: Fields, facts: Facts): JsonSchema {
  const required = Object.keys(fields).filter((name) => fields[name]!.includes("!"));
  const properties = mapValues(fields, (words) => typed(words.replace("!", ""), facts));
  return { type: "object", properties, ...(required.length > 0 && { required }) };
}

function typed(words: string, facts: Facts): JsonSchema {
  const list = /^\[(.*)\]$/.exec(words)?.[1];
  if (list !== undefined) return { type: "array", items: typed(list, facts) };
  const map = /^\{(.*)\}$/.exec(words)?.[1];
  if (map !== undefined) return { type: "object", additionalProperties: typed(map, facts) };
  const pod = podTemplate.schema as JsonSchema;
  if (words === "PodTemplate") return structuredClone(pod);
  if (words === "PodMetadata") return structuredClone(pod.properties!.metadata!);
  if (words === "PodSpec") return structuredClone(pod.properties!.spec!);
  const type = facts.types[words];
  if (type) return object(type, facts);
  const [word, more] = words.split(" ");
  const schema = { type: word } as JsonSchema;
  if (more === undefined) return schema;
  if (more.startsWith(">=")) return { ...schema, minimum: Number(more.slice(2)) };
  if (more.startsWith("=")) return { ...schema, default: JSON.parse(more.slice(1)) };
  return { ...schema, format: more };
}
