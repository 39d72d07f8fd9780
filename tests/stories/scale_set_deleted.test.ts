/** Somebody deletes the scale set at GitHub while jobs run: it is made again, and its jobs find it. */
import assert from "node:assert/strict";
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { ANNOTATIONS } from "../../src/api/names.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

/** The longest back-offs on the way: of a session 30 s and a fifth, of a look at the scale set 30 s. */
const RECOVERY_SECONDS = 60;

story("the scale set is deleted at GitHub", {
  seed: 161,
  sets: [{ name: "story", min: 2, max: 30 }],
}, async (it) => {
  const { cluster } = it;
  const { service } = cluster;
  it.work({ durationMs: [1000, 5000] });
  await it.flow();
  for (const time of ["once", "twice"]) {
    const id = it.setId();
    const began = Date.now();
    service.controls.forgetScaleSet(id);
    const fresh = await eventually("there is another one, and somebody listens to it", async () => {
      const found = service.scaleSets().find(({ name }) => name === "story");
      return found?.sessionOwner !== undefined && found.id;
    }, 90_000);
    assert.notEqual(fresh, id);
    it.note(`deleted ${time}: listened to again after`, `${it.secondsSince(began)} s`);
    await it.flow(5);
    const seconds = it.secondsSince(began);
    it.note("five jobs started after", `${seconds} s`);
    assert.ok(seconds <= RECOVERY_SECONDS, `${seconds} s`);
    const [set] = await cluster.list(AUTOSCALING_RUNNER_SETS);
    assert.equal(set?.metadata.annotations?.[ANNOTATIONS.scaleSetId], String(fresh), "the object says its id");
  }
  assert.equal(service.scaleSets().length, 1, "no second one is made");
  it.stopWork();
  await it.done();
  await eventually("all runners are of the scale set that there is", async () => {
    const there = await cluster.list(EPHEMERAL_RUNNERS);
    return there.length === 2 && there.every(({ spec }) => spec?.runnerScaleSetId === it.setId());
  }, 60_000);
});
