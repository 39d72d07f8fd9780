import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeError, type KubeErrorKind } from "../../../src/k8s/errors.ts";
import { HttpKubeClient, type HttpKubeClientOptions, type RequestFact } from "../../../src/k8s/http_client.ts";
import { CONFIG_MAPS, LEASES, type Pod, PODS } from "../../../src/k8s/resource.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { type Answer, refusal, scriptedApi, type Seen, Stream } from "../../support/scripted_api.ts";
import { table } from "../../support/table.ts";

function setup(script: (request: Seen, number: number) => Answer, more: Partial<HttpKubeClientOptions> = {}) {
  const clock = new VirtualClock();
  const { server, seen } = scriptedApi(script);
  const facts: RequestFact[] = [];
  const onRequest = (fact: RequestFact) => void facts.push(fact);
  const random = seededRandom(1);
  const client = new HttpKubeClient({
    server,
    clock,
    random,
    userAgent: "arc/test",
    log: silentLog,
    onRequest,
    ...more,
  });
  return { client, clock, seen, facts };
}

/** Lets time pass until the promise has settled, and gives what came of it. */
async function settled<T>(clock: VirtualClock, promise: Promise<T>, limitMs = 120_000): Promise<T | Error> {
  let result: { value: T | Error } | undefined;
  promise.then((value) => result = { value }, (error) => result = { value: error });
  assert.ok(await clock.runUntil(() => result !== undefined, limitMs), "it never ended");
  return result!.value;
}

const ref = { namespace: "n", name: "p" };
const found = { metadata: { namespace: "n", name: "p", uid: "u1", resourceVersion: "5" } };

test("get: asks for the path with our credentials, and fills in kind and version", async () => {
  const { client, seen, facts } = setup(() => ({ json: found }));
  const pod = await client.get(PODS, ref);
  assert.equal(pod.kind, "Pod");
  assert.equal(pod.apiVersion, "v1");
  const [{ method, path, headers }] = seen as [Seen];
  assert.deepEqual([method, path], ["GET", "/api/v1/namespaces/n/pods/p"]);
  assert.deepEqual(headers, { accept: "application/json", "user-agent": "arc/test", authorization: "Bearer t" });
  assert.deepEqual(facts, [{ code: "200", method: "GET", host: "api.test:6443", kind: "pods" }]);
});

test("get: another object of that name is not the one that was meant", async () => {
  const { client } = setup(() => ({ json: found }));
  await assert.rejects(client.get(PODS, { ...ref, uid: "u0" }), (error) => KubeError.is(error, "NotFound"));
});

test("list: one page, with its selection and where the next one starts", async () => {
  const answer = { metadata: { resourceVersion: "9", continue: "more" }, items: [found] };
  const { client, seen } = setup(() => ({ json: answer }));
  const page = await client.list(PODS, { namespace: "n", labelSelector: "a=b,c!=d", limit: 500, continue: "here" });
  assert.deepEqual(seen[0]?.query, { labelSelector: "a=b,c!=d", limit: "500", continue: "here" });
  assert.equal(page.items[0]?.kind, "Pod");
  assert.deepEqual([page.resourceVersion, page.continue], ["9", "more"]);
});

test("list: no items may come as null, in all namespaces", async () => {
  const { client, seen } = setup(() => ({ json: { metadata: { resourceVersion: "9" }, items: null } }));
  assert.deepEqual(await client.list(LEASES), { items: [], resourceVersion: "9" });
  assert.equal(seen[0]?.path, "/apis/coordination.k8s.io/v1/leases");
});

test("create and replace: the object goes with its kind and without the server's book-keeping", async () => {
  const { client, seen } = setup(() => ({ status: 201, json: found }));
  const metadata = { namespace: "n", name: "p", managedFields: [{}] } as Pod["metadata"];
  await client.create(PODS, { metadata });
  await client.replace(PODS, { metadata });
  const body = { apiVersion: "v1", kind: "Pod", metadata: { namespace: "n", name: "p" } };
  assert.deepEqual(seen.map(({ method, path, json }) => [method, path, json]), [
    ["POST", "/api/v1/namespaces/n/pods", body],
    ["PUT", "/api/v1/namespaces/n/pods/p", body],
  ]);
});

const uid = "u1";
table("patch", {
  "merge is the default": {
    options: {},
    patch: { a: 1 },
    type: "application/merge-patch+json",
    body: { a: 1 },
    query: {},
  },
  "a UID becomes part of a merge patch": {
    ref: { ...ref, uid },
    options: {},
    patch: { metadata: { labels: { a: "b" } } },
    type: "application/merge-patch+json",
    body: { metadata: { labels: { a: "b" }, uid } },
    query: {},
  },
  "a UID becomes the first operation of a JSON patch": {
    ref: { ...ref, uid },
    options: { type: "json" as const },
    patch: [{ op: "remove", path: "/spec" }],
    type: "application/json-patch+json",
    body: [{ op: "add", path: "/metadata/uid", value: uid }, { op: "remove", path: "/spec" }],
    query: {},
  },
  "strategic, of the status": {
    options: { type: "strategic" as const, subresource: "status" as const },
    patch: {},
    type: "application/strategic-merge-patch+json",
    body: {},
    query: {},
    path: "/api/v1/namespaces/n/pods/p/status",
  },
  "apply names the owner of the fields": {
    options: { type: "apply" as const },
    patch: { a: 1 },
    type: "application/apply-patch+yaml",
    body: { a: 1 },
    query: { fieldManager: "arc", force: "true" },
  },
}, async (example) => {
  const { client, seen } = setup(() => ({ json: found }));
  await client.patch(PODS, "ref" in example && example.ref ? example.ref : ref, example.patch, example.options);
  const path = "path" in example ? example.path : "/api/v1/namespaces/n/pods/p";
  assert.deepEqual(
    [seen[0]?.path, seen[0]?.headers["content-type"], seen[0]?.json, seen[0]?.query],
    [path, example.type, example.body, example.query],
  );
});

test("patch: an object with another UID is not the one that was meant", async () => {
  const causes = [{ reason: "FieldValueInvalid", field: "metadata.uid", message: "field is immutable" }];
  const { client } = setup(() => refusal(422, "Invalid", { details: { causes } }));
  await assert.rejects(client.patch(PODS, { ...ref, uid: "u0" }, {}), (error) => KubeError.is(error, "NotFound"));
});

const dying = { deletionTimestamp: "2026-01-01T00:00:00Z" };
table("delete", {
  "a Status says that it is gone": { answer: { kind: "Status", status: "Success" }, left: false },
  "a service account is returned as it was": { answer: found, left: false },
  "a pod without a node is returned with no grace": {
    answer: { metadata: { ...found.metadata, ...dying, deletionGracePeriodSeconds: 0 } },
    left: false,
  },
  "a pod on a node has its grace period": {
    answer: { metadata: { ...found.metadata, ...dying, deletionGracePeriodSeconds: 30 } },
    left: true,
  },
  "finalizers keep it": {
    answer: { metadata: { ...found.metadata, ...dying, deletionGracePeriodSeconds: 0, finalizers: ["a/b"] } },
    left: true,
  },
}, async ({ answer, left }) => {
  const { client } = setup(() => ({ json: answer }));
  assert.equal(await client.delete(PODS, ref) !== undefined, left);
});

test("delete: preconditions, grace and propagation are in the body", async () => {
  const { client, seen } = setup(() => ({ json: { kind: "Status" } }));
  const options = { gracePeriodSeconds: 0, propagationPolicy: "Background", resourceVersion: "7" } as const;
  await client.delete(PODS, { ...ref, uid }, options);
  await client.delete(PODS, ref);
  assert.deepEqual(seen.map((request) => request.json), [
    {
      apiVersion: "v1",
      kind: "DeleteOptions",
      gracePeriodSeconds: 0,
      propagationPolicy: "Background",
      preconditions: { uid, resourceVersion: "7" },
    },
    { apiVersion: "v1", kind: "DeleteOptions" },
  ]);
});

table("delete: a conflict", {
  "over the UID means that the one meant is gone": {
    ref: { ...ref, uid: "u0" },
    options: {},
    kind: "NotFound" as const,
  },
  "over the version is one": { ref: { ...ref, uid }, options: { resourceVersion: "1" }, kind: "Conflict" as const },
}, async ({ ref, options, kind }) => {
  const { client } = setup(() => refusal(409, "Conflict"));
  await assert.rejects(client.delete(PODS, ref, options), (error) => KubeError.is(error, kind));
});

interface RetryCase {
  readonly method: "get" | "create";
  readonly first: Answer;
  /** Requests that are made when every further answer is good. */
  readonly requests: number;
  readonly waitedMs?: number;
}
const throttled = refusal(429, "TooManyRequests", { details: { retryAfterSeconds: 3 } });
table<RetryCase>("repeating", {
  "a read after 429 waits as asked": { method: "get", first: throttled, requests: 2, waitedMs: 3_000 },
  "a read after a bare 429 with the header": {
    method: "get",
    first: { status: 429, headers: { "retry-after": "2" }, text: "slow down" },
    requests: 2,
    waitedMs: 2_000,
  },
  "a read after 503": { method: "get", first: { status: 503, text: "bad gateway" }, requests: 2 },
  "a read after a lost connection": { method: "get", first: new TransportError("reset", "lost"), requests: 2 },
  "no read that was refused": { method: "get", first: refusal(403, "Forbidden"), requests: 1 },
  "no read whose server can't be trusted": {
    method: "get",
    first: new TransportError("tls", "unknown CA"),
    requests: 1,
  },
  "a write after 429, for nothing was done": { method: "create", first: throttled, requests: 2, waitedMs: 3_000 },
  "no write after 503: it may have been done": {
    method: "create",
    first: refusal(503, "ServiceUnavailable"),
    requests: 1,
  },
  "no write after a lost connection": { method: "create", first: new TransportError("reset", "lost"), requests: 1 },
}, async ({ method, first, requests, waitedMs }) => {
  const { client, clock, seen } = setup((_, number) => number === 1 ? first : { json: found });
  const call = method === "get"
    ? client.get(PODS, ref)
    : client.create(PODS, { metadata: { namespace: "n", name: "p" } });
  const result = await settled(clock, call);
  assert.equal(seen.length, requests);
  assert.equal(result instanceof Error, requests === 1);
  if (waitedMs !== undefined) assert.equal(clock.monotonic(), waitedMs);
});

test("repeating ends after four more tries, with the error and the fact of each", async () => {
  const { client, clock, seen, facts } = setup(() => refusal(500, "InternalError"));
  const error = await settled(clock, client.get(PODS, ref));
  assert.ok(KubeError.is(error, "Unavailable"));
  assert.equal(error.request, "GET /api/v1/namespaces/n/pods/p");
  assert.equal(seen.length, 5);
  assert.deepEqual(facts.map((fact) => fact.code), ["500", "500", "500", "500", "500"]);
});

test("repeating ends with the deadline: a wait beyond it is not begun", async () => {
  const { client, clock, seen } = setup(() => refusal(429, "TooManyRequests", { details: { retryAfterSeconds: 60 } }));
  const error = await settled(clock, client.get(PODS, ref));
  assert.ok(KubeError.is(error, "TooManyRequests"));
  assert.equal(error.retryAfterMs, 60_000);
  assert.deepEqual([seen.length, clock.monotonic()], [1, 0]);
});

test("a call that gets no answer ends at its deadline", async () => {
  const { client, clock, facts } = setup(() => "hang");
  const error = await settled(clock, client.create(PODS, { metadata: { namespace: "n" } }, { deadlineMs: 4_000 }));
  assert.ok(error instanceof TransportError && error.kind === "timeout");
  assert.equal(clock.monotonic(), 4_000);
  assert.deepEqual(facts.map((fact) => fact.code), ["<error>"]);
});

test("beforeTry ends a call between its tries", async () => {
  const { client, clock, seen } = setup(() => throttled);
  const beforeTry = () => {
    if (clock.monotonic() > 0) throw new Error("no longer the leader");
  };
  const error = await settled(clock, client.create(PODS, { metadata: { namespace: "n" } }, { beforeTry }));
  assert.match(String(error), /no longer the leader/);
  assert.equal(seen.length, 1);
});

test("a limit of our own lets a burst through and then its rate, each kind by itself", async () => {
  const { client, clock, seen } = setup(() => ({ json: found }), { rateLimit: { qps: 10, burst: 2 } });
  const calls = [1, 2, 3, 4].map(() => client.get(PODS, ref));
  calls.push(client.get(CONFIG_MAPS, ref) as Promise<never>);
  await clock.advance(0);
  assert.deepEqual(seen.map((request) => request.path.split("/")[5]), ["pods", "pods", "configmaps"]);
  await clock.advance(100);
  assert.equal(seen.length, 4);
  await settled(clock, Promise.all(calls));
  assert.equal(clock.monotonic(), 200);
});

test("raw: JSON is parsed, plain text is text, anything else is no API server", async () => {
  const answers: Answer[] = [{ json: { major: "1" } }, { text: "ok" }, {
    text: "<html>",
    headers: { "content-type": "text/html" },
  }];
  const { client } = setup(() => answers.shift()!);
  assert.deepEqual(await client.raw("/version"), { major: "1" });
  assert.equal(await client.raw("/readyz"), "ok");
  await assert.rejects(client.raw("/version"), (error) => KubeError.is(error, "Other"));
});

const watchOptions = (signal: AbortSignal) => ({ resourceVersion: "5", timeoutSeconds: 300, signal });

test("watch: events and bookmarks come as they are sent, to the end", async () => {
  const stream = new Stream();
  const { client, seen } = setup(() => ({ stream }));
  stream.send({ type: "ADDED", object: found }).send({
    type: "BOOKMARK",
    object: { metadata: { resourceVersion: "8" } },
  });
  stream.send({ type: "DELETED", object: found }).end();
  const events = [];
  const options = { ...watchOptions(new AbortController().signal), namespace: "n", fieldSelector: "metadata.name=p" };
  for await (const event of client.watch(PODS, options)) events.push(event.type === "BOOKMARK" ? event : event.type);
  assert.deepEqual(events, ["ADDED", { type: "BOOKMARK", resourceVersion: "8" }, "DELETED"]);
  assert.deepEqual(seen[0]?.query, {
    watch: "1",
    allowWatchBookmarks: "true",
    fieldSelector: "metadata.name=p",
    resourceVersion: "5",
    timeoutSeconds: "300",
  });
});

table<{ readonly answer: () => Answer; readonly kind: KubeErrorKind | "connection" }>("watch fails", {
  "by an ERROR event": {
    answer: () => ({
      stream: new Stream().send({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }),
    }),
    kind: "Gone",
  },
  "by its status": { answer: () => refusal(410, "Expired"), kind: "Gone" },
  "by a refusal": { answer: () => refusal(403, "Forbidden"), kind: "Forbidden" },
  "in the middle of an event": {
    answer: () => ({ stream: new Stream().sendText('{"type":"ADD').end() }),
    kind: "connection",
  },
  "by what is no event": { answer: () => ({ stream: new Stream().send({ hello: "world" }) }), kind: "connection" },
  "with its connection": {
    answer: () => ({ stream: new Stream().end(new TransportError("reset", "lost")) }),
    kind: "connection",
  },
}, async ({ answer, kind }) => {
  const { client } = setup(answer);
  const error = await client.watch(PODS, watchOptions(new AbortController().signal))[Symbol.asyncIterator]().next()
    .then(
      () => assert.fail("it did not fail"),
      (error: unknown) => error,
    );
  assert.ok(kind === "connection" ? error instanceof TransportError : KubeError.is(error, kind), String(error));
});

test("watch: an opening that gets no answer ends at the deadline", async () => {
  const { client, clock } = setup(() => "hang");
  const events = client.watch(PODS, watchOptions(new AbortController().signal))[Symbol.asyncIterator]();
  const error = await settled(clock, events.next());
  assert.ok(error instanceof TransportError && error.kind === "timeout");
  assert.equal(clock.monotonic(), 30_000);
});

test("watch: the signal ends it, and the request; so does leaving the loop", async () => {
  const streams = [
    new Stream().send({ type: "ADDED", object: found }),
    new Stream().send({ type: "ADDED", object: found }),
  ];
  const { client, seen } = setup(() => ({ stream: streams.shift()! }));
  const abort = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(async () => {
    for await (const _ of client.watch(PODS, watchOptions(abort.signal))) abort.abort(reason);
  }, reason);
  for await (const _ of client.watch(PODS, watchOptions(new AbortController().signal))) break;
  assert.deepEqual(seen.map((request) => request.signal.aborted), [true, true]);
});
