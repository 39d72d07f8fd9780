import assert from "node:assert/strict";
import { at, type Case, itemsOf, textOf } from "../support/contract.ts";

import { five } from "./list.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

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
