import podTemplate from "../../api/pod_template.json" with { type: "json" };
import type { Schema } from "./types.ts";

/** What a pod may hold: the spec as Kubernetes has it (no descriptions), the status as it comes. */
export const POD_SCHEMA: Schema = {
  type: "object",
  properties: {
    spec: (podTemplate.schema.properties as unknown as Readonly<Record<string, Schema>>).spec!,
    status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};
