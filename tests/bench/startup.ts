/**
 * How long a command takes to its first line of output, and the memory that it has then, median of 10:
 * `node tests/bench/startup.ts [COMMAND [ARGUMENT...]]`, without arguments `dist/arc version`.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";

const RUNS = 10;
const [command = "dist/arc", ...rest] = process.argv.slice(2);
const args = process.argv.length > 2 ? rest : ["version"];

interface Run {
  readonly ms: number;
  /** Resident memory in MB; NaN when the process had ended already. */
  readonly memory: number;
}

function run(): Promise<Run> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let first: Run | undefined;
    const onData = () => {
      if (first) return;
      first = { ms: performance.now() - start, memory: memoryOf(child.pid) };
      child.kill("SIGKILL");
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.on("error", reject);
    child.on("close", () => first ? resolve(first) : reject(new Error(`${command} wrote nothing`)));
  });
}

function memoryOf(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? NaN) / 1000;
  } catch {
    // The process has ended: there is nothing to measure any more.
    return NaN;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

const runs: Run[] = [];
for (let i = 0; i < RUNS; i++) runs.push(await run());
const ms = median(runs.map((run) => run.ms)).toFixed(0);
const memory = median(runs.map((run) => run.memory)).toFixed(0);
console.log(`${[command, ...args].join(" ")}: first line after ${ms} ms, ${memory} MB (median of ${RUNS})`);
