import { createLog } from "../lib/logtape.ts";
import type { Runtime } from "../lib/runtime.ts";
import { CONTROLLER_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";

const ABOUT = {
  summary: "Turns queued jobs into runner pods. In a pod it uses the pod's service account; elsewhere a kubeconfig.",
  examples: [
    ["arc controller --log-level=info --log-format=json --metrics-addr=:8080", "in a pod, as the chart calls it"],
    [
      "CONTROLLER_MANAGER_POD_NAMESPACE=arc-systems CONTROLLER_MANAGER_CONTAINER_IMAGE=ghcr.io/example/arc:0.14.2 " +
      "arc controller --context=my-cluster",
      "from this machine, on the cluster of a kubeconfig's context",
    ],
    ["arc controller --listener-mode=embedded --watch-single-namespace=team-a", "one namespace, and no listener pods"],
  ],
} as const;

/** `arc controller`. Exit codes: 0 asked to end, 1 it could not start or lost its lease, 2 bad options. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc controller", ABOUT, CONTROLLER_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { values, given, warnings } = start;
  const { secrets } = io;
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
