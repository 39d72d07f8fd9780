/** What an embedded loop is told. Pure. */
import { scaleSetPlace, sourceOf } from "./build.ts";
import type { LoopSpec } from "./loop_host.ts";
import { type Observed, scaleSetNameOf } from "./observe.ts";

export function loopSpecOf({ listener, scaleSet }: Observed): LoopSpec {
  const { runnerScaleSetId = 0, ephemeralRunnerSetName = "", minRunners = 0, maxRunners = 0, metrics } =
    listener.spec ??
      {};
  return {
    source: sourceOf(listener),
    scaleSetId: runnerScaleSetId,
    scaleSetName: scaleSet ? scaleSetNameOf(scaleSet) : "",
    runnerSet: { namespace: scaleSetPlace(listener).namespace, name: ephemeralRunnerSetName },
    minRunners,
    maxRunners,
    ...(metrics && { metrics }),
  };
}
