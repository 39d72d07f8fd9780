import type { Instant } from "../../lib/clock.ts";
import type { Pod } from "../../k8s/resource.ts";
import { type Exit, exitOf } from "./fate.ts";
import { type ContainerState, podStatus, type StatusFacts } from "./pod_status.ts";
import { mainContainer } from "./roles.ts";

/** The states of a pod's containers. */
export class Containers {
  readonly #bornAt: Instant;
  readonly #inits = new Map<string, ContainerState>();
  readonly #states = new Map<string, ContainerState>();

  constructor(bornAt: Instant) {
    this.#bornAt = bornAt;
  }

  /**
   * Runs the init containers, the first of which exits with `code`. Those with restartPolicy Always are side-cars and
   * stay. @returns whether all went well
   */
  initialize(pod: Pod, code: number, now: Instant): boolean {
    for (const [index, { name, restartPolicy }] of (pod.spec?.initContainers ?? []).entries()) {
      const exit = exitOf(index === 0 ? code : 0);
      const stays = restartPolicy === "Always" && exit.code === 0;
      this.#inits.set(
        name,
        stays ? { kind: "running", since: now } : { kind: "terminated", since: now, at: now, exit },
      );
      if (exit.code !== 0) return false;
    }
    return true;
  }

  wait(pod: Pod, reason: string, message?: string): void {
    this.#states.set(mainContainer(pod).name, { kind: "waiting", reason, message });
  }

  startAll(pod: Pod, since: Instant): void {
    for (const { name } of pod.spec?.containers ?? []) this.#states.set(name, { kind: "running", since });
  }

  /** The main container has ended. @returns whether another container goes on */
  endMain(pod: Pod, exit: Exit, now: Instant): boolean {
    this.#end(this.#states, mainContainer(pod).name, exit, now);
    return [...this.#states.values()].some((state) => state.kind === "running");
  }

  endAll(now: Instant): void {
    for (const states of [this.#states, this.#inits]) {
      for (const name of states.keys()) this.#end(states, name, exitOf(0), now);
    }
  }

  status(pod: Pod, facts: Pick<StatusFacts, "phase" | "reason" | "message" | "now">): Record<string, unknown> {
    return podStatus(pod, { ...facts, startedAt: this.#bornAt, init: this.#inits, containers: this.#states });
  }

  #end(states: Map<string, ContainerState>, name: string, exit: Exit, at: Instant): void {
    const state = states.get(name);
    if (state?.kind === "running") states.set(name, { kind: "terminated", since: state.since, at, exit });
  }
}
