/** config.json when the credentials are in a vault: they are put in their place before anybody else reads it. */
import * as z from "zod";
import { CredentialsError } from "../github/auth.ts";
import { credentialsIn } from "../github/secret.ts";
import type { ProxySettings } from "../lib/http.ts";
import { valuesOf } from "../vault/values.ts";
import type { VaultSettings } from "../vault/vault.ts";
import type { Vaults } from "../vault/vaults.ts";
import { ListenerConfigError } from "./config.ts";

const text = z.string().nullish().transform((value) => value?.trim() ?? "");
const proxy = z.looseObject({ http: text, https: text, no_proxy: text });

const schema = z.looseObject({
  vault_type: text,
  vault_lookup_key: text,
  azure_key_vault: z.looseObject({ tenant_id: text, client_id: text, url: text, certificate_path: text }).nullish(),
  file_vault: z.looseObject({ path: text }).nullish(),
  vault_proxy: proxy.nullish(),
});
type WireVault = z.infer<typeof schema>;

/**
 * The text of a config.json with the credentials of the vault that it names; a text without a vault as it is.
 * @param fresh asks the vault even when its secret has been read a moment ago
 * @throws ListenerConfigError, or VaultError
 */
export async function withVaultSecret(json: string, vaults: Vaults, fresh: boolean): Promise<string> {
  const wire = wireOf(json);
  if (!wire || wire.vault_type === "") return json;
  const settings = settingsOf(wire);
  const name = wire.vault_lookup_key;
  if (name === "") throw new ListenerConfigError("vault_lookup_key", "is missing: it names the secret in the vault");
  if (fresh) vaults.forget([name]);
  const where = `secret ${name} of the vault`;
  const credentials = credentialsOf(valuesOf(await vaults.secret(settings, name), where), where);
  const { vault_type: _type, vault_lookup_key: _name, azure_key_vault: _azure, file_vault: _file, ...rest } = wire;
  return JSON.stringify({ ...rest, ...credentials });
}

/** Undefined for a text that is no config at all: whoever reads it next says why. */
function wireOf(json: string): WireVault | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // Told by parseConfig.
    return undefined;
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const field = result.error.issues[0]?.path.map(String).join(".") ?? "";
  if (/^(vault|azure|file)_/.test(field)) throw new ListenerConfigError(field, "is not usable");
  return undefined;
}

function settingsOf(wire: WireVault): VaultSettings {
  const { vault_type: type, azure_key_vault: azure, file_vault: file, vault_proxy: proxy } = wire;
  if (type === "file") {
    if (!file?.path) throw new ListenerConfigError("file_vault.path", "is missing");
    return { type, path: file.path };
  }
  if (type !== "azure_key_vault") {
    throw new ListenerConfigError("vault_type", `is ${type}, which is neither azure_key_vault nor file`);
  }
  if (!azure) throw new ListenerConfigError("azure_key_vault", "is missing");
  return {
    type,
    url: azure.url,
    tenantId: azure.tenant_id,
    clientId: azure.client_id,
    certificatePath: azure.certificate_path,
    ...(proxy ? { proxy: proxyOf(proxy) } : {}),
  };
}

function proxyOf({ http, https, no_proxy: noProxy }: z.infer<typeof proxy>): ProxySettings {
  return { http: http || undefined, https: https || undefined, noProxy: noProxy || undefined };
}

/** The fields of a config.json that hold these credentials. */
function credentialsOf(values: Readonly<Record<string, string>>, where: string): Record<string, string | number> {
  try {
    const found = credentialsIn(values);
    if (found.kind === "pat") return { github_token: found.token };
    return {
      github_app_id: found.appId,
      github_app_installation_id: found.installationId,
      github_app_private_key: found.privateKey,
    };
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    throw new ListenerConfigError("vault_lookup_key", `names a secret that can't be used: ${where} ${error.message}`);
  }
}
