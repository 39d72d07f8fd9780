/** `npm run chaos`: many worlds full of faults, each from its seed; or one of them again, in full. */
import { availableParallelism } from "node:os";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { faultNames } from "./fault_table.ts";
import { type ChaosOptions, chaosOptions, HELP } from "./options.ts";
import { addTo, ELSEWHERE, possibleDecisions } from "../support/decisions.ts";
import { planOf, type WorldPlan } from "./plan.ts";
import { covers, joined, readRanges, writeRanges } from "./ranges.ts";
import { runWorld } from "./run_world.ts";
import { shrunk, withFaults } from "./shrink.ts";
import type { Answer } from "./worker.ts";

/** In so many worlds every fault of the table must have been felt, and every decision taken. */
const WORLDS_FOR_ALL = 300;

/** How often a run says how far it is, in milliseconds. */
const PROGRESS_MS = 60_000;

/** Most of what a world makes is garbage at once: a roomy nursery spares a tenth of the time. */
const YOUNG = { maxYoungGenerationSizeMb: 128 };

const options = chaosOptions(process.argv.slice(2), availableParallelism());
process.exitCode = !options ? help() : options.seed === undefined ? await many(options) : await one(options);

function help(): number {
  say(HELP);
  return 0;
}

/** One world, told in full. */
async function one({ seed = 1, only, lines, logLevel }: ChaosOptions): Promise<number> {
  const whole = planOf(seed, faultNames());
  const plan = only ? withFaults(whole, only) : whole;
  say(describe(plan));
  const { timeline, violation, digest, atMs, figures } = await runWorld(plan, { logLevel, timelineLines: lines });
  for (const line of timeline) say(line);
  const { jobs, lost, made } = figures;
  say(`seed ${seed}: ${Math.round(atMs / 1000)} s, ${jobs} jobs, ${lost} lost, ${made} runners, timeline ${digest}`);
  say(violation === undefined ? "ok" : `BROKEN: ${violation}`);
  return violation === undefined ? 0 : 1;
}

async function many({ seeds, from, workers, state, stopAfter, lines, explain }: ChaosOptions): Promise<number> {
  let done = state === undefined ? [] : readRanges(state);
  const waiting = Array.from({ length: seeds }, (_, at) => from + at).filter((seed) => !covers(done, seed));
  const fired = new Map(faultNames().map(({ name }) => [name, 0]));
  const decided = new Map(possibleDecisions().map((decision) => [decision, 0]));
  const failed: Answer[] = [];
  const sum = { worlds: 0, jobs: 0, lost: 0, made: 0 };
  const since = performance.now();
  const secondsSoFar = () => Math.round((performance.now() - since) / 1000);
  // A run that is cut short has not been in vain.
  const keep = () => {
    if (state !== undefined) writeRanges(state, done);
  };
  const progress = setInterval(() => {
    keep();
    process.stderr.write(`${sum.worlds} of ${waiting.length} worlds in ${secondsSoFar()} s, ${failed.length} broken\n`);
  }, PROGRESS_MS);
  await inThreads(waiting, Math.min(workers, waiting.length), (answer) => {
    sum.worlds++;
    sum.jobs += answer.figures.jobs;
    sum.lost += answer.figures.lost;
    sum.made += answer.figures.made;
    addTo(fired, answer.fired);
    addTo(decided, answer.decided);
    if (answer.violation !== undefined) {
      failed.push(answer);
      say(`seed ${answer.seed} BROKEN: ${answer.violation}`);
    } else done = joined(done, [answer.seed, answer.seed]);
    return failed.length < stopAfter;
  });
  clearInterval(progress);
  keep();
  say(`${sum.worlds} worlds in ${secondsSoFar()} s: ${sum.jobs} jobs, ${sum.lost} lost, ${sum.made} runners`);
  sayCounts("faults felt", fired);
  sayCounts("decisions taken", decided);
  for (const { seed } of explain ? failed.slice(0, 1) : []) await tell(planOf(seed, faultNames()), lines);
  const zero = [...fired, ...decided].filter(([name, count]) => count === 0 && !Object.hasOwn(ELSEWHERE, name));
  const missing = sum.worlds >= WORLDS_FOR_ALL ? zero.map(([name]) => name) : [];
  if (missing.length > 0) say(`never felt or taken: ${missing.join(", ")}`);
  if (failed.length > 0 || missing.length > 0) return 1;
  say("ok: nothing was broken");
  return 0;
}

/** Hands seeds to threads until `take` has had enough. */
async function inThreads(seeds: readonly number[], count: number, take: (answer: Answer) => boolean): Promise<void> {
  const left = [...seeds];
  await Promise.all(Array.from({ length: count }, () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { resourceLimits: YOUNG });
      const next = () => {
        const seed = left.shift();
        if (seed !== undefined) return worker.postMessage(seed);
        void worker.terminate().then(() => resolve());
      };
      worker.on("error", reject);
      worker.on("message", (answer: Answer) => {
        if (!take(answer)) left.length = 0;
        next();
      });
      next();
    })));
}

/** What broke a world, with as few faults as it takes. */
async function tell(plan: WorldPlan, lines: number): Promise<void> {
  const kept = await shrunk(plan);
  const least = withFaults(plan, kept);
  const { timeline, violation } = await runWorld(least, { logLevel: "info", timelineLines: lines });
  say(`\nseed ${plan.seed}, the last ${timeline.length} lines of its timeline with ${kept.length} faults:`);
  for (const line of timeline) say(line);
  say(describe(least));
  say(`BROKEN: ${violation}`);
  say(`again: npm run chaos -- --seed ${plan.seed} --only ${kept.join() || ","}`);
}

function describe({ seed, listenerMode, controllers, sets, jobs, faults }: WorldPlan): string {
  const lines = [
    `seed ${seed}: listeners ${listenerMode}, ${controllers} controllers, ${jobs.length} jobs`,
    ...sets.map(({ name, minRunners, maxRunners }) => `  scale set ${name}, ${minRunners} to ${maxRunners} runners`),
    ...faults.map(({ atMs, name }, at) => `  ${String(at).padStart(3)} at ${(atMs / 1000).toFixed(3)} s: ${name}`),
  ];
  return lines.join("\n");
}

function sayCounts(title: string, counts: ReadonlyMap<string, number>): void {
  const width = Math.max(...[...counts.keys()].map((name) => name.length));
  say(`${title}:`);
  for (const [name, count] of counts) say(`  ${name.padEnd(width)} ${String(count).padStart(7)}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
