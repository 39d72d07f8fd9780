import assert from "node:assert/strict";
import { at, type Case, gadget, GROUP, type Json, pod, refused, textOf } from "../support/contract.ts";

export const create: Record<string, Case> = {
  "the server sets uid, time, version and namespace": async (server) => {
    const made = await server.map("a", { x: "1" });
    assert.match(textOf(made, "metadata", "uid"), /^[0-9a-f]{8}-/);
    assert.match(textOf(made, "metadata", "creationTimestamp"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(textOf(made, "metadata", "resourceVersion"), /^\d+$/);
    assert.equal(textOf(made, "metadata", "namespace"), server.namespace);
    assert.equal(textOf(made, "kind"), "ConfigMap");
    assert.equal(textOf(made, "apiVersion"), "v1");
  },
  "what the server owns cannot be chosen": async (server) => {
    const chosen = { uid: "mine", creationTimestamp: "2001-01-01T00:00:00Z", generation: 7 };
    const made = await server.gadget("a", { size: 1 }, chosen);
    assert.notEqual(textOf(made, "metadata", "uid"), "mine");
    assert.notEqual(textOf(made, "metadata", "creationTimestamp"), "2001-01-01T00:00:00Z");
    assert.equal(at(made, "metadata", "generation"), 1);
  },
  "a second object of the name is a conflict": async (server) => {
    await server.map("a");
    const answer = await server.send("POST", server.maps(), { metadata: { name: "a" } });
    refused(answer, 409, "AlreadyExists", 'configmaps "a" already exists');
    assert.equal(textOf(answer.body, "details", "kind"), "configmaps");
  },
  "a second custom object too, named by resource and group": async (server) => {
    await server.gadget("a");
    const answer = await server.send("POST", server.gadgets(), gadget("a", { size: 1 }));
    refused(answer, 409, "AlreadyExists", `gadgets.${GROUP} "a" already exists`);
    assert.equal(textOf(answer.body, "details", "group"), GROUP);
  },
  "generateName makes names with five characters more": async (server) => {
    const make = () => server.made(server.maps(), { metadata: { generateName: "gen-" } });
    const [one, two] = [await make(), await make()];
    assert.match(textOf(one, "metadata", "name"), /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    assert.equal(textOf(one, "metadata", "generateName"), "gen-");
    assert.notEqual(textOf(one, "metadata", "name"), textOf(two, "metadata", "name"));
  },
  "a name is needed": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: {} });
    refused(answer, 422, "Invalid", "metadata.name: Required value: name or generateName is required");
  },
  "a name with capitals is refused": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: { name: "Bad_Name" } });
    refused(answer, 422, "Invalid", "a lowercase RFC 1123 subdomain must consist of");
    assert.equal(textOf(answer.body, "details", "causes", 0, "field"), "metadata.name");
  },
  "a label value with spaces is refused": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: { name: "a", labels: { k: "a b" } } });
    refused(answer, 422, "Invalid", "metadata.labels: Invalid value");
  },
  "two controllers are one too many": async (server) => {
    const owner = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", name, uid: name, controller: true });
    const meta = { name: "a", ownerReferences: [owner("x"), owner("y")] };
    const answer = await server.send("POST", server.maps(), { metadata: meta });
    refused(answer, 422, "Invalid", "Only one reference can have Controller set to true");
  },
  "an owner without a uid is refused": async (server) => {
    const meta = { name: "a", ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "x", uid: "" }] };
    const answer = await server.send("POST", server.maps(), { metadata: meta });
    refused(answer, 422, "Invalid", "metadata.ownerReferences[0].uid");
  },
  "a namespace that is not there": async (server) => {
    const answer = await server.send("POST", server.pods("", "nowhere"), pod("a"));
    refused(answer, 404, "NotFound", 'namespaces "nowhere" not found');
    const path = server.gadgets().replace(`/namespaces/${server.namespace}/`, "/namespaces/nowhere/");
    const custom = await server.send("POST", path, gadget("a", { size: 1 }));
    refused(custom, 404, "NotFound", 'namespaces "nowhere" not found');
    // programs tell it by this from an object, or a kind, that is not there
    assert.equal(textOf(custom.body, "details", "kind"), "namespaces");
  },
  "the body's namespace must be the path's": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: { name: "a", namespace: "other" } });
    refused(
      answer,
      400,
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  },
  "a body that is no JSON": async (server) => {
    const answer = await server.send("POST", server.gadgets(), undefined, { raw: "{bad" });
    refused(answer, 400, "BadRequest");
  },
  "a body of an unknown type": async (server) => {
    const answer = await server.send("POST", server.maps(), undefined, { raw: "<a/>", type: "application/xml" });
    refused(answer, 415, "UnsupportedMediaType", "accepted media types include: application/json");
  },
  "a body in YAML": async (server) => {
    const raw = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: one\n";
    const answer = await server.send("POST", server.maps(), undefined, { raw, type: "application/yaml" });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(textOf(answer.body, "data", "x"), "one");
  },
  "an object of another kind": async (server) => {
    const body = { apiVersion: "v1", kind: "Secret", metadata: { name: "a" } };
    refused(await server.send("POST", server.maps(), body), 400, "BadRequest", "cannot be handled as a ConfigMap");
  },
  "a custom object of another kind": async (server) => {
    const body = { apiVersion: `${GROUP}/v1`, kind: "Other", metadata: { name: "a" }, spec: { size: 1 } };
    refused(await server.send("POST", server.gadgets(), body), 422, "Invalid", "must be Gadget");
  },
  "a custom object without apiVersion": async (server) => {
    const body = { kind: "Gadget", metadata: { name: "a" }, spec: { size: 1 } };
    const answer = await server.send("POST", server.gadgets(), body);
    refused(answer, 400, "BadRequest", "does not match the expected API version");
  },
  "a resource version may not be chosen": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: { name: "a", resourceVersion: "5" } });
    assert.ok(answer.status >= 400, answer.text);
    assert.match(textOf(answer.body, "message"), /resourceVersion should not be set on objects to be created/);
  },
  "dryRun=All stores nothing": async (server) => {
    const answer = await server.send("POST", `${server.maps()}?dryRun=All`, { metadata: { name: "a" } });
    assert.equal(answer.status, 201, answer.text);
    refused(await server.get(server.maps("a")), 404, "NotFound", 'configmaps "a" not found');
  },
  "a secret's stringData becomes data": async (server) => {
    const body: Json = { metadata: { name: "a" }, data: { one: "MQ==" }, stringData: { two: "zwei ü" } };
    const made = await server.made(server.core("secrets"), body);
    assert.deepEqual(at(made, "data"), { one: "MQ==", two: "endlaSDDvA==" });
    assert.equal(at(made, "stringData"), undefined);
    assert.equal(textOf(made, "type"), "Opaque");
  },
  "a collection takes no PUT": async (server) => {
    refused(await server.send("PUT", server.maps(), {}), 405, "MethodNotAllowed", "does not allow this method");
  },
  "an object takes no POST": async (server) => {
    refused(await server.send("POST", server.maps("a"), {}), 405, "MethodNotAllowed");
  },
  "a token of a service account": async (server) => {
    await server.made(server.core("serviceaccounts"), { metadata: { name: "robot" } });
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } };
    const made = await server.made(server.core("serviceaccounts", "robot/token"), request);
    assert.ok(textOf(made, "status", "token").length > 20);
    assert.match(textOf(made, "status", "expirationTimestamp"), /Z$/);
  },
};

export const schema: Record<string, Case> = {
  ...refusedSpecs({
    "a text for a number": [
      { size: "one" },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer',
    ],
    "a fraction for a whole number": [
      { size: 1.5 },
      'spec.size: Invalid value: "number": spec.size in body must be of type integer',
    ],
    "too large": [{ size: 11 }, "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"],
    "too small": [{ size: -1 }, "spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0"],
    "what is required is missing": [{}, "spec.size: Required value"],
    "null for what is required": [{ size: null }, "spec.size: Required value"],
    "not of the enumeration": [
      { size: 1, color: "green" },
      'spec.color: Unsupported value: "green": supported values: "red", "blue"',
    ],
    "not of the pattern": [
      { size: 1, code: "ABC" },
      "spec.code: Invalid value: \"ABC\": spec.code in body should match '^[a-z]+$'",
    ],
    "a text too long": [{ size: 1, code: "abcdef" }, "spec.code: Too long: may not be more than 5 bytes"],
    "a text too short": [
      { size: 1, code: "a" },
      'spec.code: Invalid value: "a": spec.code in body should be at least 2 chars long',
    ],
    "neither number nor text": [
      { size: 1, port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string',
    ],
    "a doubled key of a list": [
      { size: 1, parts: [{ name: "a" }, { name: "a" }] },
      'spec.parts[1]: Duplicate value: {"name":"a"}',
    ],
    "an item without its key": [{ size: 1, parts: [{ count: 1 }] }, "spec.parts[0].name: Required value"],
    "a doubled item of a set": [{ size: 1, letters: ["a", "b", "a"] }, 'spec.letters[2]: Duplicate value: "a"'],
    "too many items": [{ size: 1, tags: ["a", "b", "c", "d"] }, "spec.tags: Too many: 4: must have at most 3 items"],
    "too few items": [
      { size: 1, tags: [] },
      "spec.tags: Invalid value: 0: spec.tags in body should have at least 1 items",
    ],
    "no time": [
      { size: 1, when: "noon" },
      'spec.when: Invalid value: "noon": spec.when in body must be of type date-time',
    ],
    "a list for an object": [
      { size: 1, texts: [] },
      'spec.texts: Invalid value: "array": spec.texts in body must be of type object',
    ],
    "a number among texts": [
      { size: 1, texts: { a: 1 } },
      'spec.texts.a: Invalid value: "integer": spec.texts.a in body must be of type string',
    ],
  }),
  "the refusal names kind, group, name and fields": async (server) => {
    const answer = await server.send("POST", server.gadgets(), gadget("bad", { size: 11 }));
    refused(answer, 422, "Invalid", `Gadget.${GROUP} "bad" is invalid: `);
    assert.equal(textOf(answer.body, "details", "kind"), "Gadget");
    assert.equal(textOf(answer.body, "details", "name"), "bad");
    assert.equal(textOf(answer.body, "details", "causes", 0, "reason"), "FieldValueInvalid");
    assert.equal(textOf(answer.body, "details", "causes", 0, "field"), "spec.size");
  },
  "two things at once": async (server) => {
    const answer = await server.send("POST", server.gadgets(), gadget("a", { size: 11, color: "green" }));
    refused(answer, 422, "Invalid", "is invalid: [");
    const causes = at(answer.body, "details", "causes") as Json[];
    assert.deepEqual(causes.map((cause) => textOf(cause, "field")).sort(), ["spec.color", "spec.size"]);
  },
  "no spec at all": async (server) => {
    const body = { apiVersion: `${GROUP}/v1`, kind: "Gadget", metadata: { name: "a" } };
    refused(await server.send("POST", server.gadgets(), body), 422, "Invalid", "spec: Required value");
  },
  "defaults come where fields are absent": async (server) => {
    const made = await server.gadget("a", { size: 1 });
    assert.deepEqual(at(made, "spec"), { size: 1, color: "red", nested: { depth: 3 } });
  },
  "defaults come where null is not allowed": async (server) => {
    const made = await server.gadget("a", { size: 1, color: null, nested: { depth: null, note: "n" } });
    assert.deepEqual(at(made, "spec"), { size: 1, color: "red", nested: { depth: 3, note: "n" } });
  },
  "a null that is allowed stays": async (server) => {
    const made = await server.gadget("a", { size: 1, maybe: null });
    assert.equal(at(made, "spec", "maybe"), null);
  },
  "unknown fields go": async (server) => {
    const made = await server.gadget("a", { size: 1, unknown: 1, nested: { depth: 1, more: { x: 1 } } });
    assert.deepEqual(at(made, "spec"), { size: 1, color: "red", nested: { depth: 1 } });
  },
  "unknown fields stay where the schema says so": async (server) => {
    const made = await server.gadget("a", { size: 1, extra: { any: { thing: [1] } }, texts: { x: "y" } });
    assert.deepEqual(at(made, "spec", "extra"), { any: { thing: [1] } });
    assert.deepEqual(at(made, "spec", "texts"), { x: "y" });
  },
  "fieldValidation=Strict refuses unknown fields": async (server) => {
    const body = gadget("a", { size: 1, foo: 1, bar: 2 });
    const answer = await server.send("POST", `${server.gadgets()}?fieldValidation=Strict`, body);
    refused(answer, 400, "BadRequest", 'strict decoding error: unknown field "spec.bar", unknown field "spec.foo"');
  },
  "numbers and texts where both are allowed": async (server) => {
    assert.equal(at(await server.gadget("a", { size: 1, port: 80 }), "spec", "port"), 80);
    assert.equal(at(await server.gadget("b", { size: 1, port: "http" }), "spec", "port"), "http");
  },
  "a status in a new object is dropped": async (server) => {
    const body = { ...(gadget("a", { size: 1 }) as Record<string, Json>), status: { phase: "Done" } };
    assert.equal(at(await server.made(server.gadgets(), body), "status"), undefined);
  },
};

function refusedSpecs(table: Record<string, [Record<string, Json>, string]>): Record<string, Case> {
  const cases = Object.entries(table).map(([name, [spec, message]]): [string, Case] => [name, async (server) => {
    refused(await server.send("POST", server.gadgets(), gadget("a", spec)), 422, "Invalid", message);
    refused(await server.get(server.gadgets("a")), 404, "NotFound");
  }]);
  return Object.fromEntries(cases);
}
