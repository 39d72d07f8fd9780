/** What a kind's file in this folder says of it, beside its fields. */
import type * as z from "zod";

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: "integer" | "number" | "string" | "date";
  readonly jsonPath: string;
}

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
