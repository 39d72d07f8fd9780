/** What servers answer, or what answers in their place. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ServiceError } from "../../../src/github/errors.ts";
import { refusal } from "../../../src/github/http.ts";
import { envelopeSchema, readMessage } from "../../../src/github/messages.ts";
import { parsed } from "../../../src/github/parse.ts";
import { KubeError } from "../../../src/k8s/errors.ts";
import { resource } from "../../../src/k8s/resource.ts";
import { errorOfReply, statusOf } from "../../../src/k8s/status.ts";
import { eventOf, jsonOf, listOf } from "../../../src/k8s/wire.ts";
import { TransportError } from "../../../src/lib/http.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { altered, anyJson, anyText, fuzz, MARK, spoiled } from "../../support/fuzz.ts";

const JOB = {
  messageType: "JobStarted",
  runnerRequestId: 7,
  jobId: "job",
  repositoryName: "app",
  ownerName: "acme",
  jobWorkflowRef: "acme/app/.github/workflows/ci.yml@refs/heads/main",
  jobDisplayName: "build",
  workflowRunId: 12,
  eventName: "push",
  requestLabels: ["linux"],
  queueTime: "2026-01-01T00:00:00Z",
  scaleSetAssignTime: "0001-01-01T00:00:00Z",
  runnerAssignTime: "2026-01-01T00:00:01Z",
  finishTime: null,
  runnerId: 3,
  runnerName: "linux-runner-a",
  result: "succeeded",
};
const STATISTICS = { totalAssignedJobs: 2, totalRunningJobs: 1, totalBusyRunners: 1, totalIdleRunners: 0 };
const MESSAGE: fc.JsonValue = {
  messageId: 5,
  messageType: "RunnerScaleSetJobMessages",
  body: JSON.stringify([JOB]),
  statistics: STATISTICS,
};
const reply = (text: string) => ({ status: 200, headers: { activityid: "id" }, text, label: "GET message" });

fuzz("an answer with a message", {
  from: fc.oneof(
    anyText,
    spoiled(JSON.stringify(MESSAGE)),
    altered(MESSAGE).map((value) => JSON.stringify(value)),
    altered([JOB]).map((jobs) => JSON.stringify({ ...MESSAGE as object, body: JSON.stringify(jobs) })),
  ),
  read: (text) => readMessage(parsed(reply(text), envelopeSchema)),
  throws: [ServiceError],
  names: /^GET message answered 200 with something that can't be understood: .*ActivityId id/,
  holds({ message, leftOut }) {
    assert.ok(Number.isInteger(message.id));
    for (const event of message.events) {
      assert.ok(["available", "assigned", "started", "completed"].includes(event.type));
      assert.equal(typeof event.jobId, "string");
      assert.equal(typeof event.requestId, "number");
      assert.ok(event.labels.every((label) => typeof label === "string"));
      for (const at of [event.queuedAt, event.runnerAssignedAt, event.finishedAt]) {
        assert.ok(at === undefined || at > 0);
      }
    }
    for (const what of leftOut) assert.ok(what.length < 200 && !what.includes("\n"));
  },
});

const headers = fc.record({
  "retry-after": fc.oneof(anyText, fc.constantFrom("5", "9".repeat(400), "Wed, 21 Oct 2099 07:28:00 GMT", "-3")),
  "x-ratelimit-remaining": fc.constantFrom("0", "1", "x"),
  "activityid": anyText,
}, { requiredKeys: [] });
const status = fc.oneof(fc.constantFrom(301, 400, 401, 403, 404, 409, 410, 422, 429, 500, 501, 502, 503), fc.nat(999));
const SAID: fc.JsonValue = { typeName: "GitHub.AgentExistsException, x", message: "it exists" };

fuzz("a refusal of GitHub", {
  from: fc.tuple(status, headers, fc.oneof(anyText, altered(SAID).map((value) => JSON.stringify(value)))),
  read: ([code, given, text]) => refusal({ status: code, headers: given, text }, "POST x", {}, new VirtualClock()),
  holds(error, [code]) {
    assert.ok(error instanceof ServiceError && error.message.startsWith(`POST x answered ${code}`));
    assert.ok(error.message.length < 1_000 && !error.message.includes("\n"));
    const { retryAfterMs } = error.fields;
    assert.ok(retryAfterMs === undefined || (retryAfterMs >= 0 && Number.isFinite(retryAfterMs)), `${retryAfterMs}`);
  },
});

const KINDS = resource("example.com", "v1", "Gadget", "gadgets");
const GADGET = {
  metadata: { name: "a", namespace: "b", uid: "u", resourceVersion: "7", labels: { x: "y" } },
  spec: {},
};
const EVENT: fc.JsonValue = { type: "MODIFIED", object: GADGET };
const STATUS: fc.JsonValue = {
  kind: "Status",
  code: 422,
  reason: "Invalid",
  message: "no",
  details: { retryAfterSeconds: 3, causes: [{ reason: "x", field: "metadata.uid", message: "m" }] },
};

fuzz("a line of a watch", {
  from: fc.oneof(
    anyText,
    anyJson.map((value) => JSON.stringify(value)),
    spoiled(JSON.stringify(EVENT)),
    altered(EVENT).map((value) => JSON.stringify(value)),
    altered(STATUS).map((object) => JSON.stringify({ type: "ERROR", object })),
    altered({ type: "BOOKMARK", object: GADGET }).map((value) => JSON.stringify(value)),
  ),
  read: (line) => eventOf(KINDS, line, "watch /gadgets"),
  throws: [KubeError, TransportError],
  mayQuote: true,
  holds(event) {
    if (event.type === "BOOKMARK") return assert.equal(typeof event.resourceVersion, "string");
    const { metadata } = event.object;
    for (const field of ["name", "uid", "resourceVersion"] as const) {
      assert.equal(typeof metadata[field], "string", field);
    }
    assert.ok(metadata.namespace === undefined || typeof metadata.namespace === "string");
  },
});

fuzz("a line of a watch that breaks off in a secret", {
  from: fc.nat(90).map((length) =>
    `{"type":"ADDED","object":{"metadata":{},"data":"${MARK}","x":"${MARK}"}}`.slice(0, length)
  ),
  read: (line) => eventOf(KINDS, line, "watch /gadgets"),
  throws: [KubeError, TransportError],
});

fuzz("a list", {
  from: fc.oneof(
    anyText,
    anyJson.map((value) => JSON.stringify(value)),
    altered({ items: [GADGET, GADGET], metadata: { resourceVersion: "8", continue: "next" } }).map((value) =>
      JSON.stringify(value)
    ),
  ),
  read: (text) =>
    listOf(
      KINDS,
      jsonOf({ status: 200, headers: {}, text }, { method: "GET", path: "/gadgets", kind: "gadgets" }),
      "GET /gadgets",
    ),
  throws: [KubeError],
  names: /is this an API server\?/,
  holds(page) {
    assert.equal(typeof page.resourceVersion, "string");
    assert.ok(page.continue === undefined || typeof page.continue === "string");
    for (const { metadata, kind } of page.items) {
      assert.equal(typeof metadata.name, "string");
      assert.equal(typeof metadata.uid, "string");
      assert.ok(kind !== undefined);
    }
  },
});

fuzz("a refusal of the API server", {
  from: fc.tuple(status, headers, fc.oneof(anyText, altered(STATUS).map((value) => JSON.stringify(value)))),
  read: ([code, given, text]) => errorOfReply({ status: code, headers: given, text }, "GET /x"),
  holds(error) {
    assert.ok(error instanceof KubeError && typeof error.message === "string" && error.message !== "");
    assert.ok(error.retryAfterMs === undefined || (error.retryAfterMs >= 0 && Number.isFinite(error.retryAfterMs)));
    assert.equal(typeof error.reason, "string");
  },
});

fuzz("a Status", {
  from: fc.oneof(anyText, altered(STATUS).map((value) => JSON.stringify(value))),
  read: statusOf,
  holds: (found) => assert.ok(found === undefined || typeof found === "object"),
});
