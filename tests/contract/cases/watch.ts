import assert from "node:assert/strict";
import { at, type Case, GROUP, pod, refused, textOf, told } from "../support/contract.ts";

export const watch: Record<string, Case> = {
  "from a version: what comes after it": async (server) => {
    await server.gadget("old");
    const from = await server.now(server.gadgets());
    await server.gadget("a");
    await server.watch(`${server.gadgets()}?resourceVersion=${from}`, async (watch) => {
      await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
      await server.ok("DELETE", server.gadgets("a"));
      assert.deepEqual(told(await watch.next(3)), ["ADDED a", "MODIFIED a", "DELETED a"]);
    });
  },
  "events carry the object as it was then": async (server) => {
    const from = await server.now(server.gadgets());
    const made = await server.gadget("a");
    const changed = await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    await server.watch(`${server.gadgets()}?resourceVersion=${from}`, async (watch) => {
      const [added, modified] = await watch.next(2);
      assert.deepEqual(added?.object, made);
      assert.deepEqual(modified?.object, changed);
    });
  },
  "a deletion has a version of its own": async (server) => {
    const made = await server.gadget("a");
    const version = textOf(made, "metadata", "resourceVersion");
    await server.watch(`${server.gadgets()}?resourceVersion=${version}`, async (watch) => {
      await server.ok("DELETE", server.gadgets("a"));
      const [event] = await watch.next(1);
      assert.equal(event?.type, "DELETED");
      assert.ok(BigInt(textOf(event?.object, "metadata", "resourceVersion")) > BigInt(version));
      assert.equal(at(event?.object, "spec", "size"), 1);
    });
  },
  "without a version: first what is there": async (server) => {
    await server.gadget("a");
    await server.gadget("b");
    await server.watch(server.gadgets(), async (watch) => {
      assert.deepEqual(told(await watch.next(2)).sort(), ["ADDED a", "ADDED b"]);
      await server.gadget("c");
      assert.deepEqual(told(await watch.next(1)), ["ADDED c"]);
    });
  },
  "from version 0: first what is there": async (server) => {
    await server.gadget("a");
    await server.watch(`${server.gadgets()}?resourceVersion=0`, async (watch) => {
      assert.deepEqual(told(await watch.next(1)), ["ADDED a"]);
    });
  },
  "no change, no event": async (server) => {
    const made = await server.gadget("a");
    await server.watch(
      `${server.gadgets()}?resourceVersion=${textOf(made, "metadata", "resourceVersion")}`,
      async (watch) => {
        await server.patched("merge", server.gadgets("a"), { spec: { size: 1 } });
        await server.gadget("b");
        assert.deepEqual(told(await watch.next(1)), ["ADDED b"]);
      },
    );
  },
  "only the namespace": async (server) => {
    const from = await server.now(server.gadgets());
    const other = `${server.namespace}-x`;
    await server.made("/api/v1/namespaces", { metadata: { name: other } });
    await server.made(server.pods("", other), pod("elsewhere"));
    await server.watch(`${server.pods()}?resourceVersion=${from}`, async (watch) => {
      await server.pod("here");
      assert.deepEqual(told(await watch.next(1)), ["ADDED here"]);
    });
  },
  "a label that comes and goes": async (server) => {
    await server.gadget("a");
    const from = await server.now(server.gadgets());
    await server.watch(`${server.gadgets()}?labelSelector=on%3Dyes&resourceVersion=${from}`, async (watch) => {
      const label = (on: string) => server.patched("merge", server.gadgets("a"), { metadata: { labels: { on } } });
      await label("yes");
      await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
      const last = await label("no");
      const events = await watch.next(3);
      assert.deepEqual(told(events), ["ADDED a", "MODIFIED a", "DELETED a"]);
      assert.equal(textOf(events[2]?.object, "metadata", "labels", "on"), "yes");
      assert.equal(
        textOf(events[2]?.object, "metadata", "resourceVersion"),
        textOf(last, "metadata", "resourceVersion"),
      );
    });
  },
  "a field selector": async (server) => {
    const from = await server.now(server.pods());
    await server.watch(`${server.pods()}?fieldSelector=metadata.name%3Db&resourceVersion=${from}`, async (watch) => {
      await server.pod("a");
      await server.pod("b");
      assert.deepEqual(told(await watch.next(1)), ["ADDED b"]);
    });
  },
  "the server ends it at its timeout": async (server) => {
    await server.gadget("a");
    await server.watch(`${server.gadgets()}?resourceVersion=0&timeoutSeconds=1`, async (watch) => {
      assert.deepEqual(told(await watch.rest()), ["ADDED a"]);
    });
  },
  "a bookmark before the end": async (server) => {
    const from = await server.now(server.gadgets());
    await server.gadget("a");
    const query = `resourceVersion=${from}&timeoutSeconds=4&allowWatchBookmarks=true`;
    await server.watch(`${server.gadgets()}?${query}`, async (watch) => {
      const [added, ...bookmarks] = await watch.rest();
      assert.equal(added?.type, "ADDED");
      assert.ok(bookmarks.length >= 1, "no bookmark came");
      for (const { type, object } of bookmarks) {
        assert.equal(type, "BOOKMARK");
        assert.equal(textOf(object, "kind"), "Gadget");
        assert.equal(textOf(object, "apiVersion"), `${GROUP}/v1`);
        const version = BigInt(textOf(object, "metadata", "resourceVersion"));
        assert.ok(version >= BigInt(textOf(added?.object, "metadata", "resourceVersion")));
      }
    });
  },
  "no bookmark unless asked for": async (server) => {
    const from = await server.now(server.gadgets());
    await server.watch(`${server.gadgets()}?resourceVersion=${from}&timeoutSeconds=3`, async (watch) => {
      assert.deepEqual(await watch.rest(), []);
    });
  },
  "initial events end with a bookmark": async (server) => {
    await server.gadget("a");
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    await server.watch(`${server.gadgets()}?${query}`, async (watch) => {
      const [added, bookmark] = await watch.next(2);
      assert.equal(added?.type, "ADDED");
      assert.equal(bookmark?.type, "BOOKMARK");
      assert.equal(textOf(bookmark?.object, "metadata", "annotations", "k8s.io/initial-events-end"), "true");
    });
  },
  "initial events need a match": async (server) => {
    const answer = await server.get(`${server.gadgets()}?watch=true&sendInitialEvents=true`);
    refused(answer, 422, "Invalid", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  },
  "a version that is no number": async (server) => {
    const answer = await server.get(`${server.gadgets()}?watch=true&resourceVersion=abc`);
    assert.ok([400, 500].includes(answer.status), answer.text);
  },
  "an object of its own by name": async (server) => {
    await server.map("a");
    const query = `fieldSelector=metadata.name%3Da&resourceVersion=${await server.now()}`;
    await server.watch(`${server.maps()}?${query}`, async (watch) => {
      await server.map("b");
      await server.patched("merge", server.maps("a"), { data: { x: "1" } });
      assert.deepEqual(told(await watch.next(1)), ["MODIFIED a"]);
    });
  },
  "tables": async (server) => {
    await server.gadget("a", { size: 3 });
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    await server.watch(`${server.gadgets()}?resourceVersion=0`, async (watch) => {
      const [event] = await watch.next(1);
      assert.equal(textOf(event?.object, "kind"), "Table");
      assert.equal(at(event?.object, "rows", 0, "cells", 1), 3);
      await server.patched("merge", server.gadgets("a"), { spec: { size: 4 } });
      const [next] = await watch.next(1);
      assert.equal(at(next?.object, "rows", 0, "cells", 1), 4);
    }, accept);
  },
  "a pod's deletion: first its signs, then its end": async (server) => {
    const from = await server.now(server.pods());
    await server.watch(`${server.pods()}?resourceVersion=${from}`, async (watch) => {
      await server.pod("a");
      await server.ok("DELETE", server.pods("a"));
      const events = await watch.next(3);
      assert.deepEqual(told(events), ["ADDED a", "MODIFIED a", "DELETED a"]);
      assert.ok(textOf(events[1]?.object, "metadata", "deletionTimestamp"));
      assert.equal(at(events[1]?.object, "metadata", "generation"), 2);
    });
  },
  "graceful deletion: its begin, its shortening and its end": async (server) => {
    await server.pod("a", { nodeName: "n1" });
    const from = await server.now(server.pods());
    await server.watch(`${server.pods()}?resourceVersion=${from}`, async (watch) => {
      await server.ok("DELETE", server.pods("a"));
      await server.ok("DELETE", `${server.pods("a")}?gracePeriodSeconds=0`);
      const events = await watch.next(3);
      assert.deepEqual(told(events), ["MODIFIED a", "MODIFIED a", "DELETED a"]);
      const graces = events.map(({ object }) => at(object, "metadata", "deletionGracePeriodSeconds"));
      assert.deepEqual(graces, [30, 0, 0]);
    });
  },
  "the end of what a finalizer held carries what was stored": async (server) => {
    await server.gadget("a", { size: 1 }, { finalizers: ["example.com/hold"] });
    const from = await server.now(server.gadgets());
    await server.watch(`${server.gadgets()}?resourceVersion=${from}`, async (watch) => {
      await server.ok("DELETE", server.gadgets("a"));
      await server.patched("merge", server.gadgets("a"), { metadata: { finalizers: null } });
      const events = await watch.next(2);
      assert.deepEqual(told(events), ["MODIFIED a", "DELETED a"]);
      assert.deepEqual(at(events[1]?.object, "metadata", "finalizers"), ["example.com/hold"]);
    });
  },
};

/** These make everything old: they run last, alone. */
export const compaction: Record<string, Case> = {
  "a version that is too old is told in the stream, and pages of it are gone": async (server) => {
    for (const name of ["a", "b", "c"]) await server.gadget(name);
    const first = await server.ok("GET", `${server.gadgets()}?limit=1`);
    const from = textOf(first, "metadata", "resourceVersion");
    await server.patched("merge", server.gadgets("a"), { spec: { size: 2 } });
    await server.target.compact();
    await server.eventually("the server is back", async () => {
      const answer = await server.get(server.gadgets());
      return answer.status === 200;
    });
    await server.watch(`${server.gadgets()}?resourceVersion=${from}`, async (watch) => {
      const [event] = await watch.rest();
      assert.equal(event?.type, "ERROR");
      assert.equal(at(event?.object, "code"), 410);
      assert.equal(textOf(event?.object, "reason"), "Expired");
      assert.match(textOf(event?.object, "message"), /too old resource version/);
    });
    const token = encodeURIComponent(textOf(first, "metadata", "continue"));
    const answer = await server.get(`${server.gadgets()}?limit=1&continue=${token}`);
    refused(answer, 410, "Expired", "The provided continue parameter is too old");
    const next = encodeURIComponent(textOf(answer.body, "metadata", "continue"));
    const rest = await server.ok("GET", `${server.gadgets()}?continue=${next}`);
    assert.equal(at(rest, "items", 0, "metadata", "name"), "b");
    const exact = await server.get(`${server.gadgets()}?resourceVersion=${from}&resourceVersionMatch=Exact`);
    refused(exact, 410, "Expired");
  },
};
