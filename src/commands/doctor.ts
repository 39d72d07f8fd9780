import type { Runtime } from "../lib/runtime.ts";
import { DOCTOR_OPTIONS } from "./doctor_options.ts";
import { startOf } from "./parse.ts";

const ABOUT = {
  summary:
    "Looks at everything that scale sets depend on, from this machine or in the controller's pod, and says what " +
    "is wrong and the way out, a line per check. It reads and changes nothing. Exit codes: 0 nothing needs a person, " +
    "1 something does, 2 bad options.",
  examples: [
    ["arc doctor --context=my-cluster", "all scale sets of a kubeconfig's context"],
    ["kubectl -n arc-systems exec deployment/arc-gha-rs-controller -- /arc doctor", "as the controller sees it"],
    ["arc doctor --namespace=arc-runners --scale-set=linux --json", "one scale set, for a program"],
  ],
} as const;

/** `arc doctor`. Exit codes: 0 nothing needs a person, 1 something does, 2 bad options. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc doctor", ABOUT, DOCTOR_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { doctorProcess } = await import("./doctor_process.ts");
  return await doctorProcess(start.values, io);
}
