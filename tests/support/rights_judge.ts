/** Compares what is granted with what was used. */
import { type GrantedRight, textOf } from "./granted.ts";
import type { Reason } from "./rights_reasons.ts";
import type { UsedRight } from "./rights.ts";

/** Why a right stands in a role though no test needs it there; undefined: one does. */
function whyIdle(right: GrantedRight, used: readonly UsedRight[]): string | undefined {
  const uses = used.filter((use) => isAllowedBy(right, use));
  if (uses.length === 0) return "no test has used it";
  // A right in all namespaces that is used in the controller's own only could be one in that namespace.
  if (right.where === "all" && uses.every(({ where }) => where === "own")) {
    return "tests use it in the controller's own namespace only";
  }
  return undefined;
}

function isAllowedBy(right: GrantedRight, use: UsedRight): boolean {
  const isSame = right.who === use.who && right.verb === use.verb && right.group === use.group &&
    right.resource === use.resource;
  const isThere = right.where === "all" || right.where === use.where;
  return isSame && isThere && !use.forbidden && (right.mode === undefined || right.mode === use.mode);
}

/**
 * What is wrong, one line each: rights that nobody uses and that have no reason; reasons for what is not granted, or is
 * used after all; requests that were refused and should not have been.
 */
export function judgeUse(
  granted: readonly GrantedRight[],
  used: readonly UsedRight[],
  reasons: readonly Reason[],
): string[] {
  const wrong: string[] = [];
  const idle = new Map(granted.map((right) => [textOf(right), whyIdle(right, used)]));
  const listed = new Map<string, Reason>();
  for (const reason of reasons) {
    for (const text of rightsOfReason(reason)) {
      if (listed.has(text)) wrong.push(`${text}: stands in the list of reasons twice`);
      listed.set(text, reason);
      if (!idle.has(text)) wrong.push(`${text}: has a reason, but is not granted: take it out of the list`);
      else if (!reason.byChance && idle.get(text) === undefined) {
        wrong.push(`${text}: has a reason, but a test uses it: take it out of the list`);
      }
    }
  }
  for (const [text, why] of idle) {
    if (why !== undefined && !listed.has(text)) {
      wrong.push(`${text}: ${why}: take it out of the role, or give the reason in tests/support/rights_reasons.ts`);
    }
  }
  for (const { who, verb, group, resource, where, test, forbidden, wanted } of used) {
    if (!forbidden || wanted !== undefined) continue;
    wrong.push(`${test}: the ${who} may not ${verb} ${group}/${resource} (${where}), and nobody wanted that`);
  }
  return [...new Set(wrong)];
}

/** The rights of a reason as {@link textOf} has them. */
function rightsOfReason({ roles, rules }: Reason): string[] {
  return roles.split(" ").flatMap((role) =>
    Object.entries(rules).flatMap(([resource, verbs]) => verbs.split(" ").map((verb) => `${role}: ${verb} ${resource}`))
  );
}
