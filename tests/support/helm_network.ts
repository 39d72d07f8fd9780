/**
 * GitHub behind a proxy, behind a certificate authority of its own, and credentials in a vault and in files: what the
 * stories of the charts' ways to GitHub need around a cluster.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readText } from "../../src/lib/http.ts";
import { enterpriseServer } from "../../src/sim/actions_service/hosts.ts";
import { listen, type Listening } from "../../src/sim/server.ts";
import { CLIENT, type SimAzure, simAzure, TENANT, VAULT_URL } from "./azure.ts";
import { type HelmCluster, SET_NAMESPACE } from "./helm_cluster.ts";
import { type OpenServers, openServers, type TestProxy } from "./loopback.ts";
import { authority } from "./pki.ts";

/** A name that nobody but the proxy can find. */
export const HIDDEN = "ghes.test";
/** With characters that a URL must escape. */
export const PASSWORD = "p@ss/w:rd";
/** The name of a secret in the vault, and of one in files. */
export const ENTRY = "github-arc";

export class HelmNetwork {
  /** Where GitHub is, by name and scheme, without the organization. */
  readonly urls: { readonly hidden: string; readonly own: string; readonly hiddenOwn: string };
  /** Wants a user name and a password. */
  readonly proxy: TestProxy;
  /** Requests that GitHub got under its hidden name over plain HTTP, and over TLS: "GET http://...". */
  readonly plain: string[];
  readonly tls: string[];
  readonly azure: SimAzure;
  /** PEM: who signs GitHub's certificates. */
  readonly ca: string;
  /** Of the vault. */
  readonly keyVault: object;
  /** Where secrets are, with {namespace} and {name}. */
  readonly secretFiles: string;
  /** A file: who signs the vault's certificates. */
  readonly vaultCa: string;
  readonly #servers: OpenServers;
  readonly #listening: readonly Listening[];
  readonly #folder: string;

  private constructor(parts: Omit<HelmNetwork, "close" | "proxySettings" | "tlsSettings"> & Private) {
    this.urls = parts.urls;
    this.proxy = parts.proxy;
    this.plain = parts.plain;
    this.tls = parts.tls;
    this.azure = parts.azure;
    this.ca = parts.ca;
    this.keyVault = parts.keyVault;
    this.secretFiles = parts.secretFiles;
    this.vaultCa = parts.vaultCa;
    this.#servers = parts.servers;
    this.#listening = parts.listening;
    this.#folder = parts.folder;
  }

  /** Opens it, and makes what is made beforehand in the scale sets' namespace: proxy-auth, wrong-auth and github-ca. */
  static async open(world: HelmCluster): Promise<HelmNetwork> {
    const { service } = world.cluster;
    const folder = mkdtempSync(join(tmpdir(), "arc-network-"));
    const servers = openServers();
    const github = authority("the authority of GitHub");
    const counted = (seen: string[]) => (request: Parameters<typeof service.handle>[0]) => {
      seen.push(`${request.method} ${request.url}`);
      return service.handle(request);
    };
    const plain: string[] = [];
    const tls: string[] = [];
    const onPlain = await listen(counted(plain));
    const onTls = await listen(counted(tls), { tls: github.issue(HIDDEN, "127.0.0.1") });
    const urls = {
      hidden: onPlain.url.replace("127.0.0.1", HIDDEN),
      own: onTls.url,
      hiddenOwn: onTls.url.replace("127.0.0.1", HIDDEN),
    };
    for (const url of Object.values(urls)) service.addHost(enterpriseServer(url));
    await given(world, "secrets", "proxy-auth", { stringData: { username: "arc", password: PASSWORD } });
    await given(world, "secrets", "wrong-auth", { stringData: { username: "arc", password: "another" } });
    await given(world, "configmaps", "github-ca", { data: { "ca.crt": github.ca } });
    const authorization = `Basic ${Buffer.from(`arc:${PASSWORD}`).toString("base64")}`;
    const vault = await openVault(servers, folder);
    mkdirSync(join(folder, "secrets", SET_NAMESPACE), { recursive: true });
    writeFileSync(join(folder, "secrets", SET_NAMESPACE, ENTRY), TOKEN);
    return new HelmNetwork({
      ...{ urls, plain, tls, ...vault, servers, folder, ca: github.ca, listening: [onPlain, onTls] },
      proxy: await servers.proxy({ authorization }),
      secretFiles: join(folder, "secrets/{namespace}/{name}"),
    });
  }

  /** The value `proxy` of a scale set's chart. */
  proxySettings(scheme: "http" | "https", credentialSecretRef = "proxy-auth"): object {
    return { [scheme]: { url: `http://127.0.0.1:${this.proxy.port}`, credentialSecretRef } };
  }

  /** The value `githubServerTLS` of a scale set's chart. */
  tlsSettings(): object {
    const certificateFrom = { configMapKeyRef: { name: "github-ca", key: "ca.crt" } };
    return { certificateFrom, runnerMountPath: "/usr/local/share/ca-certificates/" };
  }

  async close(): Promise<void> {
    await Promise.all(this.#listening.map((one) => one.close()));
    await this.#servers.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Private {
  readonly servers: OpenServers;
  readonly listening: readonly Listening[];
  readonly folder: string;
}

const TOKEN = JSON.stringify({ github_token: "ghp_simulated" });

function given(world: HelmCluster, plural: string, name: string, object: object): Promise<void> {
  return world.given(`/api/v1/namespaces/${SET_NAMESPACE}/${plural}`, { metadata: { name }, ...object });
}

/** A vault that is reached through a proxy of its own, and by names of the real ones. */
async function openVault(servers: OpenServers, folder: string) {
  const signer = authority("the authority of the vault");
  const app = signer.issueRsa("app");
  const azure = simAzure(app.cert, () => Date.now());
  azure.secrets.set(ENTRY, TOKEN);
  const names = ["login.microsoftonline.com", new URL(VAULT_URL).host];
  const url = await servers.https(signer.issue(...names), async (request, response) => {
    const answer = await azure.transport({
      method: request.method ?? "",
      url: `https://${request.headers.host}${request.url}`,
      headers: request.headers as Record<string, string>,
      body: await readText(request),
      signal: new AbortController().signal,
    });
    response.writeHead(answer.status, answer.headers).end(await readText(answer.body));
  });
  const port = Number(new URL(url).port);
  const proxy = await servers.proxy({ ports: Object.fromEntries(names.map((name) => [name, port])) });
  const certificatePath = join(folder, "app.pem");
  writeFileSync(certificatePath, app.cert + app.key, { mode: 0o600 });
  const vaultCa = join(folder, "vault-ca.pem");
  writeFileSync(vaultCa, signer.ca);
  const keyVault = {
    type: "azure_key_vault",
    azureKeyVault: { url: VAULT_URL, tenantId: TENANT, clientId: CLIENT, certificatePath },
    proxy: { https: { url: `http://127.0.0.1:${proxy.port}` } },
  };
  return { azure, vaultCa, keyVault };
}
