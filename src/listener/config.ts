/** The listener's config.json, as the controller writes it; the file of the reference's controller is read alike. */
import * as z from "zod";
import type { MetricsConfig } from "../api/kinds.ts";
import { checkCredentials, type Credentials, CredentialsError } from "../github/auth.ts";
import { type ConfigUrl, ConfigUrlError, parseConfigUrl } from "../lib/config_url.ts";
import { LOG_LEVELS, type LogLevel } from "../lib/log.ts";
import type { LogFormat } from "../lib/logtape.ts";
import type { Limits } from "./scale.ts";

export interface ListenerConfig {
  readonly configUrl: ConfigUrl;
  readonly credentials: Credentials;
  readonly runnerSet: { readonly namespace: string; readonly name: string };
  readonly scaleSetId: number;
  readonly scaleSetName: string;
  readonly limits: Limits;
  /** PEM; "" when only the runtime's own authorities are trusted. */
  readonly rootCa: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** As in ":8080"; "" when no metrics are served. */
  readonly metricsAddr: string;
  readonly metricsEndpoint: string;
  /** What is exported; undefined: everything. */
  readonly metrics: MetricsConfig | undefined;
}

/** The config can't be used; the message begins with the path of the field. It holds no secret. */
export class ListenerConfigError extends Error {
  override readonly name = "ListenerConfigError";

  constructor(field: string, wrong: string) {
    super(field === "" ? `config.json ${wrong}` : `config.json: ${field} ${wrong}`);
  }
}

const text = z.string().nullish().transform((value) => value?.trim() ?? "");
const count = z.number().int().min(0).nullish().transform((value) => value ?? 0);
const metric = z.looseObject({ labels: z.array(z.string()).nullish().transform((labels) => labels ?? []) });
const histogram = metric.extend({
  buckets: z.array(z.number()).nullish().transform((buckets) => buckets ?? undefined),
});
const metrics = z.looseObject({
  counters: z.record(z.string(), metric).nullish().transform((value) => value ?? undefined),
  gauges: z.record(z.string(), metric).nullish().transform((value) => value ?? undefined),
  histograms: z.record(z.string(), histogram).nullish().transform((value) => value ?? undefined),
});

/** Unknown fields are left alone: an older or newer controller may write them. */
const schema = z.looseObject({
  configure_url: text,
  vault_type: text,
  github_app_id: text,
  github_app_installation_id: count,
  github_app_private_key: text,
  github_token: text,
  ephemeral_runner_set_namespace: text,
  ephemeral_runner_set_name: text,
  max_runners: count,
  min_runners: count,
  runner_scale_set_id: count,
  runner_scale_set_name: text,
  server_root_ca: text,
  log_level: text,
  log_format: text,
  metrics_addr: text,
  metrics_endpoint: text,
  metrics: metrics.nullish().transform((value) => value ?? undefined),
});
type WireConfig = z.infer<typeof schema>;

/**
 * Reads a config.json.
 * @throws ListenerConfigError
 */
export function parseConfig(json: string, options: { readonly forceServer?: boolean } = {}): ListenerConfig {
  const wire = wireOf(json);
  required(wire, "ephemeral_runner_set_namespace", "ephemeral_runner_set_name");
  if (wire.runner_scale_set_id === 0) throw new ListenerConfigError("runner_scale_set_id", "must be a number above 0");
  return {
    configUrl: configUrlOf(wire.configure_url, options.forceServer),
    credentials: credentialsOf(wire),
    runnerSet: { namespace: wire.ephemeral_runner_set_namespace, name: wire.ephemeral_runner_set_name },
    scaleSetId: wire.runner_scale_set_id,
    scaleSetName: wire.runner_scale_set_name,
    limits: limitsOf(wire),
    rootCa: wire.server_root_ca,
    logLevel: choice("log_level", wire.log_level, LOG_LEVELS, "info"),
    logFormat: choice("log_format", wire.log_format, ["text", "json"], "text"),
    metricsAddr: wire.metrics_addr === "0" ? "" : wire.metrics_addr,
    metricsEndpoint: wire.metrics_endpoint || "/metrics",
    metrics: wire.metrics,
  };
}

function wireOf(json: string): WireConfig {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's message quotes the text, which holds credentials.
    throw new ListenerConfigError("", json.trim() === "" ? "is empty" : "is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ListenerConfigError(issue?.path.map(String).join(".") ?? "", `is not usable: ${issue?.message}`);
}

function required(wire: WireConfig, ...fields: (keyof WireConfig & string)[]): void {
  for (const field of fields) if (wire[field] === "") throw new ListenerConfigError(field, "is missing");
}

function configUrlOf(url: string, forceServer: boolean | undefined): ConfigUrl {
  if (url === "") throw new ListenerConfigError("configure_url", "is missing");
  try {
    return parseConfigUrl(url, { forceServer });
  } catch (error) {
    if (!(error instanceof ConfigUrlError)) throw error;
    throw new ListenerConfigError("configure_url", `is not usable: ${error.message}`);
  }
}

/** No runner at all is a pause, whatever the least number of idle ones is. */
function limitsOf({ min_runners: minRunners, max_runners: maxRunners }: WireConfig): Limits {
  if (maxRunners !== 0 && maxRunners < minRunners) {
    throw new ListenerConfigError("max_runners", `is ${maxRunners}, less than min_runners, which is ${minRunners}`);
  }
  return { minRunners, maxRunners };
}

function credentialsOf(wire: WireConfig): Credentials {
  const { github_token: token, github_app_id: appId, github_app_private_key: privateKey } = wire;
  const installationId = wire.github_app_installation_id;
  if (wire.vault_type !== "") {
    throw new ListenerConfigError("vault_type", `is ${wire.vault_type}: this process has no way to vaults`);
  }
  const hasApp = appId !== "" || installationId !== 0 || privateKey !== "";
  if (token !== "" && hasApp) {
    throw new ListenerConfigError("github_token", "is there and the fields of a GitHub App too: keep one of the two");
  }
  if (token === "" && !hasApp) {
    throw new ListenerConfigError("github_token", "is missing, and so are the fields of a GitHub App");
  }
  if (token !== "") return checked("github_token", { kind: "pat", token });
  required(wire, "github_app_id", "github_app_private_key");
  if (installationId === 0) throw new ListenerConfigError("github_app_installation_id", "is missing");
  return checked("github_app_private_key", { kind: "app", appId, installationId, privateKey });
}

function checked(field: string, credentials: Credentials): Credentials {
  try {
    checkCredentials(credentials);
    return credentials;
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    throw new ListenerConfigError(field, `is not usable: ${error.message}`);
  }
}

function choice<T extends string>(field: string, value: string, choices: readonly T[], fallback: T): T {
  if (value === "") return fallback;
  const found = choices.find((one) => one === value.toLowerCase());
  if (found === undefined) throw new ListenerConfigError(field, `is not one of ${choices.join(", ")}`);
  return found;
}
