import assert from "node:assert/strict";
import { at, type Case, GROUP, type Json, refused, release, textOf } from "../support/contract.ts";

export const namespaces: Record<string, Case> = {
  "have a phase, a finalizer and their name as label": async (server) => {
    const found = await server.ok("GET", `/api/v1/namespaces/${server.namespace}`);
    assert.equal(textOf(found, "status", "phase"), "Active");
    assert.deepEqual(at(found, "spec", "finalizers"), ["kubernetes"]);
    assert.equal(textOf(found, "metadata", "labels", "kubernetes.io/metadata.name"), server.namespace);
  },
  "have a default service account": async (server) => {
    await server.eventually(
      "the account",
      async () => (await server.get(server.core("serviceaccounts", "default"))).status === 200,
    );
  },
  "that go take nothing new": async (server) => {
    await server.map("held", {}, { finalizers: ["example.com/hold"] });
    const answer = await server.ok("DELETE", `/api/v1/namespaces/${server.namespace}`);
    assert.equal(textOf(answer, "kind"), "Namespace");
    assert.equal(textOf(answer, "status", "phase"), "Terminating");
    const refusal = await server.send("POST", server.maps(), { metadata: { name: "late" } });
    refused(refusal, 403, "Forbidden", "because it is being terminated");
    assert.equal(textOf(refusal.body, "details", "causes", 0, "reason"), "NamespaceTerminating");
    await release(server, server.maps("held"));
    await server.gone(`/api/v1/namespaces/${server.namespace}`);
  },
  "that go take all with them": async (server) => {
    await server.map("a");
    await server.gadget("b");
    await server.ok("DELETE", `/api/v1/namespaces/${server.namespace}`);
    await server.gone(`/api/v1/namespaces/${server.namespace}`);
    refused(await server.get(server.gadgets("b")), 404, "NotFound");
    refused(await server.get(server.maps("a")), 404, "NotFound");
  },
  "must be DNS labels": async (server) => {
    const answer = await server.send("POST", "/api/v1/namespaces", { metadata: { name: "a.b" } });
    refused(answer, 422, "Invalid", "must not contain dots");
  },
};

export const definitions: Record<string, Case> = {
  "are established": async (server) => {
    const crd = await server.ok("GET", `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.${GROUP}`);
    const conditions = (at(crd, "status", "conditions") as Json[]).map((item) =>
      `${textOf(item, "type")}=${textOf(item, "status")}`
    );
    assert.ok(conditions.includes("Established=True"), conditions.join());
    assert.equal(textOf(crd, "status", "acceptedNames", "kind"), "Gadget");
    assert.deepEqual(at(crd, "status", "storedVersions"), ["v1"]);
  },
  "are named by plural and group": async (server) => {
    const answer = await server.send("POST", CRDS, crd("things", { name: "wrong.example.com" }));
    refused(answer, 422, "Invalid", "must be spec.names.plural+");
  },
  "serve their kind, change, and go with its objects": async (server) => {
    const plural = `t${server.namespace.replace(/\W/g, "")}`;
    await server.made(CRDS, crd(plural));
    const path = `/apis/things.example.com/v1/namespaces/${server.namespace}/${plural}`;
    await server.eventually("the kind is served", async () => (await server.get(path)).status === 200);
    const thing: Json = {
      apiVersion: "things.example.com/v1",
      kind: kindOf(plural),
      metadata: { name: "a" },
      value: 1,
      more: 2,
    };
    const made = await server.made(path, thing);
    assert.deepEqual([at(made, "value"), at(made, "more")], [1, undefined]);
    const more = { spec: { versions: [version({ value: { type: "integer" }, more: { type: "integer" } })] } };
    await server.patched("merge", `${CRDS}/${plural}.things.example.com`, more);
    await server.eventually("the new schema counts", async () => {
      const answer = await server.patch("merge", `${path}/a`, { more: 2 });
      return answer.status === 200 && at(answer.body, "more") === 2;
    });
    const changed = await server.ok("GET", `${path}/a`);
    assert.ok(Number(at(changed, "metadata", "generation")) >= 2, "without a status subresource every field counts");
    await server.ok("DELETE", `${CRDS}/${plural}.things.example.com`);
    await server.gone(`${CRDS}/${plural}.things.example.com`);
    await server.eventually("the kind is gone", async () => (await server.get(path)).status === 404);
  },
};

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const kindOf = (plural: string) => `K${plural}`;

function version(properties: Record<string, Json>): Json {
  return { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", properties } } };
}

function crd(plural: string, meta: Record<string, Json> = {}): Json {
  const group = "things.example.com";
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, ...meta },
    spec: {
      group,
      scope: "Namespaced",
      names: { plural, kind: kindOf(plural) },
      versions: [version({ value: { type: "integer" } })],
    },
  };
}
