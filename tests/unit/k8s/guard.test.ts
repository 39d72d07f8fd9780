import assert from "node:assert/strict";
import { test } from "node:test";
import { guarded, guardedTransports, NotLeaderError } from "../../../src/k8s/guard.ts";
import { HttpKubeClient } from "../../../src/k8s/http_client.ts";
import { CONFIG_MAPS } from "../../../src/k8s/resource.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { refusal, scriptedApi, Stream } from "../../support/scripted_api.ts";

const ref = { namespace: "n", name: "a" };
const object = { metadata: ref };

function setup() {
  const clock = new VirtualClock();
  const throttled = refusal(429, "TooManyRequests", { details: { retryAfterSeconds: 5 } });
  const { server, seen } = scriptedApi(({ query }) => {
    if (query.watch) return { stream: new Stream().end() };
    return clock.monotonic() > 0 ? { json: { ...object, items: [] } } : throttled;
  });
  const random = seededRandom(1);
  const leader = { is: true };
  const client = new HttpKubeClient({ server, clock, random, userAgent: "t", log: silentLog });
  return { clock, seen, leader, client: guarded(client, () => leader.is) };
}

test("who does not lead may read, and sends no write", async () => {
  const { clock, client, seen, leader } = setup();
  await clock.advance(1);
  leader.is = false;
  await client.get(CONFIG_MAPS, ref);
  await client.list(CONFIG_MAPS);
  await client.raw("/version");
  const signal = new AbortController().signal;
  for await (const _ of client.watch(CONFIG_MAPS, { resourceVersion: "1", timeoutSeconds: 1, signal })) break;
  assert.equal(seen.length, 4);
  await assert.rejects(client.create(CONFIG_MAPS, object), NotLeaderError);
  await assert.rejects(client.replace(CONFIG_MAPS, object), NotLeaderError);
  await assert.rejects(client.patch(CONFIG_MAPS, ref, {}), NotLeaderError);
  await assert.rejects(client.delete(CONFIG_MAPS, ref), NotLeaderError);
  assert.equal(seen.length, 4);
  leader.is = true;
  await client.create(CONFIG_MAPS, object);
  assert.equal(seen.length, 5);
});

test("a write that waits after 429 is not sent once the lease is lost", async () => {
  const { clock, client, seen, leader } = setup();
  const outcome = client.create(CONFIG_MAPS, object).catch((error: unknown) => error);
  await clock.advance(1_000);
  leader.is = false;
  await clock.advance(10_000);
  assert.ok(await outcome instanceof NotLeaderError);
  assert.equal(seen.length, 1);
});

test("who does not lead sends nothing to GitHub either", async () => {
  const { server, seen } = scriptedApi(() => ({ json: {} }));
  const leader = { is: false };
  const transport = guardedTransports(() => server.transport, () => leader.is)({});
  const request = () =>
    transport({
      method: "DELETE",
      url: `${server.baseUrl}/runner/1`,
      headers: {},
      signal: new AbortController().signal,
    });
  await assert.rejects(request(), TransportError);
  assert.equal(seen.length, 0);
  leader.is = true;
  assert.equal((await request()).status, 200);
  assert.equal(seen.length, 1);
});
