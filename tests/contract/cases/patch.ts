import assert from "node:assert/strict";
import { at, type Case, gadget, itemsOf, type Json, pod, refused, textOf } from "../support/contract.ts";

type SpecCase = readonly [start: Record<string, Json>, patch: Json, result: Record<string, Json>];

const MERGES: Record<string, SpecCase> = {
  "a field is set": [{ size: 1 }, { size: 2 }, { size: 2 }],
  "null removes": [{ size: 1, code: "abc" }, { code: null }, { size: 1 }],
  "objects are merged": [{ size: 1, texts: { a: "1", b: "2" } }, { texts: { b: null, c: "3" } }, {
    size: 1,
    texts: { a: "1", c: "3" },
  }],
  "lists are replaced": [{ size: 1, tags: ["a", "b"] }, { tags: ["c"] }, { size: 1, tags: ["c"] }],
  "null in a free part removes too": [{ size: 1, extra: { a: 1, b: 2 } }, { extra: { a: null } }, {
    size: 1,
    extra: { b: 2 },
  }],
};

const JSON_PATCHES: Record<string, SpecCase> = {
  "add sets": [{ size: 1 }, [{ op: "add", path: "/spec/code", value: "abc" }], { size: 1, code: "abc" }],
  "add inserts into a list": [{ size: 1, tags: ["a", "c"] }, [{ op: "add", path: "/spec/tags/1", value: "b" }], {
    size: 1,
    tags: ["a", "b", "c"],
  }],
  "add appends to a list": [{ size: 1, tags: ["a"] }, [{ op: "add", path: "/spec/tags/-", value: "b" }], {
    size: 1,
    tags: ["a", "b"],
  }],
  "replace": [{ size: 1 }, [{ op: "replace", path: "/spec/size", value: 2 }], { size: 2 }],
  "remove": [{ size: 1, code: "abc" }, [{ op: "remove", path: "/spec/code" }], { size: 1 }],
  "remove from a list": [{ size: 1, tags: ["a", "b"] }, [{ op: "remove", path: "/spec/tags/0" }], {
    size: 1,
    tags: ["b"],
  }],
  "move": [{ size: 1, texts: { a: "1" } }, [{ op: "move", from: "/spec/texts/a", path: "/spec/texts/b" }], {
    size: 1,
    texts: { b: "1" },
  }],
  "copy": [{ size: 1, texts: { a: "1" } }, [{ op: "copy", from: "/spec/texts/a", path: "/spec/texts/b" }], {
    size: 1,
    texts: { a: "1", b: "1" },
  }],
  "a test that holds": [{ size: 1 }, [{ op: "test", path: "/spec/size", value: 1 }, {
    op: "replace",
    path: "/spec/size",
    value: 2,
  }], { size: 2 }],
  "names are escaped": [{ size: 1, texts: { "a/b": "1" } }, [{ op: "replace", path: "/spec/texts/a~1b", value: "2" }], {
    size: 1,
    texts: { "a/b": "2" },
  }],
};

export const patches: Record<string, Case> = {
  ...specCases("merge", "merge", MERGES, (spec) => ({ spec })),
  ...specCases("json", "jsonPatch", JSON_PATCHES, (operations) => operations),
  "merge: no change, no new version": async (server) => {
    const made = await server.gadget("a");
    const same = await server.patched("merge", server.gadgets("a"), { spec: { size: 1 } });
    assert.equal(textOf(same, "metadata", "resourceVersion"), textOf(made, "metadata", "resourceVersion"));
  },
  "merge: a resource version is a precondition": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("merge", server.gadgets("a"), {
      metadata: { resourceVersion: "1" },
      spec: { size: 2 },
    });
    refused(answer, 409, "Conflict", "the object has been modified");
  },
  "merge: the name stays": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("merge", server.gadgets("a"), { metadata: { name: "b" } });
    refused(answer, 400, "BadRequest", "the name of the object (b) does not match the name on the URL (a)");
  },
  "merge: what is not there": async (server) => {
    refused(await server.patch("merge", server.gadgets("a"), { spec: { size: 2 } }), 404, "NotFound");
  },
  "merge: what the schema refuses": async (server) => {
    await server.gadget("a");
    refused(
      await server.patch("merge", server.gadgets("a"), { spec: { size: "two" } }),
      422,
      "Invalid",
      "must be of type integer",
    );
  },
  "merge: unknown fields go": async (server) => {
    await server.gadget("a");
    const changed = await server.patched("merge", server.gadgets("a"), { spec: { size: 2, unknown: 1 } });
    assert.equal(at(changed, "spec", "unknown"), undefined);
  },
  "merge: no JSON": async (server) => {
    await server.gadget("a");
    const answer = await server.send("PATCH", server.gadgets("a"), undefined, {
      raw: "{",
      type: "application/merge-patch+json",
    });
    refused(answer, 400, "BadRequest");
  },
  "json: a test that fails": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("jsonPatch", server.gadgets("a"), [{ op: "test", path: "/spec/size", value: 9 }]);
    refused(answer, 422, "Invalid", "the server rejected our request due to an error in our request");
  },
  "json: nothing to remove": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("jsonPatch", server.gadgets("a"), [{ op: "remove", path: "/spec/code" }]);
    refused(answer, 422, "Invalid");
  },
  "json: nothing to replace": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("jsonPatch", server.gadgets("a"), [{
      op: "replace",
      path: "/spec/code",
      value: "x",
    }]);
    refused(answer, 422, "Invalid");
  },
  "json: no list of operations": async (server) => {
    await server.gadget("a");
    refused(await server.patch("jsonPatch", server.gadgets("a"), {}), 400, "BadRequest", "error decoding patch");
  },
  "json: the finalizers": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/x", "example.com/y"] });
    const patch: Json = [{ op: "test", path: "/metadata/finalizers/0", value: "example.com/x" }, {
      op: "remove",
      path: "/metadata/finalizers/0",
    }];
    const changed = await server.patched("jsonPatch", server.gadgets("a"), patch);
    assert.deepEqual(at(changed, "metadata", "finalizers"), ["example.com/y"]);
    await server.patched("merge", server.gadgets("a"), { metadata: { finalizers: null } });
  },
  "an unknown type of patch": async (server) => {
    await server.gadget("a");
    const answer = await server.send("PATCH", server.gadgets("a"), {}, { type: "text/plain" });
    refused(answer, 415, "UnsupportedMediaType", "application/json-patch+json, application/merge-patch+json");
  },
  "a strategic patch of a custom object": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("strategic", server.gadgets("a"), { spec: { size: 2 } });
    refused(answer, 415, "UnsupportedMediaType", "application/apply-patch+yaml");
  },
};

const condition = (type: string, status: string): Json => ({
  type,
  status,
  lastProbeTime: null,
  lastTransitionTime: "2026-01-01T00:00:00Z",
});

export const strategic: Record<string, Case> = {
  "owners merge by uid": async (server) => {
    const owner = (uid: string) => ({ apiVersion: "example.com/v1", kind: "Thing", name: uid, uid });
    const owners = { metadata: { name: "a", ownerReferences: [owner("u1")], finalizers: ["example.com/hold"] } };
    await server.made(server.maps(), owners);
    const changed = await server.patched("strategic", server.maps("a"), {
      metadata: { ownerReferences: [owner("u2")] },
    });
    assert.deepEqual(itemsOf(changed, "metadata", "ownerReferences").map((item) => at(item, "uid")).sort(), [
      "u1",
      "u2",
    ]);
    const patch = { metadata: { ownerReferences: [{ $patch: "delete", uid: "u1" }] } };
    const left = await server.patched("strategic", server.maps("a"), patch);
    assert.deepEqual(itemsOf(left, "metadata", "ownerReferences").map((item) => at(item, "uid")), ["u2"]);
    await server.patched("merge", server.maps("a"), { metadata: { finalizers: null } });
  },
  "finalizers are a set": async (server) => {
    await server.map("a", {}, { finalizers: ["example.com/x"] });
    const patch = { metadata: { finalizers: ["example.com/y"] } };
    const changed = await server.patched("strategic", server.maps("a"), patch);
    assert.deepEqual(itemsOf(changed, "metadata", "finalizers").sort(), ["example.com/x", "example.com/y"]);
    const drop = { metadata: { "$deleteFromPrimitiveList/finalizers": ["example.com/x"] } };
    const left = await server.patched("strategic", server.maps("a"), drop);
    assert.deepEqual(at(left, "metadata", "finalizers"), ["example.com/y"]);
    await server.patched("merge", server.maps("a"), { metadata: { finalizers: null } });
  },
  "containers merge by name": async (server) => {
    await server.pod("a", { containers: [{ name: "one", image: "x:1" }, { name: "two", image: "y:1" }] });
    const patch = { spec: { containers: [{ name: "two", image: "y:2" }] } };
    const changed = await server.patched("strategic", server.pods("a"), patch);
    assert.deepEqual(itemsOf(changed, "spec", "containers").map((item) => at(item, "image")), ["x:1", "y:2"]);
  },
  "an item without its key": async (server) => {
    await server.pod("a");
    const answer = await server.patch("strategic", server.pods("a"), { spec: { containers: [{ image: "y:2" }] } });
    assert.ok(answer.status >= 400 && answer.status !== 404, answer.text);
    assert.match(textOf(answer.body, "message"), /does not contain declared merge key: name/);
  },
  "conditions merge by type": async (server) => {
    await server.pod("a");
    await server.patched("strategic", server.pods("a/status"), {
      status: { conditions: [condition("Ready", "False")] },
    });
    const patch = { status: { conditions: [condition("Ready", "True"), condition("Other", "True")] } };
    const changed = await server.patched("strategic", server.pods("a/status"), patch);
    const told = itemsOf(changed, "status", "conditions").map((item) =>
      `${textOf(item, "type")}=${textOf(item, "status")}`
    );
    assert.deepEqual(told.sort(), ["Other=True", "Ready=True"]);
  },
  "container statuses are replaced": async (server) => {
    await server.pod("a");
    const one = (name: string) => ({ name, image: "x", imageID: "", ready: true, restartCount: 0 });
    await server.patched("strategic", server.pods("a/status"), { status: { containerStatuses: [one("x")] } });
    const changed = await server.patched("strategic", server.pods("a/status"), {
      status: { containerStatuses: [one("y")] },
    });
    assert.deepEqual(itemsOf(changed, "status", "containerStatuses").map((item) => at(item, "name")), ["y"]);
  },
  "null removes": async (server) => {
    await server.map("a", { x: "1", y: "2" });
    const changed = await server.patched("strategic", server.maps("a"), { data: { x: null } });
    assert.deepEqual(at(changed, "data"), { y: "2" });
  },
  "$patch: replace": async (server) => {
    await server.map("a", { x: "1", y: "2" });
    const changed = await server.patched("strategic", server.maps("a"), { data: { $patch: "replace", z: "3" } });
    assert.deepEqual(at(changed, "data"), { z: "3" });
  },
  "$setElementOrder": async (server) => {
    await server.made(server.core("serviceaccounts"), {
      metadata: { name: "a" },
      secrets: [{ name: "x" }, { name: "y" }],
    });
    const patch = {
      "$setElementOrder/secrets": [{ name: "z" }, { name: "y" }, { name: "x" }],
      secrets: [{ name: "z" }],
    };
    const changed = await server.patched("strategic", server.core("serviceaccounts", "a"), patch);
    assert.deepEqual(itemsOf(changed, "secrets").map((item) => at(item, "name")), ["z", "y", "x"]);
  },
};

export const apply: Record<string, Case> = {
  "creates what is not there": async (server) => {
    const answer = await server.patch("apply", `${server.gadgets("a")}?fieldManager=case`, gadget("a", { size: 1 }));
    assert.equal(answer.status, 201, answer.text);
    assert.equal(textOf(answer.body, "spec", "color"), "red");
  },
  "changes what is there": async (server) => {
    await server.patch("apply", `${server.gadgets("a")}?fieldManager=case`, gadget("a", { size: 1 }));
    const changed = await server.patched("apply", `${server.gadgets("a")}?fieldManager=case`, gadget("a", { size: 2 }));
    assert.equal(at(changed, "spec", "size"), 2);
  },
  "no change, no new version": async (server) => {
    const made = await server.patch("apply", `${server.gadgets("a")}?fieldManager=case`, gadget("a", { size: 1 }));
    const same = await server.patched("apply", `${server.gadgets("a")}?fieldManager=case`, gadget("a", { size: 1 }));
    assert.equal(textOf(same, "metadata", "resourceVersion"), textOf(made.body, "metadata", "resourceVersion"));
  },
  "needs a field manager": async (server) => {
    const answer = await server.patch("apply", server.gadgets("a"), gadget("a", { size: 1 }));
    refused(answer, 422, "Invalid", "fieldManager: Required value: is required for apply patch");
  },
  "leaves what others have set": async (server) => {
    await server.gadget("a", { size: 1, code: "abc" });
    const path = `${server.gadgets("a")}?fieldManager=case&force=true`;
    const changed = await server.patched("apply", path, gadget("a", { size: 2 }));
    assert.equal(textOf(changed, "spec", "code"), "abc");
  },
  "lists with keys are merged": async (server) => {
    await server.gadget("a", { size: 1, parts: [{ name: "x", count: 1 }] });
    const path = `${server.gadgets("a")}?fieldManager=case&force=true`;
    const changed = await server.patched("apply", path, gadget("a", { size: 1, parts: [{ name: "y", count: 2 }] }));
    assert.deepEqual(at(changed, "spec", "parts"), [{ name: "x", count: 1 }, { name: "y", count: 2 }]);
  },
  "lists without are replaced": async (server) => {
    await server.gadget("a", { size: 1, tags: ["x"] });
    const path = `${server.gadgets("a")}?fieldManager=case&force=true`;
    const changed = await server.patched("apply", path, gadget("a", { size: 1, tags: ["y"] }));
    assert.deepEqual(at(changed, "spec", "tags"), ["y"]);
  },
  "the schema holds": async (server) => {
    const answer = await server.patch("apply", `${server.gadgets("a")}?fieldManager=case`, gadget("a", { size: 99 }));
    refused(answer, 422, "Invalid", "should be less than or equal to 10");
  },
  "a configuration in YAML": async (server) => {
    const raw = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: one\n";
    const path = `${server.maps("a")}?fieldManager=case`;
    const answer = await server.send("PATCH", path, undefined, { raw, type: "application/apply-patch+yaml" });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(textOf(answer.body, "data", "x"), "one");
  },
  "a pod's containers are merged": async (server) => {
    await server.pod("a");
    const body = {
      ...(pod("a", { containers: [{ name: "main", image: "example/one:2" }] }) as Record<string, Json>),
      apiVersion: "v1",
      kind: "Pod",
    };
    const changed = await server.patched("apply", `${server.pods("a")}?fieldManager=case&force=true`, body);
    assert.equal(textOf(changed, "spec", "containers", 0, "image"), "example/one:2");
  },
};

/** Patches of a gadget's spec. The defaults that every gadget has are left out of the results. */
function specCases(
  title: string,
  type: "merge" | "jsonPatch",
  table: Record<string, SpecCase>,
  patchOf: (patch: Json) => Json,
): Record<string, Case> {
  const cases = Object.entries(table).map(([name, [start, patch, result]]): [string, Case] => [
    `${title}: ${name}`,
    async (server) => {
      await server.gadget("a", start);
      const changed = await server.patched(type, server.gadgets("a"), patchOf(patch));
      assert.deepEqual(at(changed, "spec"), { color: "red", nested: { depth: 3 }, ...result });
      assert.deepEqual(at(await server.ok("GET", server.gadgets("a")), "spec"), at(changed, "spec"));
    },
  ]);
  return Object.fromEntries(cases);
}
