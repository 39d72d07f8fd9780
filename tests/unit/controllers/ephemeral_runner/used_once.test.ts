/** A JIT configuration serves one container: whatever this process did not see of its pod's life. */
import assert from "node:assert/strict";
import { PODS } from "../../../../src/k8s/resource.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { container, NAMESPACE, running } from "../../../support/builders.ts";
import { refusal } from "../../../support/memory_api.ts";
import { story } from "../../../support/runner_story.ts";
import type { RunnerWorld } from "../../../support/runner_world.ts";

function assertEachOnce({ started }: RunnerWorld): void {
  assert.deepEqual(started, [...new Set(started)], "no runner's container starts twice");
}

story("a pod runs and is deleted while the answer to its creation is awaited", {}, async (world) => {
  const real = world.api.create.bind(world.api);
  let isFirst = true;
  world.api.create = (kind, object) => {
    const made = real(kind, object);
    if (kind.plural !== PODS.plural || !isFirst) return made;
    isFirst = false;
    const late = world.clock.sleep(5_000).then(() => Promise.reject(new TransportError("timeout", "no answer")));
    return late as unknown as typeof made;
  };
  world.demand(1, 0);
  await world.clock.advance(2_000);
  const [name] = world.started;
  world.api.delete(PODS, { namespace: NAMESPACE, name: name! }, 0);
  await world.clock.advance(30_000);
  assertEachOnce(world);
  assert.equal(world.idle.length, 1);
  assert.ok(world.events.some(({ reason }) => reason === "RunnerLost"));
});

story("a pod that waited for a node is gone after a gap in the watch: it may have run in it", {}, async (world) => {
  const kubelet = world.api.onChange;
  world.api.onChange = () => {};
  world.demand(1, 0);
  await world.clock.advance(3_000);
  const [pod] = world.pods;
  assert.equal(pod?.spec?.nodeName, undefined);
  const mend = world.api.breakWatch(PODS);
  world.started.push(pod!.metadata.name);
  world.api.delete(PODS, { namespace: NAMESPACE, name: pod!.metadata.name }, 0);
  world.api.onChange = kubelet;
  mend();
  await world.clock.advance(30_000);
  assertEachOnce(world);
  assert.equal(world.idle.length, 1);
});

story("a pod that waited for a node is deleted by hand: it is made again", {}, async (world) => {
  const kubelet = world.api.onChange;
  world.api.onChange = () => {};
  world.demand(1, 0);
  await world.clock.advance(3_000);
  world.api.onChange = kubelet;
  const [pod] = world.pods;
  world.api.delete(PODS, { namespace: NAMESPACE, name: pod!.metadata.name }, 0);
  await world.clock.advance(30_000);
  assert.deepEqual([world.idle.length, world.made], [1, 1]);
});

for (const statuses of [[container("runner", { running: { startedAt: "2026-01-01T12:00:03Z" } })], []]) {
  const what = statuses.length > 0 ? "is told to be running" : "has no status";
  story(`its node is lost before the status says that it runs, and its container ${what}`, {}, async (world) => {
    // The status can't be written: what the pod said is known to this process alone.
    world.api.refuse = (verb, kind) => {
      if (verb.startsWith("patch") && kind.plural === "ephemeralrunners") throw refusal("Unavailable", 503, "later");
    };
    world.demand(1, 0);
    await world.clock.advance(3_000);
    const [name] = world.started;
    assert.equal(world.pods[0]?.status?.phase, running().phase);
    world.podStatus(name!, { phase: "Failed", containerStatuses: statuses });
    world.api.refuse = () => {};
    await world.clock.advance(60_000);
    assertEachOnce(world);
    assert.equal(world.idle.length, 1);
    assert.deepEqual(world.runners.map(({ status }) => status?.phase), ["Running"], "nobody has failed");
  });
}
