/** What a listener's pod says of itself becomes conditions and events; what it has not said yet counts as not yet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  type ListenerReport,
} from "../../../../src/api/kinds.ts";
import { isReady, reportedProblem } from "../../../../src/controllers/autoscaling_listener/pod_state.ts";
import { PODS } from "../../../../src/k8s/resource.ts";
import { container, pod } from "../../../support/builders.ts";
import { AL, ARS, atWork, POD, runListener, status } from "../../../support/set_life.ts";
import type { SetWorld } from "../../../support/set_world.ts";
import { table } from "../../../support/table.ts";

const listenerPod = (state: object, more: object = {}, metadata: object = {}) =>
  pod({ phase: "Running", containerStatuses: [container("listener", state, more)] }, metadata);

table("a listener's pod is ready", {
  "when its container runs": { pod: listenerPod({ running: {} }, { ready: true }), ready: true },
  "not while its probe says no": { pod: listenerPod({ running: {} }, { ready: false }), ready: false },
  "not while it waits": { pod: listenerPod({ waiting: { reason: "ContainerCreating" } }), ready: false },
  "not when it has ended": { pod: listenerPod({ terminated: { exitCode: 0 } }), ready: false },
  "not when it is going": {
    pod: listenerPod({ running: {} }, { ready: true }, { deletionTimestamp: "2026-01-01T12:00:00Z" }),
    ready: false,
  },
  "not when it has said nothing": { pod: pod({ phase: "Pending" }), ready: false },
  "not when there is none": { pod: undefined, ready: false },
}, ({ pod, ready }) => assert.equal(isReady(pod), ready));

table<{ report?: ListenerReport; says?: string }>("a report", {
  "of nothing": {},
  "of a conflict": { report: { reason: "SessionConflict", message: "m" }, says: "SessionConflict" },
  "of phantom demand alone": { report: { phantomDemand: 3 } },
  "in somebody else's words": { report: { reason: "Please Ignore", message: "m" } },
}, ({ report, says }) => assert.equal(reportedProblem(report)?.reason, says));

const say = async (world: SetWorld, listenerReport: ListenerReport | null) => {
  world.kube.change(EPHEMERAL_RUNNER_SETS, ARS, { spec: { listenerReport } });
  await world.pass(2_000);
};
const ofListener = (world: SetWorld, type: string) =>
  world.kube.find(AUTOSCALING_LISTENERS, AL)?.status?.conditions?.find((condition) => condition.type === type);

async function listening(options: Parameters<typeof atWork>[1] = {}): Promise<SetWorld> {
  const world = await atWork({}, options);
  if (world.kube.find(PODS, POD)) runListener(world);
  await world.pass(2_000);
  return world;
}

test("until the listener runs the scale set is not ready, and progresses", async () => {
  const world = await atWork();
  assert.equal(status(world).ready?.reason, "ListenerPending");
  assert.deepEqual(
    [status(world).progressing?.status, status(world).progressing?.reason],
    ["True", "ListenerPending"],
  );
  runListener(world);
  await world.pass(2_000);
  assert.equal(status(world).ready?.status, "True");
  assert.deepEqual([status(world).progressing?.status, status(world).progressing?.reason], ["False", "Done"]);
  await world.stop();
});

test("a scale set is never ready before its listener runs", async () => {
  const seen: string[] = [];
  const world = await atWork({}, {
    before: ({ kube }) => {
      kube.refuse = ({ plural }) => {
        if (plural === "pods") seen.push(status({ kube } as SetWorld).ready?.status ?? "");
      };
    },
  });
  for (let i = 0; i < 40; i++) {
    await world.pass(50);
    seen.push(status(world).ready?.status ?? "");
  }
  assert.ok(!seen.includes("True"), seen.join());
  await world.stop();
});

test("a conflict that the pod reports is a condition of listener and scale set, an event, and goes again", async () => {
  const world = await listening();
  const message = "another session lives";
  await say(world, { reason: "SessionConflict", message });
  assert.equal(ofListener(world, "Ready")?.reason, "SessionConflict");
  assert.equal(status(world).ready?.reason, "SessionConflict");
  assert.equal(status(world).ready?.message, message);
  assert.equal(status(world).progressing?.reason, "SessionConflict");
  await world.pass(700_000);
  assert.equal(world.events.filter((reason) => reason === "SessionConflict").length, 1);
  await say(world, null);
  assert.equal(status(world).ready?.status, "True");
  assert.equal(status(world).progressing?.reason, "Done");
  await world.stop();
});

test("so is demand that can't be real, and the listener is at work all the same", async () => {
  const world = await listening();
  await say(world, { phantomDemand: 3 });
  assert.equal(status(world).ready?.status, "True");
  assert.equal(status(world).of("PhantomDemand")?.status, "True");
  assert.match(status(world).of("PhantomDemand")?.message ?? "", /counts 3 assigned jobs/);
  await say(world, { phantomDemand: 4 });
  assert.equal(world.events.filter((reason) => reason === "PhantomDemand").length, 1);
  await say(world, null);
  assert.equal(status(world).of("PhantomDemand"), undefined);
  await world.stop();
});

test("the words of a pod that is gone do not count", async () => {
  const world = await listening();
  await say(world, { reason: "SessionConflict", message: "m", phantomDemand: 3 });
  world.kube.change(PODS, POD, {
    status: { phase: "Failed", containerStatuses: [{ name: "listener", state: { terminated: { exitCode: 1 } } }] },
  });
  await world.pass(2_000);
  assert.notEqual(status(world).ready?.reason, "SessionConflict");
  assert.equal(status(world).of("PhantomDemand"), undefined);
  await world.stop();
});

test("where the loop has come home, a pod's last words are taken away", async () => {
  const world = await listening({ settings: { listenerMode: "embedded" } });
  await say(world, { reason: "SessionConflict", message: "m" });
  assert.equal(world.kube.find(EPHEMERAL_RUNNER_SETS, ARS)?.spec?.listenerReport, undefined);
  assert.equal(status(world).ready?.status, "True");
  await world.stop();
});

test("where conditions are dropped nothing is told again and again", async () => {
  const world = await listening({
    before: ({ kube }) => kube.prune(AUTOSCALING_RUNNER_SETS, ["conditions", "observedGeneration"]),
  });
  await say(world, { reason: "SessionConflict", message: "m", phantomDemand: 3 });
  for (let i = 0; i < 10; i++) {
    world.kube.change(AUTOSCALING_RUNNER_SETS, ARS, { metadata: { annotations: { poke: String(i) } } });
    await world.pass(1_000);
  }
  assert.deepEqual(world.events.filter((reason) => reason === "SessionConflict" || reason === "PhantomDemand"), []);
  await world.stop();
});
