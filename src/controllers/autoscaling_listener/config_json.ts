/** config.json: what a listener is told. Field names, their order and their types are those of the reference. Pure. */
import type { AutoscalingListener } from "../../api/kinds.ts";
import { metricsAddrOf, type Settings } from "../shared/settings.ts";
import type { ResolvedSource } from "../shared/source_reader.ts";

/** One line of JSON. It holds credentials: it belongs into a secret and nowhere else. */
export function configJson(
  listener: AutoscalingListener,
  source: ResolvedSource,
  scaleSetName: string,
  settings: Settings,
): string {
  const spec = listener.spec ?? {};
  const { credentials } = source;
  const app = credentials.kind === "app" ? credentials : undefined;
  const metricsAddr = metricsAddrOf(settings);
  return JSON.stringify({
    configure_url: spec.githubConfigUrl ?? "",
    vault_type: "",
    vault_lookup_key: "",
    github_app_id: app?.appId ?? "",
    github_app_installation_id: app?.installationId ?? 0,
    github_app_private_key: app?.privateKey ?? "",
    github_token: credentials.kind === "pat" ? credentials.token : "",
    ephemeral_runner_set_namespace: spec.autoscalingRunnerSetNamespace ?? "",
    ephemeral_runner_set_name: spec.ephemeralRunnerSetName ?? "",
    max_runners: spec.maxRunners ?? 0,
    min_runners: spec.minRunners ?? 0,
    runner_scale_set_id: spec.runnerScaleSetId ?? 0,
    runner_scale_set_name: scaleSetName,
    server_root_ca: source.ca,
    log_level: settings.logLevel,
    log_format: settings.logFormat,
    metrics_addr: metricsAddr,
    metrics_endpoint: metricsAddr === "" ? "" : settings.listenerMetricsEndpoint,
    metrics: spec.metrics ?? null,
  });
}
