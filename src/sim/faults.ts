/** Named sets of faults, and the schedule by which they come: data and chance, so that a seed repeats them. */
import type { Clock, Timer } from "../lib/clock.ts";
import { between, type Random } from "../lib/random.ts";
import { API_FAULTS } from "./faults/api_faults.ts";
import type { Fault, FaultTarget } from "./faults/fault.ts";
import { GITHUB_FAULTS } from "./faults/github_faults.ts";
import { NODE_FAULTS } from "./faults/node_faults.ts";

export type FaultSetName = "none" | "api" | "github" | "nodes" | "all";

export const FAULT_SETS: Readonly<Record<FaultSetName, readonly Fault[]>> = {
  none: [],
  api: API_FAULTS,
  github: GITHUB_FAULTS,
  nodes: NODE_FAULTS,
  all: [...API_FAULTS, ...GITHUB_FAULTS, ...NODE_FAULTS],
};

export interface FaultScheduleOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly set: FaultSetName;
  /** The mean time from one fault to the next, in ms. Default 5,000. */
  readonly gapMs?: number;
}

/** Brings the faults of a set, one after the other, until it is stopped. */
export class FaultSchedule {
  /** How often each fault was felt. */
  readonly fired = new Map<string, number>();
  readonly #options: FaultScheduleOptions;
  readonly #target: Omit<FaultTarget, "later">;
  readonly #endings = new Map<Timer, () => void>();
  #next: Timer | undefined;
  #stopped = false;

  constructor(options: FaultScheduleOptions, target: Omit<FaultTarget, "later">) {
    this.#options = options;
    this.#target = target;
    target.network.onFault = (name) => this.count(name);
  }

  start(): void {
    if (FAULT_SETS[this.#options.set].length > 0) this.#plan();
  }

  /** No more faults, and those that are in force end. */
  stop(): void {
    this.#stopped = true;
    this.#next?.cancel();
    for (const [timer, end] of this.#endings) {
      timer.cancel();
      end();
    }
    this.#endings.clear();
    this.#target.fates.length = 0;
    this.#target.network.heal();
  }

  /** A fault was felt. */
  count(name: string): void {
    this.fired.set(name, (this.fired.get(name) ?? 0) + 1);
  }

  /** Brings a fault now, by its name. @throws RangeError when there is none of that name */
  bring(name: string): void {
    const fault = FAULT_SETS.all.find((candidate) => candidate.name === name);
    if (!fault) throw new RangeError(`there is no fault "${name}"`);
    this.#apply(fault);
  }

  /** Brings any fault, with chance of its own. */
  apply(fault: Fault, random: Random): void {
    this.#apply(fault, random);
  }

  #plan(): void {
    const { clock, random, gapMs = 5_000 } = this.#options;
    this.#next = clock.after(between(random, Math.floor(gapMs / 2), Math.ceil(gapMs * 1.5)), () => {
      if (this.#stopped) return;
      this.#apply(drawn(FAULT_SETS[this.#options.set], random));
      this.#plan();
    });
  }

  #apply(fault: Fault, random: Random = this.#options.random): void {
    const later = (ms: number, action: () => void) => this.#later(ms, action);
    if (fault.apply({ ...this.#target, later }, random) !== "pending") this.count(fault.name);
  }

  #later(ms: number, action: () => void): Timer {
    const timer = this.#options.clock.after(ms, () => {
      this.#endings.delete(timer);
      action();
    });
    this.#endings.set(timer, action);
    return timer;
  }
}

/** One of the faults, by weight. */
function drawn(faults: readonly Fault[], random: Random): Fault {
  let left = random.next() * faults.reduce((sum, fault) => sum + fault.weight, 0);
  return faults.find((fault) => (left -= fault.weight) < 0) ?? faults.at(-1)!;
}
