import assert from "node:assert/strict";
import { test } from "node:test";
import { Fresh } from "../../../src/lib/fresh.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";

function reading() {
  const clock = new VirtualClock();
  const state = { value: 1, reads: 0, broken: false };
  const fresh = new Fresh(clock, 1000, () => {
    state.reads++;
    return state.broken ? Promise.reject(new Error("broken")) : Promise.resolve(state.value);
  });
  return { clock, state, fresh };
}

test("calls at the same time share one reading; a young value is not read again", async () => {
  const { clock, state, fresh } = reading();
  assert.deepEqual(await Promise.all([fresh.get(), fresh.get(), fresh.get()]), [1, 1, 1]);
  await clock.advance(999);
  await fresh.get();
  assert.equal(state.reads, 1);
});

test("an old value is read again", async () => {
  const { clock, state, fresh } = reading();
  await fresh.get();
  state.value = 2;
  await clock.advance(1000);
  assert.equal(await fresh.get(), 2);
});

test("the wall clock's jumps mean nothing to it", async () => {
  const { clock, state, fresh } = reading();
  await fresh.get();
  clock.jump(86_400_000);
  await fresh.get();
  assert.equal(state.reads, 1);
});

test("while it can't be read the old value holds, tried again once an age", async () => {
  const { clock, state, fresh } = reading();
  await fresh.get();
  state.broken = true;
  await clock.advance(1000);
  for (let i = 0; i < 10; i++) assert.equal(await fresh.get(), 1);
  assert.equal(state.reads, 2);
});

test("with no value at all the error is thrown, and the next call tries again", async () => {
  const { state, fresh } = reading();
  state.broken = true;
  await assert.rejects(fresh.get(), /broken/);
  state.broken = false;
  assert.equal(await fresh.get(), 1);
});

test("an expired value is read again at once; if that fails it holds on", async () => {
  const { state, fresh } = reading();
  fresh.expire();
  await fresh.get();
  state.value = 2;
  fresh.expire();
  assert.equal(await fresh.get(), 2);
  state.broken = true;
  fresh.expire();
  assert.equal(await fresh.get(), 2);
});
