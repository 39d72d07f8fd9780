import { systemClock } from "../lib/clock.ts";
import { formatDuration } from "../lib/duration.ts";
import { createLog } from "../lib/logtape.ts";
import { complaintOf, type Values } from "../lib/options.ts";
import type { Runtime } from "../lib/runtime.ts";
import { VirtualClock } from "../lib/virtual_clock.ts";
import { SANDBOX_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";
import { Screen } from "./sandbox/screen.ts";

type Options = Values<typeof SANDBOX_OPTIONS>;

const ABOUT = {
  summary:
    "Runs the whole system on this machine, with no cluster and no GitHub: both are simulated, as are the nodes; " +
    "controller and listener are the real ones. It queues jobs, shows what happens and ends with a summary.",
  examples: [
    ["arc sandbox --jobs 200 --scale-sets 3 --min 1 --max 50", "more of everything"],
    ["arc sandbox --faults api --seed 7", "an API server that fails, repeatably"],
    ["arc sandbox --speed --duration 10m", "ten minutes of jobs on a virtual clock, in less"],
    ["arc sandbox --keep", "stays up until Ctrl-C, for kubectl and curl"],
    ["arc sandbox --world-only", "the world alone, for a controller that is started in another terminal"],
  ],
} as const;

/** `arc sandbox`. Exit codes: 0 all is well, 1 it is not or was not seen to the end, 2 bad options. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc sandbox", ABOUT, SANDBOX_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { values, given } = start;
  const wrong = contradictionsIn(values, given);
  if (wrong.length > 0) {
    io.stderr.write(`${complaintOf("arc sandbox", wrong)}\n`);
    return 2;
  }
  // To load the rest takes seconds on a busy machine: a person is told at once.
  io.stdout.write(`arc sandbox: ${intentOf(values)}\n`);
  const { pumped, runSandbox } = await import("./sandbox/run.ts");
  const virtual = values.speed ? new VirtualClock() : undefined;
  const clock = virtual ?? systemClock;
  const screen = new Screen(io.stdout, values.speed ? values.duration ?? 1000 * values.jobs / values.rate : 0);
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

/** What is about to happen, in one line. */
function intentOf({ jobs, duration, scaleSets, max, worldOnly, speed }: Options): string {
  const load = duration === undefined ? `${jobs} jobs` : `jobs for ${formatDuration(duration)}`;
  const sets = `${scaleSets === 1 ? "1 scale set" : `${scaleSets} scale sets`} of up to ${max} runners`;
  const world = `an API server, GitHub and nodes, all simulated${speed ? ", on a virtual clock" : ""}`;
  return worldOnly
    ? `starting ${world}; ${load} for ${sets} wait for your controller`
    : `starting ${world}, then the controller; ${load} for ${sets}`;
}

/** Options that do not go together. */
function contradictionsIn(values: Options, given: ReadonlySet<keyof Options>): string[] {
  const { min, max, jobs, duration, speed, keep, worldOnly, listenerCommand } = values;
  const wrong: string[] = [];
  if (given.has("jobs") && duration !== undefined) {
    wrong.push("--jobs and --duration both say how much is queued: give one of them");
  }
  if (max === 0 && (duration ?? jobs) > 0) {
    wrong.push("--max 0 allows no runner, so that no job could run: give --max 1 or more, or --jobs 0");
  }
  if (min > max) wrong.push(`--min ${min} is more than --max ${max}`);
  if (speed && keep) wrong.push("--keep has ports to be met at, and --speed has none");
  if (speed && worldOnly) wrong.push("--world-only has ports to be met at, and --speed has none");
  if (listenerCommand !== undefined && !worldOnly) wrong.push("--listener-command goes with --world-only");
  return wrong;
}
