import assert from "node:assert/strict";
import { test } from "node:test";
import { Stop } from "../../../src/lib/stop.ts";

test("the first signal asks, the second ends at once with the shell's code", () => {
  const codes: number[] = [];
  const stop = new Stop((code) => codes.push(code));
  assert.equal(stop.signal.aborted, false);
  stop.take("SIGTERM");
  assert.match(String(stop.signal.reason), /asked to end by SIGTERM/);
  assert.deepEqual(codes, []);
  stop.take("SIGINT");
  assert.deepEqual(codes, [130]);
});
