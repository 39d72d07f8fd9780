/** A patch that the API server does not take is sent once, not for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUTOSCALING_RUNNER_SETS, type AutoscalingRunnerSet } from "../../../src/api/kinds.ts";
import { refOf } from "../../../src/k8s/resource.ts";
import { Store } from "../../../src/k8s/store.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { Executor } from "../../../src/runtime/execute.ts";
import { patch, remove } from "../../../src/runtime/plan.ts";
import { scaleSet } from "../../support/builders_set.ts";
import { MemoryKube } from "../../support/memory_kube.ts";

function world(finalizers?: string[]) {
  const kube = new MemoryKube();
  const store = new Store<AutoscalingRunnerSet>({ clock: new VirtualClock() });
  kube.feed(AUTOSCALING_RUNNER_SETS, store);
  kube.prune(AUTOSCALING_RUNNER_SETS, ["conditions"]);
  const ars = kube.put(AUTOSCALING_RUNNER_SETS, scaleSet({}, { finalizers }));
  const executor = new Executor({
    kube: kube.client,
    log: silentLog,
    events: { record() {} },
    overlayOf: () => store as never,
  });
  const say = (phase: string, since: string) =>
    executor.execute([
      patch(
        AUTOSCALING_RUNNER_SETS,
        refOf(ars),
        { status: { phase, conditions: [{ type: "Ready", lastTransitionTime: since }] } },
        { subresource: "status" },
      ),
    ]);
  return { kube, say, executor, ars };
}

test("a repeated patch whose object has not changed is not sent, whatever time its conditions name", async () => {
  const { kube, say } = world();
  assert.equal((await say("Pending", "10:00")).changed, true);
  assert.equal((await say("Pending", "10:01")).changed, false);
  assert.equal(kube.requests.length, 1);
});

test("it is sent when it says something else, and again when the object has changed since", async () => {
  const { kube, say } = world();
  await say("Pending", "10:00");
  assert.equal((await say("Running", "10:00")).changed, true);
  kube.change(AUTOSCALING_RUNNER_SETS, "arc-runners/linux", { metadata: { labels: { a: "1" } } });
  assert.equal((await say("Running", "10:00")).changed, false, "sent, and nothing came of it");
  assert.equal(kube.requests.length, 3);
});

test("what was said of an object is forgotten when it is deleted", async () => {
  const { say, executor, ars } = world();
  await say("Pending", "10:00");
  assert.equal(executor.remembered, 1);
  await executor.execute([remove(AUTOSCALING_RUNNER_SETS, refOf(ars))]);
  assert.equal(executor.remembered, 0);
});

test("what was said of an object is forgotten when its last finalizer goes", async () => {
  const { say, executor, ars } = world(["ours"]);
  await say("Pending", "10:00");
  await executor.execute([remove(AUTOSCALING_RUNNER_SETS, refOf(ars))]);
  assert.equal(executor.remembered, 1, "it is still there");
  await executor.execute([patch(AUTOSCALING_RUNNER_SETS, refOf(ars), { metadata: { finalizers: null } })]);
  assert.equal(executor.remembered, 0);
});

test("what was said of an object is forgotten when it is found to be gone", async () => {
  const { kube, say, executor, ars } = world();
  await say("Pending", "10:00");
  kube.vanish(AUTOSCALING_RUNNER_SETS, "arc-runners/linux");
  const late = patch(AUTOSCALING_RUNNER_SETS, refOf(ars), { status: {} }, { subresource: "status", goneIsDone: true });
  await executor.execute([late]);
  assert.equal(executor.remembered, 0);
});
