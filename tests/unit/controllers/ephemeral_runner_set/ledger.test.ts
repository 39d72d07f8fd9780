/** What is remembered of a set's runners, and that it is forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ledger } from "../../../../src/controllers/ephemeral_runner_set/ledger.ts";
import { waitsOf } from "../../../../src/controllers/shared/waits.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { JOB, runner } from "../../../support/builders.ts";
import { online } from "../../../support/runner_cases.ts";

test("a set that has gone is forgotten, also when a runner of it changes afterwards", () => {
  const ledger = new Ledger(new VirtualClock(), waitsOf());
  const before = online(JOB);
  ledger.note({ after: before });
  assert.equal(ledger.size, 1);
  ledger.keep(() => false);
  assert.equal(ledger.size, 0);
  ledger.note({ before, after: { ...before, metadata: { ...before.metadata, labels: {} } } });
  ledger.note({ before: runner(JOB), after: undefined });
  assert.equal(ledger.size, 1, "it is still at its job");
  ledger.keep(() => true);
  assert.equal(ledger.size, 1);
  ledger.keep(() => false);
  assert.equal(ledger.size, 0);
});
