/** Changes that users make to their scale sets, as `kubectl edit` does. */
import {
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingRunnerSet,
  type AutoscalingRunnerSetSpec,
} from "../../src/api/kinds.ts";
import { type KubeObject, pathOf, type Resource } from "../../src/k8s/resource.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

export interface Named {
  readonly name: string;
  /** Default `arc-runners`. */
  readonly namespace?: string;
}

/** Reads an object, changes it and writes it; again when somebody else was faster. */
export async function edit<T extends KubeObject>(
  { plane }: Pick<Cluster, "plane">,
  kind: Resource<T>,
  { name, namespace = "arc-runners" }: Named,
  change: (object: T) => void,
): Promise<void> {
  const path = pathOf(kind, namespace, name);
  await eventually(`${path} is changed`, async () => {
    const { status, text } = await plane.call("GET", path);
    if (status !== 200) return false;
    const object = JSON.parse(text) as T;
    change(object);
    const written = await plane.call("PUT", path, object);
    if (written.status >= 400 && written.status < 500 && written.status !== 409 && written.status !== 429) {
      throw new Error(`PUT ${path}: ${written.text}`);
    }
    return written.status === 200;
  });
}

/** Changes the spec of a scale set. */
export function editScaleSet(
  cluster: Pick<Cluster, "plane">,
  named: Named,
  change: (spec: AutoscalingRunnerSetSpec) => void,
): Promise<void> {
  return edit<AutoscalingRunnerSet>(cluster, AUTOSCALING_RUNNER_SETS, named, ({ spec }) => change(spec!));
}

/** Sets an environment variable of the runner container in the template. */
export function setTemplateVariable(spec: AutoscalingRunnerSetSpec, name: string, value: string): void {
  const [container] = (spec.template?.spec?.containers ?? []) as { env?: { name: string; value: string }[] }[];
  if (container) container.env = [{ name, value }];
}
