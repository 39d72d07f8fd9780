/** From the fields of a spec to what a connection to GitHub needs: the few objects that nobody watches are read here. */
import type { ProxyServer } from "../../api/kinds.ts";
import type { Credentials } from "../../github/auth.ts";
import { KubeError } from "../../k8s/errors.ts";
import type { ReadThrough } from "../../k8s/read_through.ts";
import type { ConfigMap, Secret } from "../../k8s/resource.ts";
import { type ConfigUrl, ConfigUrlError, parseConfigUrl } from "../../lib/config_url.ts";
import type { VaultSettings } from "../../vault/vault.ts";
import { certificatesOf, credentialsOf, noProxyOf, type ProxyTexts, proxyUrlOf, valuesOf } from "./credentials.ts";
import { type GithubSource, SourceError, type SourceProblem } from "./services.ts";
import { type VaultAccess, vaultSettingsOf, vaultValues } from "./vault_source.ts";

/** A source, understood and read. Holds secrets: never to be logged. */
export interface ResolvedSource {
  readonly configUrl: ConfigUrl;
  readonly credentials: Credentials;
  readonly proxy: ProxyTexts;
  /** PEM; "" when the runtime's own authorities are enough. */
  readonly ca: string;
  /** The vault that the credentials come from. */
  readonly vault?: VaultSettings;
}

type Values = Readonly<Record<string, string>>;

/** Reads sources. What it has read is remembered by the two {@link ReadThrough}s for their time to live. */
export class SourceReader {
  readonly #secrets: ReadThrough<Secret>;
  readonly #configMaps: ReadThrough<ConfigMap>;
  readonly #forceServer: boolean;
  readonly #vaults: VaultAccess | undefined;

  constructor(options: {
    readonly secrets: ReadThrough<Secret>;
    readonly configMaps: ReadThrough<ConfigMap>;
    /** Take every host for a GitHub Enterprise Server. */
    readonly forceServer?: boolean;
    /** Without it no secret can come from a vault. */
    readonly vaults?: VaultAccess;
  }) {
    this.#secrets = options.secrets;
    this.#configMaps = options.configMaps;
    this.#forceServer = options.forceServer ?? false;
    this.#vaults = options.vaults;
  }

  /** @throws SourceError, or KubeError when the API server can't be asked */
  async read(source: GithubSource): Promise<ResolvedSource> {
    const configUrl = this.#configUrl(source);
    const vault = await this.#vaultOf(source);
    const [credentials, proxy, ca] = await Promise.all([
      this.#credentials(source, vault),
      this.#proxy(source, vault),
      this.#certificates(source),
    ]);
    return { configUrl, credentials, proxy, ca, ...(vault ? { vault } : {}) };
  }

  /** The proxies of a source, with their user info. @throws SourceError ProxyInvalid, or what the vault's failure is */
  async proxy(source: Pick<GithubSource, "namespace" | "proxy" | "vaultConfig">): Promise<ProxyTexts> {
    return await this.#proxy(source, source.proxy ? await this.#vaultOf(source) : undefined);
  }

  async #proxy(
    { namespace, proxy }: Pick<GithubSource, "namespace" | "proxy">,
    vault: VaultSettings | undefined,
    at = "proxy",
  ): Promise<ProxyTexts> {
    const one = async (server: ProxyServer | undefined, field: string) => {
      const name = server?.credentialSecretRef;
      const values = name ? await this.#values(namespace, name, field, "ProxyInvalid", vault) : undefined;
      return proxyUrlOf(server, field, values);
    };
    const [http, https] = await Promise.all([one(proxy?.http, `${at}.http`), one(proxy?.https, `${at}.https`)]);
    return { http, https, noProxy: noProxyOf(proxy) };
  }

  /** What the vault's own proxy needs is in the cluster: the vault can't be asked for it. */
  async #vaultOf({ namespace, vaultConfig }: Pick<GithubSource, "namespace" | "vaultConfig">) {
    if (!vaultConfig?.type) return undefined;
    const proxy = await this.#proxy({ namespace, proxy: vaultConfig.proxy }, undefined, "vaultConfig.proxy");
    return vaultSettingsOf(vaultConfig, { namespace, proxy, access: this.#vaults });
  }

  /** The next read asks the API server. */
  forget(source: GithubSource): void {
    const { namespace, proxy, githubConfigSecret, githubServerTLS, vaultConfig } = source;
    const names = [githubConfigSecret, proxy?.http?.credentialSecretRef, proxy?.https?.credentialSecretRef];
    if (vaultConfig?.type) this.#vaults?.vaults.forget(names.filter((name) => name !== undefined));
    for (const server of [vaultConfig?.proxy?.http, vaultConfig?.proxy?.https]) names.push(server?.credentialSecretRef);
    for (const name of names) if (name) this.#secrets.forget(namespace, name);
    const map = githubServerTLS?.certificateFrom?.configMapKeyRef?.name;
    if (map) this.#configMaps.forget(namespace, map);
  }

  #configUrl({ githubConfigUrl }: GithubSource): ConfigUrl {
    try {
      return parseConfigUrl(githubConfigUrl ?? "", { forceServer: this.#forceServer });
    } catch (error) {
      if (!(error instanceof ConfigUrlError)) throw error;
      throw new SourceError("InvalidConfigURL", `githubConfigUrl: ${error.message}`);
    }
  }

  async #credentials(
    { namespace, githubConfigSecret }: GithubSource,
    vault: VaultSettings | undefined,
  ): Promise<Credentials> {
    if (!githubConfigSecret) {
      throw new SourceError(
        "SecretNotFound",
        "githubConfigSecret is not set: it names the secret with the credentials",
      );
    }
    const field = "githubConfigSecret";
    const values = await this.#values(namespace, githubConfigSecret, field, "SecretNotFound", vault);
    if (!values) {
      throw new SourceError("SecretNotFound", `${field}: there is no secret ${namespace}/${githubConfigSecret}`);
    }
    const where = vault ? `secret ${githubConfigSecret} of the vault` : `secret ${namespace}/${githubConfigSecret}`;
    return credentialsOf(values, where);
  }

  /** The values of a secret, from the vault when there is one. */
  async #values(
    namespace: string,
    name: string,
    field: string,
    problem: SourceProblem,
    vault: VaultSettings | undefined,
  ): Promise<Values | undefined> {
    if (vault && this.#vaults) return await vaultValues(this.#vaults, vault, name, field);
    const secret = await this.#secret(namespace, name, field, problem);
    return secret && valuesOf(secret);
  }

  /** A secret that we may not read is a matter for the user, and so is told as such. */
  async #secret(namespace: string, name: string, field: string, problem: SourceProblem): Promise<Secret | undefined> {
    try {
      return await this.#secrets.get(namespace, name);
    } catch (error) {
      if (!KubeError.is(error, "Forbidden")) throw error;
      throw new SourceError(problem, `${field}: the controller may not read secret ${namespace}/${name} (403)`, error);
    }
  }

  async #certificates({ namespace, githubServerTLS }: GithubSource): Promise<string> {
    if (!githubServerTLS) return "";
    const ref = githubServerTLS.certificateFrom?.configMapKeyRef;
    if (!ref?.name) {
      throw new SourceError(
        "CertificateInvalid",
        "githubServerTLS: certificateFrom.configMapKeyRef names no config map",
      );
    }
    try {
      return certificatesOf(await this.#configMaps.get(namespace, ref.name), ref);
    } catch (error) {
      if (!KubeError.is(error, "Forbidden")) throw error;
      const message = `githubServerTLS: the controller may not read config map ${namespace}/${ref.name} (403)`;
      throw new SourceError("CertificateInvalid", message, error);
    }
  }
}
