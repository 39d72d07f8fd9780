/**
 * `npm run soak`: the shipped executable under load for a long time, on a real API server, with one fault after the
 * other. In the first third of the time anything may be struck; in the last two thirds the controller and one listener
 * live on, so that what they hold can be judged. Needs KUBEBUILDER_ASSETS, and Linux for what it reads of processes.
 */
import process from "node:process";
import { systemClock } from "../../src/lib/clock.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { allDone } from "../support/books.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { editScaleSet } from "../support/edit.ts";
import { endOf } from "../support/story_end.ts";
import { drawFault } from "./faults.ts";
import { HELP, type SoakOptions, soakOptions } from "./options.ts";
import { unexplained } from "./losses.ts";
import { Watch } from "./watch.ts";
import { SETS, SoakWorld } from "./world.ts";

/** After the last job: what a lost runner and a back-off of five minutes take. */
const PATIENCE_MS = 420_000;
const TOKENS_MS = 20 * 60_000;
/** Of fewer floors a line says nothing. */
const LEAST_FLOORS = 5;

async function main(): Promise<number> {
  const options = soakOptions(process.argv.slice(2));
  const why = whyNoControlPlane();
  if (!options || why !== undefined) {
    process.stderr.write(options ? `soak: ${why}\n` : HELP);
    return options ? 1 : 0;
  }
  const { minutes, rate, seed, every, mode } = options;
  say(`soak of ${minutes} min, ${rate} jobs/s, a fault every ${every} s, listeners ${mode}, seed ${seed}`);
  const world = await SoakWorld.begin(options);
  const watch = new Watch(world);
  world.beforeEnd = (pid) => watch.leave(pid);
  try {
    await soak(world, watch, options);
    const problems = judged(watch, minutes * 20, mode);
    watch.close();
    problems.push(...await ended(world));
    for (const problem of problems) say(`BROKEN: ${problem}`);
    say(problems.length === 0 ? "ok: every job once or its loss told, nothing grew, nothing is left" : `seed ${seed}`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    watch.close();
    await world.end();
  }
}

/** Load, faults, samples and lines, each at its own pace, until the time is over. */
async function soak(world: SoakWorld, watch: Watch, { minutes, rate, seed, every, mode }: SoakOptions): Promise<void> {
  const random = seededRandom(seed + 1);
  const over = new AbortController();
  const { signal } = over;
  const counts = new Map<string, number>();
  const recent: string[] = [];
  const faults = async () => {
    const judged = watch.seconds > minutes * 20 - every / 2;
    const fault = drawFault(random, mode, judged);
    const at = watch.seconds;
    const what = await fault.apply(world, random);
    counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
    recent.push(`${fault.name}${what === "" ? "" : ` (${what})`} at ${at.toFixed(0)} s`);
  };
  const lineMs = Math.min(60_000, minutes * 5_000);
  const loops = [
    repeat(1000 / rate, signal, async () => world.queueJob()),
    repeat(every * 1000, signal, faults, every * 1000),
    repeat(Math.max(4_000, minutes * 500), signal, () => watch.sample()),
    repeat(lineMs, signal, async () => say(await watch.line(recent.splice(0).join(", ") || "no fault")), lineMs),
    repeat(TOKENS_MS, signal, () => world.cluster.renewTokens(), TOKENS_MS),
  ];
  const failure = Promise.all(loops).then(() => undefined, (error: unknown) => error);
  const time = systemClock.sleep(minutes * 60_000);
  const early = await Promise.race([time, failure]);
  over.abort();
  if (early !== undefined) throw early;
  const late = await failure;
  if (late !== undefined) throw late;
  say(`faults: ${[...counts].map(([name, count]) => `${name} ${count}`).join(", ")}`);
}

/** Runs `action` again and again, each time so long after its last beginning, until the signal. */
async function repeat(ms: number, signal: AbortSignal, action: () => Promise<void>, firstMs = 0): Promise<void> {
  for (let next = performance.now() + firstMs; !signal.aborted; next = Math.max(next + ms, performance.now() - ms)) {
    await systemClock.sleep(next - performance.now(), signal).catch(() => {}); // the loop's condition sees the end
    if (!signal.aborted) await action();
  }
}

/** What grew, and by how much; all trends are shown. */
function judged(watch: Watch, since: number, mode: SoakOptions["mode"]): string[] {
  say(
    `trends since ${
      (since / 60).toFixed(1)
    } min, over floors; "surely" is the least growth that 99 % of the time explains them`,
  );
  const verdicts = watch.verdicts(since);
  for (const { process, what, trend, grows } of verdicts) {
    const text = trend
      ? `${trend.first.toFixed(1)} to ${trend.last.toFixed(1)}, ${trend.perHour.toFixed(1)} an hour, surely ${
        trend.surely.toFixed(1)
      } (${trend.points} floors)`
      : "too few samples";
    say(`  ${process} ${what}: ${text}${grows ? "  GROWS" : ""}`);
  }
  const growing = verdicts.filter(({ grows }) => grows);
  for (const name of new Set(growing.map((one) => one.process))) {
    watch.large(name).forEach((text) => say(`  ${name} ${text}`));
  }
  // what was not seen often enough is not known to stand still
  const judgedNames = mode === "pod" ? ["controller", "listener"] : ["controller"];
  const missing = judgedNames.filter((name) =>
    !verdicts.some(({ process, trend }) => process === name && (trend?.points ?? 0) >= LEAST_FLOORS)
  ).map((name) => `there are too few samples of the ${name} to judge it`);
  return [...growing.map(({ process, what }) => `${what} of the ${process} grow`), ...missing];
}

/** Waits for the end of all work; what is not as it should be then. */
async function ended(world: SoakWorld): Promise<string[]> {
  const began = Date.now();
  const { cluster, jobs } = world;
  const problems: string[] = [];
  try {
    // that an idle runner's registration has vanished is found out within ten minutes: nobody waits for that here
    for (const name of SETS) await editScaleSet(cluster, { name }, (spec) => Object.assign(spec, { minRunners: 0 }));
    await allDone(cluster, jobs, PATIENCE_MS);
    problems.push(...unexplained(world));
    const secondsSince = (from: number) => Math.round((Date.now() - from) / 1000);
    say(`all jobs have ended after ${secondsSince(began)} s`);
    await endOf({
      cluster,
      jobs,
      sets: SETS.map((name) => ({ name })),
      mayLose: Infinity,
      note: (what, value) => say(`${what}: ${String(value)}`),
      secondsSince,
    });
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  return problems;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exitCode = 1;
}
