/**
 * What the worlds of chaos do not come to is seen in a scenario: what all scenarios have decided, against the list of
 * such decisions. The notes are those of a run of the scenarios, in the folder that ARC_DECISIONS names: tests/run.ts
 * names one for its own run.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { before, test } from "node:test";
import { addTo, ELSEWHERE, possibleDecisions } from "../support/decisions.ts";

const HOW = "`npm test -- scenario` makes them, and ARC_DECISIONS=FOLDER names the folder of an earlier run";
const taken = new Map<string, number>();

before(() => {
  const folder = process.env.ARC_DECISIONS ?? "";
  assert.ok(folder, `there are no notes of what was decided: ${HOW}`);
  for (const file of readdirSync(folder)) addTo(taken, new Map(JSON.parse(readFileSync(join(folder, file), "utf8"))));
  assert.ok(taken.size > 0, `there are no notes in ${folder}: ${HOW}`);
});

test("each decision that chaos does not come to is taken in a scenario", () => {
  const missing = Object.keys(ELSEWHERE).filter((decision) => !taken.get(decision));
  assert.deepEqual(missing, [], `no scenario takes ${missing.join(", ")}: tests/scenario needs one that does`);
});

test("the list of decisions has all that were taken", () => {
  const possible = new Set(possibleDecisions());
  // Work that is under way or has to wait gives its word to what waits for it.
  const unknown = [...taken.keys()].filter((decision) =>
    !possible.has(decision) && !possible.has(decision.replace(/-later$/, "")) && !/[A-Z]/.test(decision)
  );
  assert.deepEqual(unknown, [], `tests/support/decisions.ts does not find ${unknown.join(", ")} in src/controllers`);
});

test("what is said to be elsewhere is a decision, and why is said", () => {
  const possible = possibleDecisions();
  for (const [decision, why] of Object.entries(ELSEWHERE)) {
    assert.ok(possible.includes(decision), `nothing in src/controllers decides ${decision}`);
    assert.match(why, /^[A-Z].{20,}\.$/, `${decision}: one sentence that says why chaos does not come to it`);
  }
});
