/** What a kind's file in this folder says of it, beside its fields. */
import type * as z from "zod";

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: "integer" | "number" | "string" | "date";
  readonly jsonPath: string;
  /** 1: only with `-o wide`. Columns of ours are: what is shown without is the reference's. */
  readonly priority?: 1;
}

/** What stands in the way, in a word. */
export const WIDE_READY: readonly Column[] = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1 },
  { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", priority: 1 },
];

/** A kind, as data: what its custom resource definition is made from. */
export interface KindSchema {
  readonly kind: string;
  readonly plural: string;
  /** Names that `kubectl` takes for the plural. */
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: z.ZodObject;
  readonly status: z.ZodObject;
  readonly columns: readonly Column[];
}
