import type { Runtime } from "../lib/runtime.ts";
import { VERSION_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";

const ABOUT = {
  summary: "Prints which build this is.",
  examples: [["arc version --json", "for programs"]],
} as const;

/** `arc version`: version, commit and the runtime underneath. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc version", ABOUT, VERSION_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { version, commit } = io.version;
  const facts = { version, commit, runtime: io.engine };
  io.stdout.write(start.values.json ? `${JSON.stringify(facts)}\n` : `arc ${version} (${commit}, ${io.engine})\n`);
  return 0;
}
