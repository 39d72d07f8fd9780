/** AutoscalingListener: what one listener is to do; made by the controller, in its own namespace. */
import * as z from "zod";
import { type KindSchema, WIDE_READY } from "./kind.ts";
import {
  githubConfig,
  githubServerTLS,
  kstatus,
  metaOf,
  metricsConfig,
  optional,
  podTemplate,
  proxy,
  vaultConfig,
} from "./shared.ts";

const imagePullSecret = z.object({
  name: z.string().optional().meta({ description: "Name of the secret.", default: "" }),
}).meta({ "x-kubernetes-map-type": "atomic" });

export const spec = z.object({
  githubConfigUrl: optional.text(githubConfig.githubConfigUrl),
  githubConfigSecret: optional.text(githubConfig.githubConfigSecret),
  runnerScaleSetId: optional.number(githubConfig.runnerScaleSetId),
  autoscalingRunnerSetNamespace: optional.text("Namespace of the AutoscalingRunnerSet that is listened for."),
  autoscalingRunnerSetName: optional.text("Name of the AutoscalingRunnerSet that is listened for."),
  ephemeralRunnerSetName: optional.text("Name of the EphemeralRunnerSet that the listener scales."),
  maxRunners: optional.limit("Most runners at one time. Absent: 0."),
  minRunners: optional.limit("Runners that wait for a job when there is none. Absent: 0."),
  image: optional.text("Image of the listener's container."),
  imagePullSecrets: z.array(imagePullSecret).optional().describe("Secrets that the listener's image is pulled with."),
  proxy,
  githubServerTLS,
  vaultConfig,
  metrics: metricsConfig.optional().describe("Metrics that the listener exports: exactly these. Default: all."),
  template: podTemplate("What to change in the listener's pod."),
  configSecretMetadata: metaOf("the secret with the listener's configuration"),
  serviceAccountMetadata: metaOf("the listener's service account"),
  roleMetadata: metaOf("the listener's role"),
  roleBindingMetadata: metaOf("the listener's role binding"),
});

export const status = z.object({ ...kstatus });

export const autoscalingListener: KindSchema = {
  kind: "AutoscalingListener",
  plural: "autoscalinglisteners",
  shortNames: [],
  description: "The process that asks GitHub for the jobs of one scale set and says how many runners there are to be.",
  spec: spec.describe("The listener that is wanted."),
  status: status.describe("The listener as it is."),
  columns: [
    { name: "GitHub Configure URL", type: "string", jsonPath: ".spec.githubConfigUrl" },
    { name: "AutoscalingRunnerSet Namespace", type: "string", jsonPath: ".spec.autoscalingRunnerSetNamespace" },
    { name: "AutoscalingRunnerSet Name", type: "string", jsonPath: ".spec.autoscalingRunnerSetName" },
    ...WIDE_READY,
  ],
};
