import type { LogLevel } from "../../lib/log.ts";

/** What an operator has chosen, as far as the controllers of scale sets and listeners need it. */
export interface Settings {
  /** The controller's own namespace: listeners live there. */
  readonly namespace: string;
  /** The listener's image, which is the controller's. */
  readonly image: string;
  /** Names of secrets with which the listener's image is pulled. */
  readonly imagePullSecrets: readonly string[];
  /** The listener's command; default "/ghalistener". */
  readonly listenerEntrypoint?: string;
  /** Where listeners serve metrics, as in ":8080". "" or "0": they serve none. */
  readonly listenerMetricsAddr: string;
  readonly listenerMetricsEndpoint: string;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  /** Labels of a scale set whose keys begin so are not passed on. */
  readonly excludedLabelPrefixes: readonly string[];
  /** Whether runners' pods are told of their job. Default: they are. */
  readonly annotateRunnerPods?: boolean;
  readonly version: string;
  readonly commit: string;
  /** Accepted for the chart's sake: changes roll through idle runners, which serves both. */
  readonly updateStrategy: "immediate" | "eventual";
  /** "pod": one listener pod a scale set. "embedded": the controller runs every loop itself. */
  readonly listenerMode: "pod" | "embedded";
}

/** The address that listeners serve metrics on, "" when they serve none. */
export function metricsAddrOf(settings: Settings): string {
  return settings.listenerMetricsAddr === "0" ? "" : settings.listenerMetricsAddr;
}
