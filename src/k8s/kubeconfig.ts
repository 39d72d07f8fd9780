/** The API server of a kubeconfig's context. */
import type { Transport, TransportOptions } from "../lib/http.ts";
import { proxyFromEnv } from "../lib/proxy.ts";
import { FileError } from "../lib/runtime.ts";
import type { KubeServer } from "./client.ts";
import { ConfigError, type ConfigSource, type ServerChoice } from "./config.ts";
import { type Credentials, credentialsOf, pemOf } from "./credentials.ts";
import { selectContext, type Selected } from "./kubeconfig_file.ts";

/**
 * The API server of the chosen context, else of the current one. Tokens and client certificates are renewed as the
 * user's file or plugin gives new ones.
 * @throws ConfigError
 */
export async function kubeconfigServer(choice: ServerChoice, source: ConfigSource): Promise<KubeServer> {
  const selected = await selectContext(choice, source);
  const { cluster, user } = selected;
  const server = serverUrl(selected);
  if (user.as) throw new ConfigError(`user ${selected.userName} acts as another user ("as"), which is not supported`);
  const options = await oneLine(() => transportOptions(selected, source));
  const credentials = credentialsOf(selected, source);
  const first = await oneLine(() => credentials.get());
  const connect = connector(options, first, source);
  return {
    baseUrl: server,
    async transport(request) {
      const response = await connect(await oneLine(() => credentials.get()))(request);
      if (response.status === 401) credentials.refused();
      return response;
    },
    authorization: async () => (await oneLine(() => credentials.get())).authorization,
    namespace: selected.namespace,
  };

  function serverUrl({ context }: Selected): string {
    const url = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
    if (url?.protocol === "https:" || url?.protocol === "http:") return cluster.server.replace(/\/+$/, "");
    throw new ConfigError(`the server of context ${context} is no http:// or https:// URL`);
  }
}

async function transportOptions({ cluster }: Selected, source: ConfigSource): Promise<TransportOptions> {
  const ca = await pemOf(cluster["certificate-authority-data"], cluster["certificate-authority"], source);
  const proxy = cluster["proxy-url"];
  if (proxy && !/^https?:\/\//.test(proxy)) {
    throw new ConfigError("the proxy-url of the cluster must be an http:// or https:// one");
  }
  return {
    ...(ca ? { ca, caOnly: true } : {}),
    ...(cluster["insecure-skip-tls-verify"] ? { insecure: true } : {}),
    ...(cluster["tls-server-name"] ? { serverName: cluster["tls-server-name"] } : {}),
    proxy: proxy ? { http: proxy, https: proxy } : proxyFromEnv(source.machine.env),
  };
}

/** The transport of the certificate in force: a new certificate needs new connections. */
function connector(options: TransportOptions, first: Credentials, source: ConfigSource) {
  const make = ({ cert, key }: Credentials) => source.transports({ ...options, ...(cert && key ? { cert, key } : {}) });
  let current: { readonly cert: string | undefined; readonly transport: Transport } = {
    cert: first.cert,
    transport: make(first),
  };
  return (credentials: Credentials): Transport => {
    if (credentials.cert !== current.cert) current = { cert: credentials.cert, transport: make(credentials) };
    return current.transport;
  };
}

/** Files that can't be read are errors of the configuration. */
async function oneLine<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof FileError ? new ConfigError(error.message, error) : error;
  }
}
