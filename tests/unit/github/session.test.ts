import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "../../../src/github/errors.ts";
import type { MessageSession } from "../../../src/github/service.ts";
import { json, type Scripted, SERVICE_URL, Wire } from "./wire.ts";

const QUEUE = "https://queue.example.com/messages?sessionId=s-1&sig=a%20b%2B";
const SESSION = {
  sessionId: "s-1",
  ownerName: "me",
  runnerScaleSet: { id: 7, name: "linux" },
  messageQueueUrl: QUEUE,
  messageQueueAccessToken: "queue-1",
  statistics: { totalAssignedJobs: 2, totalRunningJobs: 1 },
};
const RENEWED = { ...SESSION, messageQueueAccessToken: "queue-2" };
const MESSAGE = { messageId: 5, messageType: "RunnerScaleSetJobMessages", body: "[]", statistics: null };

async function opened(): Promise<{ wire: Wire; session: MessageSession }> {
  const wire = new Wire().script(json(200, SESSION));
  const session = await wire.result(wire.connect().openSession(7, "me"));
  wire.requests.length = 0;
  return { wire, session };
}

test("a session knows its id and the figures of its beginning", async () => {
  const { session } = await opened();
  assert.equal(session.id, "s-1");
  assert.equal(session.statistics?.totalAssignedJobs, 2);
  assert.equal(session.statistics?.totalIdleRunners, 0);
  assert.equal(session.scaleSet?.name, "linux");
});

test("a poll carries the capacity and the queue's token, and no cursor at first", async () => {
  const { wire, session } = await opened();
  wire.script({ status: 202 });
  assert.equal(await wire.result(session.poll({ capacity: 10 })), undefined);
  const [request] = wire.calls;
  assert.equal(request!.method, "GET");
  assert.equal(request!.url, QUEUE);
  assert.equal(request!.headers["authorization"], "Bearer queue-1");
  assert.equal(request!.headers["accept"], "application/json; api-version=6.0-preview");
  assert.equal(request!.headers["x-scalesetmaxcapacity"], "10");
});

test("the id of the message just handled is the cursor, and a message is deleted below the queue's path", async () => {
  const { wire, session } = await opened();
  wire.script(json(200, MESSAGE), { status: 202 });
  assert.deepEqual(await wire.result(session.poll({ capacity: 1, lastMessageId: 4 })), { id: 5, events: [] });
  assert.equal(wire.calls[0]!.url, `${QUEUE}&lastMessageId=4`);
  wire.script({ status: 204 });
  await wire.result(session.deleteMessage(5));
  const { method, url } = wire.calls.at(-1)!;
  assert.deepEqual([method, url], ["DELETE", "https://queue.example.com/messages/5?sessionId=s-1&sig=a%20b%2B"]);
});

test("a poll that fails is not repeated here", async () => {
  const { wire, session } = await opened();
  wire.script(json(503, {}));
  assert.ok(ServiceError.is(await wire.failure(session.poll({ capacity: 1 })), "Unavailable"));
  assert.equal(wire.calls.length, 1);
});

test("a long poll has five minutes", async () => {
  const { wire, session } = await opened();
  wire.script("silence");
  const before = wire.clock.monotonic();
  await wire.failure(session.poll({ capacity: 1 }));
  assert.equal(wire.clock.monotonic() - before, 300_000);
});

for (
  const [name, use] of Object.entries<(session: MessageSession) => Promise<unknown>>({
    "a poll": (session) => session.poll({ capacity: 1 }),
    "a deletion": (session) => session.deleteMessage(5),
    "an acquisition": (session) => session.acquire([1]),
  })
) {
  test(`${name} renews a queue token that has run out, once`, async () => {
    const { wire, session } = await opened();
    wire.script({ status: 401 }, json(200, RENEWED), json(200, name === "a poll" ? MESSAGE : { value: [] }));
    await wire.result(use(session));
    const [, renewal, again] = wire.calls;
    assert.equal(
      `${renewal!.method} ${new URL(renewal!.url).pathname}`,
      `PATCH ${new URL(SERVICE_URL).pathname}/_apis/runtime/runnerscalesets/7/sessions/s-1`,
    );
    assert.match(renewal!.headers["authorization"]!, /^Bearer eyJ/);
    assert.equal(again!.headers["authorization"], "Bearer queue-2");
    assert.equal(wire.calls.length, 3);
  });
}

test("calls that find the token run out at the same time share one renewal", async () => {
  const { wire, session } = await opened();
  const no: Scripted = { status: 401 };
  wire.script(no, no, json(200, RENEWED), { status: 204 });
  await wire.result(Promise.all([session.deleteMessage(5), session.deleteMessage(6)]));
  assert.equal(wire.calls.filter(({ method }) => method === "PATCH").length, 1);
});

test("a 401 that stays is an error", async () => {
  const { wire, session } = await opened();
  wire.script({ status: 401 }, json(200, RENEWED), { status: 401 });
  assert.ok(ServiceError.is(await wire.failure(session.poll({ capacity: 1 })), "Unauthorized"));
});

test("a queue or a session that is gone asks for a new session", async () => {
  const { wire, session } = await opened();
  wire.script({ status: 404, text: "gone" });
  assert.ok(ServiceError.is(await wire.failure(session.poll({ capacity: 1 })), "SessionNotFound"));
  assert.ok(ServiceError.is(await wire.failure(session.refresh()), "SessionNotFound"));
  await wire.result(session.deleteMessage(5));
  await wire.result(session.close());
});

test("jobs are acquired with the queue's token on the service's URL", async () => {
  const { wire, session } = await opened();
  wire.script(json(200, { count: 1, value: [11] }));
  assert.deepEqual(await wire.result(session.acquire([11, 12])), [11]);
  const [request] = wire.calls;
  assert.equal(request!.url, `${SERVICE_URL}/_apis/runtime/runnerscalesets/7/acquirejobs?api-version=6.0-preview`);
  assert.equal(request!.headers["authorization"], "Bearer queue-1");
  assert.equal(request!.body, "[11,12]");
});

test("a server whose router knows no acquirejobs assigns by itself", async () => {
  const { wire, session } = await opened();
  wire.script({ status: 404, text: "404 page not found" });
  assert.equal(await wire.result(session.acquire([11])), undefined);
});

test("a session is taken over by the service of other credentials: the same queue, renewed in their name", async () => {
  const { wire, session } = await opened();
  const other = new Wire();
  const taken = other.connect().resume!(session);
  assert.equal(taken.id, "s-1");
  assert.equal(taken.statistics?.totalAssignedJobs, 2);
  other.script({ status: 401 }, json(200, RENEWED), { status: 202 });
  await other.result(taken.poll({ capacity: 1 }));
  assert.equal(other.calls[0]!.headers["authorization"], "Bearer queue-1");
  assert.equal(other.calls.at(-1)!.headers["authorization"], "Bearer queue-2");
  assert.equal(wire.calls.length, 0, "the former credentials are not used");
});
