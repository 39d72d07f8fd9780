/** The jobs of a sandbox: how many, when and how long, all by chance from the seed. */
import type { Clock } from "../../lib/clock.ts";
import { between, pick, type Random } from "../../lib/random.ts";
import type { JobSpec } from "../../sim/actions_service/job_board.ts";

/** What is asked for. */
export interface LoadOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly scaleSets: readonly string[];
  /** Jobs a second, on average. */
  readonly rate: number;
  /** How many; or as many as come within `durationMs`. */
  readonly jobs: number;
  readonly durationMs?: number;
}

/** Kinds of jobs, as a developer's day has them; lengths in milliseconds. */
const MIX = [
  { name: "lint", weight: 5, shortest: 500, longest: 1_500 },
  { name: "unit tests", weight: 4, shortest: 1_000, longest: 4_000 },
  { name: "build", weight: 2, shortest: 3_000, longest: 8_000 },
  { name: "end to end", weight: 1, shortest: 6_000, longest: 15_000 },
] as const;

const REPOSITORIES = ["acme/app", "acme/api", "acme/docs"] as const;
const ONE_IN_FAILS = 12;

/** Queues jobs one after the other, some of them in bursts. @returns how many, when all are queued or the signal ends it */
export async function queueLoad(
  options: LoadOptions,
  queue: (job: JobSpec) => void,
  signal: AbortSignal,
): Promise<number> {
  const { clock, random, rate, jobs, durationMs } = options;
  const until = durationMs === undefined ? Infinity : clock.monotonic() + durationMs;
  const wanted = durationMs === undefined ? jobs : Infinity;
  let queued = 0;
  while (queued < wanted && clock.monotonic() < until && !signal.aborted) {
    const burst = Math.min(between(random, 1, random.next() < 0.1 ? 10 : 2), wanted - queued);
    for (let i = 0; i < burst; i++) queue(jobOf(options, queued + i));
    queued += burst;
    const pauseMs = burst / rate * 1000 * (0.5 + random.next());
    if (queued < wanted) await clock.sleep(Math.min(pauseMs, until - clock.monotonic()), signal).catch(() => {}); // the loop's condition sees the end
  }
  return queued;
}

function jobOf({ random, scaleSets }: LoadOptions, number: number): JobSpec {
  const kind = pick(random, MIX.flatMap((each) => Array(each.weight).fill(each) as (typeof MIX[number])[]));
  return {
    scaleSetName: pick(random, scaleSets),
    durationMs: between(random, kind.shortest, kind.longest),
    repository: pick(random, REPOSITORIES),
    displayName: `${kind.name} ${number + 1}`,
    result: between(random, 1, ONE_IN_FAILS) === 1 ? "failed" : "succeeded",
  };
}
