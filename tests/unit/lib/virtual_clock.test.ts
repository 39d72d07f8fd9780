import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

test("what runs hot is found out: time would stand still for ever", async () => {
  const clock = new VirtualClock();
  const again = () => clock.after(0, again);
  again();
  await assert.rejects(clock.advance(1_000), /100000 timers fired within 100 ms of virtual time: something runs hot/);
});

test("many timers are not hot as long as time passes", async () => {
  const clock = new VirtualClock();
  let fired = 0;
  const again = () => {
    fired++;
    clock.after(0.01, again);
  };
  again();
  await clock.advance(1_200);
  assert.ok(fired > 100_000);
});
