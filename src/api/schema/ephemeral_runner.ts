/** EphemeralRunner: one runner, for one job. */
import * as z from "zod";
import type { KindSchema } from "./kind.ts";
import {
  githubConfig,
  githubServerTLS,
  inlinePodTemplate,
  kstatus,
  metaOf,
  optional,
  proxy,
  vaultConfig,
} from "./shared.ts";

export const spec = z.object({
  githubConfigUrl: z.string().describe(githubConfig.githubConfigUrl),
  githubConfigSecret: z.string().describe(githubConfig.githubConfigSecret),
  githubServerTLS,
  runnerScaleSetId: z.int().describe(githubConfig.runnerScaleSetId),
  proxy,
  proxySecretRef: optional.text("Name of the secret with http_proxy, https_proxy and no_proxy for the runner's pod."),
  vaultConfig,
  ephemeralRunnerConfigSecretMetadata: metaOf("the secret with the runner's configuration"),
  ...inlinePodTemplate,
});

export const status = z.object({
  ready: z.boolean().optional().describe("Whether the runner's pod is ready."),
  phase: z.enum(["Pending", "Running", "Succeeded", "Failed", "Outdated"]).optional().describe(
    "Pending: not started yet. Running: idle or with a job. Succeeded: ended well. Failed: could not be started. " +
      "Outdated: GitHub refuses this version of the runner.",
  ),
  reason: optional.text("Why the runner is in this phase, in one word."),
  message: optional.text("Why the runner is in this phase, in a sentence."),
  runnerId: optional.number("Id that GitHub gave to the runner."),
  runnerName: optional.text("Name of the runner at GitHub."),
  failures: z.record(z.string(), z.string().meta({ format: "date-time" })).optional().describe(
    "Pods of this runner that failed: their UIDs, and when.",
  ),
  jobRequestId: optional.number64("Request id of the job. Absent on servers that give none."),
  jobId: optional.text("Id of the job that the runner has been given."),
  jobRepositoryName: optional.text("Repository of the job: OWNER/REPOSITORY."),
  jobWorkflowRef: optional.text("Workflow file of the job, and its ref."),
  workflowRunId: optional.number64("Id of the job's workflow run."),
  jobDisplayName: optional.text("Name of the job, as GitHub shows it."),
  jobSetGeneration: optional.number64(
    "Generation of the EphemeralRunnerSet whose count of running jobs was the first to include this job.",
  ),
  ...kstatus,
});

export const ephemeralRunner: KindSchema = {
  kind: "EphemeralRunner",
  plural: "ephemeralrunners",
  shortNames: [],
  description: "A runner that takes one job and is then gone.",
  spec: spec.describe("The runner that is wanted."),
  status: status.describe("The runner as it is."),
  columns: [
    { name: "GitHub Config URL", type: "string", jsonPath: ".spec.githubConfigUrl" },
    { name: "RunnerId", type: "number", jsonPath: ".status.runnerId" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "JobRepository", type: "string", jsonPath: ".status.jobRepositoryName" },
    { name: "JobWorkflowRef", type: "string", jsonPath: ".status.jobWorkflowRef" },
    { name: "WorkflowRunId", type: "number", jsonPath: ".status.workflowRunId" },
    { name: "JobDisplayName", type: "string", jsonPath: ".status.jobDisplayName" },
    { name: "JobId", type: "string", jsonPath: ".status.jobId" },
    { name: "Message", type: "string", jsonPath: ".status.message" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
    { name: "Reason", type: "string", jsonPath: ".status.reason", priority: 1 },
  ],
};
