import assert from "node:assert/strict";
import { test } from "node:test";
import { type HttpRequest, readText, type Transport, TransportError } from "../../../src/lib/http.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { textReply } from "../../../src/sim/http.ts";
import { Network, type NetworkEffect } from "../../../src/sim/network.ts";
import { clientOf, shownPath, Timeline } from "../../../src/sim/timeline.ts";
import { table } from "../../support/table.ts";

/** A network with one server that counts what reaches it; /watch sends a line a second until it is left. */
function network(latencyMs: readonly [number, number] = [0, 0]) {
  const clock = new VirtualClock();
  const timeline = new Timeline(clock);
  const net = new Network({ clock, random: seededRandom(1), timeline, latencyMs });
  const seen: string[] = [];
  const server: Transport = (request) => {
    seen.push(`${request.method} ${new URL(request.url).pathname}`);
    if (!request.url.includes("watch")) return Promise.resolve(textReply(200, "hello"));
    const body = async function* () {
      for (let count = 1;; count++) {
        await clock.sleep(1000, request.signal);
        const object = { kind: "Pod", metadata: { namespace: "ns", name: "p", resourceVersion: String(count) } };
        yield new TextEncoder().encode(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
      }
    };
    return Promise.resolve({ status: 200, headers: {}, body: body() });
  };
  net.route("https://server", "server", server);
  return { clock, timeline, net, seen };
}

function request(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: { "user-agent": "arc/1" }, signal: new AbortController().signal, ...more };
}

interface EffectCase {
  readonly effect: NetworkEffect;
  /** What the client gets: a status and a text, or the kind of the failure; "nothing" within a minute. */
  readonly gets: string;
  /** Whether the server saw the request. */
  readonly arrives: boolean;
  readonly takesMs?: number;
}

table<EffectCase>("a fault", {
  "fail": { effect: { kind: "fail", failure: "refused" }, gets: "refused", arrives: false },
  "hang": { effect: { kind: "hang" }, gets: "nothing", arrives: false },
  "lose-answer": { effect: { kind: "lose-answer" }, gets: "reset", arrives: true },
  "status": { effect: { kind: "status", status: 503, text: "later" }, gets: "503 later", arrives: false },
  "slow": { effect: { kind: "slow", ms: 5000 }, gets: "200 hello", arrives: true, takesMs: 5000 },
  "lag": { effect: { kind: "lag", ms: 3000 }, gets: "200 hello", arrives: true, takesMs: 3000 },
}, async ({ effect, gets, arrives, takesMs = 0 }) => {
  const { clock, net, seen, timeline } = network();
  const felt: string[] = [];
  net.onFault = (name) => felt.push(name);
  net.inject({
    name: "it",
    effect,
    matches: ({ client, server }) => client === "arc" && server === "server",
    times: 1,
  });
  let got = "nothing";
  let at = 0;
  net.transport(request("https://server/x")).then(async (response) => {
    got = `${response.status} ${await readText(response.body)}`;
    at = clock.monotonic();
  }, (error) => got = error instanceof TransportError ? error.kind : String(error));
  await clock.advance(60_000);
  assert.deepEqual([got, seen.length === 1, at], [gets, arrives, takesMs], timeline.text());
  assert.deepEqual(felt, ["it"]);
  assert.equal(await readText((await settled(clock, net, "https://server/y")).body), "hello", "it was for one request");
});

async function settled(clock: VirtualClock, net: Network, url: string) {
  const answer = net.transport(request(url));
  await clock.advance(10);
  return await answer;
}

test("open watches can be cut, and are in the timeline event by event", async () => {
  const { clock, net, timeline } = network();
  const lines: string[] = [];
  let end = "";
  const watch = async () => {
    try {
      const { body } = await net.transport(request("https://server/pods?watch=true&token=secret"));
      for await (const chunk of body) lines.push(new TextDecoder().decode(chunk));
    } catch (error) {
      end = error instanceof TransportError ? error.kind : String(error);
    }
  };
  const over = watch();
  await clock.advance(2500);
  assert.equal(net.cut(({ isWatch }) => isWatch), 1);
  await clock.advance(0);
  await over;
  assert.deepEqual([lines.length, end], [2, "reset"]);
  assert.equal(net.cut(() => true), 0);
  assert.equal(clock.pendingTimers, 0, "the server has stopped sending");
  const text = timeline.text().replace(/ \d+B [0-9a-f]{8}/g, "");
  assert.deepEqual(text.trim().split("\n").map((line) => line.trim()), [
    "0.000 #1 arc GET server/pods?watch=true&token=***",
    "0.000 #1 <- 200",
    "1.000 #1 ~ MODIFIED Pod ns/p 1",
    "2.000 #1 ~ MODIFIED Pod ns/p 2",
    "2.500 #1 end, cut off",
  ]);
});

test("a server that does not exist is a DNS failure; an aborted request ends with its reason", async () => {
  const { clock, net } = network([1000, 1000]);
  await assert.rejects(net.transport(request("https://nowhere/x")), { kind: "dns" });
  const abort = new AbortController();
  const answer = net.transport(request("https://server/x", { signal: abort.signal }));
  abort.abort(new Error("enough"));
  await assert.rejects(answer, /enough/);
  assert.equal(clock.pendingTimers, 0);
});

table("a client's name", {
  "name and version": { agent: "arc/0.14.2 (linux)", name: "arc" },
  "JSON": { agent: '{"system":"actions-runner-controller","subsystem":"ghalistener"}', name: "ghalistener" },
  "JSON without a subsystem": { agent: '{"system":"x"}', name: "x" },
  "broken JSON": { agent: "{", name: "unknown" },
  "none": { agent: undefined, name: "unknown" },
}, ({ agent, name }) => assert.equal(clientOf(agent), name));

test("a timeline keeps its last lines and a digest of all", () => {
  const clock = new VirtualClock();
  const [short, long] = [new Timeline(clock, 10), new Timeline(clock, 1000)];
  for (let line = 0; line < 100; line++) for (const timeline of [short, long]) timeline.add(`line ${line}`);
  assert.equal(short.lines().length, 10);
  assert.equal(long.lines().length, 100);
  assert.deepEqual([short.count, short.digest], [long.count, long.digest]);
  long.add("one more");
  assert.notEqual(short.digest, long.digest);
});

test("a path is shown without tokens", () => {
  assert.equal(shownPath(new URL("https://x/a?token=abc&b=1&sig=z")), "/a?token=***&b=1&sig=***");
});
