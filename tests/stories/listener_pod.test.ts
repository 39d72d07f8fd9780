/** The listener's pod goes in the middle of a burst, as when its node is drained: another one listens within seconds. */
import assert from "node:assert/strict";
import { AUTOSCALING_LISTENERS } from "../../src/api/kinds.ts";
import { pathOf, PODS } from "../../src/k8s/resource.ts";
import { eventually } from "../support/eventually.ts";
import { story } from "../support/story.ts";

/** From the deletion to another session. A container takes 0.5 s to start here. */
const LIMIT_SECONDS = 30;

story("the listener's pod is deleted in a burst", { seed: 42 }, async (it) => {
  const { cluster } = it;
  it.work();
  await it.flow();
  it.burst(20);
  const [listener] = await cluster.list(AUTOSCALING_LISTENERS);
  const { namespace, name } = listener!.metadata;
  const sessions = cluster.service.ledger.sessions;
  const before = sessions.length;
  const began = Date.now();
  assert.equal((await cluster.plane.call("DELETE", pathOf(PODS, namespace, name))).status, 200);
  await eventually("there is another session", async () => sessions.length > before, LIMIT_SECONDS * 1000);
  it.note("from one session to the next", `${(sessions.at(-1)!.openedAt - sessions.at(-2)!.closedAt!) / 1000} s`);
  it.note("from the pod's deletion to the next session", `${it.secondsSince(began)} s`);
  it.note("five more jobs started after", `${await it.flow()} s`);
  assert.equal(cluster.listeners.length, 2, "one listener followed");
  const ends = cluster.kubelet.ledger.started("listener").map(({ exitCode }) => exitCode);
  assert.deepEqual(ends, [0, undefined], "the first one ended well");
});
