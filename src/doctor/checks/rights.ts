/** May the controller do what it must? Pure. */
import type { RightsFacts } from "./facts.ts";
import { type Finding, fix, notChecked, note, ok, some } from "./finding.ts";
import { type Right, type RightScope, rightText } from "./rights_table.ts";

/** Which chart gives the rights of a scope. */
const FROM: Readonly<Record<RightScope, string>> = {
  watched: "helm upgrade the controller's release (its cluster role)",
  own: "helm upgrade the controller's release (its role in its own namespace)",
  leader: "helm upgrade the controller's release with replicaCount above 1 (its leader election role)",
  "scale-sets": "helm upgrade a scale set's release in that namespace, with controllerServiceAccount set right",
  certificates: "helm upgrade the scale set's release with githubServerTLS in its values",
  extra:
    "helm upgrade with rbac.extra: true, if you want events, job annotations on pods, and busy runners protected from evictions",
};

export function judgeRights(rights: readonly RightsFacts[]): Finding[] {
  return rights.flatMap(judgeSubject);
}

function judgeSubject({ who, isController, asked }: RightsFacts): Finding[] {
  const findings: Finding[] = [];
  if (!isController) {
    const message = `these are the rights of ${who}, not the controller's: no controller's account is known, or ` +
      "you may not ask for another's (create subjectaccessreviews)";
    findings.push(notChecked("rights", who, message, "run arc doctor in the controller's pod"));
  }
  const unanswered = asked.find(({ allowed }) => !allowed.known);
  if (unanswered && !unanswered.allowed.known) {
    findings.push(notChecked("rights", who, `not all could be asked for: ${unanswered.allowed.why}`));
  }
  const missing = asked.filter(({ allowed }) => allowed.known && !allowed.value);
  for (const { scope, namespace, rights } of byPlace(missing)) {
    const where = namespace === undefined ? "in all namespaces" : `in ${namespace}`;
    const message = `${who} may not: ${some(rights.map(rightText), 5)} (${where})`;
    const needsPerson = isController && scope !== "extra";
    findings.push(
      needsPerson
        ? fix("rights", who, message, FROM[scope])
        : note("rights", who, message, isController ? FROM[scope] : undefined),
    );
  }
  if (findings.length === 0) findings.push(ok("rights", who, `has all ${asked.length} rights that are needed`));
  return findings;
}

interface Missing {
  readonly scope: RightScope;
  readonly namespace: string | undefined;
  readonly rights: Right[];
}

/** One line for all that one chart forgot in one namespace. */
function byPlace(asked: RightsFacts["asked"]): Missing[] {
  const places = new Map<string, Missing>();
  for (const { right, namespace } of asked) {
    const key = `${right.scope} ${namespace ?? ""}`;
    const place = places.get(key) ?? { scope: right.scope, namespace, rights: [] };
    place.rights.push(right);
    places.set(key, place);
  }
  return [...places.values()];
}
