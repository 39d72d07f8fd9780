import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError, type ServiceErrorKind } from "../../../src/github/errors.ts";
import { userAgentText } from "../../../src/github/user_agent.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { table } from "../../support/table.ts";
import { IDS, json, type Scripted, Wire } from "./wire.ts";

const SCALE_SET = { id: 7, name: "linux" };
const OK = json(200, SCALE_SET);

test("the User-Agent is JSON with its keys in order", () => {
  const agent = { version: "0.14.2", commit: "2ee6b3b", subsystem: "ghalistener" } as const;
  const expected = '{"system":"actions-runner-controller","version":"0.14.2","commit_sha":"2ee6b3b","scale_set_id":7,' +
    '"subsystem":"ghalistener","build_version":"0.14.2","build_commit_sha":"2ee6b3b","kind":"scaleset"}';
  assert.equal(userAgentText(agent, 7), expected);
  assert.equal(JSON.parse(userAgentText(agent)).scale_set_id, 0);
});

test("every call says version, content type and who we are", async () => {
  const wire = new Wire().script(OK);
  await wire.result(wire.connect().getScaleSet(9));
  const { url, headers } = wire.calls[0]!;
  assert.equal(new URL(url).searchParams.get("api-version"), "6.0-preview");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(JSON.parse(headers["user-agent"]!).scale_set_id, 9);
  for (const request of wire.requests) assert.ok(request.headers["user-agent"], request.url);
});

const BAD_GATEWAY = { status: 502, text: "<html>bad</html>" };
const reset = () => new TransportError("reset", "connection reset by peer");

table("tries", {
  "good at once": { script: [OK], calls: 1, waitedMs: [0, 0] },
  "a lost connection": { script: [reset(), OK], calls: 2, waitedMs: [800, 1000] },
  "500": { script: [json(500, {}), OK], calls: 2, waitedMs: [800, 1000] },
  "502 with HTML, three times": {
    script: [BAD_GATEWAY, BAD_GATEWAY, BAD_GATEWAY, OK],
    calls: 4,
    waitedMs: [5600, 7000],
  },
  "429 that names a time": {
    script: [{ status: 429, headers: { "retry-after": "7" } }, OK],
    calls: 2,
    waitedMs: [7000, 7000],
  },
  "503 that names a time": {
    script: [{ status: 503, headers: { "retry-after": "3" } }, OK],
    calls: 2,
    waitedMs: [3000, 3000],
  },
} as Record<string, { script: Scripted[]; calls: number; waitedMs: [number, number] }>, async (example) => {
  const wire = new Wire().script(...example.script);
  assert.equal((await wire.result(wire.connect().getScaleSet(7))).id, 7);
  assert.equal(wire.calls.length, example.calls);
  const waited = wire.clock.monotonic();
  assert.ok(waited >= example.waitedMs[0] && waited <= example.waitedMs[1], `waited ${waited} ms`);
});

table("what is given up", {
  "500 for good": { script: json(500, {}), kind: "Unavailable", calls: 5 },
  "429 for good": { script: { status: 429 }, kind: "RateLimited", calls: 5 },
  "429 with an hour to wait": {
    script: { status: 429, headers: { "retry-after": "3600" } },
    kind: "RateLimited",
    calls: 1,
  },
  "501": { script: json(501, {}), kind: "Unavailable", calls: 1 },
  "no connection for good": { script: reset(), kind: "Unavailable", calls: 5 },
  "a certificate that is not trusted": {
    script: new TransportError("tls", "self-signed"),
    kind: "Unavailable",
    calls: 1,
  },
  "no answer": { script: "silence", kind: "Unavailable", calls: 1 },
  "400": { script: json(400, { message: "no" }), kind: "BadRequest", calls: 1 },
  "403": { script: json(403, { message: "no" }), kind: "Forbidden", calls: 1 },
  "404": { script: json(404, { message: "no" }), kind: "ScaleSetNotFound", calls: 1 },
  "no JSON": { script: { status: 200, text: "hello" }, kind: "BadReply", calls: 1 },
  "another shape": { script: json(200, { id: "seven" }), kind: "BadReply", calls: 1 },
} as Record<string, { script: Scripted; kind: ServiceErrorKind; calls: number }>, async ({ script, kind, calls }) => {
  const wire = new Wire().script(script);
  const error = await wire.failure(wire.connect().getScaleSet(7));
  assert.ok(ServiceError.is(error), String(error));
  assert.equal(error.kind, kind, error.message);
  assert.equal(wire.calls.length, calls);
  assert.equal(wire.clock.pendingTimers, 0);
});

test("a call that hangs is given up after 30 s", async () => {
  const wire = new Wire().script("silence");
  await wire.failure(wire.connect().getScaleSet(7));
  assert.equal(wire.clock.monotonic(), 30_000);
});

table("an error says what GitHub said, and the ids that its support asks for", {
  "JSON of the service": {
    answer: json(400, { typeName: "GitHub.Services.WebApi.SomeException, GitHub", message: "It is\nso" }, IDS),
    message:
      "GET _apis/runtime/runnerscalesets/7 answered 400: GitHub.Services.WebApi.SomeException, GitHub: It is so " +
      "(ActivityId act-1, X-GitHub-Request-Id req-1)",
  },
  "with a byte order mark": {
    answer: { status: 400, text: '\ufeff{"message":"It is so"}', headers: IDS },
    message: "GET _apis/runtime/runnerscalesets/7 answered 400: It is so (ActivityId act-1, X-GitHub-Request-Id req-1)",
  },
  "plain text": {
    answer: { status: 400, text: "bad  gateway\n", headers: { "content-type": "text/plain" } },
    message: "GET _apis/runtime/runnerscalesets/7 answered 400: bad gateway",
  },
  "nothing": { answer: { status: 400 }, message: "GET _apis/runtime/runnerscalesets/7 answered 400" },
}, async ({ answer, message }) => {
  const wire = new Wire().script(answer);
  const error = await wire.failure(wire.connect().getScaleSet(7));
  assert.ok(ServiceError.is(error, "BadRequest"));
  assert.equal(error.message, message);
});

test("the way in carries the ids too, and no token", async () => {
  const wire = new Wire();
  wire.way.set("/registration-token", [json(401, { message: "Bad credentials" }, IDS)]);
  const error = await wire.failure(wire.connect().getScaleSet(7));
  assert.ok(ServiceError.is(error, "Unauthorized"));
  assert.match(error.message, /registration-token answered 401: Bad credentials .*req-1/);
  assert.ok(!JSON.stringify([error.message, error.fields]).includes("ghp_secret"));
});

test("a reply with a byte order mark is read", async () => {
  const wire = new Wire().script({ status: 200, text: `\ufeff${JSON.stringify(SCALE_SET)}` });
  assert.equal((await wire.result(wire.connect().getScaleSet(7))).name, "linux");
});

test("a signal ends a call, a wait between tries, and leaves no timer", async () => {
  const wire = new Wire().script("silence");
  const stop = new AbortController();
  const reason = new Error("enough");
  const hanging = wire.connect().getScaleSet(7, { signal: stop.signal }).catch((error) => error);
  await wire.clock.advance(10);
  stop.abort(reason);
  assert.equal(await hanging, reason);

  wire.script(json(500, {}));
  const again = new AbortController();
  const waiting = wire.connect().getScaleSet(7, { signal: again.signal }).catch((error) => error);
  await wire.clock.advance(100);
  again.abort(reason);
  assert.equal(await waiting, reason);
  assert.equal(wire.clock.pendingTimers, 0);
});
