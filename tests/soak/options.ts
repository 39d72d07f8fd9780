/** What `npm run soak` can be asked for. */
import { parseArgs } from "node:util";

export interface SoakOptions {
  readonly minutes: number;
  /** Jobs a second. */
  readonly rate: number;
  readonly seed: number;
  /** Seconds from one fault to the next. */
  readonly every: number;
  readonly mode: "pod" | "embedded";
}

export const HELP = `npm run soak -- [options]

  --minutes N   how long jobs come (60)
  --rate N      jobs a second (2)
  --seed N      of everything that is drawn (1)
  --every S     seconds from one fault to the next (60)
  --mode MODE   pod or embedded: where listeners run (pod)

The exit code is 0 when every job ran exactly once or its loss was reported and due to a fault, nothing grew in the
last two thirds of the time, and nothing was left at the end.
`;

/** @throws RangeError for a value that is none, TypeError for an unknown option; undefined when help is asked for */
export function soakOptions(args: readonly string[]): SoakOptions | undefined {
  const text = (preset: string) => ({ type: "string" as const, default: preset });
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      minutes: text("60"),
      rate: text("2"),
      seed: text("1"),
      every: text("60"),
      mode: text("pod"),
    },
  });
  if (values.help) return undefined;
  const { mode } = values;
  if (mode !== "pod" && mode !== "embedded") throw new RangeError(`--mode: ${mode} is none of pod, embedded`);
  return {
    minutes: positive("minutes", values.minutes),
    rate: positive("rate", values.rate),
    seed: positive("seed", values.seed),
    every: positive("every", values.every),
    mode,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) throw new RangeError(`--${name}: ${text}`);
  return value;
}
