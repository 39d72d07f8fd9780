import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { Queue } from "../../../src/runtime/queue.ts";
import { table } from "../../support/table.ts";

function queueOn(clock: VirtualClock, concurrency = 10): Queue {
  return new Queue({ clock, concurrency, backoff: { firstMs: 5, maxMs: 1_000_000 } });
}

/** Runs `script` against a queue whose work takes `workMs`, and gives "time key" for each start of work. */
async function starts(
  script: (queue: Queue, clock: VirtualClock) => void | Promise<void>,
  { workMs = 0, concurrency = 10, forMs = 1000 } = {},
): Promise<string[]> {
  const clock = new VirtualClock(0);
  const queue = queueOn(clock, concurrency);
  const abort = new AbortController();
  const seen: string[] = [];
  const running = queue.run(async (key) => {
    seen.push(`${clock.monotonic()} ${key}`);
    if (workMs > 0) await clock.sleep(workMs);
  }, abort.signal);
  await script(queue, clock);
  await clock.advance(forMs);
  abort.abort();
  await clock.advance(workMs);
  await running;
  return seen;
}

table<{ script: (queue: Queue, clock: VirtualClock) => void | Promise<void>; options?: object; starts: string[] }>(
  "queue",
  {
    "a key added twice is worked on once": {
      script: (queue) => {
        queue.add("a", 10);
        queue.add("a", 10);
      },
      starts: ["10 a"],
    },
    "keys are worked on in the order in which they fell due": {
      script: (queue) => {
        queue.add("b", 20);
        queue.add("c", 30);
        queue.add("a");
      },
      starts: ["0 a", "20 b", "30 c"],
    },
    "the earlier of two delays wins, later added": {
      script: (queue) => {
        queue.add("a", 50);
        queue.add("a", 10);
      },
      starts: ["10 a"],
    },
    "the earlier of two delays wins, first added": {
      script: (queue) => {
        queue.add("a", 10);
        queue.add("a", 50);
      },
      starts: ["10 a"],
    },
    "a key added while it is worked on is worked on again, not at the same time": {
      script: async (queue, clock) => {
        queue.add("a");
        await clock.advance(1);
        queue.add("a");
        queue.add("a");
      },
      options: { workMs: 100 },
      starts: ["0 a", "100 a"],
    },
    "a delay given while the key is worked on counts from then": {
      script: async (queue, clock) => {
        queue.add("a");
        await clock.advance(10);
        queue.add("a", 200);
      },
      options: { workMs: 100 },
      starts: ["0 a", "210 a"],
    },
    "concurrency is bounded": {
      script: (queue) => {
        for (const key of ["a", "b", "c"]) queue.add(key);
      },
      options: { workMs: 100, concurrency: 2 },
      starts: ["0 a", "0 b", "100 c"],
    },
    "failures double the delay, a success forgets them": {
      script: async (queue, clock) => {
        queue.retry("a");
        await clock.advance(100);
        queue.retry("a");
        await clock.advance(100);
        queue.forget("a");
        queue.retry("a");
      },
      starts: ["5 a", "110 a", "205 a"],
    },
    "a retry waits at least as long as the server asked": {
      script: (queue) => {
        queue.retry("a", 700);
      },
      starts: ["700 a"],
    },
    "the delay of a failing key has an end": {
      script: (queue) => {
        for (let i = 0; i < 60; i++) queue.retry("a");
        assert.equal(queue.retry("a"), 1_000_000);
      },
      starts: ["5 a"],
    },
  },
  async (example) => assert.deepEqual(await starts(example.script, example.options), example.starts),
);

test("queue: run ends when the work under way has, and starts no more", async () => {
  const clock = new VirtualClock(0);
  const queue = queueOn(clock, 1);
  const abort = new AbortController();
  const ended: string[] = [];
  const running = queue.run(async (key) => {
    await clock.sleep(100);
    ended.push(key);
  }, abort.signal).then(() => ended.push("run"));
  queue.add("a");
  queue.add("b");
  await clock.advance(10);
  abort.abort();
  await clock.advance(1000);
  await running;
  assert.deepEqual(ended, ["a", "run"]);
});

test("queue: no key is lost and none runs twice at the same time, whatever the order", async () => {
  const step = fc.tuple(
    fc.constantFrom("a", "b", "c"),
    fc.integer({ min: 0, max: 50 }),
    fc.integer({ min: 0, max: 30 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const clock = new VirtualClock(0);
      const queue = queueOn(clock, 2);
      const abort = new AbortController();
      const working = new Set<string>();
      const lastAdded = new Map<string, number>();
      const lastStarted = new Map<string, number>();
      const running = queue.run(async (key) => {
        assert.ok(!working.has(key), `${key} runs twice at the same time`);
        assert.ok(working.size < 2, "too many at the same time");
        working.add(key);
        lastStarted.set(key, clock.monotonic());
        await clock.sleep(7);
        working.delete(key);
      }, abort.signal);
      for (const [key, delay, pause] of steps) {
        queue.add(key, delay);
        lastAdded.set(key, clock.monotonic());
        await clock.advance(pause);
      }
      await clock.advance(1000);
      for (const [key, at] of lastAdded) assert.ok(lastStarted.get(key)! >= at, `${key} was lost`);
      abort.abort();
      await running;
    }),
  );
});
