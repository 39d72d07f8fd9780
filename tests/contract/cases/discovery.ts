import assert from "node:assert/strict";
import { at, type Case, GROUP, itemsOf, textOf } from "../support/contract.ts";

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
