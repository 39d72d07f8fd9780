import assert from "node:assert/strict";
import { at, type Case, type Contract, GROUP, itemsOf, namesOf, refused, textOf } from "../support/contract.ts";

/** Five gadgets, p1 to p5. */
export async function five(server: Contract): Promise<void> {
  for (const name of ["p1", "p2", "p3", "p4", "p5"]) await server.gadget(name);
}

const query = (values: Record<string, string | number>) =>
  `?${new URLSearchParams(Object.entries(values).map(([k, v]) => [k, String(v)]))}`;

export const list: Record<string, Case> = {
  "a list has a kind and a version": async (server) => {
    await server.map("a");
    const found = await server.ok("GET", server.maps());
    assert.equal(textOf(found, "kind"), "ConfigMapList");
    assert.equal(textOf(found, "apiVersion"), "v1");
    assert.match(textOf(found, "metadata", "resourceVersion"), /^\d+$/);
  },
  "items of core lists do not repeat their kind": async (server) => {
    await server.map("a");
    assert.equal(at(itemsOf(await server.ok("GET", server.maps()))[0], "kind"), undefined);
  },
  "items of custom lists do": async (server) => {
    await server.gadget("a");
    const found = await server.ok("GET", server.gadgets());
    assert.equal(textOf(found, "kind"), "GadgetList");
    assert.equal(textOf(itemsOf(found)[0], "kind"), "Gadget");
    assert.equal(textOf(itemsOf(found)[0], "apiVersion"), `${GROUP}/v1`);
  },
  "items are in the order of their names": async (server) => {
    for (const name of ["b", "c", "a"]) await server.gadget(name);
    assert.deepEqual(namesOf(await server.ok("GET", server.gadgets())), ["a", "b", "c"]);
  },
  "an empty list": async (server) => assert.deepEqual(at(await server.ok("GET", server.gadgets()), "items"), []),
  "a namespace that is not there is empty": async (server) => {
    assert.deepEqual(itemsOf(await server.ok("GET", server.pods("", "nowhere"))), []);
  },
  "all namespaces": async (server) => {
    await server.gadget("everywhere");
    const found = await server.ok("GET", `/apis/${GROUP}/v1/gadgets?limit=5000`);
    const mine = itemsOf(found).filter((item) => textOf(item, "metadata", "namespace") === server.namespace);
    assert.equal(mine.length, 1);
  },
  "pages": async (server) => {
    await five(server);
    const names: string[] = [];
    let next = "";
    const counts: number[] = [];
    do {
      const page = await server.ok("GET", server.gadgets() + query({ limit: 2, ...(next ? { continue: next } : {}) }));
      names.push(...namesOf(page));
      counts.push(itemsOf(page).length);
      next = textOf(page, "metadata", "continue");
    } while (next);
    assert.deepEqual(names, ["p1", "p2", "p3", "p4", "p5"]);
    assert.deepEqual(counts, [2, 2, 1]);
  },
  "pages say what remains": async (server) => {
    await five(server);
    assert.equal(
      at(await server.ok("GET", server.gadgets() + query({ limit: 2 })), "metadata", "remainingItemCount"),
      3,
    );
  },
  "pages are of one version": async (server) => {
    await five(server);
    const first = await server.ok("GET", server.gadgets() + query({ limit: 2 }));
    await server.gadget("p6");
    await server.ok("DELETE", server.gadgets("p4"));
    await server.patched("merge", server.gadgets("p5"), { spec: { size: 9 } });
    const token = textOf(first, "metadata", "continue");
    const rest = await server.ok("GET", server.gadgets() + query({ limit: 10, continue: token }));
    assert.deepEqual(namesOf(rest), ["p3", "p4", "p5"]);
    assert.equal(at(itemsOf(rest)[2], "spec", "size"), 1);
    assert.equal(textOf(rest, "metadata", "resourceVersion"), textOf(first, "metadata", "resourceVersion"));
  },
  "pages with a selector": async (server) => {
    for (const name of ["a", "b", "c", "d"]) {
      await server.gadget(name, { size: 1 }, { labels: { odd: name === "a" || name === "c" ? "yes" : "no" } });
    }
    const first = await server.ok("GET", server.gadgets() + query({ limit: 1, labelSelector: "odd=yes" }));
    const token = textOf(first, "metadata", "continue");
    const second = await server.ok(
      "GET",
      server.gadgets() + query({ limit: 1, labelSelector: "odd=yes", continue: token }),
    );
    assert.deepEqual([namesOf(first), namesOf(second)], [["a"], ["c"]]);
    assert.equal(at(first, "metadata", "remainingItemCount"), undefined);
  },
  "a token that is none": async (server) => {
    refused(
      await server.get(server.gadgets() + query({ continue: "bad" })),
      400,
      "BadRequest",
      "continue key is not valid",
    );
  },
  "an exact version": async (server) => {
    await server.gadget("a");
    const then = await server.now(server.gadgets());
    await server.gadget("b");
    const found = await server.ok(
      "GET",
      server.gadgets() + query({ resourceVersion: then, resourceVersionMatch: "Exact" }),
    );
    assert.deepEqual(namesOf(found), ["a"]);
    assert.equal(textOf(found, "metadata", "resourceVersion"), then);
  },
  "a version that is not older": async (server) => {
    const made = await server.gadget("a");
    const version = textOf(made, "metadata", "resourceVersion");
    const found = await server.ok(
      "GET",
      server.gadgets() + query({ resourceVersion: version, resourceVersionMatch: "NotOlderThan" }),
    );
    assert.deepEqual(namesOf(found), ["a"]);
  },
  "any version": async (server) => {
    await server.gadget("a");
    assert.equal((await server.get(server.gadgets() + query({ resourceVersion: 0 }))).status, 200);
  },
  "a version of the future": async (server) => {
    const answer = await server.get(server.gadgets() + query({ resourceVersion: 999_999_999 }));
    refused(answer, 504, "Timeout", "Too large resource version: 999999999");
    assert.equal(at(answer.body, "details", "retryAfterSeconds"), 1);
  },
  "a version that is no number": async (server) => {
    refused(
      await server.get(server.gadgets() + query({ resourceVersion: "abc" })),
      400,
      "BadRequest",
      "invalid resource version",
    );
  },
  "resourceVersionMatch without a version": async (server) => {
    const answer = await server.get(server.gadgets() + query({ resourceVersionMatch: "Exact" }));
    refused(answer, 422, "Invalid", "resourceVersionMatch is forbidden unless resourceVersion is provided");
  },
  "exactly version 0": async (server) => {
    const answer = await server.get(server.gadgets() + query({ resourceVersion: 0, resourceVersionMatch: "Exact" }));
    refused(answer, 422, "Invalid", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  },
  "the metadata alone": async (server) => {
    await server.gadget("a");
    const accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
    const { body } = await server.get(server.gadgets(), accept);
    assert.equal(textOf(body, "kind"), "PartialObjectMetadataList");
    assert.equal(textOf(itemsOf(body)[0], "kind"), "PartialObjectMetadata");
    assert.equal(at(itemsOf(body)[0], "spec"), undefined);
  },
};
