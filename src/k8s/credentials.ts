/** How a kubeconfig's user is known to the API server: token, token file, password, client certificate, plugin. */
import type { RequestOptions } from "node:https";
import { readableLine } from "../lib/errors.ts";
import { Fresh } from "../lib/fresh.ts";
import { ConfigError, type ConfigSource } from "./config.ts";
import type { ClusterEntry, ExecEntry, Selected, UserEntry } from "./kubeconfig_file.ts";

/** What goes along with a request, or with its connection. */
export interface Credentials {
  /** The Authorization header. */
  readonly authorization?: string;
  /** PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/** A token file is read again, and a plugin asked again (it has a cache of its own), after this time. */
const AGE_MS = 10_000;

/** How long a plugin may take: it may open a browser, or ask a slow cloud. */
const PLUGIN_DEADLINE_MS = 120_000;

/** Where a user's credentials come from. */
export interface CredentialSource {
  /** The credentials in force. @throws ConfigError when they can't be had */
  get(): Promise<Credentials>;
  /** The API server refused them (401): they are asked for anew, past every cache, at most once in 10 s. */
  refused(): void;
}

/** How the credentials are read; `renew` drops what a plugin has kept. */
interface Reader {
  read(): Promise<Credentials>;
  renew?(): void;
}

/**
 * The credentials of a user, read anew as they change.
 * @throws ConfigError when the kind of credentials is not supported
 */
export function credentialsOf(selected: Selected, source: ConfigSource): CredentialSource {
  const { user } = selected;
  const { clock } = source.machine;
  const reader = readerOf(selected, source);
  let refusedAt = -Infinity;
  const fresh = new Fresh(clock, AGE_MS, async () => {
    const credentials = await reader.read();
    source.secrets?.add(credentials.authorization?.replace(/^\w+ /, ""));
    source.secrets?.add(user.password);
    source.secrets?.add(credentials.key);
    return credentials;
  });
  return {
    get: () => fresh.get(),
    refused() {
      if (clock.monotonic() - refusedAt < AGE_MS) return;
      refusedAt = clock.monotonic();
      reader.renew?.();
      fresh.expire();
    },
  };
}

function readerOf(selected: Selected, source: ConfigSource): Reader {
  const { user } = selected;
  const { machine } = source;
  const certificate = () => certificateOf(user, source);
  const withHeader = (header: () => Promise<string>): Reader => ({
    read: async () => ({ ...await certificate(), authorization: await header() }),
  });
  const { tokenFile } = user;
  if (tokenFile) return withHeader(async () => `Bearer ${(await machine.readText(tokenFile)).trim()}`);
  if (user.token) return withHeader(async () => `Bearer ${user.token}`);
  if (user.username) {
    const basic = Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64");
    return withHeader(async () => `Basic ${basic}`);
  }
  if (user.exec) return pluginReader(selected, user.exec, source);
  if (user["auth-provider"]) return providerReader(selected, user["auth-provider"]);
  return { read: certificate };
}

async function certificateOf(user: UserEntry, source: ConfigSource): Promise<Credentials> {
  const cert = await pemOf(user["client-certificate-data"], user["client-certificate"], source);
  const key = await pemOf(user["client-key-data"], user["client-key"], source);
  return { ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}

/** PEM that is given as base64 in the file, or as a path; the data wins, as for kubectl. @throws ConfigError */
export async function pemOf(
  data: string | undefined,
  path: string | undefined,
  { machine }: ConfigSource,
): Promise<string | undefined> {
  if (data) return Buffer.from(data, "base64").toString("utf8");
  return path ? await machine.readText(path) : undefined;
}

/** The user as the credential plugins of client-node take it. */
type PluginUser = Parameters<import("@kubernetes/client-node/dist/auth.js").Authenticator["isAuthProvider"]>[0];

interface Plugin {
  applyAuthentication(user: PluginUser, options: RequestOptions): Promise<void>;
}

function pluginReader(selected: Selected, exec: ExecEntry, source: ConfigSource): Reader {
  const info = { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(execInfoOf(exec, selected.cluster)) };
  const user: PluginUser = {
    name: selected.userName,
    exec: { command: exec.command, args: exec.args ?? [], env: [...exec.env ?? [], info] },
  };
  let plugin: Plugin | undefined;
  return {
    async read() {
      plugin ??= new (await import("@kubernetes/client-node/dist/exec_auth.js")).ExecAuth();
      try {
        return await inTime(ask(plugin, user), source);
      } catch (error) {
        throw pluginError(selected, exec, error);
      }
    },
    renew() {
      // The plugin object keeps a credential to its end, or for ever if it names none.
      plugin = undefined;
    },
  };
}

function providerReader(
  selected: Selected,
  provider: NonNullable<UserEntry["auth-provider"]>,
): Reader {
  const { name, config } = provider;
  if (name !== "oidc") {
    throw new ConfigError(
      `user ${selected.userName} uses the auth provider ${name}, which kubectl has dropped too: use its exec plugin`,
    );
  }
  const user: PluginUser = { name: selected.userName, authProvider: { name, config: { ...config } } };
  let plugin: Plugin | undefined;
  return {
    async read() {
      plugin ??= new (await import("@kubernetes/client-node/dist/oidc_auth.js")).OpenIDConnectAuth();
      try {
        return await ask(plugin, user);
      } catch (error) {
        throw new ConfigError(`user ${selected.userName}: the OpenID Connect token can't be renewed`, error);
      }
    },
  };
}

async function ask(plugin: Plugin, user: PluginUser): Promise<Credentials> {
  const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
  await plugin.applyAuthentication(user, options);
  const authorization = options.headers["Authorization"];
  const { cert, key } = options;
  if (!authorization && !(cert && key)) throw new Error("it gave neither a token nor a client certificate");
  return {
    ...(authorization ? { authorization } : {}),
    ...(cert && key ? { cert: String(cert), key: String(key) } : {}),
  };
}

/** What a plugin is told of the cluster: https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
function execInfoOf(exec: ExecEntry, cluster: ClusterEntry) {
  const spec = exec.provideClusterInfo
    ? {
      interactive: false,
      cluster: {
        "server": cluster.server,
        "tls-server-name": cluster["tls-server-name"],
        "insecure-skip-tls-verify": cluster["insecure-skip-tls-verify"],
        "certificate-authority-data": cluster["certificate-authority-data"],
        "proxy-url": cluster["proxy-url"],
      },
    }
    : { interactive: false };
  return { kind: "ExecCredential", apiVersion: exec.apiVersion ?? "client.authentication.k8s.io/v1", spec };
}

function pluginError(selected: Selected, exec: ExecEntry, error: unknown): ConfigError {
  const plugin = `the credential plugin ${exec.command} of user ${selected.userName}`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") {
    return new ConfigError(
      `${plugin} is not installed${exec.installHint ? `: ${readableLine(exec.installHint)}` : ""}`,
    );
  }
  // JSON.parse quotes what it read, and that may be half a token.
  const quotes = error instanceof SyntaxError || error instanceof TypeError;
  const why = quotes ? "what it printed is no ExecCredential" : readableLine(error) || "it said nothing";
  return new ConfigError(`${plugin} failed: ${why}`);
}

async function inTime<T>(work: Promise<T>, { machine }: ConfigSource): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = machine.clock.after(
    PLUGIN_DEADLINE_MS,
    () => late.reject(new Error(`no answer within ${PLUGIN_DEADLINE_MS / 1000} s`)),
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}
