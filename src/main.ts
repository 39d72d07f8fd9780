/** From the name and the arguments that the program was called with to a command. The only file that ends the process. */
import process from "node:process";
import { commandOf, COMMANDS, mainHelp } from "./commands/table.ts";
import { messageOf } from "./lib/errors.ts";
import { nodeRuntime, onSignals, type Runtime, type StopSignal } from "./lib/runtime.ts";

const EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

async function main(io: Runtime): Promise<number> {
  const choice = commandOf(io.names, io.args);
  if (choice.kind === "help") {
    io.stdout.write(mainHelp(io.version));
    return 0;
  }
  if (choice.kind === "unknown") {
    io.stderr.write(`${choice.message}\n`);
    return 2;
  }
  const { run } = await COMMANDS[choice.command].load();
  return await run(choice.args, io);
}

/** The first signal asks the command to end, the second one ends the process at once. */
function start(): void {
  const stop = new AbortController();
  const io = nodeRuntime(stop.signal);
  onSignals(["SIGTERM", "SIGINT"], (signal) => {
    if (stop.signal.aborted) process.exit(EXIT_CODES[signal]);
    stop.abort(new Error(`asked to end by ${signal}`));
  });
  main(io).catch((error: unknown) => {
    io.stderr.write(`arc: ${messageOf(error)}\n`);
    return 1;
  }).then(end);
}

/** Ends the process when what was written has left it: exit cuts off a pipe that is still full. */
function end(code: number): void {
  process.exitCode = code;
  let open = 2;
  const done = () => {
    if (--open === 0) process.exit(code);
  };
  process.stdout.write("", done);
  process.stderr.write("", done);
}

start();
