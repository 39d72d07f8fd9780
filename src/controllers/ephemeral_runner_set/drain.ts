/** How a set goes: runners that can take a job with the service's leave, busy ones when they are done. Pure. */
import { EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { RUNNER_SET_FINALIZERS } from "../../api/names.ts";
import { refOf, SECRETS } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, type EventStep, patch, perform, type Plan, remove, rest, type Step } from "../../runtime/plan.ts";
import { budgetPart, budgetRemoval } from "./budget.ts";
import type { RetireCall } from "./calls.ts";
import type { Seen } from "./observe.ts";
import { MOST_AT_ONCE, soonest, statusStepOf, until } from "./parts.ts";

/** Event: the service does not answer, and runners go without its leave. */
export const GAVE_UP = "CleanupIncomplete";

export function drain(seen: Seen, now: Instant): Plan<RetireCall> {
  const { set, total } = seen;
  const { finalizers = [], resourceVersion } = set.metadata;
  const left = finalizers.filter((finalizer) => !RUNNER_SET_FINALIZERS.includes(finalizer));
  if (left.length === finalizers.length) return rest("leaving");
  if (total > 0) return dismissRunners(seen, now);
  const budget = budgetRemoval(seen);
  if (budget.length > 0) return act("remove-budget", budget);
  const secret = seen.proxy?.there;
  if (secret) return act("remove-proxy-secret", remove(SECRETS, refOf(secret)));
  const body = { metadata: { finalizers: left.length > 0 ? left : null, resourceVersion } };
  return act("drained", patch(EPHEMERAL_RUNNER_SETS, refOf(set), body, { goneIsDone: true }));
}

function dismissRunners(seen: Seen, now: Instant): Plan<RetireCall> {
  const steps: Step<RetireCall>[] = [...seen.letGo, ...seen.remains()].map((runner) =>
    remove(EPHEMERAL_RUNNERS, refOf(runner))
  );
  const retryIn = seen.retryRetireAt === undefined ? 0 : Math.max(0, seen.retryRetireAt - now);
  const candidates = seen.removable();
  // GitHub does not answer. These have no job as far as anybody here can know; those that it said to have one stay.
  const givenUp = isExpired(seen, now) ? candidates.filter(({ metadata }) => !seen.saidBusy.has(metadata.uid)) : [];
  if (givenUp.length > 0) steps.push(gaveUp(seen, givenUp.length));
  for (const runner of givenUp) steps.push(remove(EPHEMERAL_RUNNERS, refOf(runner)));
  const asked = candidates.filter((runner) => !givenUp.includes(runner)).slice(0, MOST_AT_ONCE);
  if (asked.length > 0 && !seen.isRetiring && retryIn === 0) steps.push(perform({ do: "retire", runners: asked }));
  const status = statusStepOf(seen, now);
  const budget = budgetPart(seen, now);
  steps.push(...budget.steps, ...status.steps);
  const inMs = soonest([
    status.inMs,
    budget.inMs,
    retryIn > 0 ? retryIn : undefined,
    // Those that have a job are asked for again: nothing here changes when they lose it.
    until(seen.nextChange, now),
    seen.retireFailingSince && seen.waits.timeBox,
  ]);
  return steps.length > 0 ? act("drain", steps, inMs) : rest("draining", inMs);
}

/**
 * Only a service that has given no answer for all the time runs out of it; one that says "job still running" does not,
 * nor one that stumbles once after the set has long waited for jobs to end.
 */
function isExpired({ deletingSince, retireFailingSince, waits }: Seen, now: Instant): boolean {
  return retireFailingSince !== undefined && deletingSince !== undefined &&
    now - Math.max(deletingSince, retireFailingSince) >= waits.timeBox;
}

function gaveUp({ set }: Seen, count: number): EventStep {
  return {
    do: "event",
    kind: EPHEMERAL_RUNNER_SETS,
    about: set,
    type: "Warning",
    reason: GAVE_UP,
    message: `GitHub did not answer in time: ${count} runners are removed here and may still be registered there`,
  };
}
