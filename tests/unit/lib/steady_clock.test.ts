import assert from "node:assert/strict";
import { test } from "node:test";
import { steadyClock } from "../../../src/lib/steady_clock.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

const NOON = Date.UTC(2026, 0, 1, 12);

test("it says what the machine says, jumps forward included", async () => {
  const machine = new VirtualClock(NOON);
  const clock = steadyClock(machine);
  await machine.advance(90_000);
  assert.equal(clock.now(), NOON + 90_000);
  machine.jump(3_600_000);
  assert.equal(clock.now(), machine.now());
});

test("where the time is set back it goes on, at half the pace until it is right again", async () => {
  const machine = new VirtualClock(NOON);
  const clock = steadyClock(machine);
  machine.jump(-60_000);
  assert.equal(clock.now(), NOON);
  await machine.advance(10_000);
  assert.equal(clock.now(), NOON + 5_000);
  machine.jump(-60_000);
  assert.equal(clock.now(), NOON + 5_000);
  await machine.advance(300_000);
  assert.equal(clock.now(), machine.now());
});

test("a jump forward undoes one back", () => {
  const machine = new VirtualClock(NOON);
  const clock = steadyClock(machine);
  machine.jump(-60_000);
  assert.equal(clock.now(), NOON);
  machine.jump(60_000);
  assert.equal(clock.now(), NOON);
  machine.jump(5_000);
  assert.equal(clock.now(), NOON + 5_000);
});
