import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonical, compact, mergePatch, missingFrom, same } from "../../../../src/controllers/shared/drift.ts";
import { table } from "../../../support/table.ts";

table("merge patch", {
  "nothing to change": { actual: { a: 1 }, wanted: { a: 1, b: undefined }, patch: undefined },
  "a field that must go": { actual: { a: 1, b: 2 }, wanted: { a: 1 }, patch: { b: null } },
  "a field that must come": { actual: {}, wanted: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  "only what differs, deep down": {
    actual: { a: { b: 1, c: 2 } },
    wanted: { a: { b: 1, c: 3 } },
    patch: { a: { c: 3 } },
  },
  "lists are replaced whole": { actual: { a: [1, 2] }, wanted: { a: [1] }, patch: { a: [1] } },
  "null is the same as not there": { actual: { a: null }, wanted: {}, patch: undefined },
  "everything goes": { actual: { a: 1 }, wanted: undefined, patch: null },
}, ({ actual, wanted, patch }) => assert.deepEqual(mergePatch(actual, wanted), patch));

const json = fc.letrec((tie) => ({
  value: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer()), tie("object")),
  object: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), tie("value")),
})).object as fc.Arbitrary<Record<string, unknown>>;

/** RFC 7386, as its authors wrote it. */
function applied(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === "object" && target !== null && !Array.isArray(target)
    ? { ...target }
    : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applied(result[name], value);
  }
  return result;
}

test("a merge patch, applied, gives what is wanted, and none is made for what is alike", () => {
  fc.assert(fc.property(json, json, (actual, wanted) => {
    const patch = mergePatch(actual, wanted);
    const result = patch === undefined ? actual : applied(actual, patch);
    assert.ok(same(result, wanted), `${JSON.stringify(result)} is not ${JSON.stringify(wanted)}`);
    assert.equal(mergePatch(result, wanted), undefined);
  }));
});

test("canonical texts are alike exactly when the values say the same", () => {
  fc.assert(fc.property(json, json, (a, b) => assert.equal(canonical(a) === canonical(b), same(a, b))));
  assert.equal(canonical({ b: 1, a: [{ d: 1, c: undefined }] }), canonical({ a: [{ d: 1 }], b: 1 }));
});

test("what is missing: only what differs, and nothing of what others added", () => {
  assert.deepEqual(missingFrom({ a: "1", x: "9" }, { a: "2", b: "3" }), { a: "2", b: "3" });
  assert.equal(missingFrom({ a: "1", x: "9" }, { a: "1" }), undefined);
  assert.equal(missingFrom(undefined, undefined), undefined);
});

test("a patch that changes nothing is none", () => {
  assert.equal(compact({ metadata: { labels: undefined }, spec: undefined }), undefined);
  assert.deepEqual(compact({ metadata: { labels: { a: "1" }, annotations: undefined }, spec: undefined }), {
    metadata: { labels: { a: "1" } },
  });
});
