/** Takes reports that the service no longer knows a scale set or refuses its credentials; nobody polls for that. */
export interface ScaleSetGone {
  /** `runnerSetKey` is the key of the EphemeralRunnerSet whose spec names the scale set `scaleSetId`. */
  report(runnerSetKey: string, scaleSetId: number): void;
}
