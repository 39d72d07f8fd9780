import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../../src/lib/log.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { type Component, loop, Manager } from "../../../src/runtime/manager.ts";

function recorder() {
  const lines: string[] = [];
  const part = (name: string, extra: Partial<Component> = {}): Component => ({
    name,
    start: () => Promise.resolve(void lines.push(`start ${name}`)),
    stop: () => Promise.resolve(void lines.push(`stop ${name}`)),
    ...extra,
  });
  return { lines, part };
}

test("manager: starts in order and stops in reverse", async () => {
  const clock = new VirtualClock(0);
  const { lines, part } = recorder();
  const abort = new AbortController();
  const run = new Manager([part("server"), part("lease"), part("work")], { clock, log: silentLog }).run(abort.signal);
  await clock.advance(1);
  abort.abort();
  assert.equal(await run, undefined);
  assert.deepEqual(lines, ["start server", "start lease", "start work", "stop work", "stop lease", "stop server"]);
});

test("manager: a part that ends by itself ends the whole and says why", async () => {
  const clock = new VirtualClock(0);
  const { lines, part } = recorder();
  const lost = Promise.withResolvers<string>();
  const run = new Manager([part("lease", { ended: lost.promise }), part("work")], { clock, log: silentLog })
    .run(new AbortController().signal);
  await clock.advance(1);
  lost.resolve("lease lost");
  assert.equal(await run, "lease lost");
  assert.deepEqual(lines.slice(-2), ["stop work", "stop lease"]);
});

test("manager: stopped while a part is still starting, it stops what was started", async () => {
  const clock = new VirtualClock(0);
  const { lines, part } = recorder();
  const abort = new AbortController();
  const parts = [part("server"), part("lease", { start: () => new Promise(() => {}) }), part("work")];
  const run = new Manager(parts, { clock, log: silentLog }).run(abort.signal);
  await clock.advance(1);
  abort.abort();
  await run;
  assert.deepEqual(lines, ["start server", "stop lease", "stop server"]);
});

test("manager: a part that does not stop is given up after the limit", async () => {
  const clock = new VirtualClock(0);
  const { lines, part } = recorder();
  const abort = new AbortController();
  const parts = [part("server"), part("stuck", { stop: () => new Promise(() => {}) })];
  const run = new Manager(parts, { clock, log: silentLog, stopWithinMs: 5000 }).run(abort.signal);
  await clock.advance(1);
  abort.abort();
  await clock.advance(4999);
  assert.ok(!lines.includes("stop server"));
  await clock.advance(1);
  await run;
  assert.ok(lines.includes("stop server"));
});

test("manager: a loop that fails ends the whole", async () => {
  const clock = new VirtualClock(0);
  const parts = [loop("watch", () => Promise.reject(new Error("broken")))];
  assert.equal(
    await new Manager(parts, { clock, log: silentLog }).run(new AbortController().signal),
    "watch failed: broken",
  );
});
