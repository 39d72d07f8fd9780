import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instantOf, rfc3339, rfc3339Micro, systemClock } from "../../../src/lib/clock.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

test("virtual clock: timers fire in the order of their times, then of their making", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 }), async (delays) => {
    const clock = new VirtualClock(0);
    const fired: [number, number][] = [];
    delays.forEach((ms, order) => clock.after(ms, () => fired.push([clock.monotonic(), order])));
    await clock.advance(20);
    const expected = delays.map((ms, order) => [ms, order] as [number, number]).sort((a, b) =>
      a[0] - b[0] || a[1] - b[1]
    );
    assert.deepEqual(fired, expected);
  }));
});

test("virtual clock: what is cancelled does not fire, and is not pending", async () => {
  const clock = new VirtualClock(0);
  const fired: string[] = [];
  clock.after(10, () => fired.push("a")).cancel();
  clock.after(10, () => fired.push("b"));
  assert.equal(clock.pendingTimers, 1);
  await clock.advance(10);
  assert.deepEqual(fired, ["b"]);
});

test("virtual clock: promises settle between two timers", async () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.after(10, () => {
    let chain = Promise.resolve();
    for (let i = 0; i < 100; i++) chain = chain.then(() => undefined);
    chain.then(() => seen.push(`chain at ${clock.monotonic()}`));
  });
  clock.after(10.5, () => seen.push("next"));
  await clock.advance(20);
  assert.deepEqual(seen, ["chain at 10", "next"]);
});

test("virtual clock: a timer set by a timer fires within the same advance", async () => {
  const clock = new VirtualClock(0);
  const seen: number[] = [];
  const again = () => {
    seen.push(clock.monotonic());
    if (seen.length < 3) clock.after(10, again);
  };
  clock.after(10, again);
  await clock.advance(30);
  assert.deepEqual(seen, [10, 20, 30]);
});

test("virtual clock: a jump moves the wall clock, not durations", async () => {
  const clock = new VirtualClock(1000);
  clock.jump(-500);
  await clock.advance(10);
  assert.equal(clock.now(), 510);
  assert.equal(clock.monotonic(), 10);
});

test("virtual clock: runUntil stops as soon as it is reached, and gives up at its limit", async () => {
  const clock = new VirtualClock(0);
  let count = 0;
  const tick = () => {
    count++;
    clock.after(10, tick);
  };
  clock.after(10, tick);
  assert.equal(await clock.runUntil(() => count === 3, 1000), true);
  assert.equal(clock.monotonic(), 30);
  assert.equal(await clock.runUntil(() => count === 1000, 50), false);
  assert.equal(clock.monotonic(), 80);
});

test("sleep: an aborted signal ends it with its reason and leaves no timer", async () => {
  const clock = new VirtualClock(0);
  const abort = new AbortController();
  const slept = clock.sleep(1000, abort.signal).then(() => "slept", (error) => error.message);
  abort.abort(new Error("enough"));
  assert.equal(await slept, "enough");
  assert.equal(clock.pendingTimers, 0);
  await assert.rejects(clock.sleep(1, abort.signal), /enough/);
});

test("system clock: monotonic does not go back and timers fire", async () => {
  const before = systemClock.monotonic();
  await systemClock.sleep(1);
  assert.ok(systemClock.monotonic() >= before);
});

test("times are written as Kubernetes writes them, and read back", () => {
  const at = Date.UTC(2026, 10, 24, 9, 5, 7, 42);
  assert.equal(rfc3339(at), "2026-11-24T09:05:07Z");
  assert.equal(rfc3339Micro(at), "2026-11-24T09:05:07.042000Z");
  assert.equal(instantOf(rfc3339Micro(at)), at);
  assert.equal(instantOf(""), undefined);
  assert.equal(instantOf("yesterday"), undefined);
});
