/**
 * The controller of EphemeralRunnerSets.
 *
 * It wants: the stores of sets, runners (with RUNNER_INDEXES) and runner pods, the book that it shares with the runners'
 * controller, and to be woken by {@link keysOfSet} and {@link EphemeralRunnerSetReconciler.wakesOfRunner}.
 */
import type { EphemeralRunner, EphemeralRunnerSet } from "../../api/kinds.ts";
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { newRunnerName } from "../../api/names.ts";
import { keyOf, type Pod, refOfKey, type Secret, SECRETS, type Stored } from "../../k8s/resource.ts";
import type { ReadThrough } from "../../k8s/read_through.ts";
import type { Change, Reader } from "../../k8s/store.ts";
import type { Clock, Instant } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import type { Reconciler } from "../../runtime/controller.ts";
import type { StepResult } from "../../runtime/execute.ts";
import { Performer } from "../../runtime/performer.ts";
import type { PatchStep, Plan } from "../../runtime/plan.ts";
import { proxySecretData } from "../shared/credentials.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import { setKeyOf, stateOf } from "../shared/runner_state.ts";
import { type Services, SourceError } from "../shared/services.ts";
import type { SourceReader } from "../shared/source_reader.ts";
import { BY_SET, BY_STATE, BY_UID } from "../shared/stores.ts";
import type { Waits } from "../shared/waits.ts";
import { proxyNameOf, proxySecretOf } from "./build.ts";
import { retire, type RetireAnswer, type RetireCall } from "./calls.ts";
import { type Census, least, needsOf, unchanged } from "./count.ts";
import { decide } from "./decide.ts";
import { Ledger } from "./ledger.ts";
import { SetMemories, type SetMemory } from "./memory.ts";
import {
  censusOf,
  deletingSinceOf,
  inOrderOfLeaving,
  remainsOf,
  type Revisions,
  revisionsOf,
  type Seen,
  type SeenProxy,
  staleOf,
} from "./observe.ts";
import { isHalted, provenAt } from "./rollout.ts";
import { type AdditiveField, prunedFrom, statusOf, statusPatch } from "./status.ts";
import { hasRecovered, type Trials } from "./trouble.ts";

export interface EphemeralRunnerSetDeps {
  readonly stores: {
    readonly sets: Reader<EphemeralRunnerSet>;
    readonly runners: Reader<EphemeralRunner>;
    readonly pods: Reader<Pod>;
  };
  readonly secrets: Pick<ReadThrough<Secret>, "get" | "forget">;
  readonly sources: Pick<SourceReader, "proxy">;
  readonly services: Services;
  readonly book: RunnerBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly waits: Waits;
  /** maxRunners of the scale set that owns a set; undefined: not known. */
  readonly maxRunnersOf?: (set: Stored<EphemeralRunnerSet>) => number | undefined;
  /** Has this controller look at a key, now or after some milliseconds. */
  readonly wake: (key: string, ms?: number) => void;
}

export function ephemeralRunnerSetController(deps: EphemeralRunnerSetDeps): EphemeralRunnerSetReconciler {
  return new EphemeralRunnerSetReconciler(deps);
}

/** The set itself. */
export function keysOfSet({ before, after }: Change<EphemeralRunnerSet>): string[] {
  const set = after ?? before;
  return set ? [keyOf(set)] : [];
}

/** Runners that one plan makes: with 50 at a time, few enough for the demand to be looked at again in between. */
const MOST_AT_ONCE = 250;

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
    book.subscribe((key) => wake(key, this.#pause(key)));
  }

  /** The set of a runner, if the change can matter to it; a set is looked at no oftener than its pace allows. */
  wakesOfRunner({ before, after }: Change<EphemeralRunner>): { readonly key: string; readonly ms: number }[] {
    const runner = after ?? before;
    const key = runner && setKeyOf(runner);
    if (key === undefined) return [];
    const matters = !before || !after || stateOf(before) !== stateOf(after) ||
      before.status?.jobSetGeneration !== after.status?.jobSetGeneration;
    return matters ? [{ key, ms: this.#pause(key) }] : [];
  }

  #pause(key: string): number {
    const last = this.#memories.get(key)?.lookedAt;
    return last === undefined ? 0 : Math.max(0, last + this.#deps.waits.setPass - this.#deps.clock.monotonic());
  }

  async observe(key: string): Promise<Seen | undefined> {
    const { namespace, name } = refOfKey(key);
    const set = this.#deps.stores.sets.get(namespace, name);
    if (!set) return undefined;
    const proxy = await this.#proxyOf(set);
    return this.#see(key, set, proxy);
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
    }
  }

  #see(key: string, set: Stored<EphemeralRunnerSet>, proxy: SeenProxy | undefined): Seen {
    const { stores: { runners, pods }, book, clock, waits, maxRunnersOf } = this.#deps;
    const { uid } = set.metadata;
    const now = clock.now();
    const memory = this.#memories.of(key, uid);
    memory.lookedAt = clock.monotonic();
    const retiring = this.#digest(key, memory, now);
    const find = (runner: string) => runners.by(BY_UID, runner)[0];
    const census = censusOf(set, { runners, book, ledger: this.#ledger }, [...retiring, ...memory.letGo], find);
    const { replicas = 0, runningJobs } = set.spec ?? {};
    const needs = needsOf(census, { replicas, runningJobs });
    memory.late = unchanged(memory.late, needs.late, now);
    memory.surplus = least(memory.surplus, needs.surplus, now);
    const current = memory.revisionOf(set);
    const revisions = revisionsOf(uid, current, census, runners);
    const history = this.#historyOf(uid, census, current, now);
    const trouble = {
      ...history.trials,
      rolloutStuck: isHalted(revisions, history.trials, waits, now),
      ...(proxy?.problem === undefined ? {} : { blocked: { reason: "ProxyInvalid", message: proxy.problem } }),
    };
    const differs = statusPatch(set, statusOf(set, census, trouble, now), this.#pruned) !== undefined;
    memory.statusSince = differs ? memory.statusSince ?? now : undefined;
    const kept = (runner: Stored<EphemeralRunner>) => {
      const id = runner.metadata.uid;
      return !retiring.has(id) && !memory.letGo.has(id) && !book.endedOf(uid).has(id) &&
        (memory.refusedUntil.get(id) ?? 0) <= now;
    };
    return {
      set,
      deletingSince: deletingSinceOf(set),
      census,
      needs,
      late: memory.late,
      surplus: memory.surplus,
      total: runners.count(BY_SET, uid),
      names: this.#names(set, Math.max(0, needs.lack) + needs.late + revisions.old),
      revisions,
      maxRunners: maxRunnersOf?.(set),
      letGo: [...memory.letGo].flatMap((id) => find(id) ?? []).filter((runner) => stateOf(runner) !== "deleting"),
      stale: history.stale,
      nextStale: history.nextStale,
      nextChange: earliest([this.#ledger.departures(uid).nextChange, ...rolloutTimes(revisions, trouble, waits)], now),
      trouble,
      proxy,
      statusSince: memory.statusSince,
      pruned: this.#pruned,
      isRetiring: retiring.size > 0,
      retireFailingSince: memory.retireFailingSince,
      retryRetireAt: memory.retryRetireAt,
      waits,
      removable: () =>
        inOrderOfLeaving(
          [...runners.by(BY_STATE, `${uid}/pending`), ...runners.by(BY_STATE, `${uid}/idle`)].filter(kept),
          pods,
          current,
        ),
      remains: () => remainsOf(uid, runners, book),
    };
  }

  /** What the set's runners have come to of late; a trial that has gone well ends the trouble here. */
  #historyOf(uid: string, census: Census, revision: string, now: Instant) {
    const { stores: { runners }, waits } = this.#deps;
    const ledger = this.#ledger;
    const read = () => {
      const { deprecatedAt, ...rest } = staleOf(uid, runners, {
        now,
        waits,
        revision,
        successAt: ledger.successAt(uid),
      });
      const deprecation = deprecatedAt === undefined ? undefined : { at: deprecatedAt };
      return { ...rest, trials: { streak: ledger.streakOf(uid), deprecation, lastBirthAt: ledger.lastBirthAt(uid) } };
    };
    const history = read();
    if (!hasRecovered(census, history.trials, waits, now)) return history;
    ledger.succeeded(uid);
    return read();
  }

  /** Takes the answer of the service, if there is a new one. @returns UIDs of the runners that it is being asked for */
  #digest(key: string, memory: SetMemory, now: Instant): ReadonlySet<string> {
    const { running, last } = this.performer.of(key);
    if (last && running === undefined) {
      const { waits } = this.#deps;
      memory.took(last.ok ? last.result : { gone: [], busy: [], failed: last.call.runners.map(uidOf) }, now, waits);
      if (last.ok && last.result.message !== undefined) {
        const { gone, busy, failed, message } = last.result;
        this.#log.info("the service keeps runners", {
          key,
          gone: gone.length,
          busy: busy.length,
          failed: failed.length,
          message,
        });
      }
      this.performer.forget(key);
    }
    for (const [uid, until] of memory.refusedUntil) if (until <= now) memory.refusedUntil.delete(uid);
    for (const uid of memory.letGo) if (this.#deps.stores.runners.count(BY_UID, uid) === 0) memory.letGo.delete(uid);
    return new Set(running?.runners.map(uidOf) ?? []);
  }

  /** Names that nobody bears. */
  #names(set: Stored<EphemeralRunnerSet>, wanted: number): string[] {
    const { namespace = "", name } = set.metadata;
    const { random, stores: { runners } } = this.#deps;
    const names = new Set<string>();
    while (names.size < Math.min(wanted, MOST_AT_ONCE)) {
      const fresh = newRunnerName(name, random);
      if (!runners.get(namespace, fresh)) names.add(fresh);
    }
    return [...names];
  }

  async #proxyOf(set: Stored<EphemeralRunnerSet>): Promise<SeenProxy | undefined> {
    const { secrets, sources } = this.#deps;
    const { namespace = "", deletionTimestamp } = set.metadata;
    const proxy = set.spec?.ephemeralRunnerSpec?.proxy;
    if (!proxy) return undefined;
    const there = await secrets.get(namespace, proxyNameOf(set));
    if (deletionTimestamp !== undefined) return { there };
    try {
      return { there, wanted: proxySecretOf(set, proxySecretData(await sources.proxy({ namespace, proxy }))) };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return { there, problem: error.message };
    }
  }

  told(_key: string, result: StepResult): boolean {
    const { step } = result;
    if (!result.ok && step.do !== "event" && step.do !== "perform" && step.kind === SECRETS) {
      const { namespace = "", name = "" } = step.do === "create" ? step.object.metadata ?? {} : step.ref;
      this.#deps.secrets.forget(namespace, name);
    }
    if (result.ok && step.do === "patch" && step.kind === EPHEMERAL_RUNNER_SETS && step.subresource === "status") {
      this.#learn(step, result.object);
    }
    return false;
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
    const memory = this.#memories.get(key);
    this.performer.forget(key);
    this.#memories.forget(key);
    if (memory) this.#ledger.forget(memory.uid);
  }
}

/** When a replacement of old runners may go on, or has taken too long. */
function rolloutTimes({ old, freshPending }: Revisions, { lastBirthAt, ...rest }: Trials, waits: Waits): Instant[] {
  if (old === 0 || lastBirthAt === undefined) return [];
  return [provenAt({ lastBirthAt, ...rest }, waits), ...(freshPending > 0 ? [lastBirthAt + waits.rollout] : [])];
}

function earliest(times: readonly (Instant | undefined)[], now: Instant): Instant | undefined {
  const coming = times.filter((at) => at !== undefined && at > now) as Instant[];
  return coming.length > 0 ? Math.min(...coming) : undefined;
}

function uidOf({ metadata }: Stored<EphemeralRunner>): string {
  return metadata.uid;
}
