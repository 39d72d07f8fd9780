/** The sandbox as a user runs it: options in, output and exit code out, on a virtual clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../../../src/commands/sandbox.ts";
import { verdictOf } from "../../../src/commands/sandbox/books.ts";
import { queueLoad } from "../../../src/commands/sandbox/load.ts";
import { Screen } from "../../../src/commands/sandbox/screen.ts";
import { type Snapshot, tableOf } from "../../../src/commands/sandbox/view.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import type { JobSpec } from "../../../src/sim/actions_service/job_board.ts";
import type { World } from "../../../src/sim/world.ts";
import { machine } from "../../support/machine.ts";
import { table } from "../../support/table.ts";

table<{ args: string; code: number; says: RegExp }>("arc sandbox", {
  "a few jobs, each run once": {
    args: "--speed --jobs 8 --seed 3",
    code: 0,
    says:
      /^arc sandbox: starting[^]*8 queued, 8 ran exactly once, 0 lost[^]*runners {2}8 made[^]*time {5}[\d.]+ s simulated, in \d+ ms[^]*ok: every job ran exactly once/,
  },
  "several scale sets, some runners kept": {
    args: "--speed --jobs 9 --scale-sets 3 --min 1 --max 4",
    code: 0,
    says: /sandbox-1: [^]*sandbox-3: [^]*ok: /,
  },
  "a time instead of a number": {
    args: "--speed --duration 3s --rate 4",
    code: 0,
    says: /ok: every job/,
  },
  "faults of the API server show which were felt": {
    args: "--speed --jobs 30 --faults api --seed 5",
    code: 0,
    says: /faults {3}.*\d[^]*ok: /,
  },
  "no job at all": { args: "--speed --jobs 0 --max 0", code: 0, says: /0 queued[^]*ok: / },
}, async ({ args, code, says }) => {
  const io = machine();
  assert.equal(await run(args.split(" "), io), code, io.err() + io.out());
  assert.match(io.out(), says);
});

test("arc sandbox: the same seed shows the same, another does not", async () => {
  const shown = async (seed: number) => {
    const io = machine();
    await run(["--speed", "--jobs", "10", "--faults", "api", "--seed", String(seed)], io);
    return io.out();
  };
  assert.equal(await shown(11), await shown(11));
  assert.notEqual(await shown(11), await shown(12));
});

test("arc sandbox: stopped before the end, jobs that run are neither lost nor an error", async () => {
  const io = machine();
  const write = io.stdout.write;
  // As Ctrl-C does it while jobs run.
  Object.assign(io.stdout, {
    write(text: string) {
      write(text);
      if (/jobs \d+\/[1-9]\d*\/\d+$/m.test(text)) io.end();
    },
  });
  assert.equal(await run(["--speed", "--jobs", "40", "--seed", "2"], io), 1, io.err());
  assert.match(
    io.out(),
    /\d+ queued, \d+ ran exactly once, 0 lost[^]*stopped before the end; nothing was wrong until then/,
  );
  assert.doesNotMatch(io.out(), /not ok/);
  assert.doesNotMatch(io.err(), /warn/, "the listeners have ended their sessions");
});

table<{ args: string[]; says: string }>("arc sandbox: options that do not go together", {
  "a number and a time": { args: ["--jobs", "5", "--duration", "3s"], says: "--jobs and --duration" },
  "no runner for any job": { args: ["--max", "0", "--jobs", "2"], says: "--max 0 allows no runner" },
  "no runner for jobs that come for a time": { args: ["--max=0", "--duration=1s"], says: "--max 0 allows no runner" },
  "min over max": { args: ["--min", "5", "--max", "2"], says: "--min 5 is more than --max 2" },
  "no ports on a virtual clock": { args: ["--keep", "--speed"], says: "--keep has ports to be met at" },
  "a listener command without its world": { args: ["--listener-command", "x"], says: "goes with --world-only" },
  "an unknown flag": { args: ["--job", "3"], says: "--jobs" },
  "an unknown set of faults": { args: ["--faults", "nodse"], says: "nodes" },
}, async ({ args, says }) => {
  const io = machine();
  assert.equal(await run(args, io), 2);
  assert.ok(io.err().includes(says), io.err());
  assert.equal(io.err().trim().split("\n").length, 1);
});

test("verdict: what the books hold against the run is said in words", () => {
  const report = {
    violations: ["a job ran twice"],
    problems: ["it broke"],
    jobs: { total: 5, waiting: 1, running: 1, done: 3, ranOnce: 1, cancelled: 0, lost: 1 },
    leftovers: { pods: ["a/b"], secrets: [] },
    faults: {},
  };
  const wrong = verdictOf({ report: () => report } as unknown as World, { expectEmpty: true });
  assert.deepEqual(wrong, [
    "a job ran twice",
    "the world itself: it broke",
    "2 of 5 jobs are not done (1 waiting, 1 running)",
    "1 jobs are done, but not by exactly one runner",
    "1 jobs were lost, and there was no fault",
    "left over, pods: a/b",
  ]);
});

test("load: as many jobs as asked for, at about the rate asked for, the same for the same seed", async () => {
  const jobs = async (seed: number) => {
    const clock = new VirtualClock(0);
    const queued: (JobSpec & { at: number })[] = [];
    const done = queueLoad(
      { clock, random: seededRandom(seed), scaleSets: ["a", "b"], rate: 5, jobs: 200 },
      (job) => queued.push({ ...job, at: clock.now() }),
      new AbortController().signal,
    );
    await clock.advance(600_000);
    assert.equal(await done, 200);
    return queued;
  };
  const first = await jobs(1);
  assert.deepEqual(await jobs(1), first);
  const seconds = first.at(-1)!.at / 1000;
  assert.ok(seconds > 20 && seconds < 80, `200 jobs at 5 a second came in ${seconds} s`);
  assert.deepEqual([...new Set(first.map((job) => job.scaleSetName))].sort(), ["a", "b"]);
  assert.ok(first.some((job) => job.result === "failed"));
});

const SNAPSHOT: Snapshot = {
  elapsedMs: 61_500,
  sets: [{ name: "linux", desired: 3, pending: 1, idle: 0, busy: 2, queued: 1, running: 2, done: 40 }],
  jobs: 43,
  queueP50Ms: 580,
  queueP95Ms: 1_234,
  faults: new Map([["watch cut", 2]]),
  events: ["12:00:01 EphemeralRunner linux-runner-abcde: RunnerLost: its node is gone"],
};

test("view: a table with a row a scale set, cut to the terminal's width", () => {
  assert.deepEqual(tableOf(SNAPSHOT, 60), [
    "  61.5 s  40 of 43 jobs done, queue time p50 580 ms, p95 1.…",
    "",
    "scale set  desired  pending  idle  busy  queued  running  d…",
    "linux            3        1     0     2       1        2   …",
    "",
    "faults: watch cut 2",
    "",
    "12:00:01 EphemeralRunner linux-runner-abcde: RunnerLost: it…",
  ]);
});

test("view: as many rows as the terminal has room for, and how many more there are", () => {
  const sets = Array.from({ length: 30 }, (_, at) => ({ ...SNAPSHOT.sets[0]!, name: `linux-${at}` }));
  const lines = tableOf({ ...SNAPSHOT, sets, events: Array(9).fill("event") }, 80, 24);
  assert.equal(lines.length, 23);
  assert.ok(lines.includes("and 19 more"), lines.join("\n"));
});

test("screen: what is said stands above the table, which is drawn anew below", () => {
  let text = "";
  const screen = new Screen({ isTerminal: true, columns: 80, write: (more) => void (text += more) });
  screen.show(SNAPSHOT);
  text = "";
  screen.say(["a warning"]);
  screen.show(SNAPSHOT);
  assert.ok(text.startsWith("\x1b[8A\x1b[Ja warning\n  61.5 s"), text);
});

test("screen: a terminal is drawn over, a pipe gets a line each five seconds", () => {
  const written = (isTerminal: boolean, loadMs = 0, times = [0, 1_000, 4_900, 5_000, 9_000]) => {
    let text = "";
    const screen = new Screen({ isTerminal, columns: 80, write: (more) => void (text += more) }, loadMs);
    for (const elapsedMs of times) screen.show({ ...SNAPSHOT, elapsedMs });
    return text;
  };
  assert.equal(written(true).split("\x1b[8A\x1b[J").length, 5);
  assert.equal(written(false).trim().split("\n").length, 3);
  const hour = Array.from({ length: 3_600 }, (_, second) => 1_000 * second);
  assert.equal(written(false, 3_600_000, hour).trim().split("\n").length, 61, "a long load has few lines");
});
