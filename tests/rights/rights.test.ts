/**
 * RBAC is exactly what is used: what audit logs of the cluster tests have seen, against what the charts grant. The notes
 * are those of a run of the cluster tests, in the folder that ARC_RIGHTS names: tests/run.ts names one for its own run.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { whyNoHelm } from "../support/charts.ts";
import { grantedRights } from "../support/granted.ts";
import { notedRights } from "../support/rights.ts";
import { judgeUse } from "../support/rights_judge.ts";
import { REASONS } from "../support/rights_reasons.ts";

const HOW = "`npm test -- cluster rights` makes them, and ARC_RIGHTS=FOLDER names the folder of an earlier run";

test("nothing is granted that no test needs, without a reason, and nothing is refused", () => {
  const folder = process.env.ARC_RIGHTS ?? "";
  assert.ok(folder, `there are no notes of what was used: ${HOW}`);
  const used = notedRights(folder);
  assert.ok(used.length > 0, `there are no notes in ${folder}: ${HOW}`);
  assert.equal(whyNoHelm(), undefined, "the charts can't be rendered");
  for (const who of ["controller", "listener"]) {
    assert.ok(used.some((use) => use.who === who), `the notes in ${folder} know nothing of a ${who}: ${HOW}`);
  }
  const wrong = judgeUse(grantedRights(), used, REASONS);
  assert.deepEqual(wrong, [], wrong.join("\n"));
});
