import type { Runtime } from "../lib/runtime.ts";
import { SANDBOX_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";

/** `arc sandbox`. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc sandbox", "The sandbox.", SANDBOX_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  io.stderr.write("arc sandbox: not in this build\n");
  return 2;
}
