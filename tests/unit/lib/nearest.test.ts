import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { editDistance, nearest } from "../../../src/lib/nearest.ts";
import { table } from "../../support/table.ts";

table<readonly [a: string, b: string, distance: number]>("editDistance", {
  "same": ["log-level", "log-level", 0],
  "left out": ["log-lvel", "log-level", 1],
  "too much": ["log-leveel", "log-level", 1],
  "replaced": ["log-lavel", "log-level", 1],
  "swapped": ["log-lveel", "log-level", 1],
  "from nothing": ["", "abc", 3],
}, ([a, b, distance]) => assert.equal(editDistance(a, b), distance));

test("the distance is symmetric, and zero for the same text alone", () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(fc.property(word, word, (a, b) => {
    assert.equal(editDistance(a, b), editDistance(b, a));
    assert.equal(editDistance(a, b) === 0, a === b);
  }));
});

test("the nearest is offered, and what is far is not", () => {
  assert.equal(nearest("contrller", ["controller", "listener"]), "controller");
  assert.equal(nearest("xyz", ["controller", "listener"]), undefined);
  assert.equal(nearest("a", []), undefined);
});
