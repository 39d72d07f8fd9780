/** Kubeconfig files: which ones, how several become one, and what a context of them says. */
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { loadAll, YAML11_SCHEMA, YAMLException } from "js-yaml";
import * as z from "zod";
import { quoted } from "../lib/errors.ts";
import { FileError } from "../lib/runtime.ts";
import { ConfigError, type ConfigSource, type ServerChoice } from "./config.ts";

const text = z.string().optional();

const clusterSchema = z.object({
  "server": z.string(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text,
  "proxy-url": text,
});

const execSchema = z.object({
  apiVersion: text,
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: text,
  provideClusterInfo: z.boolean().optional(),
});

const userSchema = z.object({
  "token": text,
  "tokenFile": text,
  "token-file": text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  "username": text,
  "password": text,
  "as": text,
  "exec": execSchema.nullish(),
  "auth-provider": z.object({ name: z.string(), config: z.record(z.string(), z.string()).nullish() }).nullish(),
});

const contextSchema = z.object({ cluster: z.string(), user: text, namespace: text });

function named<K extends string, S extends z.ZodType>(key: K, schema: S) {
  return z.array(z.object({ name: z.string(), [key]: schema } as { name: z.ZodString } & Record<K, S>)).nullish();
}

const fileSchema = z.object({
  "current-context": text,
  "clusters": named("cluster", clusterSchema),
  "users": named("user", userSchema.nullish()),
  "contexts": named("context", contextSchema),
});

export type ClusterEntry = z.infer<typeof clusterSchema>;
export type UserEntry = z.infer<typeof userSchema>;
export type ExecEntry = z.infer<typeof execSchema>;

/** What a context says; paths are absolute, or relative to the working folder like the file's own path. */
export interface Selected {
  readonly context: string;
  readonly namespace: string;
  readonly cluster: ClusterEntry;
  readonly userName: string;
  readonly user: UserEntry;
}

interface Merged {
  current: string;
  readonly clusters: Map<string, ClusterEntry>;
  readonly users: Map<string, UserEntry>;
  readonly contexts: Map<string, z.infer<typeof contextSchema>>;
  readonly paths: string[];
}

/**
 * Reads the files that are meant and selects the context: the chosen one, else the current one.
 * @throws ConfigError
 */
export async function selectContext(choice: ServerChoice, source: ConfigSource): Promise<Selected> {
  const merged = await readAll(choice, source);
  const files = merged.paths.join(", ");
  const names = [...merged.contexts.keys()];
  const known = names.length > 0 ? `there are: ${names.join(", ")}` : "there is none";
  const name = choice.context || merged.current;
  if (!name) throw new ConfigError(`${files} has no current context: choose one with --context (${known})`);
  const context = merged.contexts.get(name);
  if (!context) throw new ConfigError(`${files} has no context ${quoted(name)} (${known})`);
  const cluster = merged.clusters.get(context.cluster);
  if (!cluster) {
    throw new ConfigError(`context ${name} of ${files} names a cluster that is not there: ${context.cluster}`);
  }
  const userName = context.user ?? "";
  const user = userName ? merged.users.get(userName) : {};
  if (!user) throw new ConfigError(`context ${name} of ${files} names a user that is not there: ${userName}`);
  return { context: name, namespace: context.namespace || "default", cluster, userName, user };
}

/** The files in order; of two entries with one name the first counts, as for kubectl. */
async function readAll(choice: ServerChoice, { machine }: ConfigSource): Promise<Merged> {
  const { paths, origin, chosen } = pathsOf(choice, machine);
  const merged: Merged = { current: "", clusters: new Map(), users: new Map(), contexts: new Map(), paths: [] };
  const missing: string[] = [];
  for (const path of paths) {
    let content: string;
    try {
      content = await machine.readText(path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (!error.missing) throw new ConfigError(error.message, error);
      missing.push(path);
      continue;
    }
    merged.paths.push(path);
    mergeInto(merged, path, content);
  }
  if (merged.paths.length === 0) {
    const tried = missing.join(", ") || "no home folder, so no ~/.kube/config";
    const way = chosen ? "check the path" : "this is no pod of a cluster either, so give --kubeconfig";
    throw new ConfigError(`there is no kubeconfig (tried ${tried}, from ${origin}): ${way}`);
  }
  return merged;
}

interface Paths {
  readonly paths: readonly string[];
  /** Who named them. */
  readonly origin: string;
  /** Whether that was the user. */
  readonly chosen: boolean;
}

function pathsOf(choice: ServerChoice, machine: ConfigSource["machine"]): Paths {
  if (choice.kubeconfig) return { paths: [choice.kubeconfig], origin: "--kubeconfig", chosen: true };
  const list = (machine.env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (list.length > 0) return { paths: list, origin: "KUBECONFIG", chosen: true };
  const home = machine.home();
  return { paths: home ? [join(home, ".kube", "config")] : [], origin: "the home folder", chosen: false };
}

function mergeInto(merged: Merged, path: string, content: string): void {
  const file = parse(path, content);
  const folder = dirname(path);
  const absolute = (file: string | undefined) => file && !isAbsolute(file) ? join(folder, file) : file;
  merged.current ||= file["current-context"] ?? "";
  for (const { name, context } of file.contexts ?? []) {
    if (!merged.contexts.has(name)) merged.contexts.set(name, context);
  }
  for (const { name, cluster } of file.clusters ?? []) {
    const ca = absolute(cluster["certificate-authority"]);
    if (!merged.clusters.has(name)) merged.clusters.set(name, { ...cluster, "certificate-authority": ca });
  }
  for (const { name, user: entry } of file.users ?? []) {
    if (merged.users.has(name)) continue;
    const user = entry ?? {};
    const { exec } = user;
    // A command without a slash is looked up on PATH.
    const command = exec?.command.includes("/") ? absolute(exec.command)! : exec?.command;
    merged.users.set(name, {
      ...user,
      "tokenFile": absolute(user.tokenFile ?? user["token-file"]),
      "client-certificate": absolute(user["client-certificate"]),
      "client-key": absolute(user["client-key"]),
      "exec": exec && command ? { ...exec, command } : undefined,
    });
  }
}

function parse(path: string, content: string): z.infer<typeof fileSchema> {
  let document: unknown;
  try {
    [document] = loadAll(content, { schema: YAML11_SCHEMA });
  } catch (error) {
    // The whole message would quote the file, and the file holds credentials.
    const { reason, mark } = error instanceof YAMLException ? error : {};
    throw new ConfigError(`${path} is no YAML: ${reason ?? "unreadable"}${mark ? ` (line ${mark.line + 1})` : ""}`);
  }
  const result = fileSchema.safeParse(document ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ConfigError(`${path} is no kubeconfig: ${issue?.path.join(".") || "the document"}: ${issue?.message}`);
}
