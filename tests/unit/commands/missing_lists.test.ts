/** A controller that can't list what it works on says so, once for each kind and now and then for all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SimSystem } from "../../support/sim_system.ts";

test("a cluster without our definitions: each is named once, then one line reminds of all", async () => {
  await SimSystem.story({ crds: [] }, async (system) => {
    await system.run(20_000);
    const warned = () => system.said.filter(({ level, message }) => level === "warn" && message !== "event");
    const first = warned();
    assert.deepEqual([...new Set(first.map(({ message }) => message))], [
      "the watch does not come back; trying on",
    ]);
    assert.equal(first.length, 4, first.map(({ text }) => text).join(""));
    for (const { text } of first) assert.match(text, /does not know .*its custom resource definition is missing/);

    await system.run(3_600_000 - 20_000);
    const later = warned().slice(4);
    assert.deepEqual([...new Set(later.map(({ message }) => message))], ["waiting for a list"]);
    assert.match(
      later[0]?.text ?? "",
      /kinds="autoscalingrunnersets, ephemeralrunnersets, ephemeralrunners, autoscalinglisteners" why=.*definition/,
    );
    assert.ok(later.length >= 5 && later.length <= 12, `${later.length} reminders in an hour`);
  });
});
