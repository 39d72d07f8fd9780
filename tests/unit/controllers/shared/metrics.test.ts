import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AUTOSCALING_LISTENERS,
  type AutoscalingListener,
  type AutoscalingRunnerSet,
  EPHEMERAL_RUNNER_SETS,
  type EphemeralRunnerSet,
} from "../../../../src/api/kinds.ts";
import { listenerOf, runnerSetOf } from "../../../../src/controllers/autoscaling_runner_set/build.ts";
import { ControllerMetrics } from "../../../../src/controllers/shared/metrics.ts";
import type { Pod } from "../../../../src/k8s/resource.ts";
import { Store } from "../../../../src/k8s/store.ts";
import { Metrics } from "../../../../src/lib/metrics.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { registered, settings } from "../../../support/builders_set.ts";
import { MemoryKube } from "../../../support/memory_kube.ts";

const LABELS = 'enterprise="",name="NAME",namespace="NS",organization="acme",repository="api"';
const sample = (metric: string, name: string, namespace: string) =>
  `gha_controller_${metric}{${LABELS.replace("NAME", name).replace("NS", namespace)}}`;

test("the controller's gauges come with a set and go with it", async () => {
  const clock = new VirtualClock();
  const kube = new MemoryKube();
  const runnerSets = new Store<EphemeralRunnerSet>({ clock });
  const listeners = new Store<AutoscalingListener>({ clock });
  kube.feed(EPHEMERAL_RUNNER_SETS, runnerSets);
  kube.feed(AUTOSCALING_LISTENERS, listeners);
  const metrics = new Metrics();
  const stores = {
    ephemeralRunnerSets: runnerSets,
    autoscalingListeners: listeners,
    autoscalingRunnerSets: new Store<AutoscalingRunnerSet>({ clock }),
    ownPods: new Store<Pod>({ clock }),
  };
  const controller = new ControllerMetrics(metrics, stores, () => true);
  await controller.component().start();
  const facts = { id: 7, name: "linux", group: "Default" };
  const status = {
    currentReplicas: 6,
    pendingEphemeralRunners: 1,
    runningEphemeralRunners: 2,
    failedEphemeralRunners: 3,
  };
  kube.put(EPHEMERAL_RUNNER_SETS, { ...runnerSetOf(registered(), facts, settings()), status });
  kube.put(AUTOSCALING_LISTENERS, listenerOf(registered(), facts, settings()));

  assert.deepEqual(
    Object.fromEntries(await metrics.samples()),
    {
      [sample("pending_ephemeral_runners", "linux", "arc-runners")]: 1,
      [sample("running_ephemeral_runners", "linux", "arc-runners")]: 2,
      [sample("failed_ephemeral_runners", "linux", "arc-runners")]: 3,
      [sample("running_listeners", "linux-84bd964b-listener", "arc-systems")]: 1,
    },
  );
  const { labels } = runnerSetOf(registered(), facts, settings()).metadata!;
  const runner = { metadata: { name: "linux-runner-abcde", namespace: "arc-runners", labels } };
  controller.ended(runner, "RunnerLost", "PodVanished");
  controller.ended(runner, "RunnerLost", "PodVanished");
  controller.ended(runner, "RunnerFailed", "OOMKilled");
  controller.ended(runner, "CleanupIncomplete", "Other");
  const ends = [...await metrics.samples()].filter(([name]) =>
    name.startsWith("gha_controller_ephemeral_runners_ended")
  );
  assert.deepEqual(
    ends.map(([name, count]) => [/outcome="(\w+)"/.exec(name)?.[1], /reason="(\w+)"/.exec(name)?.[1], count]),
    [["lost", "PodVanished", 2], ["failed", "OOMKilled", 1]],
  );
  kube.vanish(EPHEMERAL_RUNNER_SETS, "arc-runners/linux");
  kube.vanish(AUTOSCALING_LISTENERS, "arc-systems/linux-84bd964b-listener");
  assert.deepEqual(Object.fromEntries(await metrics.samples()), {});
});
