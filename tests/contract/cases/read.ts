import assert from "node:assert/strict";
import { at, type Case, type Contract, GROUP, itemsOf, namesOf, refused, textOf } from "../support/contract.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

export const get: Record<string, Case> = {
  "what is not there": async (server) => {
    const answer = await server.get(server.pods("a"));
    refused(answer, 404, "NotFound", 'pods "a" not found');
    assert.deepEqual(at(answer.body, "details"), { name: "a", kind: "pods" });
  },
  "what is not there of a custom kind": async (server) => {
    refused(await server.get(server.gadgets("a")), 404, "NotFound", `gadgets.${GROUP} "a" not found`);
  },
  "a resource that the group does not have": async (server) => {
    const answer = await server.get(`/api/v1/namespaces/${server.namespace}/unknowns`);
    refused(answer, 404, "NotFound", "the server could not find the requested resource");
  },
  "a group that is not served": async (server) => {
    const answer = await server.get("/apis/unknown.example.com/v1/things");
    assert.equal(answer.status, 404);
    assert.match(answer.text, /404 page not found/);
  },
  "a path that is none": async (server) => assert.equal((await server.get("/unknown")).status, 404),
  "no JSON is acceptable": async (server) => {
    refused(await server.get(server.maps(), "text/html"), 406, "NotAcceptable", "406: Not Acceptable");
  },
  "no JSON is acceptable of a custom kind": async (server) => {
    const answer = await server.get(server.gadgets(), "text/html");
    refused(answer, 406, "NotAcceptable", "only the following media types are accepted: application/json");
  },
  "YAML": async (server) => {
    await server.map("a", { x: "1" });
    const answer = await server.get(server.maps("a"), "application/yaml");
    assert.equal(answer.status, 200);
    assert.match(answer.text, /^kind: ConfigMap$/m);
    assert.match(answer.headers["content-type"] ?? "", /yaml/);
  },
  "the metadata alone": async (server) => {
    await server.map("a", { x: "1" });
    const answer = await server.get(server.maps("a"), "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    assert.equal(textOf(answer.body, "kind"), "PartialObjectMetadata");
    assert.equal(textOf(answer.body, "metadata", "name"), "a");
    assert.equal(at(answer.body, "data"), undefined);
  },
  "a trace of health and version": async (server) => {
    for (const path of ["/healthz", "/readyz", "/livez"]) assert.equal((await server.get(path)).text, "ok");
    assert.equal(textOf(await server.ok("GET", "/version"), "major"), "1");
  },
};

const LABELLED: Record<string, Record<string, string>> = {
  a: { app: "web", tier: "front" },
  b: { app: "web", tier: "back" },
  c: { app: "db" },
  d: {},
};

const LABEL_SELECTORS: Record<string, string[]> = {
  "app=web": ["a", "b"],
  "app==web": ["a", "b"],
  "app!=web": ["c", "d"],
  "app=web,tier=back": ["b"],
  "app in (web,db)": ["a", "b", "c"],
  "app in (web, db),tier": ["a", "b"],
  "app notin (web)": ["c", "d"],
  "tier": ["a", "b"],
  "!tier": ["c", "d"],
  "app,!tier": ["c"],
  "app=": [],
  "app=nothing": [],
};

const FIELD_SELECTORS: Record<string, string[]> = {
  "metadata.name=b": ["b"],
  "metadata.name!=b": ["a", "c", "d"],
  "metadata.name=b,metadata.name=c": [],
};

export const selectors: Record<string, Case> = {
  ...selecting("labelSelector", LABEL_SELECTORS),
  ...selecting("fieldSelector", FIELD_SELECTORS),
  "labelSelector that cannot be read": async (server) => {
    refused(
      await server.get(`${server.maps()}?labelSelector=a%20b%20c`),
      400,
      "BadRequest",
      "unable to parse requirement",
    );
  },
  "labelSelector with a wrong value": async (server) => {
    assert.equal((await server.get(`${server.maps()}?labelSelector=a%3Db%3D%3Dc`)).status, 400);
  },
  "fieldSelector by a field that cannot be selected by": async (server) => {
    const answer = await server.get(`${server.pods()}?fieldSelector=spec.foo%3D1`);
    refused(answer, 400, "BadRequest", "field label not supported: spec.foo");
  },
  "fieldSelector of a custom kind by a field that is not selectable": async (server) => {
    const answer = await server.get(`${server.gadgets()}?fieldSelector=spec.size%3D1`);
    refused(answer, 400, "BadRequest", "field label not supported: spec.size");
  },
  "fieldSelector by a selectable field of a custom kind": async (server) => {
    await server.gadget("a", { size: 1, color: "blue" });
    await server.gadget("b");
    assert.deepEqual(namesOf(await server.ok("GET", `${server.gadgets()}?fieldSelector=spec.color%3Dblue`)), ["a"]);
  },
  "fieldSelector that cannot be read": async (server) => {
    refused(await server.get(`${server.maps()}?fieldSelector=xx`), 400, "BadRequest", "invalid selector");
  },
  "pods by node and phase": async (server) => {
    await server.pod("a", { nodeName: "n1" });
    await server.pod("b");
    assert.deepEqual(namesOf(await server.ok("GET", `${server.pods()}?fieldSelector=spec.nodeName%3Dn1`)), ["a"]);
    assert.deepEqual(namesOf(await server.ok("GET", `${server.pods()}?fieldSelector=spec.nodeName%3D`)), ["b"]);
    assert.deepEqual(namesOf(await server.ok("GET", `${server.pods()}?fieldSelector=status.phase%3DPending`)), [
      "a",
      "b",
    ]);
  },
  "secrets by type": async (server) => {
    await server.made(server.core("secrets"), { metadata: { name: "a" }, type: "example.com/x" });
    await server.made(server.core("secrets"), { metadata: { name: "b" } });
    const found = await server.ok("GET", `${server.core("secrets")}?fieldSelector=type%3Dexample.com/x`);
    assert.deepEqual(namesOf(found), ["a"]);
  },
};

function selecting(parameter: string, table: Record<string, string[]>): Record<string, Case> {
  const cases = Object.entries(table).map(([selector, names]): [string, Case] => [
    `${parameter} ${selector}`,
    async (server) => {
      for (const [name, labels] of Object.entries(LABELLED)) await server.map(name, {}, { labels });
      const found = await server.ok("GET", `${server.maps()}?${parameter}=${encodeURIComponent(selector)}`);
      assert.deepEqual(namesOf(found).filter((name) => name in LABELLED), names);
    },
  ]);
  return Object.fromEntries(cases);
}

async function five(server: Contract): Promise<void> {
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

export const tables: Record<string, Case> = {
  "the columns of a CRD": async (server) => {
    await server.gadget("a", { size: 4, code: "abc" });
    const { body } = await server.get(server.gadgets(), TABLE);
    assert.equal(textOf(body, "kind"), "Table");
    assert.equal(textOf(body, "apiVersion"), "meta.k8s.io/v1");
    const columns = itemsOf(body, "columnDefinitions").map((column) =>
      `${textOf(column, "name")}:${textOf(column, "type")}:${at(column, "priority")}`
    );
    assert.deepEqual(columns, ["Name:string:0", "Size:integer:0", "Phase:string:0", "Code:string:1", "Age:date:0"]);
    const cells = itemsOf(itemsOf(body, "rows")[0], "cells");
    assert.deepEqual(cells.slice(0, 4), ["a", 4, null, "abc"]);
    assert.match(String(cells[4]), /^\d+s$/);
  },
  "a row has the object's metadata": async (server) => {
    await server.gadget("a");
    const { body } = await server.get(server.gadgets("a"), TABLE);
    const object = at(itemsOf(body, "rows")[0], "object");
    assert.equal(textOf(object, "kind"), "PartialObjectMetadata");
    assert.equal(textOf(object, "metadata", "name"), "a");
  },
  "a row may have the whole object": async (server) => {
    await server.gadget("a");
    const { body } = await server.get(`${server.gadgets()}?includeObject=Object`, TABLE);
    assert.equal(at(itemsOf(body, "rows")[0], "object", "spec", "size"), 1);
  },
  "a row may have no object": async (server) => {
    await server.gadget("a");
    const { body } = await server.get(`${server.gadgets()}?includeObject=None`, TABLE);
    assert.equal(at(itemsOf(body, "rows")[0], "object") ?? null, null);
  },
  "an empty table": async (server) => {
    const { body } = await server.get(server.gadgets(), TABLE);
    assert.deepEqual(at(body, "rows"), []);
    assert.ok(itemsOf(body, "columnDefinitions").length > 0);
  },
  "a table in pages": async (server) => {
    await five(server);
    const { body } = await server.get(`${server.gadgets()}?limit=2`, TABLE);
    assert.equal(itemsOf(body, "rows").length, 2);
    assert.ok(textOf(body, "metadata", "continue").length > 0);
  },
  "pods": async (server) => {
    await server.pod("a");
    const { body } = await server.get(server.pods(), TABLE);
    const columns = itemsOf(body, "columnDefinitions").map((column) => textOf(column, "name"));
    assert.deepEqual(columns, [
      "Name",
      "Ready",
      "Status",
      "Restarts",
      "Age",
      "IP",
      "Node",
      "Nominated Node",
      "Readiness Gates",
    ]);
    const cells = itemsOf(itemsOf(body, "rows")[0], "cells").map(String);
    assert.deepEqual([...cells.slice(0, 4), ...cells.slice(5)], [
      "a",
      "0/1",
      "Pending",
      "0",
      "<none>",
      "<none>",
      "<none>",
      "<none>",
    ]);
  },
  "a pod that ran and failed": async (server) => {
    await server.pod("a");
    const state = { terminated: { exitCode: 3, reason: "Error" } };
    const containerStatuses = [{ name: "main", image: "x", imageID: "", ready: false, restartCount: 0, state }];
    await server.patched("merge", server.pods("a/status"), { status: { phase: "Failed", containerStatuses } });
    const { body } = await server.get(server.pods(), TABLE);
    assert.equal(itemsOf(itemsOf(body, "rows")[0], "cells")[2], "Error");
  },
  ...builtInTables({
    namespaces: ["Name", "Status", "Age"],
    secrets: ["Name", "Type", "Data", "Age"],
    configmaps: ["Name", "Data", "Age"],
    serviceaccounts: ["Name", "Age"],
    resourcequotas: ["Name", "Request", "Limit", "Age"],
    events: ["Last Seen", "Type", "Reason", "Object", "Message"],
  }),
};

function builtInTables(table: Record<string, string[]>): Record<string, Case> {
  const cases = Object.entries(table).map(([plural, names]): [string, Case] => [plural, async (server) => {
    const { body } = await server.get(plural === "namespaces" ? `/api/v1/namespaces` : server.core(plural), TABLE);
    const columns = itemsOf(body, "columnDefinitions").filter((column) => at(column, "priority") === 0);
    assert.deepEqual(columns.map((column) => textOf(column, "name")), names);
  }]);
  return Object.fromEntries(cases);
}

export const discovery: Record<string, Case> = {
  "the core versions": async (server) => {
    const found = await server.ok("GET", "/api");
    assert.equal(textOf(found, "kind"), "APIVersions");
    assert.deepEqual(at(found, "versions"), ["v1"]);
  },
  "the groups": async (server) => {
    const names = itemsOf(await server.ok("GET", "/apis"), "groups").map((group) => textOf(group, "name"));
    for (const name of ["coordination.k8s.io", "rbac.authorization.k8s.io", "apiextensions.k8s.io", GROUP]) {
      assert.ok(names.includes(name), `${name} is missing`);
    }
  },
  "one group": async (server) => {
    const found = await server.ok("GET", `/apis/${GROUP}`);
    assert.equal(textOf(found, "kind"), "APIGroup");
    assert.equal(textOf(found, "preferredVersion", "groupVersion"), `${GROUP}/v1`);
  },
  "the resources of a CRD": async (server) => {
    const found = await server.ok("GET", `/apis/${GROUP}/v1`);
    assert.equal(textOf(found, "kind"), "APIResourceList");
    const [main, status] = itemsOf(found, "resources");
    assert.deepEqual([textOf(main, "name"), textOf(main, "kind"), textOf(main, "singularName")], [
      "gadgets",
      "Gadget",
      "gadget",
    ]);
    assert.deepEqual([at(main, "shortNames"), at(main, "categories"), at(main, "namespaced")], [["gd"], ["all"], true]);
    const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    assert.deepEqual(itemsOf(main, "verbs").map(String).sort(), verbs);
    assert.deepEqual([textOf(status, "name"), itemsOf(status, "verbs").map(String).sort()], ["gadgets/status", [
      "get",
      "patch",
      "update",
    ]]);
  },
  "the core resources": async (server) => {
    const names = itemsOf(await server.ok("GET", "/api/v1"), "resources").map((item) => textOf(item, "name"));
    for (const name of ["pods", "pods/status", "pods/log", "secrets", "configmaps", "events", "namespaces", "nodes"]) {
      assert.ok(names.includes(name), `${name} is missing`);
    }
  },
  "all at once": async (server) => {
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const { body, headers } = await server.get("/apis", accept);
    assert.match(headers["content-type"] ?? "", /as=APIGroupDiscoveryList/);
    assert.equal(textOf(body, "kind"), "APIGroupDiscoveryList");
    const group = itemsOf(body).find((item) => textOf(item, "metadata", "name") === GROUP);
    const resource = itemsOf(itemsOf(group, "versions")[0], "resources")[0];
    assert.deepEqual([textOf(resource, "resource"), textOf(resource, "scope")], ["gadgets", "Namespaced"]);
    assert.equal(textOf(resource, "responseKind", "kind"), "Gadget");
    assert.equal(textOf(itemsOf(resource, "subresources")[0], "subresource"), "status");
  },
  "all of the core at once": async (server) => {
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const { body } = await server.get("/api", accept);
    const names = itemsOf(itemsOf(itemsOf(body)[0], "versions")[0], "resources").map((item) =>
      textOf(item, "resource")
    );
    assert.ok(names.includes("pods"));
  },
  "OpenAPI v3": async (server) => {
    const path = `apis/${GROUP}/v1`;
    const document = await server.eventually("the kind's document", async () => {
      const index = await server.ok("GET", "/openapi/v3");
      const where = textOf(index, "paths", path, "serverRelativeURL");
      return where.startsWith(`/openapi/v3/${path}`) ? await server.ok("GET", where) : undefined;
    });
    assert.match(textOf(document, "openapi"), /^3\./);
    const schemas = Object.entries(at(document, "components", "schemas") ?? {});
    const found = schemas.find(([, schema]) =>
      textOf(schema, "x-kubernetes-group-version-kind", 0, "kind") === "Gadget"
    );
    assert.equal(at(found?.[1], "properties", "spec", "properties", "size", "maximum"), 10);
    const parameters = itemsOf(
      at(document, "paths", `/${path}/namespaces/{namespace}/gadgets/{name}`),
      "patch",
      "parameters",
    );
    assert.ok(parameters.some((parameter) => textOf(parameter, "name") === "fieldValidation"));
  },
};
