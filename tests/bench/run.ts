/**
 * Figures of the shipped executable on a real API server: `npm run bench`. Prints Markdown on stdout, progress on
 * stderr. Needs KUBEBUILDER_ASSETS. Counts travel from machine to machine; seconds, CPU and memory are this machine's,
 * whose cores the control plane, the simulated service and kubelet share with the program.
 */
import { cpus } from "node:os";
import process from "node:process";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { burst, idle, type Mode, type Run, start, steady } from "./measure.ts";
import { type BenchOptions, benchOptions, HELP, type Part } from "./options.ts";
import { kinds, type Row, table } from "./report.ts";

/** A row to be measured. */
interface Task {
  readonly title: string;
  run(seed: number): Promise<Run>;
}

const HEADS: Readonly<Record<Part, string>> = {
  burst: "burst of jobs of 5 s",
  steady: "steady, jobs of 3 s",
  idle: "idle, one scale set",
  start: "start",
};

function tasksOf(part: Part, mode: Mode, options: BenchOptions): Task[] {
  const { jobs, jit, rates, seconds } = options;
  switch (part) {
    case "burst":
      return jobs.flatMap((count) =>
        jit.map((ms) => ({
          title: `${count} jobs, JIT ${ms} ms, ${mode}`,
          run: (seed: number) => burst(count, ms, mode, seed),
        }))
      );
    case "steady":
      return rates.map((rate) => ({
        title: `${rate}/s for ${seconds} s, ${mode}`,
        run: (seed) => steady(rate, seconds, mode, seed),
      }));
    case "idle":
      return [{ title: `${options.idle} s, ${mode}`, run: (seed) => idle(options.idle, mode, seed) }];
    case "start":
      return [{ title: mode, run: (seed) => start(mode, seed) }];
  }
}

async function measure({ title, run }: Task, rounds: number): Promise<Row> {
  const runs: Run[] = [];
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`${title}: round ${round} of ${rounds} ... `);
    const began = performance.now();
    runs.push(await run(round));
    process.stderr.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
  }
  return { title, runs };
}

async function main(): Promise<number> {
  const options = benchOptions(process.argv.slice(2));
  const why = whyNoControlPlane();
  if (!options || why !== undefined) {
    process.stderr.write(options ? `bench: ${why}\n` : HELP);
    return options ? 1 : 0;
  }
  const { rounds, modes, parts } = options;
  console.log(`${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}); medians of ${rounds}.`);
  for (const part of parts) {
    const rows: Row[] = [];
    for (const task of modes.flatMap((mode) => tasksOf(part, mode, options))) rows.push(await measure(task, rounds));
    console.log(`\n${table(HEADS[part], rows)}\n`);
    for (const row of rows) console.log(kinds(row));
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`\nbench: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exitCode = 1;
}
