import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { jsonPatch, mergePatch } from "../../../../src/sim/kube_api/patches.ts";
import { strategicPatch } from "../../../../src/sim/kube_api/strategic.ts";
import type { Json } from "../../../../src/sim/kube_api/types.ts";
import { table } from "../../../support/table.ts";

// The examples of RFC 7386, appendix A.
table("merge patch", {
  "replaces": [{ a: "b" }, { a: "c" }, { a: "c" }],
  "adds": [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  "removes": [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  "a list by a text": [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  "a text by a list": [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  "below": [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  "lists are replaced": [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  "null stays where it was": [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  "nulls of new objects go": [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
}, ([target, patch, result]) => assert.deepEqual(mergePatch(target, patch), result));

const PLAIN = { noNullPrototype: true };
const json = fc.dictionary(
  fc.constantFrom("a", "b", "c", "d"),
  fc.oneof(
    fc.integer(),
    fc.string(),
    fc.array(fc.integer(), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("x", "y"), fc.oneof(fc.integer(), fc.constant(null)), PLAIN),
  ),
  PLAIN,
);

test("merge patch: applied twice is applied once, and the target stays as it was", () => {
  fc.assert(fc.property(json, json, (target, patch) => {
    const copy = structuredClone(target);
    const once = mergePatch(target, patch);
    assert.deepEqual(target, copy);
    assert.deepEqual(mergePatch(once, patch), once);
  }));
});

test("merge patch: what the patch does not name is shared, not copied", () => {
  const target = { kept: { deep: [1] }, changed: 1 };
  assert.equal((mergePatch(target, { changed: 2 }) as typeof target).kept, target.kept);
});

test("JSON patch: add and remove undo each other, and the target stays as it was", () => {
  fc.assert(fc.property(json, fc.string({ minLength: 1 }), fc.integer(), (target, name, value) => {
    fc.pre(!(name in target) && name !== "__proto__");
    const copy = structuredClone(target);
    const path = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const there = jsonPatch(target, [{ op: "add", path, value }]) as Json;
    assert.equal(there[name], value);
    assert.deepEqual(jsonPatch(there, [{ op: "remove", path }]), copy);
    assert.deepEqual(target, copy);
  }));
});

table("JSON patch refuses", {
  "an index beyond the list": [{ a: [1] }, [{ op: "add", path: "/a/2", value: 1 }]],
  "an index that is none": [{ a: [1] }, [{ op: "add", path: "/a/x", value: 1 }]],
  "a path through nothing": [{}, [{ op: "add", path: "/a/b", value: 1 }]],
  "a path through a text": [{ a: "b" }, [{ op: "add", path: "/a/b", value: 1 }]],
  "an unknown operation": [{}, [{ op: "swap", path: "/a" }]],
  "a pointer without a slash": [{}, [{ op: "add", path: "a", value: 1 }]],
  "a copy of nothing": [{}, [{ op: "copy", from: "/a", path: "/b" }]],
  "the removal of everything": [{}, [{ op: "remove", path: "" }]],
}, ([target, patch]) => {
  assert.throws(() => jsonPatch(target as Json, patch), { code: 422 });
});

const pod = (containers: unknown[], more: object = {}) => ({ spec: { containers, ...more } });

table("strategic patch", {
  "an item is merged, others stay": [
    pod([{ name: "a", image: "1", env: [{ name: "X", value: "1" }] }, { name: "b", image: "2" }]),
    pod([{ name: "a", env: [{ name: "Y", value: "2" }] }]),
    pod([{ name: "a", image: "1", env: [{ name: "X", value: "1" }, { name: "Y", value: "2" }] }, {
      name: "b",
      image: "2",
    }]),
  ],
  "an item is deleted": [
    pod([{ name: "a" }, { name: "b" }]),
    pod([{ name: "a", $patch: "delete" }]),
    pod([{ name: "b" }]),
  ],
  "the list is replaced": [
    pod([{ name: "a" }, { name: "b" }]),
    pod([{ name: "c" }, { $patch: "replace" }]),
    pod([{ name: "c" }]),
  ],
  "only the keys that are retained stay": [
    pod([], { volumes: [{ name: "v", emptyDir: {} }] }),
    { spec: { volumes: [{ name: "v", $retainKeys: ["name", "secret"], secret: { secretName: "s" } }] } },
    pod([], { volumes: [{ name: "v", secret: { secretName: "s" } }] }),
  ],
  "tolerations are replaced": [
    pod([], { tolerations: [{ key: "a" }] }),
    { spec: { tolerations: [{ key: "b" }] } },
    pod([], { tolerations: [{ key: "b" }] }),
  ],
}, ([target, patch, result]) => assert.deepEqual(strategicPatch("Pod", target as Json, patch), result));
