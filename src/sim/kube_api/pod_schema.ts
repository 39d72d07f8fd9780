import podTemplate from "../../api/pod_template.json" with { type: "json" };
import type { Schema } from "./types.ts";

/** What a pod's spec may hold, as Kubernetes has it (without descriptions). */
export const POD_SPEC_SCHEMA: Schema = (podTemplate.schema.properties as unknown as Readonly<Record<string, Schema>>)
  .spec!;
