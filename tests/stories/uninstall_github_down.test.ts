/**
 * Everything is uninstalled while GitHub can't be reached. What has a job finishes it; then GitHub is waited for as
 * long as the time-box says, and no longer: the cluster is clean, and events name what may remain at GitHub.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { pathOf } from "../../src/k8s/resource.ts";
import { assertEachJobOnce, recordsOf } from "../support/books.ts";
import { whyNoControlPlane } from "../support/control_plane.ts";
import { eventually } from "../support/eventually.ts";
import { Story } from "../support/story.ts";

const SEED = Number(process.env.SEED ?? 171);
const TIME_BOX_MS = 300_000;
/** Tries, the job's end, and a busy machine. */
const MORE_MS = 90_000;
const SETS = [{ name: "working", min: 0, max: 5 }, { name: "waiting", min: 1, max: 5 }];

test("story: uninstalled while GitHub is down", { skip: whyNoControlPlane() ?? false }, async () => {
  console.log(`uninstalled while GitHub is down (seed ${SEED})`);
  const it = await Story.begin("uninstall", { seed: SEED, sets: SETS, doors: true });
  const { cluster } = it;
  try {
    it.burst(2, { set: "working", durationMs: [20_000, 25_000] });
    await it.flow(2);
    await eventually("the jobs are known, and a runner waits", async () => {
      const runners = await cluster.list(EPHEMERAL_RUNNERS);
      return runners.length === 3 && runners.every(({ status }) => status?.phase === "Running") &&
        runners.filter(({ status }) => status?.jobId !== undefined).length === 2;
    });
    it.doors!.github.set("refused");
    const began = Date.now();
    for (const { name } of SETS) {
      await cluster.plane.call("DELETE", pathOf(AUTOSCALING_RUNNER_SETS, "arc-runners", name));
    }
    await it.done();
    assert.deepEqual(recordsOf(cluster, it.jobs).map(({ result }) => result), ["succeeded", "succeeded"]);
    it.note("both jobs had ended after", `${it.secondsSince(began)} s`);
    const isThere = async (name: string) =>
      (await cluster.list(AUTOSCALING_RUNNER_SETS)).some(({ metadata }) => metadata.name === name);
    for (const { name } of SETS) {
      await eventually(`${name} is gone`, async () => !(await isThere(name)), TIME_BOX_MS + MORE_MS);
      it.note(`${name} was gone after`, `${it.secondsSince(began)} s`);
      assert.ok(it.secondsSince(began) * 1000 >= TIME_BOX_MS - 5_000, "GitHub was waited for");
    }
    assert.ok(
      it.secondsSince(began) * 1000 <= TIME_BOX_MS + MORE_MS + 30_000,
      "once, for runners and scale set together",
    );
    assert.deepEqual(await cluster.list(EPHEMERAL_RUNNERS), []);
    // events need a right that this chart gives with leader election only; the log has them all
    const told = (reason: string) =>
      it.controller.log().split("\n").filter((line) => line.includes(`"reason":"${reason}"`));
    for (const { name } of SETS) {
      const remains = told("ScaleSetMayRemain").filter((line) => line.includes(`"name":"${name}"`));
      assert.equal(remains.length, 1, "it is told once");
      assert.match(remains[0]!, new RegExp(`scale set ${it.setId(name)} could not be deleted`));
    }
    const [registration] = cluster.service.registrations();
    const named = told("CleanupIncomplete").filter((line) => line.includes(registration!.name));
    assert.equal(named.length, 1, `the registration of ${registration!.name} is named`);

    it.doors!.github.set("open");
    // what the charts made for them
    await cluster.deleteScaleSets();
    const left = [
      ...SETS.map(({ name }) => `scale set ${name} at the service`),
      `registration ${registration!.name} at the service`,
    ];
    await eventually("sessions that nobody could close end by themselves", async () => {
      return (await cluster.leftovers()).length === left.length;
    }, 90_000).catch(async (error) => assert.deepEqual(await cluster.leftovers(), left, String(error)));
    assert.deepEqual((await cluster.leftovers()).sort(), left.sort(), "what the events name, no more");
    assertEachJobOnce(cluster, it.jobs);
    assert.deepEqual(await it.controller.stop("SIGTERM"), { code: 0, signal: null }, it.controller.logTail());
  } catch (error) {
    console.log(`seed ${SEED}; the controller's last lines:\n${it.controller.logTail(60)}`);
    throw error;
  } finally {
    await it.stop();
  }
});
