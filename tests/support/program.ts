/** A child process of a test: its log, its end, and what it costs. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import process from "node:process";

export interface ProgramOptions {
  /** For messages. */
  readonly name: string;
  readonly command: readonly string[];
  /** All of its environment, but for PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes what it writes on stdout and stderr. */
  readonly logFile: string;
  readonly cwd?: string;
}

/** How a process ended: by an exit code or by a signal. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What a process has cost so far. */
export interface Usage {
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
}

export class Program {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  #end: ProgramEnd | undefined;
  #lastUsage: Usage = { cpuSeconds: 0, rssMb: 0, peakRssMb: 0 };

  constructor({ name, command, env, logFile, cwd }: ProgramOptions) {
    this.name = name;
    this.#logFile = logFile;
    const log = openSync(logFile, "a");
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      cwd,
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    if (this.#child.pid === undefined) throw new Error(`${name}: ${file} can't be started`);
    this.pid = this.#child.pid;
    this.ended = new Promise((resolve) =>
      this.#child.once("exit", (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
      })
    );
  }

  /** How it ended; undefined while it runs. */
  get end(): ProgramEnd | undefined {
    return this.#end;
  }

  /** Sends a signal, by pid: on Deno a ChildProcess sends one only. */
  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (this.#end) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // it has ended in this moment
    }
  }

  /** Sends a signal and waits for the end. @throws Error with the log's last lines when it does not come in time */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM", limitMs = 30_000): Promise<ProgramEnd> {
    this.usage();
    this.signal(signal);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`${this.name} did not end ${limitMs / 1000} s after ${signal}: ${this.logTail()}`));
    }, limitMs);
    try {
      return await Promise.race([this.ended, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  logTail(lines = 25): string {
    return this.log().trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** What it has cost: of an ended one, what was known last. Linux only; elsewhere all is 0. */
  usage(): Usage {
    try {
      this.#lastUsage = usageOf(this.pid);
    } catch {
      // it has ended, or there is no /proc: the last figures stand
    }
    return this.#lastUsage;
  }
}

/** Linux counts CPU time in hundredths of a second for programs. */
const TICKS_PER_SECOND = 100;

/** What any process has cost. @throws the operating system's error when there is no such process */
export function usageOf(pid: number): Usage {
  // the name of the program, in brackets, may hold spaces: the fields are counted from its end
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const megabytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    rssMb: megabytes("VmRSS"),
    peakRssMb: megabytes("VmHWM"),
  };
}
