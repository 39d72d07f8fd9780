/** Conditions by the kstatus convention: what is so, since when, and why. */
import type { Condition } from "../../api/kinds.ts";
import { type Instant, rfc3339 } from "../../lib/clock.ts";

/** What is to be said; when it became so follows from what was said before. */
export type Saying = Pick<Condition, "type" | "status" | "reason" | "message">;

/** Messages are for people: the longest that fits without drowning the rest. */
const LONGEST_MESSAGE = 1024;

/**
 * What a status patch is to hold on to: a condition that becomes another is told against the version that was seen. One
 * that was seen too late, by a new leader say, would have its time of change written anew.
 */
export function heldTo(
  { metadata, status }: { readonly metadata: { readonly resourceVersion: string }; readonly status?: Conditioned },
  wanted: Conditioned | undefined,
): { readonly metadata?: { readonly resourceVersion: string } } {
  const before = status?.conditions;
  const changes = before && wanted?.conditions?.some((one) => conditionNamed(before, one.type)?.status !== one.status);
  return changes ? { metadata: { resourceVersion: metadata.resourceVersion } } : {};
}

interface Conditioned {
  readonly conditions?: readonly Condition[];
}

/**
 * The conditions of an object of which all of `sayings` is now true. Conditions that others wrote stay; those named in
 * `over` and not said any more go.
 */
export function conditionsOf(
  before: readonly Condition[] | undefined,
  sayings: readonly Saying[],
  at: { readonly now: Instant; readonly generation: number | undefined; readonly over?: readonly string[] },
): Condition[] {
  const said = new Set([...sayings.map(({ type }) => type), ...at.over ?? []]);
  const others = (before ?? []).filter(({ type }) => !said.has(type));
  return [...sayings.map((saying) => conditionOf(before, saying, at)), ...others];
}

function conditionOf(
  before: readonly Condition[] | undefined,
  { type, status, reason, message }: Saying,
  { now, generation }: { readonly now: Instant; readonly generation: number | undefined },
): Condition {
  const old = before?.find((condition) => condition.type === type);
  return {
    type,
    status,
    reason,
    message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 3)}...` : message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : rfc3339(now),
  };
}

/** The condition of a type, if anybody has said it. */
export function conditionNamed(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
