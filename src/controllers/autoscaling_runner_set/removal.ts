/** How a runner set is deleted. Pure. */
import { EPHEMERAL_RUNNER_SETS, type EphemeralRunnerSet } from "../../api/kinds.ts";
import { FINALIZERS, RUNNER_SET_FINALIZERS } from "../../api/names.ts";
import { refOf, type Stored } from "../../k8s/resource.ts";
import { patch, remove, type Step } from "../../runtime/plan.ts";

/** First it is held, so that its runners end in good order; then it is deleted. */
export function removalOf(set: Stored<EphemeralRunnerSet>): Step {
  const { finalizers = [], resourceVersion } = set.metadata;
  if (finalizers.some((name) => RUNNER_SET_FINALIZERS.includes(name))) {
    return remove(EPHEMERAL_RUNNER_SETS, refOf(set));
  }
  const metadata = { finalizers: [...finalizers, FINALIZERS.ephemeralRunner], resourceVersion };
  return patch(EPHEMERAL_RUNNER_SETS, refOf(set), { metadata }, { goneIsDone: true });
}
