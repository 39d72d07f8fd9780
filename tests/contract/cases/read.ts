import assert from "node:assert/strict";
import { at, type Case, GROUP, namesOf, refused, textOf } from "../support/contract.ts";

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
