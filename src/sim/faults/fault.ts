import type { Clock, Timer } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { ActionsServiceSim } from "../actions_service/service.ts";
import type { PodFate } from "../kubelet/fate.ts";
import type { Kubelet } from "../kubelet/kubelet.ts";
import type { Network, NetworkEffect, SeenRequest } from "../network.ts";

/** What faults can reach. */
export interface FaultTarget {
  readonly clock: Clock;
  readonly network: Network;
  readonly service: ActionsServiceSim;
  readonly kubelet: Kubelet;
  /** Fates for the next runner pods, oldest first. */
  readonly fates: { readonly name: string; readonly fate: PodFate }[];
  /** Makes the API server forget its history, so that watches of old versions are told 410. */
  compact(): void;
  /** Runs `action` later, unless the faults have ended before: then at once. */
  later(ms: number, action: () => void): Timer;
}

/** A fault, as data. */
export interface Fault {
  readonly name: string;
  /** How often it comes, compared with the others of its set. */
  readonly weight: number;
  /**
   * Brings it, for a time: faults heal by themselves.
   * @returns "pending" when something must happen first for it to be felt; it is counted then
   */
  apply(target: FaultTarget, random: Random): "pending" | void;
}

/** Hits the next requests that match; counted at the first that is hit. */
export function onRequests(
  name: string,
  weight: number,
  matches: (request: SeenRequest) => boolean,
  effect: (random: Random) => { readonly effect: NetworkEffect; readonly times: number; readonly forMs: number },
): Fault {
  return {
    name,
    weight,
    apply(target, random) {
      const { effect: what, times, forMs } = effect(random);
      const end = target.network.inject({ name, matches, effect: what, times });
      target.later(forMs, end);
      return "pending";
    },
  };
}
