/** The commands, and which of them a call means. */
import type { Runtime } from "../lib/runtime.ts";
import { quoted } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Version } from "../lib/version.ts";

/** A command's module. */
export interface Command {
  /** Runs the command and resolves to the exit code; it writes its own errors. */
  run(args: readonly string[], io: Runtime): Promise<number>;
}

interface Entry {
  readonly summary: string;
  /** The name of the reference's program that this command replaces. */
  readonly alias?: string;
  readonly load: () => Promise<Command>;
}

export type CommandName = "controller" | "listener" | "doctor" | "sandbox" | "version";

/** Each command is loaded when it is called, so that none pays for another. */
export const COMMANDS: Readonly<Record<CommandName, Entry>> = {
  controller: {
    summary: "turn queued jobs into runner pods: the controller of a cluster",
    alias: "manager",
    load: () => import("./controller.ts"),
  },
  listener: {
    summary: "listen to one scale set's messages (started by the controller)",
    alias: "ghalistener",
    load: () => import("./listener.ts"),
  },
  doctor: {
    summary: "look at everything that scale sets depend on, and say what is wrong and the way out",
    load: () => import("./doctor.ts"),
  },
  sandbox: {
    summary: "run the whole system on this machine, with no cluster and no GitHub",
    load: () => import("./sandbox.ts"),
  },
  version: { summary: "print the version", load: () => import("./version.ts") },
};

/** What a call asks for. */
export type Choice =
  | { readonly kind: "run"; readonly command: CommandName; readonly args: readonly string[] }
  | { readonly kind: "help" }
  | { readonly kind: "unknown"; readonly message: string };

/**
 * The command of a call. A program called by the name of one that it replaces (`manager`, `ghalistener`) takes its
 * command from it, and all arguments are the command's.
 */
export function commandOf(names: readonly string[], args: readonly string[]): Choice {
  const known = Object.keys(COMMANDS) as CommandName[];
  const called = known.find((command) => {
    const { alias } = COMMANDS[command];
    return alias !== undefined && names.includes(alias);
  });
  if (called) return { kind: "run", command: called, args };
  const [first, ...rest] = args;
  const asksForHelp = first !== undefined && ["help", "--help", "-help", "-h"].includes(first);
  // `arc help controller` is what people try who know git or go.
  if (asksForHelp && rest[0] !== undefined && !rest[0].startsWith("-")) return commandOf([], [rest[0], "--help"]);
  if (first === undefined || asksForHelp) return { kind: "help" };
  if (["--version", "-version"].includes(first)) return { kind: "run", command: "version", args: rest };
  const command = known.find((name) => name === first || COMMANDS[name].alias === first);
  if (command) return { kind: "run", command, args: rest };
  const near = nearest(first, known);
  const hint = near ? `; is ${near} meant?` : "";
  return { kind: "unknown", message: `arc: there is no command ${quoted(first)}${hint} (see arc --help)` };
}

/** The help text of the program. */
export function mainHelp(version: Version): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    `arc ${version.version}: autoscaler of self-hosted GitHub Actions runners on Kubernetes`,
    "",
    "Usage: arc COMMAND [flags]",
    "",
    ...lines,
    "",
    "arc COMMAND --help (or arc help COMMAND) lists the flags of a command, with examples.",
    "",
  ].join("\n");
}
