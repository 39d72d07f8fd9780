import assert from "node:assert/strict";
import { at, type Case, gadget, GROUP, refused, textOf, withMeta, withPart } from "../support/contract.ts";

export const update: Record<string, Case> = {
  "a new version for a change": async (server) => {
    const made = await server.map("a", { x: "1" });
    const changed = await server.ok("PUT", server.maps("a"), withPart(made, { data: { x: "2" } }));
    assert.equal(textOf(changed, "data", "x"), "2");
    assert.ok(
      BigInt(textOf(changed, "metadata", "resourceVersion")) > BigInt(textOf(made, "metadata", "resourceVersion")),
    );
    assert.equal(textOf(changed, "metadata", "uid"), textOf(made, "metadata", "uid"));
  },
  "no new version for no change": async (server) => {
    const made = await server.map("a", { x: "1" });
    const same = await server.ok("PUT", server.maps("a"), made);
    assert.equal(textOf(same, "metadata", "resourceVersion"), textOf(made, "metadata", "resourceVersion"));
  },
  "a stale version is a conflict": async (server) => {
    const made = await server.map("a", { x: "1" });
    await server.ok("PUT", server.maps("a"), withPart(made, { data: { x: "2" } }));
    const answer = await server.send("PUT", server.maps("a"), withPart(made, { data: { x: "3" } }));
    refused(answer, 409, "Conflict", "the object has been modified; please apply your changes to the latest version");
  },
  "a stale version of a custom object too": async (server) => {
    const made = await server.gadget("a");
    await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    const answer = await server.send("PUT", server.gadgets("a"), made);
    refused(answer, 409, "Conflict", `Operation cannot be fulfilled on gadgets.${GROUP} "a"`);
  },
  "a core object without a version is taken": async (server) => {
    await server.map("a", { x: "1" });
    const changed = await server.ok("PUT", server.maps("a"), { metadata: { name: "a" }, data: { x: "2" } });
    assert.equal(textOf(changed, "data", "x"), "2");
  },
  "a custom object without a version is refused": async (server) => {
    await server.gadget("a");
    const answer = await server.send("PUT", server.gadgets("a"), gadget("a", { size: 2 }));
    refused(answer, 422, "Invalid", "metadata.resourceVersion: Invalid value: 0: must be specified for an update");
  },
  "a lease without a version is refused": async (server) => {
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${server.namespace}/leases`;
    await server.made(leases, { metadata: { name: "a" }, spec: { holderIdentity: "x" } });
    const answer = await server.send("PUT", `${leases}/a`, { metadata: { name: "a" }, spec: { holderIdentity: "y" } });
    refused(answer, 422, "Invalid", "must be specified for an update");
  },
  "the name must be the path's": async (server) => {
    const made = await server.map("a");
    const answer = await server.send("PUT", server.maps("a"), withMeta(made, { name: "b" }));
    refused(answer, 400, "BadRequest", "the name of the object (b) does not match the name on the URL (a)");
  },
  "what is not there cannot be replaced": async (server) => {
    const answer = await server.send("PUT", server.maps("a"), { metadata: { name: "a" } });
    refused(answer, 404, "NotFound", 'configmaps "a" not found');
  },
  "another uid is refused": async (server) => {
    const made = await server.gadget("a");
    const answer = await server.send("PUT", server.gadgets("a"), withMeta(made, { uid: "other" }));
    assert.ok([409, 422].includes(answer.status), answer.text);
  },
  "the uid of a config map is a precondition": async (server) => {
    const made = await server.map("a");
    const answer = await server.send("PUT", server.maps("a"), withMeta(made, { uid: "other" }));
    refused(answer, 409, "Conflict", "Precondition failed: UID in precondition: other");
  },
  "a merge patch with another uid is invalid": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("merge", server.gadgets("a"), { metadata: { uid: "other" } });
    refused(answer, 422, "Invalid", 'metadata.uid: Invalid value: "other": field is immutable');
  },
  "a schema holds for updates too": async (server) => {
    const made = await server.gadget("a");
    const answer = await server.send("PUT", server.gadgets("a"), withPart(made, { spec: { size: 99 } }));
    refused(answer, 422, "Invalid", "should be less than or equal to 10");
  },
  "fields that are left out go": async (server) => {
    const made = await server.gadget("a", { size: 1, code: "abc" }, { labels: { x: "y" } });
    const bare = withPart(withMeta(made, { labels: {} }), { spec: { size: 1 } });
    const changed = await server.ok("PUT", server.gadgets("a"), bare);
    assert.equal(at(changed, "spec", "code"), undefined);
    assert.equal(at(changed, "metadata", "labels"), undefined);
  },
  "the generation counts changes of the spec": async (server) => {
    await server.gadget("a");
    const changed = await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    assert.equal(at(changed, "metadata", "generation"), 2);
  },
  "the generation does not count labels": async (server) => {
    await server.gadget("a");
    const changed = await server.patched("merge", server.gadgets("a"), { metadata: { labels: { x: "y" } } });
    assert.equal(at(changed, "metadata", "generation"), 1);
    assert.equal(textOf(changed, "metadata", "labels", "x"), "y");
  },
  "an immutable config map does not change": async (server) => {
    await server.made(server.maps(), { metadata: { name: "a" }, data: { x: "1" }, immutable: true });
    const answer = await server.patch("merge", server.maps("a"), { data: { x: "2" } });
    refused(answer, 422, "Invalid", "field is immutable when `immutable` is set");
  },
  "a secret's type does not change": async (server) => {
    await server.made(server.core("secrets"), { metadata: { name: "a" } });
    const answer = await server.patch("merge", server.core("secrets", "a"), { type: "other" });
    refused(answer, 422, "Invalid", "type: Invalid value");
  },
  "dryRun=All changes nothing": async (server) => {
    const made = await server.map("a", { x: "1" });
    const answer = await server.ok("PUT", `${server.maps("a")}?dryRun=All`, withPart(made, { data: { x: "2" } }));
    assert.equal(textOf(answer, "data", "x"), "2");
    assert.equal(textOf(await server.ok("GET", server.maps("a")), "data", "x"), "1");
  },
  "a role's reference does not change": async (server) => {
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${server.namespace}/rolebindings`;
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "one" };
    await server.made(bindings, { metadata: { name: "a" }, roleRef, subjects: [] });
    const answer = await server.patch("merge", `${bindings}/a`, { roleRef: { name: "two" } });
    refused(answer, 422, "Invalid", "roleRef: Invalid value");
  },
};

export const status: Record<string, Case> = {
  "a status write changes the status": async (server) => {
    const made = await server.gadget("a");
    const changed = await server.ok("PUT", server.gadgets("a/status"), withPart(made, { status: { phase: "On" } }));
    assert.equal(textOf(changed, "status", "phase"), "On");
  },
  "a status write leaves the spec": async (server) => {
    await server.gadget("a");
    const changed = await server.patched("merge", server.gadgets("a/status"), {
      spec: { size: 9 },
      status: { count: 1 },
    });
    assert.equal(at(changed, "spec", "size"), 1);
    assert.equal(at(changed, "status", "count"), 1);
  },
  "a status write leaves a custom object's labels": async (server) => {
    await server.gadget("a", { size: 1 }, { labels: { x: "1" } });
    const patch = { metadata: { labels: { x: "2" } }, status: { count: 1 } };
    const changed = await server.patched("merge", server.gadgets("a/status"), patch);
    assert.equal(textOf(changed, "metadata", "labels", "x"), "1");
  },
  "a status write leaves the generation": async (server) => {
    await server.gadget("a");
    const changed = await server.patched("merge", server.gadgets("a/status"), { status: { count: 1 } });
    assert.equal(at(changed, "metadata", "generation"), 1);
  },
  "any other write leaves the status": async (server) => {
    await server.gadget("a");
    await server.patched("merge", server.gadgets("a/status"), { status: { phase: "On" } });
    const changed = await server.patched("merge", server.gadgets("a"), { spec: { size: 2 }, status: { phase: "Off" } });
    assert.equal(textOf(changed, "status", "phase"), "On");
    assert.equal(at(changed, "spec", "size"), 2);
  },
  "the schema holds for the status": async (server) => {
    await server.gadget("a");
    const answer = await server.patch("merge", server.gadgets("a/status"), { status: { count: "one" } });
    refused(answer, 422, "Invalid", 'status.count: Invalid value: "string"');
  },
  "the status can be read": async (server) => {
    await server.gadget("a");
    assert.equal(textOf(await server.ok("GET", server.gadgets("a/status")), "metadata", "name"), "a");
  },
  "a stale status write is a conflict": async (server) => {
    const made = await server.gadget("a");
    await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    const answer = await server.send("PUT", server.gadgets("a/status"), withPart(made, { status: { count: 1 } }));
    refused(answer, 409, "Conflict");
  },
  "a status of what is not there": async (server) => {
    refused(await server.patch("merge", server.gadgets("a/status"), { status: {} }), 404, "NotFound");
  },
  "a config map has no status": async (server) => {
    await server.map("a");
    assert.equal((await server.get(server.maps("a/status"))).status, 404);
  },
  "a pod's status": async (server) => {
    await server.pod("a");
    const changed = await server.patched("merge", server.pods("a/status"), { status: { phase: "Running" } });
    assert.equal(textOf(changed, "status", "phase"), "Running");
    assert.equal(at(changed, "metadata", "generation"), 1);
  },
  "a pod's status comes by its subresource only": async (server) => {
    await server.pod("a");
    const changed = await server.patched("merge", server.pods("a"), { status: { phase: "Running" } });
    assert.equal(textOf(changed, "status", "phase"), "Pending");
  },
  "a status write may change a pod's labels": async (server) => {
    await server.pod("a");
    const changed = await server.patched("merge", server.pods("a/status"), { metadata: { labels: { x: "y" } } });
    assert.equal(textOf(changed, "metadata", "labels", "x"), "y");
  },
};
