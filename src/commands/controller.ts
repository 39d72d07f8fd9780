import { createLog } from "../lib/logtape.ts";
import type { Runtime } from "../lib/runtime.ts";
import { Secrets } from "../lib/secrets.ts";
import { CONTROLLER_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";

/** `arc controller`. Exit codes: 0 asked to end, 1 it could not start or lost its lease, 2 bad options. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc controller", "The controller.", CONTROLLER_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { values, given, warnings } = start;
  const secrets = new Secrets();
  const log = createLog({
    name: "controller",
    level: values.logLevel,
    format: values.logFormat,
    clock: io.clock,
    secrets,
    write: (line) => io.stderr.write(line),
  });
  log.info("arc controller", { ...io.version, namespace: values.podNamespace, listenerMode: values.listenerMode });
  for (const warning of warnings) log.warn(warning);
  // The first line is out before the rest of the program is loaded.
  const { controllerProcess } = await import("./controller_process.ts");
  return await controllerProcess({ values, given, io, log, secrets });
}
