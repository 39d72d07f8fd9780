/** From the fields of a spec to what a connection to GitHub needs: the few objects that nobody watches are read here. */
import type { ProxyServer } from "../../api/kinds.ts";
import type { Credentials } from "../../github/auth.ts";
import { KubeError } from "../../k8s/errors.ts";
import type { ReadThrough } from "../../k8s/read_through.ts";
import type { ConfigMap, Secret } from "../../k8s/resource.ts";
import { type ConfigUrl, ConfigUrlError, parseConfigUrl } from "../../lib/config_url.ts";
import { certificatesOf, credentialsOf, noProxyOf, type ProxyTexts, proxyUrlOf } from "./credentials.ts";
import { type GithubSource, SourceError, type SourceProblem } from "./services.ts";

/** A source, understood and read. Holds secrets: never to be logged. */
export interface ResolvedSource {
  readonly configUrl: ConfigUrl;
  readonly credentials: Credentials;
  readonly proxy: ProxyTexts;
  /** PEM; "" when the runtime's own authorities are enough. */
  readonly ca: string;
}

/** Reads sources. What it has read is remembered by the two {@link ReadThrough}s for their time to live. */
export class SourceReader {
  readonly #secrets: ReadThrough<Secret>;
  readonly #configMaps: ReadThrough<ConfigMap>;
  readonly #forceServer: boolean;

  constructor(options: {
    readonly secrets: ReadThrough<Secret>;
    readonly configMaps: ReadThrough<ConfigMap>;
    /** Take every host for a GitHub Enterprise Server. */
    readonly forceServer?: boolean;
  }) {
    this.#secrets = options.secrets;
    this.#configMaps = options.configMaps;
    this.#forceServer = options.forceServer ?? false;
  }

  /** @throws SourceError, or KubeError when the API server can't be asked */
  async read(source: GithubSource): Promise<ResolvedSource> {
    const configUrl = this.#configUrl(source);
    if (source.vaultConfig?.type !== undefined) {
      throw new SourceError(
        "VaultUnavailable",
        `vaultConfig: this build can't read secrets from a vault (type ${source.vaultConfig.type}); ` +
          "put the credentials into a Secret and remove vaultConfig",
      );
    }
    const [credentials, proxy, ca] = await Promise.all([
      this.#credentials(source),
      this.proxy(source),
      this.#certificates(source),
    ]);
    return { configUrl, credentials, proxy, ca };
  }

  /** The proxies of a source, with their user info. @throws SourceError ProxyInvalid */
  async proxy(source: Pick<GithubSource, "namespace" | "proxy">): Promise<ProxyTexts> {
    const one = async (server: ProxyServer | undefined, field: string) => {
      const name = server?.credentialSecretRef;
      const secret = name ? await this.#secret(source.namespace, name, field, "ProxyInvalid") : undefined;
      return proxyUrlOf(server, field, secret);
    };
    const [http, https] = await Promise.all([
      one(source.proxy?.http, "proxy.http"),
      one(source.proxy?.https, "proxy.https"),
    ]);
    return { http, https, noProxy: noProxyOf(source.proxy) };
  }

  /** The next read asks the API server. */
  forget(source: GithubSource): void {
    const { namespace, proxy, githubConfigSecret, githubServerTLS } = source;
    for (const name of [githubConfigSecret, proxy?.http?.credentialSecretRef, proxy?.https?.credentialSecretRef]) {
      if (name) this.#secrets.forget(namespace, name);
    }
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

  async #credentials({ namespace, githubConfigSecret }: GithubSource): Promise<Credentials> {
    if (!githubConfigSecret) {
      throw new SourceError(
        "SecretNotFound",
        "githubConfigSecret is not set: it names the secret with the credentials",
      );
    }
    const field = "githubConfigSecret";
    const secret = await this.#secret(namespace, githubConfigSecret, field, "SecretNotFound");
    if (!secret) {
      throw new SourceError("SecretNotFound", `${field}: there is no secret ${namespace}/${githubConfigSecret}`);
    }
    return credentialsOf(secret);
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
