import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpKubeClient } from "../../../src/k8s/http_client.ts";
import { CONFIG_MAPS, type ConfigMap } from "../../../src/k8s/resource.ts";
import { watchAll, type WatchOptions, type WatchOutput } from "../../../src/k8s/watch.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { type Answer, refusal, scriptedApi, type Seen, Stream } from "../../support/scripted_api.ts";
import { table } from "../../support/table.ts";

type Output = WatchOutput<ConfigMap>;

/** What came out, in short: `reset a b @5`, `apply a`, `progress 7`, `failure expired`. */
function brief(output: Output): string {
  if (output.type === "reset") {
    return ["reset", ...output.items.map((item) => item.metadata.name), `@${output.resourceVersion}`].join(" ");
  }
  if (output.type === "progress") return `progress ${output.resourceVersion}`;
  if (output.type === "failure") return `failure ${output.cause}`;
  return `${output.type} ${output.object.metadata.name}`;
}

function item(name: string, resourceVersion: string) {
  return { metadata: { name, namespace: "n", uid: `uid-${name}`, resourceVersion } };
}

function listOf(version: string, names: readonly string[] = [], next?: string): Answer {
  return {
    json: { metadata: { resourceVersion: version, continue: next }, items: names.map((name) => item(name, version)) },
  };
}

const event = (type: string, name: string, version: string) => ({ type, object: item(name, version) });
const bookmark = (version: string) => ({ type: "BOOKMARK", object: { metadata: { resourceVersion: version } } });
const expired = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired", message: "too old" } };
const goodEnd = () => ({ stream: new Stream().end() });
const open = () => ({ stream: new Stream() });

/** Watches on a virtual clock. Lists are answered by `lists`, watches by `watches`, the last of each for ever. */
function setup(lists: readonly Answer[], watches: readonly Answer[], more: Partial<WatchOptions<ConfigMap>> = {}) {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const asked: (Seen & { readonly at: number })[] = [];
  const counts = { list: 0, watch: 0 };
  const { server } = scriptedApi((request) => {
    asked.push({ ...request, at: clock.monotonic() });
    const isWatch = request.query.watch === "1";
    const [script, number] = isWatch ? [watches, counts.watch++] : [lists, counts.list++];
    return script[Math.min(number, script.length - 1)] ?? "hang";
  });
  const random = seededRandom(1);
  const client = new HttpKubeClient({ server, clock, random, userAgent: "t", log: silentLog });
  const outputs: (Output & { readonly at: number })[] = [];
  const options = { clock, random, signal: abort.signal, ...more };
  const done = (async () => {
    for await (const output of watchAll(client, CONFIG_MAPS, { labelSelector: "a=b" }, options)) {
      outputs.push({ ...output, at: clock.monotonic() });
    }
  })();
  return {
    clock,
    abort,
    asked,
    outputs,
    done,
    brief: () => outputs.map(brief),
    watchedFrom: () => asked.filter((request) => request.query.watch).map((request) => request.query.resourceVersion),
    delays: () => outputs.flatMap((output) => output.type === "failure" ? [output.delayMs] : []),
    stop: async () => {
      abort.abort();
      await done;
      assert.equal(clock.pendingTimers, 0, "a timer was left behind");
    },
  };
}

test("a list in pages, then everything that happens after its first page", async () => {
  const stream = new Stream();
  const watch = setup([listOf("5", ["a"], "next"), listOf("6", ["b"])], [{ stream }], { pageSize: 1 });
  await watch.clock.advance(10);
  stream.send(event("ADDED", "c", "7")).send(event("MODIFIED", "a", "8")).send(bookmark("9")).send(
    event("DELETED", "b", "10"),
  );
  await watch.clock.advance(10);
  assert.deepEqual(watch.brief(), ["reset a b @5", "apply c", "apply a", "progress 9", "delete b"]);
  const [first, second, third] = watch.asked.map((request) => request.query);
  assert.deepEqual(first, { labelSelector: "a=b", limit: "1" });
  assert.equal(second?.continue, "next");
  assert.deepEqual([third?.labelSelector, third?.allowWatchBookmarks], ["a=b", "true"]);
  await watch.stop();
});

test("a watch that the server ends is taken up at once where it ended, bookmarks included", async () => {
  const streams = [new Stream(), new Stream(), new Stream()];
  const watch = setup([listOf("5")], streams.map((stream) => ({ stream })));
  await watch.clock.advance(2_000);
  streams[0]?.send(event("ADDED", "a", "7")).end();
  await watch.clock.advance(2_000);
  streams[1]?.send(bookmark("20")).end();
  await watch.clock.advance(2_000);
  assert.deepEqual(watch.watchedFrom(), ["5", "7", "20"]);
  assert.deepEqual(watch.brief(), ["reset @5", "apply a", "progress 20"]);
  await watch.stop();
});

table<{ readonly first: () => Answer }>("410 leads to a new list", {
  "as an ERROR event": { first: () => ({ stream: new Stream().send(event("ADDED", "b", "6")).send(expired).end() }) },
  "as an HTTP status": { first: () => refusal(410, "Expired") },
}, async ({ first }) => {
  const watch = setup([listOf("5", ["a"]), listOf("50", ["z"])], [first(), open()]);
  await watch.clock.advance(2_000);
  assert.deepEqual(watch.brief().filter((line) => line !== "apply b"), [
    "reset a @5",
    "failure expired",
    "reset z @50",
  ]);
  assert.deepEqual(watch.watchedFrom(), ["5", "50"]);
  for (const { query } of watch.asked.filter((request) => !request.query.watch)) {
    assert.equal(query.resourceVersion, undefined, "a list that names a version may show the past");
  }
  await watch.stop();
});

test("after an outage, 410 leads to a new list at once: the server is there again", async () => {
  const away = Array.from({ length: 8 }, () => refusal(503, "ServiceUnavailable"));
  const watch = setup([listOf("5")], [...away, refusal(410, "Expired"), refusal(410, "Expired"), open()]);
  await watch.clock.advance(200_000);
  const delays = watch.delays();
  assert.equal(delays.length, 10);
  assert.ok(delays[7]! >= 15_000, `${delays[7]} ms`);
  assert.ok(delays[8]! <= 800, `${delays[8]} ms`);
  assert.ok(delays[9]! >= 800, "one that never comes to rest is not asked a thousand times a second");
  assert.equal(watch.brief().at(-1), "reset @5");
  await watch.stop();
});

test("a continue token that has expired starts the list again, and shows nothing of the first part", async () => {
  const lists = [listOf("5", ["a"], "next"), refusal(410, "Expired"), listOf("9", ["b"])];
  const watch = setup(lists, [open()]);
  await watch.clock.advance(2_000);
  assert.deepEqual(watch.brief(), ["failure expired", "reset b @9"]);
  await watch.stop();
});

test("any other failure goes on from the version where it was, without a list", async () => {
  const first = new Stream().send(event("ADDED", "a", "7")).end(new TransportError("reset", "lost"));
  const watch = setup([listOf("5")], [{ stream: first }, refusal(503, "ServiceUnavailable"), open()]);
  await watch.clock.advance(5_000);
  assert.deepEqual(watch.brief(), ["reset @5", "apply a", "failure connection", "failure unavailable"]);
  assert.deepEqual(watch.watchedFrom(), ["5", "7", "7"]);
  await watch.stop();
});

test("the delay doubles from 0.8 s to 30 s while nothing comes, with jitter", async () => {
  const watch = setup([listOf("5")], [goodEnd()]);
  await watch.clock.advance(300_000);
  const delays = watch.delays();
  for (const [number, delay] of delays.entries()) {
    const full = Math.min(30_000, 800 * 2 ** number);
    assert.ok(delay <= full && delay >= full / 2, `delay ${number} is ${delay}`);
  }
  assert.ok(delays.length > 10 && delays.length < 25, `${delays.length} failures in 5 minutes`);
  assert.ok(watch.brief().slice(1).every((line) => line === "failure quick-end"));
  await watch.stop();
});

test("an event makes the delay short again; a list does not", async () => {
  const broken = () => ({ stream: new Stream().send(expired) });
  const good = () => ({ stream: new Stream().send(bookmark("6")).end(new TransportError("reset", "lost")) });
  const watch = setup([listOf("5")], [broken(), broken(), broken(), broken(), good(), open()]);
  await watch.clock.advance(60_000);
  const delays = watch.delays();
  assert.equal(delays.length, 5);
  assert.ok(delays[3]! >= 3_200, "four watches in a row failed, though each had a list before it");
  assert.ok(delays[4]! <= 800, "the bookmark showed that all is well");
  await watch.stop();
});

test("429 waits as long as the server asks", async () => {
  const throttled = refusal(429, "TooManyRequests", { details: { retryAfterSeconds: 17 } });
  const watch = setup([listOf("5")], [throttled, open()]);
  await watch.clock.advance(60_000);
  assert.deepEqual([watch.brief(), watch.delays()], [["reset @5", "failure throttled"], [17_000]]);
  await watch.stop();
});

test("each request is asked to last between 5 and 10 minutes, not always as long", async () => {
  const streams = Array.from({ length: 20 }, () => new Stream().send(bookmark("6")).end());
  const watch = setup([listOf("5")], [...streams.map((stream) => ({ stream })), open()]);
  await watch.clock.advance(10);
  const seconds = watch.asked.slice(1).map((request) => Number(request.query.timeoutSeconds));
  assert.ok(seconds.every((second) => second >= 300 && second <= 600));
  assert.ok(new Set(seconds).size > 10);
  await watch.stop();
});

test("a request that has said nothing for its timeout and 5 s is dropped", async () => {
  const watch = setup([listOf("5")], [open()], { timeoutSeconds: { from: 60, to: 60 } });
  await watch.clock.advance(64_999);
  assert.deepEqual(watch.brief(), ["reset @5"]);
  await watch.clock.advance(1);
  assert.deepEqual(watch.brief(), ["reset @5", "failure silence"]);
  await watch.clock.advance(1_000);
  assert.deepEqual(watch.watchedFrom(), ["5", "5"]);
  await watch.stop();
});

test("once bookmarks have come, three minutes without one mean that the connection is dead", async () => {
  const stream = new Stream().send(bookmark("6"));
  const watch = setup([listOf("5")], [{ stream }, open()], { timeoutSeconds: { from: 600, to: 600 } });
  await watch.clock.advance(100_000);
  stream.send(event("ADDED", "a", "7"));
  await watch.clock.advance(179_000);
  assert.deepEqual(watch.brief(), ["reset @5", "progress 6", "apply a"]);
  await watch.clock.advance(2_000);
  assert.deepEqual(watch.brief().at(-1), "failure silence");
  assert.equal(watch.asked.at(-1)?.query.resourceVersion, "7");
  await watch.stop();
});

test("a watch that was mute for its whole time is followed by a list: the server may have been restored", async () => {
  const stream = new Stream();
  const watch = setup([listOf("900", ["a"]), listOf("300", ["b"])], [{ stream }, open()]);
  await watch.clock.advance(300_000);
  stream.end();
  await watch.clock.advance(10);
  assert.deepEqual(watch.brief(), ["reset a @900", "reset b @300"]);
  await watch.stop();
});

test("a kind that the server does not know, or will not show, is tried for ever", async () => {
  const watch = setup([refusal(404, "NotFound"), refusal(403, "Forbidden"), listOf("5", ["a"])], [open()]);
  await watch.clock.advance(10_000);
  assert.deepEqual(watch.brief(), ["failure not-found", "failure forbidden", "reset a @5"]);
  await watch.stop();
});

test("objects are made small while the list is read", async () => {
  const project = (object: ConfigMap) => ({ metadata: object.metadata, data: { small: "yes" } });
  const watch = setup([listOf("5", ["a"])], [open()], { project: project as WatchOptions<ConfigMap>["project"] });
  await watch.clock.advance(10);
  const [reset] = watch.outputs;
  assert.deepEqual(reset?.type === "reset" && reset.items[0]?.data, { small: "yes" });
  await watch.stop();
});

table<{ readonly lists: Answer[]; readonly watches: Answer[] }>("the signal ends it", {
  "while it lists": { lists: ["hang"], watches: [] },
  "while it watches": { lists: [listOf("5")], watches: [open()] },
  "while it waits": { lists: [refusal(403, "Forbidden")], watches: [] },
}, async ({ lists, watches }) => {
  const watch = setup(lists, watches);
  await watch.clock.advance(100);
  await watch.stop();
});
