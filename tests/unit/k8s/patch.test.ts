import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applyJsonPatch,
  applyMergePatch,
  JsonPatchError,
  type JsonPatchOperation,
  matches,
  mergePatchOf,
  sameJson,
} from "../../../src/k8s/patch.ts";
import { table } from "../../support/table.ts";

/** Examples of the appendix of RFC 7386, and what else could go wrong. */
table<{ readonly target: unknown; readonly patch: unknown; readonly result: unknown }>("merge patch", {
  "replaces a value": { target: { a: "b" }, patch: { a: "c" }, result: { a: "c" } },
  "adds a field": { target: { a: "b" }, patch: { b: "c" }, result: { a: "b", b: "c" } },
  "removes by null": { target: { a: "b", b: "c" }, patch: { a: null }, result: { b: "c" } },
  "replaces an array as a whole": { target: { a: ["b"] }, patch: { a: ["c", "d"] }, result: { a: ["c", "d"] } },
  "replaces an array by a text": { target: { a: ["b"] }, patch: { a: "c" }, result: { a: "c" } },
  "goes into objects": { target: { a: { b: "c" } }, patch: { a: { b: "d", c: null } }, result: { a: { b: "d" } } },
  "does not go into arrays": { target: { a: [{ b: "c" }] }, patch: { a: [1] }, result: { a: [1] } },
  "replaces an array by an object": { target: ["a", "b"], patch: { a: "b" }, result: { a: "b" } },
  "keeps a null that is not named": { target: { e: null }, patch: { a: 1 }, result: { e: null, a: 1 } },
  "makes objects on its way, without nulls": {
    target: {},
    patch: { a: { bb: { ccc: null } } },
    result: { a: { bb: {} } },
  },
  "may replace everything": { target: { a: "foo" }, patch: "bar", result: "bar" },
}, ({ target, patch, result }) => assert.deepEqual(applyMergePatch(target, patch), result));

/** JSON whose objects hold no null: what a merge patch can say. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("a", "b", 0, 1, true),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__", "constructor"), tie("value"), { maxKeys: 3 }),
  ),
})).value;

test("the merge patch of two values makes one of the other, and is absent between equals", () => {
  fc.assert(fc.property(json, json, (before, after) => {
    const patch = mergePatchOf(before, after);
    assert.equal(patch === undefined, sameJson(before, after));
    assert.ok(sameJson(patch === undefined ? before : applyMergePatch(before, patch), after));
  }));
});

test("a patch names no more than what differs", () => {
  const before = { spec: { a: 1, b: { c: 2, d: 3 }, list: [1, 2] }, status: { gone: true } };
  const after = { spec: { a: 1, b: { c: 2, d: 4 }, list: [1] } };
  assert.deepEqual(mergePatchOf(before, after), { spec: { b: { d: 4 }, list: [1] }, status: null });
  assert.deepEqual(mergePatchOf({ a: 1 }, { a: undefined }), { a: null });
  assert.equal(mergePatchOf({}, { a: null }), undefined);
});

table<{ readonly actual: unknown; readonly desired: unknown; readonly matches: boolean }>("matching", {
  "itself": { actual: { a: 1 }, desired: { a: 1 }, matches: true },
  "what only the server has does not matter": { actual: { a: 1, dflt: 2 }, desired: { a: 1 }, matches: true },
  "what is missing does": { actual: {}, desired: { a: 1 }, matches: false },
  "what differs does": { actual: { a: { b: 1 } }, desired: { a: { b: 2 } }, matches: false },
  "items may have defaults": { actual: [{ n: 1, dflt: 2 }], desired: [{ n: 1 }], matches: true },
  "items must be as many": { actual: [1, 2], desired: [1], matches: false },
  "items must be in order": { actual: [2, 1], desired: [1, 2], matches: false },
  "an empty object is dropped by the server": { actual: {}, desired: { labels: {} }, matches: true },
  "an object with nothing but empty ones too": { actual: {}, desired: { a: { b: {} } }, matches: true },
  "an empty array is dropped by the server": { actual: {}, desired: { list: [] }, matches: true },
  "an empty array has no items": { actual: { list: [1] }, desired: { list: [] }, matches: false },
  "null asks for absence": { actual: { a: 1 }, desired: { a: null }, matches: false },
  "null finds absence": { actual: {}, desired: { a: null }, matches: true },
  "undefined asks nothing": { actual: { a: 1 }, desired: { a: undefined }, matches: true },
  "a text is no number": { actual: { a: "1" }, desired: { a: 1 }, matches: false },
  "an array is no object": { actual: { a: [] }, desired: { a: { b: 1 } }, matches: false },
}, (example) => assert.equal(matches(example.actual, example.desired), example.matches));

test("everything matches itself, and what a merge patch adds to it", () => {
  fc.assert(fc.property(json, json, (desired, more) => {
    assert.ok(matches(desired, desired));
    if (typeof desired !== "object" || Array.isArray(desired)) return;
    assert.ok(matches(applyMergePatch({ ...(more as object), ...(desired as object) }, {}), desired));
  }));
});

const add = (path: string, value: unknown): JsonPatchOperation => ({ op: "add", path, value });
const test_ = (path: string, value: unknown): JsonPatchOperation => ({ op: "test", path, value });

/** Examples of the appendix of RFC 6902, and what else could go wrong. */
table<{ readonly target: unknown; readonly patch: readonly JsonPatchOperation[]; readonly result: unknown }>(
  "JSON patch",
  {
    "adds a field": { target: { a: 1 }, patch: [add("/b", 2)], result: { a: 1, b: 2 } },
    "adds an item between others": { target: { a: [1, 3] }, patch: [add("/a/1", 2)], result: { a: [1, 2, 3] } },
    "adds an item at the end": { target: { a: [1] }, patch: [add("/a/-", [2])], result: { a: [1, [2]] } },
    "adds over a field that is there": { target: { a: 1 }, patch: [add("/a", 2)], result: { a: 2 } },
    "replaces everything": { target: { a: 1 }, patch: [add("", [])], result: [] },
    "removes a field": { target: { a: 1, b: 2 }, patch: [{ op: "remove", path: "/b" }], result: { a: 1 } },
    "removes an item": { target: { a: [1, 2, 3] }, patch: [{ op: "remove", path: "/a/1" }], result: { a: [1, 3] } },
    "replaces a value": {
      target: { a: [1, 2] },
      patch: [{ op: "replace", path: "/a/0", value: 9 }],
      result: { a: [9, 2] },
    },
    "moves a field": {
      target: { a: { b: 1 } },
      patch: [{ op: "move", from: "/a/b", path: "/c" }],
      result: { a: {}, c: 1 },
    },
    "moves an item": {
      target: { a: [1, 2, 3] },
      patch: [{ op: "move", from: "/a/0", path: "/a/2" }],
      result: { a: [2, 3, 1] },
    },
    "copies": { target: { a: [1] }, patch: [{ op: "copy", from: "/a", path: "/b" }], result: { a: [1], b: [1] } },
    "tests and goes on": {
      target: { a: { b: [1] } },
      patch: [test_("/a", { b: [1] }), add("/c", 1)],
      result: { a: { b: [1] }, c: 1 },
    },
    "reads the escapes of a pointer": {
      target: { "a/b": 1, "m~n": 2 },
      patch: [test_("/a~1b", 1), test_("/m~0n", 2)],
      result: { "a/b": 1, "m~n": 2 },
    },
    "reads an escaped tilde before the slash": { target: { "~1": 1 }, patch: [test_("/~01", 1)], result: { "~1": 1 } },
    "finds the field without a name": { target: { "": 1 }, patch: [test_("/", 1)], result: { "": 1 } },
    "adds null": { target: {}, patch: [add("/a", null)], result: { a: null } },
    "goes through each operation's result": {
      target: {},
      patch: [add("/a", {}), add("/a/b", 1)],
      result: { a: { b: 1 } },
    },
  },
  ({ target, patch, result }) => {
    const before = structuredClone(target);
    assert.deepEqual(applyJsonPatch(target, patch), result);
    assert.deepEqual(target, before, "the target stays as it is");
  },
);

const bad = (value: unknown) => value as JsonPatchOperation;
table<{ readonly target: unknown; readonly patch: JsonPatchOperation; readonly reason: string }>("JSON patch refuses", {
  "a test of another value": { target: { a: 1 }, patch: test_("/a", "1"), reason: "test" },
  "a test of nothing": { target: {}, patch: test_("/a", 1), reason: "path" },
  "a parent that is not there": { target: {}, patch: add("/a/b", 1), reason: "path" },
  "a parent that holds nothing": { target: { a: 1 }, patch: add("/a/b", 1), reason: "path" },
  "an index beyond the end": { target: [1], patch: add("/2", 1), reason: "path" },
  "an index with a leading zero": { target: [1, 2], patch: test_("/01", 2), reason: "path" },
  "the end of an array as a place to read": { target: [1], patch: { op: "remove", path: "/-" }, reason: "path" },
  "the removal of nothing": { target: {}, patch: { op: "remove", path: "/a" }, reason: "path" },
  "the replacement of nothing": { target: {}, patch: { op: "replace", path: "/a", value: 1 }, reason: "path" },
  "a move into itself": { target: { a: { b: 1 } }, patch: { op: "move", from: "/a", path: "/a/b" }, reason: "path" },
  "an inherited field": { target: {}, patch: test_("/constructor", 1), reason: "path" },
  "an operation without a value": { target: {}, patch: bad({ op: "add", path: "/a" }), reason: "malformed" },
  "an unknown operation": { target: {}, patch: bad({ op: "merge", path: "/a" }), reason: "malformed" },
  "what is no pointer": { target: {}, patch: add("a", 1), reason: "malformed" },
  "a move from nowhere": { target: {}, patch: bad({ op: "move", path: "/a" }), reason: "malformed" },
}, ({ target, patch, reason }) => {
  assert.throws(
    () => applyJsonPatch(target, [patch]),
    (error) => error instanceof JsonPatchError && error.reason === reason,
  );
});
