/**
 * A value with every field of a type of Kubernetes set once, from the OpenAPI document that an API server serves.
 * It is no meaningful object: fields that exclude each other are all there.
 */

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
}

export interface Leaf {
  readonly path: string;
  readonly value: unknown;
}

export interface EveryLeaf {
  readonly value: Record<string, unknown>;
  readonly leaves: readonly Leaf[];
}

/** Of an object's metadata what somebody can write in a template; the API server makes the rest when it is used. */
const METADATA = ["annotations", "finalizers", "labels", "name", "namespace"];

/** Types whose shape stands for a single value. */
const SCALARS: Readonly<Record<string, (count: number) => unknown>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": (count) => `${count}m`,
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": (count) => count % 2 === 0 ? count : `port-${count}`,
};

/** Sets every leaf of `type`: each has another value, where its type has enough of them. */
export function everyLeaf(document: { components: { schemas: Record<string, Schema> } }, type: string): EveryLeaf {
  const leaves: Leaf[] = [];

  const leaf = (path: string, value: unknown) => {
    leaves.push({ path, value });
    return value;
  };

  const make = (schema: Schema, path: string): unknown => {
    const ref = (schema.$ref ?? schema.allOf?.[0]?.$ref)?.split("/").at(-1);
    if (ref !== undefined) {
      const scalar = SCALARS[ref];
      if (scalar) return leaf(path, scalar(leaves.length));
      const target = document.components.schemas[ref];
      if (!target) throw new Error(`${path}: the document has no ${ref}`);
      return make(ref.endsWith(".ObjectMeta") ? onlyMetadata(target) : target, path);
    }
    if (schema.properties) {
      const entries = Object.entries(schema.properties);
      return Object.fromEntries(entries.map(([name, field]) => [name, make(field, `${path}.${name}`)]));
    }
    if (schema.items) return [make(schema.items, `${path}[]`)];
    if (schema.additionalProperties) return { "example.com/key": make(schema.additionalProperties, `${path}{}`) };
    return leaf(path, scalarOf(schema, path, leaves.length));
  };

  const value = make({ $ref: `#/components/schemas/${type}` }, "") as Record<string, unknown>;
  return { value, leaves };
}

function onlyMetadata(schema: Schema): Schema {
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => METADATA.includes(name));
  return { type: "object", properties: Object.fromEntries(fields) };
}

function scalarOf(schema: Schema, path: string, count: number): unknown {
  switch (schema.type) {
    case "string":
      return schema.format === "date-time" ? "2026-01-02T03:04:05Z" : `text ${count}`;
    case "integer":
      return count;
    case "number":
      return count + 0.5;
    case "boolean":
      return count % 2 === 0;
    default:
      throw new Error(`${path}: no value for ${JSON.stringify(schema)}`);
  }
}
