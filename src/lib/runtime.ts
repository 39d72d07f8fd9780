/**
 * The machine around the program: arguments, environment, files, signals and the two output streams. Nothing else reads
 * process.env or writes to the terminal; tests give a {@link Runtime} of their own.
 */
import { readFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { basename } from "node:path";
import process from "node:process";
import { type Clock, systemClock } from "./clock.ts";
import { messageOf, type TellsCause } from "./errors.ts";
import { proxyFromEnv, proxyPassword } from "./proxy.ts";
import { type Random, systemRandom } from "./random.ts";
import { Secrets } from "./secrets.ts";
import { VERSION, type Version } from "./version.ts";

/** A stream of text for people or log collectors. */
export interface Output {
  write(text: string): void;
  /** Whether a person looks at it: lines can be redrawn. */
  readonly isTerminal: boolean;
  /** Width in characters; 80 when unknown. */
  readonly columns: number;
  /** Height in lines; undefined when unknown. */
  readonly rows?: number;
}

/** Signals that ask the program to end. */
export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** What a command knows of the machine. */
export interface Runtime {
  /** The names that the program was called by, without folders; the first one that means something wins. */
  readonly names: readonly string[];
  /** The arguments after the program's name. */
  readonly args: readonly string[];
  /** How to start this program again: the executable, and what comes before the command. */
  readonly self: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: Version;
  /** What runs the program: "node 26.10.0 linux/x64". */
  readonly engine: string;
  readonly clock: Clock;
  readonly random: Random;
  /** What neither a log nor an error nor a crash may show; whoever learns a secret adds it. */
  readonly secrets: Secrets;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted when the program is asked to end; its reason is an Error that names the signal. */
  readonly stop: AbortSignal;
  readonly pid: number;
  hostname(): string;
  /** The user's home folder, "" when there is none. */
  home(): string;
  /**
   * The text of a file.
   * @throws FileError
   */
  readText(path: string): Promise<string>;
}

/** A file can't be read; the message names the path and why. */
export class FileError extends Error implements TellsCause {
  override readonly name = "FileError";
  readonly tellsCause = true;
  readonly path: string;
  /** Whether there is no such file. */
  readonly missing: boolean;

  constructor(path: string, cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    super(`${path} can't be read: ${WHY[code] ?? code}`, { cause });
    this.path = path;
    this.missing = code === "ENOENT" || code === "ENOTDIR";
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

/** The machine's own runtime. */
export function nodeRuntime(stop: AbortSignal): Runtime {
  return {
    names: [process.argv0, process.argv[1] ?? ""].map((name) => basename(name)),
    args: process.argv.slice(2),
    self: selfOf(process.execPath, process.execArgv, process.argv[1]),
    env: process.env,
    version: VERSION,
    engine: engineOf(),
    clock: systemClock,
    random: systemRandom,
    secrets: secretsIn(process.env),
    stdout: outputOf(() => process.stdout),
    stderr: outputOf(() => process.stderr),
    stop,
    pid: process.pid,
    hostname,
    home: homedir,
    async readText(path) {
      try {
        return await readFile(path, "utf8");
      } catch (error) {
        throw new FileError(path, error);
      }
    },
  };
}

/** The passwords of proxies are in the environment from the start. */
function secretsIn(env: Runtime["env"]): Secrets {
  const secrets = new Secrets();
  for (const proxy of Object.values(proxyFromEnv(env))) {
    if (proxy && URL.canParse(proxy)) secrets.add(proxyPassword(new URL(proxy)));
  }
  return secrets;
}

/** Calls `handler` with what nobody has caught: the program is broken and must end. */
export function onCrash(handler: (error: unknown) => void): void {
  process.on("uncaughtException", handler);
  process.on("unhandledRejection", handler);
}

/** What a crash leaves behind, for those who mend the program: where it was, and why, without secrets. */
export function crashText(error: unknown, secrets: Secrets): string {
  const stack = error instanceof Error && error.stack ? error.stack : messageOf(error);
  const cause = error instanceof Error && error.cause !== undefined ? `\n  cause: ${messageOf(error.cause)}` : "";
  return secrets.hide(`arc has crashed, which is a fault of the program: ${stack}${cause}\n`);
}

/** Calls `handler` at each of the signals. */
export function onSignals(signals: readonly StopSignal[], handler: (signal: StopSignal) => void): void {
  for (const signal of signals) process.on(signal, () => handler(signal));
}

function engineOf(): string {
  const { deno, node } = process.versions;
  return `${deno ? `deno ${deno}` : `node ${node}`} ${process.platform}/${process.arch}`;
}

/**
 * From source the script comes between the executable and the arguments; the single executable is called with its own
 * path in that place. Node's own flags are kept.
 */
function selfOf(execPath: string, execArgv: readonly string[], script: string | undefined): string[] {
  if (!script || !/\.(ts|mjs|js)$/.test(script)) return [execPath];
  return process.versions.deno ? [execPath, "run", "-A", script] : [execPath, ...execArgv, script];
}

/**
 * A stream that is only ever written through the process's own object: fs.writeSync to a full pipe throws EAGAIN. Pipes
 * whose reader has gone are not our failure: a log collector's end must not end the program.
 */
function outputOf(stream: () => NodeJS.WriteStream): Output {
  let guarded = false;
  return {
    write(text) {
      const target = stream();
      if (!guarded) {
        guarded = true;
        target.on("error", () => {});
      }
      target.write(text);
    },
    get isTerminal() {
      return stream().isTTY === true;
    },
    get columns() {
      return stream().columns || 80;
    },
    get rows() {
      return stream().rows || undefined;
    },
  };
}
