/** How the facts for a decision about a set are put together from stores, book, ledger and memory. */
import type { EphemeralRunner, EphemeralRunnerSet } from "../../api/kinds.ts";
import { newRunnerName } from "../../api/names.ts";
import { keyOf, type Pod, type Secret, type Stored } from "../../k8s/resource.ts";
import { KubeError } from "../../k8s/errors.ts";
import type { ReadThrough } from "../../k8s/read_through.ts";
import type { Reader } from "../../k8s/store.ts";
import type { Clock, Instant } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { proxySecretData } from "../shared/credentials.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import { stateOf } from "../shared/runner_state.ts";
import { type Services, SourceError } from "../shared/services.ts";
import type { SourceReader } from "../shared/source_reader.ts";
import { BY_REVISION, BY_SET, BY_STATE, BY_UID } from "../shared/stores.ts";
import type { Waits } from "../shared/waits.ts";
import { protectionOf, type SeenBudget } from "./budget.ts";
import type { BudgetSources } from "./budget_reader.ts";
import { proxyNameOf, proxySecretOf } from "./build.ts";
import { type Census, least, needsOf, unchanged } from "./count.ts";
import type { Ledger } from "./ledger.ts";
import type { SetMemory } from "./memory.ts";
import {
  censusOf,
  deletingSinceOf,
  inOrderOfLeaving,
  namesakesOf,
  remainsOf,
  revisionsOf,
  type Seen,
  type SeenProxy,
  staleOf,
  sum,
  waitingOf,
} from "./observe.ts";
import { agedOf, overdueOf, type Policy, policyOf } from "./policy.ts";
import { isHalted, rolloutTimes } from "./rollout.ts";
import { type AdditiveField, statusOf, statusPatch } from "./status.ts";
import { hasRecovered } from "./trouble.ts";

/** What the controller of runner sets is made of. */
export interface EphemeralRunnerSetDeps extends Pick<BudgetSources, "budgets" | "protectsBusy"> {
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
  /** Whether somebody has decided that the scale set is to have no runners. */
  readonly isPaused?: (set: Stored<EphemeralRunnerSet>) => boolean;
  /** UIDs of the sets that a set has replaced and that are still there: older releases named them otherwise. */
  readonly formerOf?: (set: Stored<EphemeralRunnerSet>) => readonly string[];
  /** Has this controller look at a key, now or after some milliseconds. */
  readonly wake: (key: string, ms?: number) => void;
}

/** Runners that one plan makes: with 50 at a time, few enough for the demand to be looked at again in between. */
const MOST_NAMES = 250;

/** Everything that is read. */
export interface Sources {
  readonly deps: EphemeralRunnerSetDeps;
  readonly ledger: Ledger;
  /** Fields of a status that this API server takes out. */
  readonly pruned: ReadonlySet<AdditiveField>;
}

/** What is known of one set besides its objects. */
export interface Known {
  readonly memory: SetMemory;
  /** UIDs of runners that the service is being asked to let go. */
  readonly retiring: ReadonlySet<string>;
  readonly proxy: SeenProxy | undefined;
  readonly budget: SeenBudget | undefined;
}

/** The facts, as they are now. What has lasted since when is kept in the memory. */
export function view(sources: Sources, set: Stored<EphemeralRunnerSet>, known: Known): Seen {
  const { deps, ledger, pruned } = sources;
  const { stores: { runners, pods }, book, clock, random, maxRunnersOf, isPaused, formerOf } = deps;
  const { memory, retiring, proxy, budget } = known;
  const policy = policyOf(set.spec?.runnerPolicy, deps.waits);
  const { waits } = policy;
  const { uid } = set.metadata;
  const now = clock.now();
  const find = (runner: string) => runners.by(BY_UID, runner)[0];
  const namesakes = namesakesOf(set, runners);
  const former = [...new Set([...formerOf?.(set) ?? [], ...namesakes])];
  const census = censusOf(set, { runners, pods, book, ledger, former }, [...retiring, ...memory.letGo], find);
  const { replicas = 0, runningJobs } = set.spec ?? {};
  const needs = needsOf(census, { replicas, runningJobs });
  memory.late = unchanged(memory.late, needs.late, now);
  memory.surplus = least(memory.surplus, needs.surplus, now);
  const current = memory.revisionOf(set);
  const { aged, overdue, nextExpiry } = expiriesOf(deps, uid, current, policy, now);
  const revisions = revisionsOf(uid, current, census, runners, aged.size);
  ledger.heed(uid, policy.patience);
  const { trials, stale, nextStale } = historyOf(sources, uid, census, current, policy, now);
  const trouble = {
    ...trials,
    rolloutStuck: isHalted(revisions, trials, waits, now),
    waiting: waitingOf(uid, runners),
    ...(proxy?.problem === undefined ? {} : { blocked: { reason: "ProxyInvalid", message: proxy.problem } }),
    protection: protectionOf(budget),
  };
  const differs = statusPatch(set, statusOf(set, census, trouble, now), pruned) !== undefined;
  memory.statusSince = differs ? memory.statusSince ?? now : undefined;
  const mayTry = trials.deprecation !== undefined && !(isPaused?.(set) ?? false);
  const wanted = Math.max(0, needs.lack) + needs.late + revisions.old + (mayTry ? 1 : 0);
  const times = [
    ...[uid, ...former].map((one) => ledger.departures(one).nextChange),
    ...memory.refusedUntil.values(),
    nextExpiry,
    ...rolloutTimes(revisions, trials, waits),
  ];
  return {
    set,
    deletingSince: deletingSinceOf(set),
    census,
    needs,
    late: memory.late,
    surplus: memory.surplus,
    total: sum([uid, ...namesakes].map((one) => runners.count(BY_SET, one))),
    names: namesFor(set, Math.min(wanted, MOST_NAMES), { runners, random, unsure: memory.unsure }),
    revisions,
    maxRunners: maxRunnersOf?.(set),
    mayTry,
    letGo: [...memory.letGo].flatMap((id) => find(id) ?? []).filter((runner) => stateOf(runner) !== "deleting"),
    stale,
    nextStale,
    nextChange: earliest(times, now),
    trouble,
    proxy,
    budget,
    statusSince: memory.statusSince,
    pruned,
    isRetiring: retiring.size > 0,
    saidBusy: memory.saidBusy,
    retireFailingSince: memory.retireFailingSince,
    retryRetireAt: memory.retryRetireAt,
    waits,
    policy,
    aged,
    overdue,
    firstSeen: (runner) => book.wasBornHere(keyOf(runner)) ? ledger.bornAt(uid, runner.metadata.uid) : undefined,
    removable: () => removable(sources, known, uid, current, now),
    remains: () => remainsOf(uid, runners, book),
  };
}

/** Runners that may be asked for: not those that are being, or have been, or were refused a moment ago. */
function removable({ deps }: Sources, { memory, retiring }: Known, uid: string, revision: string, now: Instant) {
  const { stores: { runners, pods }, book } = deps;
  const candidates = [...runners.by(BY_STATE, `${uid}/pending`), ...runners.by(BY_STATE, `${uid}/idle`)];
  const ended = book.endedOf(uid);
  const free = candidates.filter(({ metadata: { uid: id } }) =>
    !retiring.has(id) && !memory.letGo.has(id) && !ended.has(id) && (memory.refusedUntil.get(id) ?? 0) <= now
  );
  return inOrderOfLeaving(free, pods, revision);
}

/** Runners whose time is over. Those of an old spec are replaced in any case. */
function expiriesOf(
  { stores, book }: EphemeralRunnerSetDeps,
  uid: string,
  revision: string,
  policy: Policy,
  now: Instant,
) {
  const { runners, pods } = stores;
  const ended = book.endedOf(uid);
  const alive = (list: Iterable<Stored<EphemeralRunner>>) =>
    [...list].filter(({ metadata }) => !ended.has(metadata.uid));
  const aged = agedOf(() => alive(runners.by(BY_REVISION, `${uid}/${revision}/idle`)), pods, policy, now);
  const overdue = overdueOf(() => alive(runners.by(BY_STATE, `${uid}/pending`)), pods, policy, now);
  return { aged: aged.expired, overdue: overdue.expired, nextExpiry: earliest([aged.next, overdue.next], now) };
}

/** What the set's runners have come to of late; a trial that has gone well ends the trouble here. */
function historyOf(
  { deps, ledger }: Sources,
  uid: string,
  census: Census,
  revision: string,
  { waits, history: kept }: Policy,
  now: Instant,
) {
  const { stores: { runners } } = deps;
  const read = () => {
    const refusedAt = (runner: string) => ledger.refusedAt(uid, runner);
    const at = { now, waits, revision, history: kept, successAt: ledger.successAt(uid), refusedAt };
    const { deprecatedAt, ...rest } = staleOf(uid, runners, at);
    const deprecation = deprecatedAt === undefined ? undefined : { at: deprecatedAt };
    return { ...rest, trials: { streak: ledger.streakOf(uid), deprecation, lastBirthAt: ledger.lastBirthAt(uid) } };
  };
  const history = read();
  if (!hasRecovered(census, history.trials, waits, now)) return history;
  ledger.succeeded(uid);
  return read();
}

/** Names that nobody bears, as far as we know; first those under which a runner may have been made all the same. */
function namesFor(
  set: Stored<EphemeralRunnerSet>,
  count: number,
  { runners, random, unsure }: {
    readonly runners: Reader<EphemeralRunner>;
    readonly random: Random;
    readonly unsure: Set<string>;
  },
): string[] {
  const { namespace = "", name } = set.metadata;
  for (const one of unsure) if (runners.get(namespace, one)) unsure.delete(one);
  const names = new Set([...unsure].slice(0, count));
  while (names.size < count) {
    const fresh = newRunnerName(name, random);
    if (!runners.get(namespace, fresh)) names.add(fresh);
  }
  return [...names];
}

/** The proxy's secret as it is and as it should be; both reads are remembered. */
export async function proxyOf(
  { secrets, sources }: Pick<EphemeralRunnerSetDeps, "secrets" | "sources">,
  set: Stored<EphemeralRunnerSet>,
): Promise<SeenProxy | undefined> {
  const { namespace = "", deletionTimestamp } = set.metadata;
  const { proxy, vaultConfig } = set.spec?.ephemeralRunnerSpec ?? {};
  if (!proxy) return undefined;
  if (deletionTimestamp !== undefined) return { there: await ifAllowed(secrets.get(namespace, proxyNameOf(set))) };
  const there = await secrets.get(namespace, proxyNameOf(set));
  try {
    const wanted = await sources.proxy({ namespace, proxy, vaultConfig });
    return { there, wanted: proxySecretOf(set, proxySecretData(wanted)) };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { there, problem: error.message };
  }
}

/** Rights may go before the set does: its owner reference then takes the secret away. */
async function ifAllowed<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (!KubeError.is(error, "Forbidden")) throw error;
    return undefined;
  }
}

function earliest(times: readonly (Instant | undefined)[], now: Instant): Instant | undefined {
  const coming = times.filter((at) => at !== undefined && at > now) as Instant[];
  return coming.length > 0 ? Math.min(...coming) : undefined;
}
