import type { Runtime } from "../lib/runtime.ts";
import { CONTROLLER_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";

/** `arc controller`. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc controller", "The controller.", CONTROLLER_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  io.stderr.write("arc controller: not in this build\n");
  return 2;
}
