/** Which API server is meant, and how this process is known to it: from the pod it runs in, or from a kubeconfig. */
import { isIPv6 } from "node:net";
import { Fresh } from "../lib/fresh.ts";
import type { TransportFactory } from "../lib/http.ts";
import { FileError, type Runtime } from "../lib/runtime.ts";
import type { Secrets } from "../lib/secrets.ts";
import type { KubeServer } from "./client.ts";

/** There is no way to the API server from here; the message is one line that says what is missing and what to do. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** What the configuration is read with. */
export interface ConfigSource {
  readonly machine: Pick<Runtime, "env" | "clock" | "readText" | "home">;
  readonly transports: TransportFactory;
  /** Learns the tokens. */
  readonly secrets?: Secrets;
}

/** What the user chose. */
export interface ServerChoice {
  /** A kubeconfig's path. */
  readonly kubeconfig?: string;
  /** A context of the kubeconfig. */
  readonly context?: string;
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** How long a token read from its file is used before the file is read again. The kubelet renews it long before its end. */
const TOKEN_AGE_MS = 10_000;

/**
 * The server of the choice; without one: KUBECONFIG, else the pod's service account, else ~/.kube/config.
 * @throws ConfigError
 */
export async function serverOf(choice: ServerChoice, source: ConfigSource): Promise<KubeServer> {
  const { env } = source.machine;
  const chosen = choice.kubeconfig || choice.context || env["KUBECONFIG"];
  if (!chosen && env["KUBERNETES_SERVICE_HOST"]) return await inClusterServer(source);
  // Whoever runs in a cluster does not pay for the reader of kubeconfigs.
  const { kubeconfigServer } = await import("./kubeconfig.ts");
  return await kubeconfigServer(choice, source);
}

/**
 * The API server of the cluster that this pod runs in, as the pod's service account. The token is read again as it
 * rotates; only the cluster's own CA is trusted; no proxy lies between.
 * @throws ConfigError
 */
export async function inClusterServer(source: ConfigSource): Promise<KubeServer> {
  const { machine, transports, secrets } = source;
  const host = machine.env["KUBERNETES_SERVICE_HOST"];
  const port = machine.env["KUBERNETES_SERVICE_PORT"] || "443";
  if (!host) throw new ConfigError("this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set");
  const ca = await accountFile(source, "ca.crt");
  const namespace = (await accountFile(source, "namespace")).trim();
  const token = new Fresh(machine.clock, TOKEN_AGE_MS, async () => {
    const text = (await accountFile(source, "token")).trim();
    if (!text) throw new ConfigError(`${accountFolder(source)}/token is empty`);
    secrets?.add(text);
    return text;
  });
  await token.get();
  return {
    baseUrl: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    transport: transports({ ca, caOnly: true }),
    authorization: async () => `Bearer ${await token.get()}`,
    namespace,
  };
}

/** ARC_SERVICE_ACCOUNT_DIR is for programs that have a pod's identity but not its file system. */
function accountFolder({ machine }: ConfigSource): string {
  return machine.env["ARC_SERVICE_ACCOUNT_DIR"] || ACCOUNT;
}

async function accountFile(source: ConfigSource, name: string): Promise<string> {
  const { machine } = source;
  try {
    return await machine.readText(`${accountFolder(source)}/${name}`);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const hint = error.missing ? ": the pod has no service account token (automountServiceAccountToken: false?)" : "";
    throw new ConfigError(`${error.message}${hint}`, error);
  }
}
