/** What a set of runners needs next. Pure; the rules are those of docs/behaviour.md, "How many runners". */
import { EPHEMERAL_RUNNERS, type EphemeralRunner } from "../../api/kinds.ts";
import { refOf, SECRETS, type Stored } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, create, patch, perform, type Plan, remove, rest, type Step } from "../../runtime/plan.ts";
import { same } from "../shared/drift.ts";
import { revisionOfRunner } from "../shared/revision.ts";
import { budgetPart } from "./budget.ts";
import { runnerOf } from "./build.ts";
import type { RetireCall } from "./calls.ts";
import { ripe } from "./count.ts";
import { drain } from "./drain.ts";
import type { Seen } from "./observe.ts";
import { MOST_AT_ONCE, type Part, soonest, statusStepOf, until } from "./parts.ts";
import { expiryEvent } from "./policy.ts";
import { rolloutOf } from "./rollout.ts";
import { allowanceOf, isRefused } from "./trouble.ts";

export function decide(seen: Seen, now: Instant): Plan<RetireCall> {
  if (seen.deletingSince !== undefined) return drain(seen, now);
  const proxy = proxyStep(seen);
  if (proxy) return act("proxy-secret", proxy);

  const rollout = rolloutOf(seen, now);
  const making = makingOf(seen, rollout.surge, now);
  const removing = removingOf(seen, rollout, now);
  const status = statusStepOf(seen, now);
  const budget = budgetPart(seen, now);
  const clearing = [...seen.letGo, ...seen.stale].map((runner) => remove(EPHEMERAL_RUNNERS, refOf(runner)));
  const steps = [...making.steps, ...removing.steps, ...clearing, ...budget.steps, ...status.steps];
  const inMs = soonest([
    making.inMs,
    removing.inMs,
    status.inMs,
    budget.inMs,
    until(seen.nextStale, now),
    until(seen.nextChange, now),
  ]);
  const why = making.steps.length > 0
    ? "create"
    : removing.steps.length > 0
    ? "remove"
    : clearing.length > 0
    ? "clear"
    : budget.steps.length > 0
    ? "budget"
    : "status";
  return steps.length > 0 ? act(why, steps, inMs) : rest("settled", inMs);
}

/** The secret comes before any runner whose pod would refer to it. */
function proxyStep({ proxy }: Seen): Step<RetireCall> | undefined {
  if (!proxy?.wanted) return undefined;
  if (!proxy.there) return create(SECRETS, proxy.wanted);
  const { data, metadata } = proxy.wanted;
  if (same(proxy.there.data, data)) return undefined;
  return patch(SECRETS, refOf(proxy.there), { data, metadata: { labels: metadata?.labels } });
}

/** Runners to be made. */
function makingOf(seen: Seen, surge: number, now: Instant): Part {
  const { set, needs, names, census, trouble, waits, revisions, proxy } = seen;
  if (proxy?.problem !== undefined) return { steps: [] };
  const late = ripe(seen.late, waits.lateCreation, now);
  const wanted = Math.max(seen.mayTry ? 1 : 0, Math.max(0, needs.lack) + late.value + surge);
  if (wanted === 0) return { steps: [], inMs: late.inMs };
  const allowance = allowanceOf(wanted, census, trouble, waits, now);
  const making = names.slice(0, Math.min(wanted, allowance.count));
  return {
    steps: making.map((name) => create(EPHEMERAL_RUNNERS, runnerOf(set, name, revisions.current))),
    inMs: soonest([late.inMs, allowance.inMs]),
  };
}

/** Runners that the service is asked to let go; those that it lets go are deleted by the next plan. */
function removingOf(seen: Seen, rollout: { readonly retire: number; readonly spared: number }, now: Instant): Part {
  const { set, policy, trouble, aged, overdue } = seen;
  // At a listener's start the number is 0 too, and jobs that run may not have told their runners yet.
  const isForced = policy.scalesDownAtRest && (set.spec?.patchID ?? 0) === 0 && (set.spec?.runningJobs ?? 0) === 0;
  const surplus = ripe(seen.surplus, policy.scaleDown, now);
  const spared = rollout.spared + (isTrialOut(seen) ? 1 : 0);
  const tooMany = Math.max(0, (isForced ? seen.needs.surplus : surplus.value) - spared);
  const { inMs } = surplus;
  if (seen.isRetiring) return { steps: [], inMs };
  const retryIn = Math.max(0, (seen.retryRetireAt ?? now) - now);
  if (tooMany + rollout.retire + overdue.size === 0 && !trouble.deprecation) return { steps: [], inMs };
  if (retryIn > 0) return { steps: [], inMs: soonest([inMs, retryIn]) };
  const candidates = seen.removable();
  const chosen = new Set(candidates.slice(0, tooMany));
  // What GitHub refuses to serve is of no use: all that were made before it said so go.
  for (const runner of candidates) {
    if (isRefused(runner, seen.firstSeen(runner), trouble.deprecation)) chosen.add(runner);
  }
  for (const runner of candidates.filter(isOld(seen)).slice(0, rollout.retire)) chosen.add(runner);
  for (const runner of candidates) if (overdue.has(runner.metadata.uid)) chosen.add(runner);
  const runners = [...chosen].slice(0, MOST_AT_ONCE);
  const events = runners.flatMap(({ metadata: { uid } }) => overdue.get(uid) ?? aged.get(uid) ?? []).map(expiryEvent);
  return { steps: runners.length > 0 ? [perform({ do: "retire", runners }), ...events] : [], inMs };
}

/** A runner shows whether GitHub still refuses its version: it stays until it has. */
function isTrialOut({ mayTry, trouble: { deprecation, lastBirthAt = 0 } }: Seen): boolean {
  return mayTry && deprecation !== undefined && lastBirthAt > deprecation.at;
}

function isOld({ revisions, aged }: Seen): (runner: Stored<EphemeralRunner>) => boolean {
  return (runner) => revisionOfRunner(runner) !== revisions.current || aged.has(runner.metadata.uid);
}
