import type { Runtime } from "../lib/runtime.ts";
import { LISTENER_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";

/** `arc listener`. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc listener", "The listener.", LISTENER_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  io.stderr.write("arc listener: not in this build\n");
  return 2;
}
