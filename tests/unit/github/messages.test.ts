import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { envelopeSchema, readMessage } from "../../../src/github/messages.ts";
import { table } from "../../support/table.ts";

const ZERO = "0001-01-01T00:00:00Z";
const JOB = {
  runnerRequestId: 11,
  repositoryName: "api",
  ownerName: "acme",
  jobId: "job-1",
  jobWorkflowRef: "acme/api/.github/workflows/ci.yml@refs/heads/main",
  jobDisplayName: "build",
  workflowRunId: 99,
  eventName: "push",
  requestLabels: ["linux"],
  queueTime: "2026-01-01T00:00:01Z",
  scaleSetAssignTime: "2026-01-01T00:00:02.5Z",
  runnerAssignTime: ZERO,
  finishTime: ZERO,
};
const FACTS = {
  requestId: 11,
  jobId: "job-1",
  repositoryName: "api",
  ownerName: "acme",
  workflowRef: "acme/api/.github/workflows/ci.yml@refs/heads/main",
  displayName: "build",
  workflowRunId: 99,
  eventName: "push",
  labels: ["linux"],
  queuedAt: Date.UTC(2026, 0, 1, 0, 0, 1),
  scaleSetAssignedAt: Date.UTC(2026, 0, 1, 0, 0, 2, 500),
};
const EMPTY_FACTS = {
  requestId: 0,
  jobId: "",
  repositoryName: "",
  ownerName: "",
  workflowRef: "",
  displayName: "",
  workflowRunId: 0,
  eventName: "",
  labels: [],
};
const STATISTICS = {
  totalAvailableJobs: 0,
  totalAcquiredJobs: 0,
  totalAssignedJobs: 3,
  totalRunningJobs: 2,
  totalRegisteredRunners: 0,
  totalBusyRunners: 0,
  totalIdleRunners: 0,
};

function read(wire: unknown) {
  return readMessage(envelopeSchema.parse(wire));
}

const envelope = (items: unknown, more: object = {}) => ({
  messageId: 5,
  messageType: "RunnerScaleSetJobMessages",
  body: typeof items === "string" ? items : JSON.stringify(items),
  ...more,
});

table("messages", {
  "each type of event": {
    wire: envelope([
      { ...JOB, messageType: "JobAvailable", acquireJobUrl: "https://x" },
      { ...JOB, messageType: "JobAssigned" },
      { ...JOB, messageType: "JobStarted", runnerId: 42, runnerName: "r1" },
      { ...JOB, messageType: "JobCompleted", runnerId: 42, runnerName: "r1", result: "succeeded" },
    ]),
    events: [
      { type: "available", acquireUrl: "https://x", ...FACTS },
      { type: "assigned", ...FACTS },
      { type: "started", runnerId: 42, runnerName: "r1", ...FACTS },
      { type: "completed", runnerId: 42, runnerName: "r1", result: "succeeded", ...FACTS },
    ],
  },
  "null everywhere": {
    wire: envelope([{
      ...Object.fromEntries(Object.keys(JOB).map((key) => [key, null])),
      messageType: "JobCompleted",
      result: null,
    }], { statistics: null }),
    events: [{ type: "completed", runnerId: 0, runnerName: "", result: "", ...EMPTY_FACTS }],
  },
  "nothing but a type": {
    wire: envelope([{ messageType: "JobAssigned" }]),
    events: [{ type: "assigned", ...EMPTY_FACTS }],
  },
  "an unknown item among known ones": {
    wire: envelope([{ messageType: "JobSang" }, { ...JOB, messageType: "JobAssigned" }]),
    events: [{ type: "assigned", ...FACTS }],
    leftOut: ['an item of type "JobSang"'],
  },
  "an item that can't be read": {
    wire: envelope([{ ...JOB, messageType: "JobAssigned", workflowRunId: "ninety" }, 5]),
    events: [],
    leftOut: ["an item with an unreadable field workflowRunId", "an item that is no object"],
  },
  "an unknown envelope": {
    wire: { messageId: 5, messageType: "Song", body: "[1]" },
    events: [],
    leftOut: ['a message of type "Song"'],
  },
  "an empty body": { wire: envelope(""), events: [] },
  "a body that is no JSON": { wire: envelope("{"), events: [], leftOut: ["a body that is no JSON array"] },
  "a body that is no array": { wire: envelope("{}"), events: [], leftOut: ["a body that is no JSON array"] },
  "no body": { wire: { messageId: 5, messageType: "RunnerScaleSetJobMessages" }, events: [] },
} as Record<string, { wire: unknown; events: unknown[]; leftOut?: string[] }>, ({ wire, events, leftOut = [] }) => {
  const result = read(wire);
  assert.deepEqual(result.message, { id: 5, events });
  assert.deepEqual(result.leftOut, leftOut);
});

test("statistics are read with a message, and fields that are not known are dropped", () => {
  const wire = envelope([], { statistics: { totalAssignedJobs: 3, totalRunningJobs: 2, totalDreams: 9 } });
  assert.deepEqual(read(wire).message.statistics, STATISTICS);
});

test("a batch of fifty", () => {
  const items = Array.from({ length: 50 }, (_, i) => ({ ...JOB, messageType: "JobAssigned", jobId: `job-${i}` }));
  assert.equal(read(envelope(items)).message.events.length, 50);
});

test("no body breaks the reading: every item is an event or is told as left out", () => {
  const type = fc.constantFrom("JobAvailable", "JobAssigned", "JobStarted", "JobCompleted", "JobSang");
  const item = fc.oneof(
    fc.jsonValue(),
    fc.record({ messageType: type, jobId: fc.jsonValue(), runnerId: fc.jsonValue() }, {
      requiredKeys: ["messageType"],
    }),
    fc.record({ messageType: type, queueTime: fc.oneof(fc.string(), fc.date().map(String)) }),
  );
  fc.assert(fc.property(fc.array(item, { maxLength: 60 }), (items) => {
    const { message, leftOut } = read(envelope(items));
    assert.equal(message.events.length + leftOut.length, items.length);
  }));
});

test("no text breaks the reading", () => {
  fc.assert(fc.property(fc.string(), (body) => {
    assert.equal(read(envelope(body)).message.id, 5);
  }));
});
