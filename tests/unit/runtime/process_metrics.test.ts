import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "../../../src/lib/metrics.ts";
import { type ProcessUsage, processUsage } from "../../../src/lib/process_usage.ts";
import { declareProcessMetrics } from "../../../src/runtime/process_metrics.ts";

const usage: ProcessUsage = {
  cpuSeconds: 2.5,
  residentBytes: 100e6,
  virtualBytes: undefined,
  openFiles: 21,
  mostOpenFiles: 1024,
  upSeconds: 10,
};

test("process metrics: read at each scrape; what the machine does not tell is left at nothing", async () => {
  const metrics = new Metrics();
  let now = usage;
  declareProcessMetrics(metrics, () => now, () => 1_000_000);
  assert.equal((await metrics.samples()).get("process_cpu_seconds_total"), 2.5);
  now = { ...usage, cpuSeconds: 4, residentBytes: 90e6, upSeconds: 30 };
  const samples = await metrics.samples();
  assert.deepEqual(
    ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"]
      .map((name) => samples.get(`process_${name}`)),
    [4, 90e6, 21, 1024, 990],
  );
});

test("process metrics: this process has a size, a time and a number of files", () => {
  const { cpuSeconds, residentBytes, upSeconds, openFiles } = processUsage();
  assert.ok(cpuSeconds > 0 && upSeconds > 0 && residentBytes > 10e6, JSON.stringify({ cpuSeconds, residentBytes }));
  if (process.platform === "linux") assert.ok(openFiles === undefined || openFiles > 2);
});
