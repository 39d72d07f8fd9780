/** A machine for tests: its files, environment and home are what the test says; what is written is kept. */
import { seededRandom } from "../../src/lib/random.ts";
import { FileError, type Runtime } from "../../src/lib/runtime.ts";
import { Secrets } from "../../src/lib/secrets.ts";
import { VirtualClock } from "../../src/lib/virtual_clock.ts";

/** A {@link Runtime} whose parts a test can look at and change. */
export interface Machine extends Runtime {
  readonly clock: VirtualClock;
  readonly env: Record<string, string | undefined>;
  /** Path to text. */
  readonly files: Map<string, string>;
  /** How often each path was read. */
  readonly reads: Map<string, number>;
  /** What was written to stdout and to stderr. */
  out(): string;
  err(): string;
  /** Asks the program to end. */
  end(): void;
}

/** Makes a machine. */
export function machine(parts: {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
  readonly args?: readonly string[];
  readonly home?: string;
} = {}): Machine {
  const files = new Map(Object.entries(parts.files ?? {}));
  const reads = new Map<string, number>();
  const written = { out: "", err: "" };
  const stop = new AbortController();
  const output = (stream: "out" | "err") => ({
    write: (text: string) => void (written[stream] += text),
    isTerminal: false,
    columns: 80,
  });
  return {
    names: parts.names ?? ["arc"],
    args: parts.args ?? [],
    self: ["/arc"],
    env: { ...parts.env },
    version: { version: "1.2.3", commit: "abc1234" },
    engine: "test 1",
    clock: new VirtualClock(),
    random: seededRandom(1),
    secrets: new Secrets(),
    stdout: output("out"),
    stderr: output("err"),
    stop: stop.signal,
    pid: 42,
    hostname: () => "test-host",
    home: () => parts.home ?? "/home/me",
    readText(path) {
      reads.set(path, (reads.get(path) ?? 0) + 1);
      const text = files.get(path);
      const missing = Object.assign(new Error("no such file"), { code: "ENOENT" });
      return text === undefined ? Promise.reject(new FileError(path, missing)) : Promise.resolve(text);
    },
    files,
    reads,
    out: () => written.out,
    err: () => written.err,
    end: () => stop.abort(new Error("asked to end by SIGTERM")),
  };
}
