/** From the name and the arguments that the program was called with to a command. The only file that ends the process. */
import process from "node:process";
import { commandOf, COMMANDS, mainHelp } from "./commands/table.ts";
import { messageOf } from "./lib/errors.ts";
import { crashText, nodeRuntime, onCrash, onSignals, type Runtime } from "./lib/runtime.ts";
import { Stop } from "./lib/stop.ts";

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

function start(): void {
  const stop = new Stop((code) => process.exit(code));
  onSignals(["SIGTERM", "SIGINT"], (signal) => stop.take(signal));
  const io = nodeRuntime(stop.signal);
  onCrash((error) => {
    io.stderr.write(crashText(error, io.secrets));
    end(1);
  });
  main(io).catch((error: unknown) => {
    io.stderr.write(`arc: ${io.secrets.hide(messageOf(error))}\n`);
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
