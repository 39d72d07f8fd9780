import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatDuration, parseDuration } from "../../../src/lib/duration.ts";
import { table } from "../../support/table.ts";

table<readonly [text: string, ms: number | undefined]>("parseDuration", {
  "minutes": ["1m", 60_000],
  "hours and minutes": ["1h30m", 5_400_000],
  "a fraction": ["1.5s", 1500],
  "a fraction without a whole": [".5s", 500],
  "milliseconds": ["250ms", 250],
  "microseconds": ["1500us", 1.5],
  "zero": ["0", 0],
  "zero with a unit": ["0s", 0],
  "negative": ["-2s", -2000],
  "plus": ["+2s", 2000],
  "no unit": ["5", undefined],
  "no number": ["s", undefined],
  "empty": ["", undefined],
  "days are none of Go's": ["1d", undefined],
  "white space": ["1 m", undefined],
  "a dot alone": [".s", undefined],
  "sign alone": ["-", undefined],
}, ([text, ms]) => assert.equal(parseDuration(text), ms));

table<readonly [ms: number, text: string]>("formatDuration", {
  "zero": [0, "0s"],
  "below a second": [250, "250ms"],
  "seconds": [1500, "1.5s"],
  "minutes": [60_000, "1m"],
  "mixed": [5_430_000, "1h30m30s"],
  "negative": [-2000, "-2s"],
}, ([ms, text]) => assert.equal(formatDuration(ms), text));

test("what is formatted parses to the same", () => {
  fc.assert(fc.property(fc.integer({ min: -1e9, max: 1e9 }), (ms) => {
    assert.ok(Math.abs(parseDuration(formatDuration(ms))! - ms) < 1e-6);
  }));
});
