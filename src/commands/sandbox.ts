import { systemClock } from "../lib/clock.ts";
import { createLog } from "../lib/logtape.ts";
import type { Runtime } from "../lib/runtime.ts";
import { VirtualClock } from "../lib/virtual_clock.ts";
import { SANDBOX_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";
import { Screen } from "./sandbox/screen.ts";

/** `arc sandbox`. Exit codes: 0 all is well, 1 it is not and the output says what, 2 bad options. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc sandbox", "The sandbox.", SANDBOX_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { values } = start;
  const complaint = contradictionIn(values);
  if (complaint !== undefined) {
    io.stderr.write(`arc sandbox: ${complaint} (see arc sandbox --help)\n`);
    return 2;
  }
  const { pumped, runSandbox } = await import("./sandbox/run.ts");
  const virtual = values.speed ? new VirtualClock() : undefined;
  const clock = virtual ?? systemClock;
  const screen = new Screen(io.stdout);
  const together = io.stdout.isTerminal && io.stderr.isTerminal;
  const log = createLog({
    name: "sandbox",
    level: values.logLevel,
    format: values.logFormat,
    clock,
    // On one terminal a line of the log must not run into the table.
    write: (line) => together ? screen.say([line.trimEnd()]) : io.stderr.write(line),
  });
  const result = runSandbox({ values, io, clock, log, screen });
  return virtual ? await pumped(virtual, result) : await result;
}

/** Options that do not go together. */
function contradictionIn(values: {
  readonly min: number;
  readonly max: number;
  readonly speed: boolean;
  readonly keep: boolean;
  readonly worldOnly: boolean;
  readonly listenerCommand: string | undefined;
}): string | undefined {
  const { min, max, speed, keep, worldOnly, listenerCommand } = values;
  if (min > max) return `--min ${min} is more than --max ${max}`;
  if (speed && keep) return "--keep has ports to be met at, and --speed has none";
  if (speed && worldOnly) return "--world-only has ports to be met at, and --speed has none";
  if (listenerCommand !== undefined && !worldOnly) return "--listener-command goes with --world-only";
  return undefined;
}
