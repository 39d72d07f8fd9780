/** Whether the scale set is at the service as it is wanted, and when to ask. Pure. */
import { ANNOTATIONS } from "../../api/names.ts";
import type { Instant } from "../../lib/clock.ts";
import { same } from "../shared/drift.ts";
import { isSecretRelated, type Problem, problemOf, wantsFreshSecrets } from "../shared/problems.ts";
import { annotatedId, sourceOf, wantedScaleSet } from "./build.ts";
import type { Observed } from "./observe.ts";
import type { RegisterCall, ScaleSetFacts } from "./scale_set_calls.ts";

export interface Registration {
  /** What the service knows the scale set by, as far as we know; undefined before the first success. */
  readonly facts?: ScaleSetFacts;
  /** Why the service could not be asked, or refused. */
  readonly problem?: Problem;
  /** The call to make now. */
  readonly call?: RegisterCall;
  /** When a call is due if nothing changes, in milliseconds from now. */
  readonly waitMs?: number;
}

/**
 * The scale set is looked at once in the life of a process, again when what is wanted has changed, and when somebody
 * was told that it is gone or that its credentials are refused. Until then, and while the service can't be reached, what
 * the annotations say is believed.
 */
export function registrationOf(seen: Observed, now: Instant): Registration {
  const { github } = seen;
  const wanted = { source: sourceOf(seen.ars), wanted: wantedScaleSet(seen.ars) };
  const annotated = annotatedFacts(seen);
  const asked = github.last?.call.do === "register" ? github.last.call : undefined;
  const isAnswer = asked !== undefined && same({ source: asked.source, wanted: asked.wanted }, wanted);
  const ask = (fresh: boolean): RegisterCall => ({
    do: "register",
    ...wanted,
    ...(annotated && { id: annotated.id }),
    fresh,
    generation: seen.ars.metadata.generation,
  });
  if (!isAnswer || !github.last) {
    const fresh = github.last !== undefined && !github.last.ok;
    return { ...(annotated && { facts: annotated }), ...(github.running ? {} : { call: ask(fresh) }) };
  }
  if (github.last.ok) {
    const facts = github.last.result ?? annotated;
    const dueAt = recheckDueAt(seen, github.last.at);
    if (github.running || dueAt === undefined) return { facts };
    return dueAt <= now ? { facts, call: ask(false) } : { facts, waitMs: dueAt - now };
  }
  const problem = problemOf(github.last.error);
  const retryAt = isSecretRelated(problem.reason) ? github.last.at + seen.waits.secretRecheck : github.retryAt;
  const changed = asked.generation !== seen.ars.metadata.generation;
  const base = { problem, ...(annotated && { facts: annotated }) };
  if (github.running) return base;
  if (changed || retryAt <= now) return { ...base, call: ask(changed || wantsFreshSecrets(problem.reason)) };
  return { ...base, waitMs: retryAt - now };
}

/** The id of the scale set that the last call has found or made. */
export function foundId({ last }: Observed["github"]): number | undefined {
  return last?.ok && last.call.do === "register" ? last.result?.id : undefined;
}

/** What the object's annotations say, unless they speak of another GitHub than the one that is wanted now. */
export function annotatedFacts({ ars, runnerSet }: Observed): ScaleSetFacts | undefined {
  const annotations = ars.metadata.annotations ?? {};
  const id = annotatedId(ars);
  if (id === undefined) return undefined;
  // An id of one organization may be somebody else's in another.
  const url = runnerSet?.spec?.ephemeralRunnerSpec.githubConfigUrl;
  if (url !== undefined && url !== ars.spec?.githubConfigUrl) return undefined;
  return {
    id,
    name: annotations[ANNOTATIONS.scaleSetName] ?? wantedScaleSet(ars).name,
    group: annotations[ANNOTATIONS.runnerGroupName] ?? "",
  };
}

/** Whether the service was asked, and answered, after a listener had reported the scale set to be missing. */
export function isLookedInto({ github: { last }, memory: { missingSince } }: Observed): boolean {
  return missingSince !== undefined && last?.call.do === "register" && last.ok && last.at >= missingSince;
}

function recheckDueAt({ memory, waits }: Observed, answeredAt: Instant): Instant | undefined {
  const { reportedGoneAt = 0, missingSince = 0 } = memory;
  if (Math.max(reportedGoneAt, missingSince) <= answeredAt) return undefined;
  return answeredAt + waits.scaleSetRecheck;
}
