/** EphemeralRunnerSet: the runners of one scale set. */
import * as z from "zod";
import { spec as ephemeralRunnerSpec } from "./ephemeral_runner.ts";
import type { KindSchema } from "./kind.ts";
import { inheritedPolicy } from "./knobs.ts";
import { kstatus, metaOf, optional } from "./shared.ts";

export const listenerReport = z.object({
  reason: optional.text("What keeps it from its work."),
  message: optional.text("The same, for people."),
  phantomDemand: optional.number("Assigned jobs that idle runners have stood ready for in vain."),
});

export const spec = z.object({
  replicas: optional.number("Runners that are wanted. Absent: 0."),
  patchID: z.int().describe("Number of the listener's last change; 0 asks for exactly the wanted number of runners."),
  runningJobs: optional.number("Jobs that GitHub counted as running when the listener wrote replicas."),
  ephemeralRunnerSpec: ephemeralRunnerSpec.describe("What each runner is made from."),
  ephemeralRunnerMetadata: metaOf("the EphemeralRunners"),
  runnerPolicy: inheritedPolicy,
  missingScaleSetId: optional.number(
    "A scale set that GitHub told the listener not to know any more. The controller looks into it and takes it away.",
  ),
  listenerReport: listenerReport.optional().describe(
    "How the listener's pod says that it is, while something is wrong. The controller makes conditions of it.",
  ),
  sessionId: optional.text("The message session of the listener's pod: the next pod ends it before it opens its own."),
});

export const status = z.object({
  currentReplicas: z.int().describe("Runners that are pending, running or failed."),
  pendingEphemeralRunners: optional.number("Runners that have not started yet."),
  runningEphemeralRunners: optional.number("Runners that run, idle or with a job."),
  failedEphemeralRunners: optional.number("Runners that could not be started."),
  phase: z.enum(["Running", "Outdated"]).optional().describe("Running, once the set is at work."),
  finishedEphemeralRunners: optional.number("Runners that have ended and are still there."),
  deletingEphemeralRunners: optional.number("Runners that are being deleted."),
  ...kstatus,
});

export const ephemeralRunnerSet: KindSchema = {
  kind: "EphemeralRunnerSet",
  plural: "ephemeralrunnersets",
  shortNames: ["ers"],
  description: "The runners of one scale set: as many as its listener asks for.",
  spec: spec.describe("The runners that are wanted."),
  status: status.describe("The runners as they are."),
  columns: [
    { name: "DesiredReplicas", type: "integer", jsonPath: ".spec.replicas" },
    { name: "CurrentReplicas", type: "integer", jsonPath: ".status.currentReplicas" },
    { name: "Pending Runners", type: "integer", jsonPath: ".status.pendingEphemeralRunners" },
    { name: "Running Runners", type: "integer", jsonPath: ".status.runningEphemeralRunners" },
    { name: "Finished Runners", type: "integer", jsonPath: ".status.finishedEphemeralRunners" },
    { name: "Deleting Runners", type: "integer", jsonPath: ".status.deletingEphemeralRunners" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
  ],
};
