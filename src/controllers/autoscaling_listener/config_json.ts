/** config.json: what a listener is told. Field names, their order and their types are those of the reference. Pure. */
import type { AutoscalingListener } from "../../api/kinds.ts";
import type { Credentials } from "../../github/auth.ts";
import type { VaultSettings } from "../../vault/vault.ts";
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
  const { vault } = source;
  const metricsAddr = metricsAddrOf(settings);
  return JSON.stringify({
    configure_url: spec.githubConfigUrl ?? "",
    vault_type: vault?.type ?? "",
    vault_lookup_key: vault ? spec.githubConfigSecret ?? "" : "",
    ...(vault ? vaultFields(vault) : credentialFields(source.credentials)),
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

/** The listener asks the vault itself: no credentials are written. `file_vault` and `vault_proxy` are ours. */
function vaultFields(vault: VaultSettings) {
  if (vault.type === "file") return { file_vault: { path: vault.path } };
  const { tenantId, clientId, url, certificatePath, proxy } = vault;
  const { http = "", https = "", noProxy = "" } = proxy ?? {};
  return {
    azure_key_vault: { tenant_id: tenantId, client_id: clientId, url, certificate_path: certificatePath },
    ...(proxy ? { vault_proxy: { http, https, no_proxy: noProxy } } : {}),
  };
}

function credentialFields(credentials: Credentials) {
  const app = credentials.kind === "app" ? credentials : undefined;
  return {
    github_app_id: app?.appId ?? "",
    github_app_installation_id: app?.installationId ?? 0,
    github_app_private_key: app?.privateKey ?? "",
    github_token: credentials.kind === "pat" ? credentials.token : "",
  };
}
