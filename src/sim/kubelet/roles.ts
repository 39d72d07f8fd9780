import type { Pod } from "../../k8s/resource.ts";
import type { PodRecord } from "./ledger.ts";

type Container = NonNullable<Pod["spec"]>["containers"][number];

/** Where a runner finds its JIT configuration. */
export const JIT_VARIABLE = "ACTIONS_RUNNER_INPUT_JITCONFIG";

/** What a pod is to the simulated node. Labels can be excluded by their prefix, so containers count too. */
export function roleOf(pod: Pod): PodRecord["role"] {
  if (pod.spec?.containers.some((container) => container.env?.some(({ name }) => name === JIT_VARIABLE))) {
    return "runner";
  }
  const component = pod.metadata?.labels?.["app.kubernetes.io/component"];
  const isListener = component === "runner-scale-set-listener" ||
    pod.spec?.containers.some((container) => container.env?.some(({ name }) => name === "LISTENER_CONFIG_PATH"));
  return isListener ? "listener" : "other";
}

/** The container whose end is the pod's: `runner`, `listener`, or the first. Others are side-cars. */
export function mainContainer(pod: Pod): Container {
  const containers = pod.spec?.containers ?? [];
  const main = containers.find(({ name }) => name === "runner") ?? containers.find(({ name }) => name === "listener");
  const chosen = main ?? containers[0];
  if (!chosen) throw new RangeError("a pod has at least one container");
  return chosen;
}
