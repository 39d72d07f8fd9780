/** Azure Key Vault, by Microsoft's SDK, which is loaded when the first secret is asked for. */
import type { ClientAssertionCredential } from "@azure/identity";
import type { SecretClientOptions } from "@azure/keyvault-secrets";
import type { Clock } from "../lib/clock.ts";
import { messageOf, readableLine } from "../lib/errors.ts";
import { hostOf, type Transport, type TransportFactory } from "../lib/http.ts";
import { type Random, uuid } from "../lib/random.ts";
import { clientAssertion, clientCertificateOf } from "./assertion.ts";
import { AzureWire } from "./azure_http.ts";
import { type AzureVaultSettings, type Vault, VaultError } from "./vault.ts";

export interface AzureDeps {
  readonly transports: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly readBytes: (path: string) => Promise<Uint8Array>;
  /** Where logins go; default: the public cloud. Sovereign clouds have their own (AZURE_AUTHORITY_HOST). */
  readonly authorityHost?: string;
}

const PUBLIC_CLOUD = "https://login.microsoftonline.com";
/** Of one request; a secret takes two, a login up to three more. */
const DEADLINE_MS = 10_000;

/** A vault in Azure. Nothing is asked, read or loaded before the first secret. */
export function azureVault(settings: AzureVaultSettings, deps: AzureDeps): Vault {
  return new AzureVault(settings, deps);
}

class AzureVault implements Vault {
  readonly #settings: AzureVaultSettings;
  readonly #deps: AzureDeps;
  /** Set at the first use: transports refuse a proxy that can't be used. */
  #transport: Transport | undefined;
  #login: { readonly credential: ClientAssertionCredential; readonly wire: AzureWire } | undefined;

  constructor(settings: AzureVaultSettings, deps: AzureDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  async secret(name: string): Promise<string> {
    const { url } = checked(this.#settings);
    const { SecretClient } = await import("@azure/keyvault-secrets");
    const login = await this.#loggedIn();
    // A client for each secret costs a request more and tells whose failure it is when several are asked for.
    const wire = this.#wire();
    const client = new SecretClient(url, login.credential, optionsOf(wire));
    const where = `vault ${hostOf(url)}, secret ${name}`;
    let value: string | undefined;
    try {
      ({ value } = await client.getSecret(name));
    } catch (error) {
      throw this.#explained(error, where, wire, login.wire);
    }
    if (!value) throw new VaultError("Invalid", `${where} is empty`);
    return value;
  }

  async #loggedIn() {
    const { clock, random, authorityHost = PUBLIC_CLOUD } = this.#deps;
    const { tenantId, clientId } = this.#settings;
    // The certificate's faults are told as what they are, not as those of a login that failed.
    await this.#certificate();
    const { ClientAssertionCredential } = await import("@azure/identity");
    if (this.#login) return this.#login;
    const assertion = async () => {
      const audience = `${authorityHost.replace(/\/+$/, "")}/${tenantId}/oauth2/v2.0/token`;
      return clientAssertion(await this.#certificate(), { clientId, audience, now: clock.now(), id: uuid(random) });
    };
    const wire = this.#wire();
    const options = { ...optionsOf(wire), authorityHost };
    return this.#login = { wire, credential: new ClientAssertionCredential(tenantId, clientId, assertion, options) };
  }

  async #certificate() {
    const { certificatePath: path } = this.#settings;
    let file: Uint8Array;
    try {
      file = await this.#deps.readBytes(path);
    } catch (error) {
      throw new VaultError("Settings", `certificatePath: ${messageOf(error)}`);
    }
    return clientCertificateOf(file, path);
  }

  #wire(): AzureWire {
    const { transports, clock } = this.#deps;
    const { proxy } = this.#settings;
    this.#transport ??= transports(proxy ? { proxy } : {});
    return new AzureWire(this.#transport, { clock, deadlineMs: DEADLINE_MS });
  }

  /** The SDK's own errors may quote what was sent; only what the servers said is told. */
  #explained(error: unknown, where: string, wire: AzureWire, login: AzureWire): VaultError {
    if (error instanceof VaultError) return error;
    if (wire.failure) return new VaultError(wire.failure.kind, `${where}: ${wire.failure.said}`);
    if (login.failure) {
      const kind = login.failure.kind === "Unreachable" ? "Unreachable" : "Refused";
      return new VaultError(kind, `${where}: the login at Entra ID failed: ${login.failure.said}`);
    }
    return new VaultError("Refused", `${where}: ${readableLine(error)}`);
  }
}

/** @throws VaultError Settings */
function checked(settings: AzureVaultSettings): AzureVaultSettings {
  const { url, tenantId, clientId, certificatePath } = settings;
  const missing = Object.entries({ url, tenantId, clientId, certificatePath })
    .filter(([, value]) => !value).map(([field]) => field);
  if (missing.length > 0) throw new VaultError("Settings", `azureKeyVault lacks ${missing.join(" and ")}`);
  if (!URL.canParse(url) || new URL(url).protocol !== "https:") {
    throw new VaultError("Settings", "azureKeyVault.url is no address that begins with https://");
  }
  return settings;
}

/** A failed call is tried again by whoever asked for the secret: the SDK's own tries would only hold up the answer. */
function optionsOf(httpClient: AzureWire): SecretClientOptions {
  return { httpClient, retryOptions: { maxRetries: 0 } };
}
