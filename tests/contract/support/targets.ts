/** The two servers of the contract. */
import { nodeTransports } from "../../../src/lib/http_node.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { VirtualClock } from "../../../src/lib/virtual_clock.ts";
import { KubeApi } from "../../../src/sim/kube_api/kube_api.ts";
import { controlPlane } from "../../support/control_plane.ts";
import type { Target } from "./contract.ts";

/** A simulated server of its own for each case, on a virtual clock. */
export function simulated(): Target {
  const clock = new VirtualClock();
  const api = new KubeApi({ clock, random: seededRandom(7) });
  return {
    name: "simulator",
    url: "http://kubernetes",
    token: "anybody",
    transport: api.handle,
    wait: (ms) => clock.advance(ms),
    compact: () => Promise.resolve(api.compact()),
  };
}

/** The real one, shared by all cases. */
export async function real(): Promise<Target & { stop(): Promise<void> }> {
  const plane = await controlPlane({ controllerManager: true });
  return {
    name: "real API server",
    url: plane.url,
    token: plane.adminToken,
    transport: nodeTransports({ ca: plane.ca }),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    compact: () => plane.compact(),
    stop: () => plane.stop(),
  };
}
