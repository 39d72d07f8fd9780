/** What `npm run bench` can be asked for. */
import { parseArgs } from "node:util";

export const PARTS = ["burst", "steady", "idle", "start"] as const;
export type Part = typeof PARTS[number];

export interface BenchOptions {
  readonly parts: readonly Part[];
  /** Jobs of a burst, one row each. */
  readonly jobs: readonly number[];
  /** How long the service takes for a JIT configuration, in milliseconds, one row each. */
  readonly jit: readonly number[];
  /** Jobs a second of the steady load, one row each. */
  readonly rates: readonly number[];
  /** How long the steady load lasts, in seconds. */
  readonly seconds: number;
  /** How long the rest is watched, in seconds. */
  readonly idle: number;
  /** Each figure is the median of so many runs. */
  readonly rounds: number;
  readonly modes: readonly ("pod" | "embedded")[];
}

export const HELP = `npm run bench -- [options]

  --only PARTS     of ${PARTS.join(",")} (all)
  --jobs N,...     jobs of a burst (30,100,300)
  --jit MS,...     latency of a JIT configuration (0,200)
  --rate N,...     jobs a second of the steady load (5,10,20)
  --seconds N      length of the steady load (40)
  --idle N         seconds of rest that are watched (60)
  --rounds N       runs of each row; the median is shown (3)
  --mode MODES     of pod,embedded: where listeners run (pod)
`;

/** @throws RangeError for a value that is none, TypeError for an unknown option; undefined when help is asked for */
export function benchOptions(args: readonly string[]): BenchOptions | undefined {
  const text = (preset: string) => ({ type: "string" as const, default: preset });
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      only: text(PARTS.join()),
      jobs: text("30,100,300"),
      jit: text("0,200"),
      rate: text("5,10,20"),
      seconds: text("40"),
      idle: text("60"),
      rounds: text("3"),
      mode: text("pod"),
    },
  });
  if (values.help) return undefined;
  const one = (name: "seconds" | "idle" | "rounds") => numbers(name, values[name])[0]!;
  return {
    parts: choices("only", values.only, PARTS),
    jobs: numbers("jobs", values.jobs),
    jit: numbers("jit", values.jit),
    rates: numbers("rate", values.rate),
    seconds: one("seconds"),
    idle: one("idle"),
    rounds: one("rounds"),
    modes: choices("mode", values.mode, ["pod", "embedded"] as const),
  };
}

function numbers(name: string, text: string): number[] {
  return text.split(",").map((part) => {
    const value = Number(part);
    if (part.trim() === "" || !Number.isFinite(value) || value < 0) throw new RangeError(`--${name}: ${part}`);
    return value;
  });
}

function choices<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  return text.split(",").map((part) => {
    const found = known.find((choice) => choice === part);
    if (!found) throw new RangeError(`--${name}: ${part} is none of ${known.join(", ")}`);
    return found;
  });
}
