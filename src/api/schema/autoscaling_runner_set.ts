/** AutoscalingRunnerSet: a scale set, as its user writes it. */
import * as z from "zod";
import { type KindSchema, WIDE_READY } from "./kind.ts";
import { disruption, effective, paused, runnerPolicy, scheduledOverrides } from "./knobs.ts";
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

export const spec = z.object({
  githubConfigUrl: optional.text(githubConfig.githubConfigUrl),
  githubConfigSecret: optional.text(githubConfig.githubConfigSecret),
  runnerGroup: optional.text("Runner group that the runners join. Default: GitHub's default group."),
  runnerScaleSetName: optional.text(
    "Name of the scale set at GitHub, which a workflow's runs-on names. Default: the name of this object.",
  ),
  runnerScaleSetLabels: optional.texts("Further labels that a workflow's runs-on may name."),
  proxy,
  githubServerTLS,
  vaultConfig,
  template: podTemplate("What runners' pods are made from. The container named runner runs the job."),
  autoscalingListener: metaOf("the AutoscalingListener"),
  listenerMetrics: metricsConfig.optional().describe(
    "Metrics that the listener exports: exactly these. Default: all, each with all its labels.",
  ),
  listenerTemplate: podTemplate(
    "What to change in the listener's pod. The container named listener is merged with the controller's, " +
      "others are added beside it.",
  ),
  listenerServiceAccountMetadata: metaOf("the listener's service account"),
  listenerRoleMetadata: metaOf("the listener's role"),
  listenerRoleBindingMetadata: metaOf("the listener's role binding"),
  listenerConfigSecretMetadata: metaOf("the secret with the listener's configuration"),
  ephemeralRunnerSetMetadata: metaOf("the EphemeralRunnerSet"),
  ephemeralRunnerMetadata: metaOf("the EphemeralRunners"),
  ephemeralRunnerConfigSecretMetadata: metaOf("the secrets with the runners' configuration"),
  maxRunners: optional.limit("Most runners at one time. Default: no limit."),
  minRunners: optional.limit("Runners that wait for a job when there is none. Default: 0."),
  paused,
  scheduledOverrides,
  runnerPolicy,
  disruption,
});

export const status = z.object({
  currentRunners: optional.number("Runners that are pending, running or failed."),
  phase: z.enum(["Pending", "Running", "Outdated"]).optional().describe(
    "Pending: being set up or changed. Running: the listener and the runner set are as the spec wants them. " +
      "Outdated: GitHub refuses this version of the runner.",
  ),
  pendingEphemeralRunners: optional.number("Runners that have not started yet."),
  runningEphemeralRunners: optional.number("Runners that run, idle or with a job."),
  failedEphemeralRunners: optional.number("Runners that could not be started."),
  finishedEphemeralRunners: optional.number("Runners that have ended and are still there."),
  deletingEphemeralRunners: optional.number("Runners that are being deleted."),
  ...effective,
  ...kstatus,
});

export const autoscalingRunnerSet: KindSchema = {
  kind: "AutoscalingRunnerSet",
  plural: "autoscalingrunnersets",
  shortNames: ["ars"],
  description: "A group of self-hosted runners that grows and shrinks with the jobs that GitHub has for it.",
  spec: spec.describe("The scale set that is wanted."),
  status: status.describe("The scale set as it is."),
  columns: [
    { name: "Minimum Runners", type: "integer", jsonPath: ".spec.minRunners" },
    { name: "Maximum Runners", type: "integer", jsonPath: ".spec.maxRunners" },
    { name: "Current Runners", type: "integer", jsonPath: ".status.currentRunners" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Pending Runners", type: "integer", jsonPath: ".status.pendingEphemeralRunners" },
    { name: "Running Runners", type: "integer", jsonPath: ".status.runningEphemeralRunners" },
    { name: "Finished Runners", type: "integer", jsonPath: ".status.finishedEphemeralRunners" },
    { name: "Deleting Runners", type: "integer", jsonPath: ".status.deletingEphemeralRunners" },
    ...WIDE_READY,
  ],
};
