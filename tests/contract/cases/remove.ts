import assert from "node:assert/strict";
import { at, type Case, GROUP, namesOf, refused, release, textOf, withMeta } from "../support/contract.ts";

export const remove: Record<string, Case> = {
  "answers with a Status": async (server) => {
    const made = await server.gadget("a");
    const answer = await server.ok("DELETE", server.gadgets("a"));
    assert.equal(textOf(answer, "kind"), "Status");
    assert.equal(textOf(answer, "status"), "Success");
    const details = { name: "a", group: GROUP, kind: "gadgets", uid: textOf(made, "metadata", "uid") };
    assert.deepEqual(at(answer, "details"), details);
  },
  "a pod's answers with the pod": async (server) => {
    await server.pod("a");
    const answer = await server.ok("DELETE", server.pods("a"));
    assert.equal(textOf(answer, "kind"), "Pod");
    assert.ok(textOf(answer, "metadata", "deletionTimestamp"));
  },
  "what is not there": async (server) => {
    refused(await server.send("DELETE", server.gadgets("a")), 404, "NotFound", `gadgets.${GROUP} "a" not found`);
  },
  "another uid is a conflict": async (server) => {
    await server.gadget("a");
    const answer = await server.send("DELETE", server.gadgets("a"), { preconditions: { uid: "other" } });
    refused(answer, 409, "Conflict", "the UID in the precondition (other) does not match the UID in record");
    assert.equal((await server.get(server.gadgets("a"))).status, 200);
  },
  "the right uid": async (server) => {
    const made = await server.gadget("a");
    await server.ok("DELETE", server.gadgets("a"), { preconditions: { uid: textOf(made, "metadata", "uid") } });
    refused(await server.get(server.gadgets("a")), 404, "NotFound");
  },
  "another version is a conflict": async (server) => {
    await server.gadget("a");
    const answer = await server.send("DELETE", server.gadgets("a"), { preconditions: { resourceVersion: "1" } });
    refused(answer, 409, "Conflict", "the ResourceVersion in the precondition (1) does not match");
  },
  "dryRun=All deletes nothing": async (server) => {
    await server.gadget("a");
    await server.ok("DELETE", `${server.gadgets("a")}?dryRun=All`);
    assert.equal((await server.get(server.gadgets("a"))).status, 200);
  },
  "an unknown policy": async (server) => {
    await server.gadget("a");
    const answer = await server.send("DELETE", server.gadgets("a"), { propagationPolicy: "Never" });
    refused(answer, 422, "Invalid", "propagationPolicy");
  },
  "a collection": async (server) => {
    for (const name of ["a", "b", "c"]) {
      await server.gadget(name, { size: 1 }, { labels: { go: name === "c" ? "no" : "yes" } });
    }
    const answer = await server.ok("DELETE", `${server.gadgets()}?labelSelector=go%3Dyes`);
    assert.equal(textOf(answer, "kind"), "GadgetList");
    assert.deepEqual(namesOf(await server.ok("GET", server.gadgets())), ["c"]);
  },
};

export const finalizers: Record<string, Case> = {
  "hold an object that is to go": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const answer = await server.ok("DELETE", server.gadgets("a"));
    assert.equal(textOf(answer, "kind"), "Gadget");
    assert.ok(textOf(answer, "metadata", "deletionTimestamp"));
    assert.equal(at(answer, "metadata", "deletionGracePeriodSeconds"), 0);
    assert.equal(at(answer, "metadata", "generation"), 2);
    await release(server, server.gadgets("a"));
    refused(await server.get(server.gadgets("a")), 404, "NotFound");
  },
  "a second deletion changes nothing": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const first = await server.ok("DELETE", server.gadgets("a"));
    const second = await server.ok("DELETE", server.gadgets("a"));
    assert.equal(textOf(second, "metadata", "resourceVersion"), textOf(first, "metadata", "resourceVersion"));
    await release(server, server.gadgets("a"));
  },
  "the last one's removal answers with the object": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.gadgets("a"));
    const answer = await server.patched("merge", server.gadgets("a"), { metadata: { finalizers: null } });
    assert.equal(textOf(answer, "metadata", "name"), "a");
    assert.equal(at(answer, "metadata", "finalizers"), undefined);
  },
  "none may be added to what is to go": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.gadgets("a"));
    const patch = { metadata: { finalizers: ["example.com/hold", "example.com/new"] } };
    const answer = await server.patch("merge", server.gadgets("a"), patch);
    refused(answer, 422, "Invalid", "no new finalizers can be added if the object is being deleted");
    await release(server, server.gadgets("a"));
  },
  "what is to go may still change": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.gadgets("a"));
    const changed = await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    assert.equal(at(changed, "spec", "size"), 2);
    await release(server, server.gadgets("a"));
  },
  "the time of deletion cannot be taken back": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const deleted = await server.ok("DELETE", server.gadgets("a"));
    const changed = await server.ok(
      "PUT",
      server.gadgets("a"),
      withMeta(deleted, { deletionTimestamp: null, labels: { x: "y" } }),
    );
    assert.equal(textOf(changed, "metadata", "deletionTimestamp"), textOf(deleted, "metadata", "deletionTimestamp"));
    await release(server, server.gadgets("a"));
  },
  "a name that is held is taken": async (server) => {
    await server.map("a", {}, { finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.maps("a"));
    refused(await server.send("POST", server.maps(), { metadata: { name: "a" } }), 409, "AlreadyExists");
    await release(server, server.maps("a"));
    await server.map("a");
  },
  "must be qualified names": async (server) => {
    const answer = await server.send("POST", server.maps(), { metadata: { name: "a", finalizers: ["no spaces"] } });
    refused(answer, 422, "Invalid", "metadata.finalizers");
  },
  "doubled ones are kept once at most": async (server) => {
    const made = await server.map("a", {}, { finalizers: ["example.com/hold"] });
    assert.deepEqual(at(made, "metadata", "finalizers"), ["example.com/hold"]);
    await release(server, server.maps("a"));
  },
};
