import assert from "node:assert/strict";
import { test } from "node:test";
import { FairGate } from "../../../../src/controllers/shared/fair_gate.ts";

/** Calls that end when the test says so. */
function calls(gate: FairGate) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const call = (group: string, name: string, signal?: AbortSignal) =>
    gate.run(group, () => {
      started.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    }, signal);
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const end = async (name: string) => {
    ends.get(name)!();
    await settle();
  };
  return { started, call, end, settle };
}

test("no more than the limit at a time; groups take turns", async () => {
  const { started, call, end, settle } = calls(new FairGate(2));
  for (const name of ["a1", "a2", "a3", "a4", "a5"]) call("a", name);
  call("b", "b1");
  call("c", "c1");
  await settle();
  assert.deepEqual(started, ["a1", "a2"]);
  for (const name of ["a1", "a2", "a3", "b1"]) await end(name);
  assert.deepEqual(started, ["a1", "a2", "a3", "b1", "c1", "a4"]);
});

test("a call that fails gives its place to the next", async () => {
  const gate = new FairGate(1);
  await assert.rejects(gate.run("a", () => Promise.reject(new Error("no"))));
  assert.equal(await gate.run("a", () => Promise.resolve(1)), 1);
});

test("who gives up waiting loses its place, and nobody else's", async () => {
  const { started, call, end, settle } = calls(new FairGate(1));
  const abort = new AbortController();
  call("a", "a1");
  const waiting = call("a", "a2", abort.signal);
  call("a", "a3");
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await settle();
  await end("a1");
  assert.deepEqual(started, ["a1", "a3"]);
});

test("a limit that lets nobody in is refused", () => {
  assert.throws(() => new FairGate(0), RangeError);
});
