/** The template changes three times under load: no job is disturbed, nobody stops listening, new runners are new. */
import assert from "node:assert/strict";
import { PODS, refOf } from "../../src/k8s/resource.ts";
import type { Pod, Stored } from "../../src/k8s/resource.ts";
import { editScaleSet, setTemplateVariable } from "../support/edit.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

const MIN = 4;

function templateOf({ spec }: Stored<Pod>): string | undefined {
  return spec?.containers?.[0]?.env?.find(({ name }) => name === "TEMPLATE")?.value;
}

story("the template changes under load", { seed: 141, sets: [{ name: "story", min: MIN, max: 30 }] }, async (it) => {
  const { cluster } = it;
  const { service, kubelet } = cluster;
  const pods = async () => (await cluster.list(PODS)).filter(({ metadata }) => metadata.namespace === "arc-runners");
  const sessions = service.ledger.sessions.length;
  it.work({ durationMs: [2000, 6000] });
  await it.flow();
  for (const value of ["1", "2", "3"]) {
    const began = Date.now();
    const before = new Set((await pods()).map((pod) => refOf(pod).uid));
    await editScaleSet(cluster, { name: "story" }, (spec) => setTemplateVariable(spec, "TEMPLATE", value));
    await eventually("a runner of the new template is there", async () => {
      return (await pods()).some((pod) => templateOf(pod) === value);
    });
    it.note("the first new runner came after", `${it.secondsSince(began)} s`);
    await it.flow(3);
    const late = (await pods()).filter((pod) => !before.has(refOf(pod).uid) && templateOf(pod) !== value);
    // the change and a job's runner may cross
    assert.ok(late.length <= 2, `${late.length} runners that came later are of the old template`);
  }
  it.stopWork();
  await it.done();
  await eventually("all idle runners are of the last template", async () => {
    const there = await pods();
    return there.length === MIN && there.every((pod) => templateOf(pod) === "3");
  }, 60_000);
  assert.equal(service.ledger.sessions.length, sessions, "the session has lived through it");
  assert.equal(cluster.listeners.length, 1, "and so has the listener");
  const disturbed = [...kubelet.ledger.pods.values()].filter(({ jobId, exitCode }) => jobId && exitCode !== 0);
  assert.deepEqual(disturbed, [], "no runner with a job was disturbed");
});
