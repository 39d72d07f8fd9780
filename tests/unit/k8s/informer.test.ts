import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpKubeClient } from "../../../src/k8s/http_client.ts";
import { Informer } from "../../../src/k8s/informer.ts";
import { CONFIG_MAPS } from "../../../src/k8s/resource.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { logOf } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { type Answer, refusal, scriptedApi, Stream } from "../../support/scripted_api.ts";

const item = (name: string, version: string) => ({
  metadata: { name, namespace: "n", uid: `uid-${name}`, resourceVersion: version, managedFields: [{}] },
});
const listOf = (version: string, ...names: string[]): Answer => ({
  json: { metadata: { resourceVersion: version }, items: names.map((name) => item(name, version)) },
});

function setup(script: (isWatch: boolean, number: number) => Answer) {
  const clock = new VirtualClock();
  const counts = { watch: 0, list: 0 };
  const { server, seen } = scriptedApi(({ query }) =>
    query.watch ? script(true, ++counts.watch) : script(false, ++counts.list)
  );
  const random = seededRandom(1);
  const lines: string[] = [];
  const log = logOf((level, message, fields) => {
    if (level !== "debug") lines.push(`${level} ${message}${fields.error ? `: ${fields.error}` : ""}`);
  });
  const client = new HttpKubeClient({ server, clock, random, userAgent: "t", log });
  const informer = new Informer({ client, kind: CONFIG_MAPS, selection: { namespace: "n" }, clock, random, log });
  const abort = new AbortController();
  const fate = { synced: false, ended: false };
  informer.synced.then(() => fate.synced = true);
  const run = informer.run(abort.signal).then(() => fate.ended = true);
  const names = () => [...informer.store.all()].map((object) => object.metadata.name).sort();
  return { clock, informer, abort, run, fate, names, lines, seen };
}

test("the store follows the server; synced comes with the first list", async () => {
  const stream = new Stream();
  const { clock, informer, fate, names } = setup((isWatch, number) =>
    isWatch ? { stream } : number < 3 ? refusal(503, "ServiceUnavailable") : listOf("5", "a", "b")
  );
  assert.equal(informer.state.synced, false);
  await clock.advance(5_000);
  assert.deepEqual([fate.synced, informer.state.synced, names()], [true, true, ["a", "b"]]);
  assert.equal("managedFields" in (informer.store.get("n", "a")?.metadata ?? {}), false);
  stream.send({ type: "ADDED", object: item("c", "6") }).send({ type: "DELETED", object: item("a", "7") });
  await clock.advance(0);
  assert.deepEqual(names(), ["b", "c"]);
  informer.store.wrote(item("mine", "8"));
  stream.send({ type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } });
  await clock.advance(2_000);
  assert.deepEqual(names(), ["b", "c"]);
  assert.deepEqual([informer.state.failures, informer.state.lastEventAgeMs], [0, 2_000]);
});

test("a watch that breaks once is not worth a line; one that stays away is worth one, and one when it is back", async () => {
  const second = new Stream().send({ type: "BOOKMARK", object: item("", "6") });
  const { clock, informer, lines } = setup((isWatch, number) => {
    if (!isWatch) return listOf("5");
    if (number === 1) return { stream: new Stream().end(new TransportError("reset", "lost")) };
    if (number === 2) return { stream: second };
    if (number < 8) return refusal(403, "Forbidden");
    return { stream: new Stream().send({ type: "BOOKMARK", object: item("", "9") }) };
  });
  await clock.advance(5_000);
  assert.deepEqual(lines, []);
  second.end();
  await clock.advance(10_000);
  assert.match(informer.state.lastError ?? "", /may not list and watch configmaps; is its role bound/);
  await clock.advance(100_000);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /^warn the watch does not come back; trying on: .*configmaps/);
  assert.match(lines[1] ?? "", /^info the watch works again/);
  assert.deepEqual(informer.state.restarts, { connection: 1, forbidden: 5 });
  assert.deepEqual([informer.state.failures, informer.state.lastError], [0, undefined]);
});

test("a listener that throws ends nothing: a new list follows", async () => {
  const { clock, informer, fate, lines, names } = setup((isWatch, number) =>
    isWatch
      ? { stream: new Stream().send({ type: "ADDED", object: item(`a${number}`, `${5 + number}`) }) }
      : listOf("5")
  );
  const end = informer.store.subscribe(() => {
    throw new Error("a bug");
  });
  await clock.advance(1_000);
  end();
  await clock.advance(60_000);
  assert.equal(fate.ended, false);
  assert.deepEqual(lines.slice(0, 1), ["warn the watch does not come back; trying on: a bug"]);
  assert.deepEqual(names(), ["a2"]);
});

test("the signal ends it, and leaves no timer", async () => {
  const { clock, abort, run, fate } = setup((isWatch) => isWatch ? { stream: new Stream() } : listOf("5"));
  await clock.advance(1_000);
  abort.abort();
  await run;
  assert.deepEqual([fate.ended, clock.pendingTimers], [true, 0]);
});
