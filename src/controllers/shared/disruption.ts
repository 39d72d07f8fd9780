/** Whether runners with a job are protected from evictions: the scale set says so. */
import type { AutoscalingRunnerSet, EphemeralRunnerSet } from "../../api/kinds.ts";
import { controllerOf, type Stored } from "../../k8s/resource.ts";
import { onScaleSet, type SetStores } from "./stores_set.ts";

/** Whether runners of a set that have a job may not be evicted. */
export function protectsBusy({ autoscalingRunnerSets }: SetStores, set: Stored<EphemeralRunnerSet>): boolean {
  const owner = controllerOf(set);
  const scaleSet = owner && autoscalingRunnerSets.get(set.metadata.namespace ?? "", owner.name);
  return scaleSet?.metadata.uid === owner?.uid && isOn(scaleSet);
}

/** Tells of each set whose scale set has changed its mind. @returns what ends it */
export function onProtection(stores: SetStores, tell: (set: Stored<EphemeralRunnerSet>) => void): () => void {
  return onScaleSet(stores, isOn, tell);
}

function isOn(scaleSet: AutoscalingRunnerSet | undefined): boolean {
  return scaleSet?.spec?.disruption?.protectBusy === true;
}
