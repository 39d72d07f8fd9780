/** Tables: what `kubectl get` asks the server to print. */
import { type Instant, instantOf } from "../../lib/clock.ts";
import { humanDuration } from "./duration.ts";
import { jsonPath } from "./jsonpath.ts";
import type { Entry } from "./storage.ts";
import type { Column, Kind, Obj } from "./types.ts";

/** How much of each object a row carries. */
export type RowObject = "None" | "Metadata" | "Object";

const NAME: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name must be unique within a namespace.",
  cell: (object) => object.metadata.name,
};
const AGE: Column = {
  name: "Age",
  type: "date",
  description: "When the object was created.",
  path: ".metadata.creationTimestamp",
};

/** Prints the objects of one kind. */
export class Printer {
  readonly #columns: readonly { readonly column: Column; readonly cell: (object: Obj, now: Instant) => unknown }[];

  constructor(kind: Kind) {
    const own = kind.columns ?? [AGE];
    const columns = own.some(({ name }) => name === NAME.name) ? own : [NAME, ...own];
    this.#columns = columns.map((column) => ({ column, cell: cellOf(column) }));
  }

  /** A Table. Watches send the columns with the first row only. */
  table(entries: readonly Entry[], meta: object, rowObject: RowObject, now: Instant, withColumns = true): string {
    const columnDefinitions = withColumns
      ? this.#columns.map(({ column }) => ({
        name: column.name,
        type: column.type,
        format: column.format ?? "",
        description: column.description ?? "",
        priority: column.priority ?? 0,
      }))
      : null;
    const rows = entries.map((entry) => {
      const cells = JSON.stringify(this.#columns.map(({ cell }) => cell(entry.object, now) ?? null));
      return rowObject === "None" ? `{"cells":${cells}}` : `{"cells":${cells},"object":${rowText(entry, rowObject)}}`;
    });
    const head = { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: meta, columnDefinitions };
    return `${JSON.stringify(head).slice(0, -1)},"rows":[${rows.join(",")}]}`;
  }
}

function rowText(entry: Entry, rowObject: RowObject): string {
  return rowObject === "Object" ? entry.text : partialText(entry);
}

/** An object's metadata alone. */
export function partialText({ object }: Entry): string {
  return JSON.stringify({
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: object.metadata,
  });
}

function cellOf(column: Column): (object: Obj, now: Instant) => unknown {
  if (column.cell) return column.cell;
  const read = jsonPath(column.path ?? "");
  return (object, now) => printed(column, read(object), now);
}

function printed(column: Column, found: readonly unknown[], now: Instant): unknown {
  const value = found[0];
  if (value === undefined || value === null) return null;
  if (column.type === "date") {
    const at = instantOf(String(value));
    return at === undefined ? "<unknown>" : humanDuration(now - at);
  }
  if (column.type === "string") {
    return found.map((item) => (typeof item === "string" ? item : JSON.stringify(item))).join(",");
  }
  if (column.type === "integer" || column.type === "number") return typeof value === "number" ? value : null;
  return value;
}
