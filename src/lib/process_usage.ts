import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** What this process uses of the machine. */
export interface ProcessUsage {
  /** User and system time since its start, in seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Only where there is a /proc. */
  readonly virtualBytes: number | undefined;
  readonly openFiles: number | undefined;
  readonly mostOpenFiles: number | undefined;
  /** Seconds since it started. */
  readonly upSeconds: number;
}

/** As it is now. */
export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    virtualBytes: fromProc(() => kilobytes(/^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8")))),
    openFiles: fromProc(() => readdirSync("/proc/self/fd").length),
    mostOpenFiles: fromProc(() => count(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")))),
    upSeconds: process.uptime(),
  };
}

const count = (match: RegExpExecArray | null) => match ? Number(match[1]) : undefined;
const kilobytes = (match: RegExpExecArray | null) => match ? Number(match[1]) * 1024 : undefined;

/** Other systems have no such files, and some runtimes may not read them. */
function fromProc(read: () => number | undefined): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
