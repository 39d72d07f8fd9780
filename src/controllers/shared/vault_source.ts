/** From vaultConfig to the secrets of that vault. */
import type { VaultConfig } from "../../api/kinds.ts";
import { filled } from "../../vault/file.ts";
import { valuesOf } from "../../vault/values.ts";
import { VaultError, type VaultProblem, type VaultSettings } from "../../vault/vault.ts";
import type { Vaults } from "../../vault/vaults.ts";
import type { ProxyTexts } from "./credentials.ts";
import { SourceError, type SourceProblem } from "./services.ts";

/** What a controller has to reach vaults with. */
export interface VaultAccess {
  readonly vaults: Vaults;
  /** Where secrets in files are: a path with `{namespace}` and `{name}`, which only the operator can choose. */
  readonly secretFiles: string;
}

/** What a vault's failures are to the user of a scale set. */
const REASONS: Readonly<Record<VaultProblem, SourceProblem>> = {
  Settings: "VaultUnavailable",
  NotFound: "SecretNotFound",
  Invalid: "SecretInvalid",
  Refused: "VaultUnavailable",
  Unreachable: "VaultUnavailable",
};

/** @throws SourceError VaultUnavailable */
export function vaultSettingsOf(
  config: VaultConfig,
  { namespace, proxy, access }: {
    readonly namespace: string;
    readonly proxy: ProxyTexts;
    readonly access: VaultAccess | undefined;
  },
): VaultSettings {
  const { type } = config;
  const refuse = (what: string) => new SourceError("VaultUnavailable", `vaultConfig: ${what}`);
  if (!access) throw refuse("this controller has been given no way to vaults");
  if (type === "file") {
    return told("vaultConfig", () => ({ type, path: filled(access.secretFiles, { namespace }) }));
  }
  if (type !== "azure_key_vault") throw refuse(`the type ${String(type)} is neither azure_key_vault nor file`);
  const { url = "", tenantId = "", clientId = "", certificatePath = "" } = config.azureKeyVault ?? {};
  const { http, https, noProxy } = proxy;
  const isProxied = http !== "" || https !== "";
  return {
    type,
    url: url.trim(),
    tenantId: tenantId.trim(),
    clientId: clientId.trim(),
    certificatePath: certificatePath.trim(),
    ...(isProxied
      ? { proxy: { http: http || undefined, https: https || undefined, noProxy: noProxy || undefined } }
      : {}),
  };
}

/** The values of a secret in a vault. @throws SourceError */
export async function vaultValues(
  { vaults }: VaultAccess,
  settings: VaultSettings,
  name: string,
  field: string,
): Promise<Readonly<Record<string, string>>> {
  try {
    return valuesOf(await vaults.secret(settings, name), `secret ${name} of the vault`);
  } catch (error) {
    throw asSourceError(error, field);
  }
}

function told<T>(field: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw asSourceError(error, field);
  }
}

function asSourceError(error: unknown, field: string): unknown {
  if (!VaultError.is(error)) return error;
  return new SourceError(REASONS[error.kind], `${field}: ${error.message}`, error);
}
