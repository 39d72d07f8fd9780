/** The same seed is the same run, byte for byte: what a random failure names can be seen again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SimSystem, type SystemOptions } from "../support/sim_system.ts";

interface Run {
  readonly text: string;
  readonly digest: string;
  readonly faults: number;
}

/** A system among faults of every kind, for a while. */
async function run(seed: number, listenerMode: SystemOptions["listenerMode"]): Promise<Run> {
  let result: Run | undefined;
  const options: SystemOptions = { seed, listenerMode, faults: "all", faultGapMs: 600, behaviour: "drawn" };
  await SimSystem.story({ ...options, leaderElection: true, controllers: 2 }, async (system) => {
    await system.scaleSet("linux", { maxRunners: 20, minRunners: 1 });
    system.world.faults.start();
    for (let job = 0; job < 12; job++) {
      system.queueJobs("linux", 1);
      await system.run(1_000);
    }
    const { timeline, faults } = system.world;
    const said = system.said.map(({ text }) => text).join("");
    result = { text: timeline.text() + said, digest: timeline.digest, faults: faults.fired.size };
  });
  return result!;
}

for (const listenerMode of ["pod", "embedded"] as const) {
  test(`the same seed, the same timeline: ${listenerMode}`, async () => {
    const [first, second, other] = [await run(7, listenerMode), await run(7, listenerMode), await run(8, listenerMode)];
    assert.ok(first.faults >= 5, `only ${first.faults} kinds of faults`);
    assert.ok(first.text.split("\n").length > 500);
    assert.equal(firstDifference(first.text, second.text), undefined);
    assert.equal(first.digest, second.digest);
    assert.notEqual(first.digest, other.digest);
  });
}

function firstDifference(a: string, b: string): string | undefined {
  const others = b.split("\n");
  const at = a.split("\n").findIndex((line, index) => line !== others[index]);
  return at < 0 ? undefined : `line ${at}: ${a.split("\n")[at]} | ${others[at]}`;
}
