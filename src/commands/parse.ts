import { type OptionTable, parseOptions, type Values } from "../lib/options.ts";
import { type About, helpOf } from "../lib/options_help.ts";
import type { Runtime } from "../lib/runtime.ts";

/** What a command starts from: its options, or the exit code when there is nothing to run. */
export type Start<T extends OptionTable> =
  | {
    readonly run: true;
    readonly values: Values<T>;
    readonly given: ReadonlySet<keyof T>;
    readonly warnings: readonly string[];
  }
  | { readonly run: false; readonly exitCode: number };

/** Reads a command's options; help goes to stdout (exit code 0), what is wrong to stderr (exit code 2). */
export function startOf<T extends OptionTable>(
  command: string,
  about: string | About,
  table: T,
  args: readonly string[],
  io: Runtime,
): Start<T> {
  const parsed = parseOptions(command, table, args, io.env);
  switch (parsed.kind) {
    case "values":
      return { run: true, values: parsed.values, given: parsed.given, warnings: parsed.warnings };
    case "help":
      io.stdout.write(helpOf(command, typeof about === "string" ? { summary: about } : about, table));
      return { run: false, exitCode: 0 };
    case "error":
      io.stderr.write(`${parsed.message}\n`);
      return { run: false, exitCode: 2 };
  }
}
