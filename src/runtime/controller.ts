/** Keys in, state of the world out: the loop that every controller of the program is. */
import { type BackoffOptions } from "../lib/backoff.ts";
import type { Clock, Instant } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { KubeError } from "../k8s/errors.ts";
import type { Executor, StepResult } from "./execute.ts";
import type { Performer } from "./performer.ts";
import type { Plan, Step } from "./plan.ts";
import { Queue } from "./queue.ts";

/** What a kind's controller consists of. */
export interface Reconciler<Seen, Call = never> {
  /** The controller's name in metrics and logs. */
  readonly name: string;
  /** Reads what a decision about the key needs. Undefined: the object has gone, and nothing is left to do. */
  observe(key: string): Promise<Seen | undefined>;
  /** Pure: no await, no clock, no log, no chance. */
  decide(seen: Seen, now: Instant): Plan<Call>;
  /** Runs the plan's "perform" steps. */
  readonly performer?: Performer<Call, unknown>;
  /**
   * Told how each step went, before the next observation. True for an error that the next decision deals with: it is
   * then no failure of the pass, and the key is looked at again at once.
   */
  told?(key: string, result: StepResult): boolean | void;
  /** The key's object has gone: forget what was remembered of it. */
  gone?(key: string): void;
}

/** What one pass over a key came to. */
export type PassResult = "success" | "requeue_after" | "error";

/** Told of each pass; the machinery's metrics are made of it. */
export interface ControllerObserver {
  /** A plan was made: its {@link Plan.why}. */
  decided(controller: string, why: string): void;
  /** At the end of a pass. */
  pass(controller: string, result: PassResult, seconds: number): void;
  working(controller: string, change: 1 | -1): void;
}

export interface ControllerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly executor: Executor;
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  readonly observer?: ControllerObserver;
  /** Back-off of a key that fails. Default 5 ms doubling to {@link LONGEST_MS}. */
  readonly backoff?: BackoffOptions;
  /** A plan that finds no rest within so many rounds, and does the same again, counts as a failure. Default 8. */
  readonly maxRounds?: number;
}

/** Rounds that a key may take before other due keys go first. */
const FAIR_ROUNDS = 2;
/** The pause of a key that has used all its rounds and gets on. */
const BREATH_MS = 50;

/**
 * The reference's is 1000 s. What a key fails for (a missing definition, a right, a webhook) often comes back without an
 * event that wakes the key, and jobs must not wait a quarter of an hour for it.
 */
const LONGEST_MS = 60_000;

/** What a key has had so far without coming to rest. */
interface Rounds {
  readonly taken: number;
  /** What its steps were done to. */
  readonly touched: Set<string>;
}

/** Runs one {@link Reconciler}: each key until it is quiet, with bounded concurrency and per-key back-off. */
export class Controller<Seen, Call = never> {
  readonly queue: Queue;
  readonly #reconciler: Reconciler<Seen, Call>;
  readonly #options: ControllerOptions;
  readonly #log: Log;
  /** What was done already for keys that let others go first. */
  readonly #rounds = new Map<string, Rounds>();

  constructor(reconciler: Reconciler<Seen, Call>, options: ControllerOptions) {
    this.#reconciler = reconciler;
    this.#options = options;
    this.#log = options.log.with({ controller: reconciler.name });
    this.queue = new Queue({
      clock: options.clock,
      concurrency: options.concurrency,
      backoff: options.backoff ?? { firstMs: 5, maxMs: LONGEST_MS },
    });
  }

  get name(): string {
    return this.#reconciler.name;
  }

  /** Has the key looked at, now or after `ms` milliseconds. */
  enqueue(key: string, ms = 0): void {
    this.queue.add(key, ms);
  }

  /** Works until the signal is aborted; resolves when the passes under way have ended. */
  async run(signal: AbortSignal): Promise<void> {
    await this.queue.run((key) => this.#pass(key), signal);
  }

  async #pass(key: string): Promise<void> {
    const { clock, observer } = this.#options;
    const started = clock.monotonic();
    observer?.working(this.name, 1);
    let result: PassResult = "error";
    try {
      result = await this.#untilQuiet(key);
    } catch (error) {
      this.#fail(key, error);
    } finally {
      observer?.working(this.name, -1);
      observer?.pass(this.name, result, (clock.monotonic() - started) / 1000);
    }
  }

  /** Observes, decides and executes until a plan has no steps. */
  async #untilQuiet(key: string): Promise<PassResult> {
    const { maxRounds = 8, clock, observer } = this.#options;
    const { taken, touched }: Rounds = this.#rounds.get(key) ?? { taken: 0, touched: new Set() };
    this.#rounds.delete(key);
    for (let round = taken + 1;; round++) {
      const seen = await this.#reconciler.observe(key);
      if (seen === undefined) {
        this.queue.forget(key);
        this.#reconciler.gone?.(key);
        return "success";
      }
      const plan = this.#reconciler.decide(seen, clock.now());
      observer?.decided(this.name, plan.why);
      const changed = await this.#execute(key, plan);
      if (!changed) return this.#settle(key, plan);
      const isProgress = touch(touched, plan.steps);
      if (round >= maxRounds) {
        if (!isProgress) throw new Error(`no rest after ${round} rounds; the last plan was "${plan.why}"`);
        // Much is to be done, and it gets done: others go first for a moment, and the count begins anew.
        this.queue.add(key, BREATH_MS);
        return "requeue_after";
      }
      if (round - taken >= FAIR_ROUNDS && this.queue.due > 0) {
        this.#rounds.set(key, { taken: round, touched });
        this.queue.add(key);
        return "success";
      }
    }
  }

  /** Carries a plan out. @returns whether anything changed, so that the key must be looked at again */
  async #execute(key: string, plan: Plan<Call>): Promise<boolean> {
    if (plan.steps.length === 0) return false;
    this.#log.debug("acting", { key, why: plan.why, steps: plan.steps.length });
    for (const step of plan.steps) {
      if (step.do === "perform") this.#reconciler.performer?.start(key, step.call);
    }
    const { changed, errors, results = [] } = await this.#options.executor.execute(plan.steps);
    const dealtWith = new Set<unknown>();
    for (const result of results) {
      const taken = this.#reconciler.told?.(key, result) === true;
      if (taken && !result.ok) dealtWith.add(result.error);
    }
    const left = errors.filter((error) => !dealtWith.has(error));
    if (left.length > 0) throw left.length === 1 ? left[0] : new AggregateError(left, messagesOf(left));
    return changed || dealtWith.size > 0;
  }

  #settle(key: string, plan: Plan<Call>): PassResult {
    this.queue.forget(key);
    if (plan.requeueAfter === undefined) return "success";
    this.queue.add(key, plan.requeueAfter);
    return "requeue_after";
  }

  #fail(key: string, error: unknown): void {
    const retryInMs = this.queue.retry(key, KubeError.is(error) ? error.retryAfterMs : undefined);
    if (KubeError.is(error, "Conflict")) this.#log.debug("conflict, again", { key, retryInMs });
    else if (KubeError.is(error, "NamespaceTerminating")) {
      this.#log.debug("namespace is terminating", { key, retryInMs });
    } else this.#log.warn("reconcile failed", { key, error: messageOf(error), retryInMs });
  }
}

/** Takes down what steps are done to. @returns whether one of them is done to something new: a loop only repeats itself */
function touch(touched: Set<string>, steps: readonly Step<unknown>[]): boolean {
  const before = touched.size;
  for (const step of steps) {
    if (step.do === "event" || step.do === "perform") continue;
    const { namespace = "", name = "" } = step.do === "create" ? step.object.metadata ?? {} : step.ref;
    const subresource = step.do === "patch" ? step.subresource ?? "" : "";
    touched.add(`${step.do} ${step.kind.plural}/${namespace}/${name}/${subresource}`);
  }
  return touched.size > before;
}

/** What several errors say, each message once: a refusal of 50 creations is one refusal. */
function messagesOf(errors: readonly unknown[]): string {
  return [...new Set(errors.map(messageOf))].join("; ");
}
