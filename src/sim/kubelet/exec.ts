/** Runs the program of a listener's container as a child process of this one, with what a pod would have given it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import type { Clock, Timer } from "../../lib/clock.ts";
import { linesOf } from "../../lib/http.ts";
import { refOf } from "../../k8s/resource.ts";
import { kubeconfigText, writeMount } from "./exec_files.ts";
import type { ListenerContext, ListenerProgram } from "./listener_program.ts";

export interface ExecOptions {
  readonly clock: Clock;
  /** What is run instead of the container's own command; its environment and files stay the container's. */
  readonly command?: readonly string[];
  /** The environment below the container's: PATH, HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder for the pods' files, which must exist. */
  readonly folder: string;
  /** PEM: the authority of the API server, for https. */
  readonly ca?: string;
  /** A program has been started. @param pod its pod's name */
  onStart?(pid: number, pod: string): void;
  /** Each line that a program writes. @param pod its pod's name */
  onLine?(line: string, pod: string, stream: "stdout" | "stderr"): void;
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** A token is renewed after this long; it lives twice as long. */
const TOKEN_RENEWAL_MS = 1_800_000;
/** As a shell says it: 128 and the signal's number. */
const SIGNAL_CODES: Readonly<Record<string, number>> = { SIGTERM: 143, SIGKILL: 137, SIGINT: 130 };

/**
 * A listener program that is a child process. Mounted files are below a folder of the pod's own, and environment
 * variables that name one of them point there. It finds an https API server as in a cluster, its service account in
 * the folder that ARC_SERVICE_ACCOUNT_DIR names; a plain http one by KUBECONFIG.
 */
export function execProgram(options: ExecOptions): ListenerProgram {
  return async (context) => {
    const root = await mkdtemp(join(options.folder, `${refOf(context.pod).name}-`));
    const release: (() => void)[] = [];
    try {
      await writeFiles(root, context);
      let writing = Promise.resolve(); // one refresh after the other
      const refresh = () => {
        writing = writing.then(() => writeFiles(root, context)).catch(complain(options, context));
      };
      release.push(context.files.onChange(refresh));
      const access = await giveAccess(root, options, context, release);
      const child = start(options, context, { ...environmentIn(root, context), ...access });
      return await exitCode(child, options, context);
    } finally {
      for (const action of release) action();
      await rm(root, { recursive: true, force: true });
    }
  };
}

function start(options: ExecOptions, context: ListenerContext, env: Record<string, string>): ChildProcess {
  const [program, ...args] = options.command ?? context.command;
  if (program === undefined) throw new RangeError("the listener's container has no command");
  const child = spawn(program, args, { env: { ...options.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  if (child.pid !== undefined) options.onStart?.(child.pid, refOf(context.pod).name);
  return child;
}

async function exitCode(child: ChildProcess, options: ExecOptions, context: ListenerContext): Promise<number> {
  // By pid: on Deno a ChildProcess sends one signal only, and takes it for the cause of the end.
  const send = (signal: "SIGTERM" | "SIGKILL") => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(child.pid, signal);
    } catch {
      // it has ended in this moment
    }
  };
  const stop = () => send("SIGTERM");
  const kill = () => send("SIGKILL");
  if (context.kill.aborted) kill();
  else if (context.term.aborted) stop();
  context.term.addEventListener("abort", stop, { once: true });
  context.kill.addEventListener("abort", kill, { once: true });
  const pod = refOf(context.pod).name;
  const read = async (stream: Readable | null, name: "stdout" | "stderr") => {
    for await (const line of linesOf(stream ?? emptyStream())) options.onLine?.(line, pod, name);
  };
  const output = Promise.all([read(child.stdout, "stdout"), read(child.stderr, "stderr")]);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? SIGNAL_CODES[signal ?? ""] ?? 1));
    });
    await output;
    return code;
  } finally {
    context.term.removeEventListener("abort", stop);
    context.kill.removeEventListener("abort", kill);
  }
}

/** The container's environment; a variable that names a mounted file names its real place. */
function environmentIn(root: string, { env, files }: ListenerContext): Record<string, string> {
  const mounted = files.entries();
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, mounted.has(value) ? `${root}${value}` : value]),
  );
}

async function giveAccess(
  root: string,
  options: ExecOptions,
  context: ListenerContext,
  release: (() => void)[],
): Promise<Record<string, string>> {
  const { namespace = "default" } = refOf(context.pod);
  const account = `${root}${ACCOUNT}`;
  const renew = async () => {
    const token = await context.serviceAccountToken();
    await writeMount(account, new Map([["token", token], ["ca.crt", options.ca ?? ""], ["namespace", namespace]]));
  };
  await renew();
  let timer: Timer;
  const again = () => {
    timer = options.clock.after(TOKEN_RENEWAL_MS, () => {
      renew().catch(complain(options, context));
      again();
    });
  };
  again();
  release.push(() => timer.cancel());
  const url = new URL(context.kubeUrl);
  if (url.protocol === "https:") {
    const port = url.port || "443";
    return {
      KUBERNETES_SERVICE_HOST: url.hostname.replace(/^\[|\]$/g, ""),
      KUBERNETES_SERVICE_PORT: port,
      ARC_SERVICE_ACCOUNT_DIR: account,
    };
  }
  await writeMount(
    `${root}/kubeconfig`,
    new Map([["config", kubeconfigText(context.kubeUrl, `${account}/token`, namespace)]]),
  );
  return { KUBECONFIG: `${root}/kubeconfig/config` };
}

async function writeFiles(root: string, { files }: ListenerContext): Promise<void> {
  const folders = new Map<string, Map<string, string>>();
  for (const [path, text] of files.entries()) {
    const slash = path.lastIndexOf("/");
    const folder = path.slice(0, slash);
    folders.set(folder, (folders.get(folder) ?? new Map<string, string>()).set(path.slice(slash + 1), text));
  }
  for (const [folder, contents] of folders) await writeMount(`${root}${folder}`, contents);
}

function complain(options: ExecOptions, context: ListenerContext): (error: unknown) => void {
  return (error) => {
    const text = error instanceof Error ? error.message : String(error);
    options.onLine?.(`kubelet: ${text}`, refOf(context.pod).name, "stderr");
  };
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}
