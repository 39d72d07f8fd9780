/** An API server that does not let the controller do something, in the words in which it says so. */
import type { SeenRequest } from "../../src/sim/network.ts";
import type { SimSystem } from "./sim_system.ts";
import { CONTROLLER_NAMESPACE } from "./sim_view.ts";

/** What the controller may not do. */
export interface Withheld {
  readonly verb: string;
  /** Plural. */
  readonly resource: string;
  readonly namespace: string;
  matches(request: SeenRequest): boolean;
}

/** From now on the controller lacks a right. @returns what gives it */
export function withhold(system: SimSystem, { verb, resource, namespace, matches }: Withheld): () => void {
  const user = `system:serviceaccount:${CONTROLLER_NAMESPACE}:arc-gha-rs-controller`;
  const message = `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "" ` +
    `in the namespace "${namespace}"`;
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason: "Forbidden", code: 403 };
  return system.world.network.inject({
    name: `no right to ${verb} ${resource}`,
    matches: (request) => request.client === "arc-controller" && matches(request),
    effect: {
      kind: "status",
      status: 403,
      headers: { "content-type": "application/json" },
      text: JSON.stringify({ ...status, message }),
    },
  });
}
