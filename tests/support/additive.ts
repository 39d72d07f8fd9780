/** Fields of ours that ARC does not know, by kind: all optional. An API server with ARC's definitions drops them. */
export const ADDITIVE: Readonly<Record<string, readonly string[]>> = {
  AutoscalingRunnerSet: [
    "spec.paused",
    "spec.scheduledOverrides",
    "spec.disruption",
    "spec.runnerPolicy",
    "status.finishedEphemeralRunners",
    "status.deletingEphemeralRunners",
    "status.effectiveMinRunners",
    "status.effectiveMaxRunners",
    "status.activeOverride",
    "status.observedGeneration",
    "status.conditions",
  ],
  AutoscalingListener: ["status.observedGeneration", "status.conditions"],
  EphemeralRunnerSet: [
    "spec.runningJobs",
    "spec.runnerPolicy",
    "spec.missingScaleSetId",
    "spec.sessionId",
    "spec.listenerReport",
    "status.finishedEphemeralRunners",
    "status.deletingEphemeralRunners",
    "status.observedGeneration",
    "status.conditions",
  ],
  EphemeralRunner: ["status.jobSetGeneration", "status.observedGeneration", "status.conditions"],
};
