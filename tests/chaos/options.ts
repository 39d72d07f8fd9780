/** What `npm run chaos` can be asked for. */
import { parseArgs } from "node:util";

export interface ChaosOptions {
  /** Worlds to run, and the seed of the first. */
  readonly seeds: number;
  readonly from: number;
  /** One world again, told in full. */
  readonly seed: number | undefined;
  /** Faults of that world to keep, by their place in its plan; undefined: all. */
  readonly only: readonly number[] | undefined;
  /** Lines of the timeline that are shown of a world that fails. */
  readonly lines: number;
  readonly logLevel: "debug" | "info" | "warn";
  readonly workers: number;
  /** A file of the ranges that have passed: what stands there is not run again. */
  readonly state: string | undefined;
  /** Whether the faults of a world that fails are shrunk, and its timeline shown. */
  readonly explain: boolean;
  /** After so many failures no more worlds are begun. */
  readonly stopAfter: number;
}

export const HELP = `npm run chaos -- [options]

  --seeds N        worlds to run (300)
  --from S         seed of the first (1)
  --seed S         run this one world and tell it in full
  --only I,J,...   with --seed: only these faults of its plan
  --lines N        lines of the timeline of a world that fails (200)
  --log LEVEL      with --seed: debug, info or warn (info)
  --workers N      threads (one for each core)
  --state FILE     keeps the ranges that have passed, and does not run them again; written each minute
  --explain no     says of a world that fails only what is broken
  --stop-after N   failures after which no more worlds are begun (3)
`;

/** @throws RangeError for a value that is none, TypeError for an unknown option; undefined when help is asked for */
export function chaosOptions(args: readonly string[], cores: number): ChaosOptions | undefined {
  const text = (preset: string) => ({ type: "string" as const, default: preset });
  const optional = { type: "string" as const };
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      seeds: text("300"),
      from: text("1"),
      seed: optional,
      only: optional,
      lines: text("200"),
      log: text("info"),
      workers: text(String(cores)),
      state: optional,
      explain: text("yes"),
      "stop-after": text("3"),
    },
  });
  if (values.help) return undefined;
  const { log } = values;
  if (log !== "debug" && log !== "info" && log !== "warn") throw new RangeError(`--log: ${log} is no level`);
  return {
    seeds: whole("seeds", values.seeds),
    from: whole("from", values.from),
    seed: values.seed === undefined ? undefined : whole("seed", values.seed),
    only: values.only?.split(",").filter((part) => part !== "").map((part) => whole("only", part)),
    lines: whole("lines", values.lines),
    logLevel: log,
    workers: Math.max(1, whole("workers", values.workers)),
    state: values.state,
    explain: values.explain !== "no",
    stopAfter: whole("stop-after", values["stop-after"]),
  };
}

function whole(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`--${name}: ${text} is no number`);
  return Number(text);
}
