import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VirtualClock } from "../../src/lib/virtual_clock.ts";
import { emptyReply } from "../../src/sim/http.ts";
import { ChaosProcess } from "./chaos_process.ts";
import { faultNames } from "./fault_table.ts";
import { MUTANTS } from "./mutants.ts";
import { chaosOptions } from "./options.ts";
import { planOf } from "./plan.ts";
import { covers, joined } from "./ranges.ts";
import { withFaults } from "./shrink.ts";

test("each fault of the table has a name of its own", () => {
  const names = faultNames().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test("a seed gives one plan, and what it is besides faults does not hang on their table", () => {
  assert.deepEqual(planOf(5, faultNames()), planOf(5, faultNames()));
  const { faults: _all, ...world } = planOf(5, faultNames());
  const { faults: none, ...same } = planOf(5, []);
  assert.deepEqual(same, world);
  assert.equal(none.length, 0);
});

test("faults that are kept are as they were", () => {
  const plan = planOf(2, faultNames());
  assert.deepEqual(withFaults(plan, [1, 0, 999]).faults, [plan.faults[1], plan.faults[0]]);
});

test("ranges that touch are one", () => {
  const ranges = joined(joined([[1, 100]], [201, 300]), [101, 150]);
  assert.deepEqual(ranges, [[1, 150], [201, 300]]);
  assert.ok(covers(ranges, 150) && covers(ranges, 201) && !covers(ranges, 151));
  assert.deepEqual(joined(ranges, [140, 220]), [[1, 300]]);
});

test("options: a number that is none is named", () => {
  assert.equal(chaosOptions(["--from", "7"], 2)?.from, 7);
  assert.equal(chaosOptions(["--help"], 2), undefined);
  assert.throws(() => chaosOptions(["--seeds", "many"], 2), /--seeds: many is no number/);
});

test("of the mutants at least fifteen, five of which are orderings", () => {
  assert.ok(MUTANTS.length >= 15);
  assert.ok(MUTANTS.filter(({ ordering }) => ordering).length >= 5);
});

test("each mutant changes one place of the program as it is", () => {
  for (const { name, file, find, also = [] } of MUTANTS) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    for (const edit of [{ find }, ...also]) assert.equal(text.split(edit.find).length, 2, `${name}: ${edit.find}`);
  }
});

test("a process that crashes before an answer has acted and never reads it; one that is stopped goes on later", async () => {
  const clock = new VirtualClock();
  let served = 0;
  const transport = () => {
    served++;
    return Promise.resolve(emptyReply(204));
  };
  const request = { method: "GET", url: "https://kube.sim/", headers: {}, signal: new AbortController().signal };
  const process = new ChaosProcess(clock);
  let answers = 0;
  const ask = () => void process.over(transport)(request).then(() => answers++, () => answers++);
  process.pause(1_000);
  ask();
  await clock.advance(999);
  assert.deepEqual([served, answers], [1, 0], "nothing is read while it stands still");
  await clock.advance(1);
  assert.equal(answers, 1);

  let crashed = false;
  process.crashAt("after", 2, () => crashed = true);
  ask();
  await clock.advance(10);
  assert.deepEqual([served, answers, crashed], [2, 2, false]);
  ask();
  await clock.advance(10);
  assert.deepEqual([served, answers, crashed], [3, 2, true]);
  ask();
  await clock.advance(10);
  assert.equal(served, 3, "a dead process sends nothing");
});
