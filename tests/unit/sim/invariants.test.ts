import assert from "node:assert/strict";
import { test } from "node:test";
import { type JitRecord, type JobRecord, ServiceLedger } from "../../../src/sim/actions_service/ledger.ts";
import { type Books, percentile, runnerUse, violationsOf } from "../../../src/sim/invariants.ts";
import { KubeletLedger, type PodRecord } from "../../../src/sim/kubelet/ledger.ts";
import { table } from "../../support/table.ts";

/** The books of one job on one runner: queued at 0, started at 10, completed at 20. */
function books(
  change: { job?: Partial<JobRecord>; jit?: Partial<JitRecord>; pods?: readonly Partial<PodRecord>[] } = {},
): Books {
  const service = new ServiceLedger();
  const kubelet = new KubeletLedger();
  service.jobs.set("job", {
    id: "job",
    labels: ["linux"],
    queuedAt: 0,
    scaleSetId: 1,
    assignedAt: 0,
    startedAt: 10,
    completedAt: 20,
    result: "succeeded",
    runners: [1],
    givenBack: 0,
    lost: false,
    startedEvents: 1,
    completedEvents: 1,
    ...change.job,
  });
  for (const [index, pod] of (change.pods ?? [{}]).entries()) {
    const agentId = index + 1;
    const jobId = index === 0 ? "job" : undefined;
    const name = `runner-${agentId}`;
    const jit = { agentId, name, scaleSetId: 1, createdAt: 0, containerStarts: 1, jobId, removedBy: undefined };
    service.jits.set(agentId, { ...jit, removedAt: index === 0 ? 20 : undefined, ...change.jit });
    kubelet.pods.set(String(agentId), {
      uid: String(agentId),
      namespace: "ns",
      name,
      role: "runner",
      seenAt: 0,
      node: "node-1",
      startedAt: 5,
      toldToEndAt: undefined,
      endedAt: undefined,
      exitCode: undefined,
      reason: undefined,
      agentId,
      jobId,
      disturbedBy: undefined,
      removedAt: undefined,
      ...pod,
    });
  }
  return { service, kubelet, now: 100 };
}

const LIMITS = [{ scaleSetId: 1, maxRunners: 1, patienceMs: 10 }];

table<{ books: Books; says: RegExp | undefined }>("what must always hold", {
  "a job that ran once is fine": { books: books(), says: undefined },
  "a job that was reported started twice": { books: books({ job: { startedEvents: 2 } }), says: /started 2 times/ },
  "a job that was reported completed twice": {
    books: books({ job: { completedEvents: 2 } }),
    says: /completed 2 times/,
  },
  "a job that succeeded without a runner": { books: books({ job: { runners: [] } }), says: /no runner had it/ },
  "a job that was lost for no reason": {
    books: books({ job: { lost: true } }),
    says: /runner-1, and no fault explains/,
  },
  "a job that was lost with its node is fine": {
    books: books({ job: { lost: true }, pods: [{ disturbedBy: "NodeLost" }] }),
    says: undefined,
  },
  "a job that waited too long": { books: books({ job: { startedAt: 11 } }), says: /waited 11 ms/ },
  "a job that still waits too long": {
    books: books({ job: { startedAt: undefined, completedAt: undefined, result: undefined } }),
    says: /waited 100 ms/,
  },
  "two runners at once where one is allowed": {
    books: books({ pods: [{}, { startedAt: 15 }] }),
    says: /2 runners at once/,
  },
  "the next runner after the job's end is fine": { books: books({ pods: [{}, { startedAt: 20 }] }), says: undefined },
  "a surplus runner that was told to end holds no slot": {
    books: books({ pods: [{ startedAt: 8 }, { startedAt: 5, toldToEndAt: 8 }] }),
    says: undefined,
  },
}, ({ books, says }) => {
  const wrong = violationsOf(books, LIMITS);
  if (says) assert.match(wrong.join("; "), says);
  else assert.deepEqual(wrong, []);
});

test("what the ledgers noted themselves is a violation", () => {
  const noted = books();
  noted.service.violate("twice");
  noted.kubelet.violations.push("deleted");
  assert.deepEqual(violationsOf(noted), ["twice", "deleted"]);
});

test("how runners were used", () => {
  assert.deepEqual(runnerUse(books({ pods: [{}, {}] })), { made: 2, withJob: 1, idle: 1, disturbed: 0, unused: 0 });
  assert.equal(runnerUse(books(), 2).made, 0);
});

table("percentile", {
  "of nothing": { values: [], percent: 50, is: undefined },
  "the median of three": { values: [3, 1, 2], percent: 50, is: 2 },
  "the 95th of a hundred": { values: Array.from({ length: 100 }, (_, index) => index + 1), percent: 95, is: 95 },
  "the lowest": { values: [5, 4], percent: 0, is: 4 },
}, ({ values, percent, is }) => assert.equal(percentile(values, percent), is));
