/** A scale set in a small world, for tests of its life. */
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { PODS } from "../../src/k8s/resource.ts";
import { scaleSet } from "./builders_set.ts";
import { type SetWorld, setWorld } from "./set_world.ts";

/** Key of the scale set. */
export const ARS = "arc-runners/linux";
/** Key of its listener, and of the listener's pod. */
export const AL = "arc-systems/linux-84bd964b-listener";
export const POD = AL;

/** What the scale set says of itself. */
export function status(world: SetWorld) {
  const ars = world.kube.find(AUTOSCALING_RUNNER_SETS, ARS)!;
  const of = (type: string) => ars.status?.conditions?.find((condition) => condition.type === type);
  return { phase: ars.status?.phase, ready: of("Ready"), progressing: of("Progressing"), of, ars };
}

/** A world in which the scale set is at work. */
export async function atWork(spec: Parameters<typeof scaleSet>[0] = {}, options: Parameters<typeof setWorld>[0] = {}) {
  const world = setWorld(options);
  world.kube.put(AUTOSCALING_RUNNER_SETS, scaleSet(spec));
  await world.pass();
  return world;
}

/** The kubelet has started the listener. */
export function runListener(world: SetWorld, key = POD): void {
  world.kube.change(PODS, key, {
    status: { phase: "Running", containerStatuses: [{ name: "listener", state: { running: {} } }] },
  });
}
