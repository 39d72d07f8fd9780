import assert from "node:assert/strict";
import { test } from "node:test";
import { planOf } from "./plan.ts";
import { REGRESSIONS } from "./regressions.ts";
import { runWorld } from "./run_world.ts";

for (const { wrong, seed, faults } of REGRESSIONS) {
  test(wrong, async () => {
    const { violation } = await runWorld({ ...planOf(seed, []), faults });
    assert.equal(violation, undefined, `seed ${seed}: ${violation}`);
  });
}

test("a world is the same each time, to the byte", async () => {
  const plan = { ...planOf(7, []), faults: REGRESSIONS[1]!.faults };
  const first = await runWorld(plan, { timelineLines: 10 });
  const again = await runWorld(plan, { timelineLines: 10 });
  assert.equal(again.digest, first.digest);
  const untold = await runWorld(plan);
  assert.deepEqual([untold.atMs, untold.figures], [first.atMs, first.figures], "and told or not, it is the same");
});
