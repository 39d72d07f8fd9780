/** Metrics of the process, under the names of Prometheus' clients: dashboards of Go programs read the same ones. */
import { type Metrics, metricTable } from "../lib/metrics.ts";
import type { ProcessUsage } from "../lib/process_usage.ts";

const TABLE = metricTable({
  cpu: {
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    type: "counter",
  },
  resident: { name: "process_resident_memory_bytes", help: "Resident memory size in bytes.", type: "gauge" },
  virtual: { name: "process_virtual_memory_bytes", help: "Virtual memory size in bytes.", type: "gauge" },
  open: { name: "process_open_fds", help: "Number of open file descriptors.", type: "gauge" },
  most: { name: "process_max_fds", help: "Maximum number of open file descriptors.", type: "gauge" },
  start: {
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
    type: "gauge",
  },
});

/** Declares them; they are read at each scrape. @param now milliseconds since 1970 */
export function declareProcessMetrics(metrics: Metrics, usage: () => ProcessUsage, now: () => number): void {
  const handles = metrics.declare(TABLE);
  const startedAt = now() / 1000 - usage().upSeconds;
  let counted = 0;
  metrics.onScrape(() => {
    const { cpuSeconds, residentBytes, virtualBytes, openFiles, mostOpenFiles } = usage();
    handles.cpu.inc({}, Math.max(0, cpuSeconds - counted));
    counted = Math.max(counted, cpuSeconds);
    handles.resident.set({}, residentBytes);
    handles.start.set({}, startedAt);
    const known = [[handles.virtual, virtualBytes], [handles.open, openFiles], [handles.most, mostOpenFiles]] as const;
    for (const [gauge, value] of known) if (value !== undefined) gauge.set({}, value);
  });
}
