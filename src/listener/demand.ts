import { EPHEMERAL_RUNNER_SETS } from "../api/kinds.ts";
import type { Statistics } from "../github/service.ts";
import { writeCount } from "./count_writer.ts";
import type { LoopDeps, LoopWaits } from "./loop_deps.ts";
import {
  answered,
  type CountPatch,
  FRESH,
  type Input,
  next,
  type ScaleState,
  speaksOfMore,
  type Step,
  wantsReading,
} from "./scale.ts";

/** How many runners are wanted, kept and told: scale.ts decides, this does what it says. */
export class Demand {
  readonly #deps: LoopDeps;
  readonly #waits: LoopWaits;
  /** Ends all trying. */
  readonly #work: AbortSignal;
  #state: ScaleState = FRESH;
  #generation = 0;
  /** On the monotonic clock. */
  #toldAt = 0;
  /** A poll broke off, perhaps with a message on its way. */
  #suspicious = false;

  constructor(deps: LoopDeps, waits: LoopWaits, work: AbortSignal) {
    this.#deps = deps;
    this.#waits = waits;
    this.#work = work;
  }

  /** The runner set's generation that has the last count in it. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether the runner set's CRD drops `runningJobs`. */
  get isPruned(): boolean {
    return this.#state.pruned;
  }

  /** Decides; nobody is told yet. */
  step(input: Input): Step {
    const step = next(this.#state, input, this.#deps.limits());
    this.#state = step.state;
    this.#deps.health.phantom(step.state.phantom);
    return step;
  }

  /** Tells the runner set. @throws the reason of the signal that ends all trying */
  async tell({ patch }: Step): Promise<void> {
    if (!patch) return;
    const { kube, runnerSet, clock, random, log, health } = this.#deps;
    const { retry: backoff } = this.#waits;
    const signal = this.#work;
    const told = await writeCount(patch, { kube, runnerSet, clock, random, log, health, signal, backoff });
    this.#generation = told.generation;
    this.#toldAt = clock.monotonic();
    this.#state = answered(this.#state, told.runningJobs);
  }

  /** Decides and tells. */
  async apply(input: Input): Promise<void> {
    await this.tell(this.step(input));
  }

  /**
   * A poll has ended with nothing. Somebody may have made the runner set anew, or changed the count by hand: a runner set
   * that has heard nothing for long is told once more what it should know.
   */
  async rest(at: number): Promise<void> {
    const step = this.step({ kind: "empty", at });
    if (step.patch) return await this.tell(step);
    const { sent } = this.#state;
    if (sent && at - this.#toldAt >= this.#waits.retellMs) await this.#repeat(sent, at);
  }

  /** One try: nothing has changed that polling should wait for. */
  async #repeat(spec: CountPatch, at: number): Promise<void> {
    const { kube, runnerSet, log } = this.#deps;
    try {
      const options = { type: "merge", signal: this.#work } as const;
      const set = await kube.patch(EPHEMERAL_RUNNER_SETS, runnerSet, { spec }, options);
      this.#generation = set.metadata.generation ?? this.#generation;
      this.#toldAt = at;
    } catch (error) {
      this.#work.throwIfAborted();
      log.debug("the runner set could not be told the same again", { error });
    }
  }

  /**
   * A poll has broken off. A message that was on its way comes again only minutes later, or to a new session: when the
   * queue is quiet the scale set is read to see whether there was one.
   */
  suspect(): void {
    this.#suspicious = true;
  }

  /**
   * Reads the scale set while nothing comes and its figures are in doubt, at growing intervals. Never rejects.
   * @param onMissed called when a message seems to have got lost
   */
  async readWhileQuiet(signal: AbortSignal, onMissed: () => void): Promise<void> {
    const { clock, log, metrics, limits } = this.#deps;
    try {
      for (let waitMs = this.#waits.quietMs;; waitMs *= 2) {
        if (!this.#suspicious && !wantsReading(this.#state, clock.monotonic())) return;
        await clock.sleep(waitMs, signal);
        const read = await this.#tried(signal);
        if (signal.aborted || this.#work.aborted) return;
        if (!read) continue;
        const { statistics } = read;
        if (statistics) metrics.statistics(statistics);
        const missed = this.#suspicious && statistics && speaksOfMore(this.#state, statistics, limits());
        this.#suspicious = false;
        if (missed) return onMissed();
        await this.apply({ kind: "figures", at: clock.monotonic(), statistics });
      }
    } catch (error) {
      if (!signal.aborted && !this.#work.aborted) log.error("figures that were read could not be used", { error });
    }
  }

  /** A reading that fails is made again: what it was to tell may be a job that waits. */
  async #tried(signal: AbortSignal): Promise<{ readonly statistics: Statistics | undefined } | undefined> {
    try {
      return { statistics: await this.read(signal) };
    } catch (error) {
      if (!signal.aborted) this.#deps.log.warn("the scale set's figures could not be read", { error });
      return undefined;
    }
  }

  /** The scale set's figures now; undefined when the service gives none. */
  async read(signal: AbortSignal): Promise<Statistics | undefined> {
    const { service, scaleSetId } = this.#deps;
    return (await service().getScaleSet(scaleSetId, { signal })).statistics;
  }
}
