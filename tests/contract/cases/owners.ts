import assert from "node:assert/strict";
import { at, type Case, type Json, ownedBy, release, textOf, withMeta } from "../support/contract.ts";

export const owners: Record<string, Case> = {
  "dependents go after their owner": async (server) => {
    const owner = await server.map("owner");
    await server.pod("a", {}, ownedBy(owner));
    await server.ok("DELETE", server.maps("owner"));
    await server.gone(server.pods("a"));
  },
  "and theirs after them": async (server) => {
    const owner = await server.map("owner");
    const middle = await server.map("middle", {}, ownedBy(owner));
    await server.map("last", {}, ownedBy(middle));
    await server.ok("DELETE", server.maps("owner"));
    await server.gone(server.maps("last"));
    await server.gone(server.maps("middle"));
  },
  "of an owner that never was": async (server) => {
    const ghost = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "ghost", uid: "00000000-0000-4000-8000-000000000000" },
    };
    await server.map("a", {}, ownedBy(ghost));
    await server.gone(server.maps("a"));
  },
  "with another uid": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, ownedBy(withMeta(owner, { uid: "00000000-0000-4000-8000-000000000001" })));
    await server.gone(server.maps("a"));
  },
  "stay while one owner lives": async (server) => {
    const one = await server.map("one");
    const two = await server.map("two");
    const ownerReferences = [one, two].flatMap((owner) => ownedBy(owner).ownerReferences as Json[]);
    await server.map("a", {}, { ownerReferences });
    await server.ok("DELETE", server.maps("one"));
    await server.eventually("the reference is gone", async () => {
      const found = await server.ok("GET", server.maps("a"));
      return (at(found, "metadata", "ownerReferences") as Json[]).length === 1;
    });
    await server.ok("DELETE", server.maps("two"));
    await server.gone(server.maps("a"));
  },
  "orphans stay": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, ownedBy(owner));
    await server.ok("DELETE", server.maps("owner"), { propagationPolicy: "Orphan" });
    await server.gone(server.maps("owner"));
    assert.equal(at(await server.ok("GET", server.maps("a")), "metadata", "ownerReferences"), undefined);
  },
  "in the foreground the owner goes last": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, { ...ownedBy(owner, { blockOwnerDeletion: true }), finalizers: ["example.com/hold"] });
    const answer = await server.ok("DELETE", server.maps("owner"), { propagationPolicy: "Foreground" });
    assert.deepEqual(at(answer, "metadata", "finalizers"), ["foregroundDeletion"]);
    await server.eventually(
      "the dependent is to go",
      async () => textOf(await server.ok("GET", server.maps("a")), "metadata", "deletionTimestamp") !== "",
    );
    assert.equal((await server.get(server.maps("owner"))).status, 200);
    await release(server, server.maps("a"));
    await server.gone(server.maps("owner"));
  },
  "in the foreground without dependents": async (server) => {
    await server.map("owner");
    await server.ok("DELETE", server.maps("owner"), { propagationPolicy: "Foreground" });
    await server.gone(server.maps("owner"));
  },
  "finalizers of a dependent hold it": async (server) => {
    const owner = await server.map("owner");
    await server.map("a", {}, { ...ownedBy(owner), finalizers: ["example.com/hold"] });
    await server.ok("DELETE", server.maps("owner"));
    await server.eventually(
      "the dependent is to go",
      async () => textOf(await server.ok("GET", server.maps("a")), "metadata", "deletionTimestamp") !== "",
    );
    await release(server, server.maps("a"));
    await server.gone(server.maps("a"));
  },
  "of a custom object": async (server) => {
    const owner = await server.gadget("owner");
    await server.made(server.core("secrets"), { metadata: { name: "a", ...ownedBy(owner, { controller: true }) } });
    await server.ok("DELETE", server.gadgets("owner"));
    await server.gone(server.core("secrets", "a"));
  },
  "of a kind that is not served stay": async (server) => {
    const uid = "00000000-0000-4000-8000-000000000002";
    const owner = { apiVersion: "unknown.example.com/v1", kind: "Unknown", metadata: { name: "x", uid } };
    await server.map("a", {}, ownedBy(owner));
    await server.target.wait(3_000);
    assert.equal((await server.get(server.maps("a"))).status, 200);
  },
};
