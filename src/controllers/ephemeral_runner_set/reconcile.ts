/**
 * The controller of EphemeralRunnerSets.
 *
 * It wants: the stores of sets, runners (with RUNNER_INDEXES) and runner pods, the book that it shares with the runners'
 * controller, and to be woken by {@link keysOfSet} and {@link EphemeralRunnerSetReconciler.wakesOfRunner}.
 */
import {
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
  type EphemeralRunner,
  type EphemeralRunnerSet,
} from "../../api/kinds.ts";
import { KubeError } from "../../k8s/errors.ts";
import {
  controllerOf,
  keyOf,
  type KubeObject,
  POD_DISRUPTION_BUDGETS,
  refOfKey,
  SECRETS,
  type Stored,
} from "../../k8s/resource.ts";
import type { Change } from "../../k8s/store.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Reconciler } from "../../runtime/controller.ts";
import type { StepResult } from "../../runtime/execute.ts";
import { Performer } from "../../runtime/performer.ts";
import type { PatchStep, Plan } from "../../runtime/plan.ts";
import { setKeyOf, stateOf } from "../shared/runner_state.ts";
import { BY_SET, BY_UID } from "../shared/stores.ts";
import { UNPROTECTED } from "./budget.ts";
import { refusalOf, seenBudget } from "./budget_reader.ts";
import { retire, type RetireAnswer, type RetireCall } from "./calls.ts";
import { decide } from "./decide.ts";
import { GAVE_UP } from "./drain.ts";
import { Ledger } from "./ledger.ts";
import { SetMemories, type SetMemory } from "./memory.ts";
import type { Seen } from "./observe.ts";
import { type AdditiveField, prunedFrom } from "./status.ts";
import { type EphemeralRunnerSetDeps, proxyOf, view } from "./view.ts";

export type { EphemeralRunnerSetDeps };

export function ephemeralRunnerSetController(deps: EphemeralRunnerSetDeps): EphemeralRunnerSetReconciler {
  return new EphemeralRunnerSetReconciler(deps);
}

/** The set itself. */
export function keysOfSet({ before, after }: Change<EphemeralRunnerSet>): string[] {
  const set = after ?? before;
  return set ? [keyOf(set)] : [];
}

export class EphemeralRunnerSetReconciler implements Reconciler<Seen, RetireCall> {
  readonly name = "ephemeralrunnerset";
  readonly performer: Performer<RetireCall, RetireAnswer>;
  readonly #deps: EphemeralRunnerSetDeps;
  readonly #log: Log;
  readonly #ledger: Ledger;
  readonly #memories = new SetMemories();
  readonly #pruned = new Set<AdditiveField>();

  constructor(deps: EphemeralRunnerSetDeps) {
    const { clock, waits, wake, book, stores } = deps;
    this.#deps = deps;
    this.#log = deps.log.with({ controller: this.name });
    this.#ledger = new Ledger(clock, waits);
    this.performer = new Performer({
      clock,
      wake,
      backoff: { firstMs: 0, maxMs: 0 },
      run: (_key, call) => retire(call, deps),
    });
    for (const runner of stores.runners.all()) this.#ledger.note({ after: runner });
    stores.runners.subscribe((change) => this.#ledger.note(change));
    book.subscribe((key) => this.#counting(key).forEach((one) => wake(one, this.#pause(one))));
  }

  /** The set of a runner, if the change can matter to it; a set is looked at no oftener than its pace allows. */
  wakesOfRunner({ before, after }: Change<EphemeralRunner>): { readonly key: string; readonly ms: number }[] {
    const runner = after ?? before;
    const key = runner && setKeyOf(runner);
    if (key === undefined) return [];
    const matters = !before || !after || stateOf(before) !== stateOf(after) ||
      before.status?.jobSetGeneration !== after.status?.jobSetGeneration;
    return matters ? this.#counting(key).map((one) => ({ key: one, ms: this.#pause(one) })) : [];
  }

  /** The set itself, and the one of its scale set's own name, which counts what is left of it. */
  #counting(key: string): string[] {
    const { namespace, name } = refOfKey(key);
    const set = this.#deps.stores.sets.get(namespace, name);
    const owner = set && controllerOf(set);
    return owner && owner.name !== name ? [key, `${namespace}/${owner.name}`] : [key];
  }

  #pause(key: string): number {
    const last = this.#memories.get(key)?.lookedAt;
    return last === undefined ? 0 : Math.max(0, last + this.#deps.waits.setPass - this.#deps.clock.monotonic());
  }

  async observe(key: string): Promise<Seen | undefined> {
    const { namespace, name } = refOfKey(key);
    const set = this.#deps.stores.sets.get(namespace, name);
    if (!set) return undefined;
    const memory = this.#memories.of(key, set.metadata.uid);
    const proxy = await proxyOf(this.#deps, set);
    const budget = await seenBudget(this.#deps, set, memory.budget, this.#deps.clock.now());
    memory.lookedAt = this.#deps.clock.monotonic();
    const retiring = this.#digest(key, memory, this.#deps.clock.now());
    const sources = { deps: this.#deps, ledger: this.#ledger, pruned: this.#pruned };
    return view(sources, set, { memory, retiring, proxy, budget });
  }

  decide(seen: Seen, now: Instant): Plan<RetireCall> {
    const plan = decide(seen, now);
    this.#announce(seen, plan);
    return plan;
  }

  /** What follows from a plan before it is carried out: who is born here, and which surplus has been dealt with. */
  #announce({ set }: Seen, { steps }: Plan<RetireCall>): void {
    for (const step of steps) {
      if (step.do === "create" && step.kind === EPHEMERAL_RUNNERS) this.#deps.book.expectBirth(keyOf(step.object));
      // What is left of the surplus has to last anew.
      if (step.do === "perform") this.#memories.of(keyOf(set), set.metadata.uid).surplus = undefined;
      // What differs again while this is written has to be gathered anew.
      if (step.do === "patch" && step.subresource === "status") {
        this.#memories.of(keyOf(set), set.metadata.uid).statusSince = undefined;
      }
    }
  }

  /** Takes the answer of the service, if there is a new one. @returns UIDs of the runners that it is being asked for */
  #digest(key: string, memory: SetMemory, now: Instant): ReadonlySet<string> {
    const { running, last } = this.performer.of(key);
    if (last && running === undefined) {
      const { waits } = this.#deps;
      memory.took(last.ok ? last.result : { gone: [], busy: [], failed: last.call.runners.map(uidOf) }, now, waits);
      if (last.ok && last.result.message !== undefined) {
        const { busy, failed, message } = last.result;
        this.#log.info("the service keeps runners", { key, busy: busy.length, failed: failed.length, message });
      }
      this.performer.forget(key);
    }
    for (const [uid, until] of memory.refusedUntil) if (until <= now) memory.refusedUntil.delete(uid);
    for (const known of [memory.letGo, memory.saidBusy]) {
      for (const uid of known) if (this.#deps.stores.runners.count(BY_UID, uid) === 0) known.delete(uid);
    }
    return new Set(running?.runners.map(uidOf) ?? []);
  }

  told(key: string, result: StepResult): boolean {
    const { step } = result;
    if (step.do === "create" && step.kind === EPHEMERAL_RUNNERS) {
      const { name = "" } = step.object.metadata ?? {};
      const unsure = this.#memories.get(key)?.unsure;
      // A name that exists and is not the set's is of no use to it.
      if (result.ok || KubeError.is(result.error, "AlreadyExists")) unsure?.delete(name);
      else unsure?.add(name);
    }
    if (!result.ok && step.do !== "event" && step.do !== "perform" && step.kind === SECRETS) {
      const { namespace = "", name = "" } = step.do === "create" ? step.object.metadata ?? {} : step.ref;
      this.#deps.secrets.forget(namespace, name);
    }
    if (result.ok && step.do === "patch" && step.kind === EPHEMERAL_RUNNER_SETS && step.subresource === "status") {
      this.#learn(step, result.object);
    }
    if (step.do === "event" && step.reason === GAVE_UP) this.#gaveUp(key, step.about);
    if (step.do === "event" && step.reason === UNPROTECTED) this.#memories.get(key)!.budget.told = step.message;
    return this.#toldOfBudget(key, result);
  }

  /** The scale set, whose turn is next, need not wait for the service once more. */
  #gaveUp(key: string, set: KubeObject): void {
    const { book, clock } = this.#deps;
    const at = clock.now();
    const owner = controllerOf(set);
    if (owner) book.gaveUp(owner.uid, { since: this.#memories.get(key)?.retireFailingSince ?? at, at });
  }

  /** A budget that is refused is said and tried again later: the rest of the set does not wait for it. */
  #toldOfBudget(key: string, result: StepResult): boolean {
    const { step } = result;
    const budget = this.#memories.get(key)?.budget;
    if (!budget || step.do === "event" || step.do === "perform" || step.kind !== POD_DISRUPTION_BUDGETS) return false;
    if (result.ok) {
      budget.made = step.do !== "delete";
      budget.well();
      return false;
    }
    const { namespace = "", name = "" } = step.do === "create" ? step.object.metadata ?? {} : step.ref;
    this.#deps.budgets.forget(namespace, name);
    const problem = refusalOf(result.error, step.do);
    if (problem) budget.refused(problem, this.#deps.clock.now(), this.#deps.waits);
    return problem !== undefined;
  }

  /** Fields that did not come back are not missed again, until they do come back. */
  #learn(step: PatchStep, object: EphemeralRunnerSet | undefined): void {
    const sent = (step.patch as EphemeralRunnerSet).status;
    if (!sent || !object) return;
    const { pruned, kept } = prunedFrom(sent, object.status);
    for (const field of pruned) this.#pruned.add(field);
    for (const field of kept) this.#pruned.delete(field);
  }

  gone(key: string): void {
    const { sets, runners } = this.#deps.stores;
    this.performer.forget(key);
    this.#memories.forget(key);
    const there = new Set([...sets.all()].map(({ metadata }) => metadata.uid));
    this.#ledger.keep((uid) => there.has(uid) || runners.count(BY_SET, uid) > 0);
  }
}

function uidOf({ metadata }: Stored<EphemeralRunner>): string {
  return metadata.uid;
}
