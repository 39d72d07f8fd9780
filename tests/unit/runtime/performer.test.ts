import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { Performer } from "../../../src/runtime/performer.ts";

function world(run: (call: string, clock: VirtualClock) => Promise<string>) {
  const clock = new VirtualClock(0);
  const woken: string[] = [];
  const performer = new Performer<string, string>({
    clock,
    run: (_key, call) => run(call, clock),
    wake: (key) => woken.push(`${clock.monotonic()} ${key}`),
    backoff: { firstMs: 1000, maxMs: 3000 },
  });
  return { clock, woken, performer };
}

test("performer: one call per key is in flight; another is not started", async () => {
  let calls = 0;
  const { clock, woken, performer } = world(async (_call, clock) => {
    calls++;
    await clock.sleep(100);
    return "ok";
  });
  performer.start("a", "register");
  performer.start("a", "register");
  performer.start("b", "register");
  assert.equal(performer.inFlight, 2);
  await clock.advance(100);
  assert.equal(calls, 2);
  assert.deepEqual(woken, ["100 a", "100 b"]);
  assert.deepEqual(performer.of("a").last, { call: "register", at: clock.now(), ok: true, result: "ok" });
});

test("performer: failures in a row are counted and say when to try again; a success forgets them", async () => {
  let healthy = false;
  const { clock, performer } = world(() => healthy ? Promise.resolve("ok") : Promise.reject(new Error("down")));
  for (const [failures, wait] of [[1, 1000], [2, 2000], [3, 3000], [4, 3000]] as const) {
    performer.start("a", "register");
    await clock.advance(0);
    assert.equal(performer.of("a").failures, failures);
    assert.equal(performer.of("a").retryAt - clock.now(), wait);
  }
  healthy = true;
  performer.start("a", "register");
  await clock.advance(0);
  assert.deepEqual([performer.of("a").failures, performer.of("a").retryAt], [0, 0]);
});

test("performer: what ends after its key was forgotten is not kept and wakes nobody", async () => {
  const { clock, woken, performer } = world(async (call, clock) => {
    await clock.sleep(call === "old" ? 100 : 10);
    return call;
  });
  performer.start("a", "old");
  performer.forget("a");
  performer.start("a", "new");
  await clock.advance(1000);
  const { last } = performer.of("a");
  assert.equal(last?.ok && last.result, "new");
  assert.deepEqual(woken, ["10 a"]);
});
