/** All checks, over the facts of one moment. Pure. */
import { isDeleting } from "../../k8s/resource.ts";
import { judgeApi, judgeClocks, judgeControllers } from "./controller.ts";
import { judgeCrds } from "./crds.ts";
import type { Facts } from "./facts.ts";
import { judgeFinalizers } from "./finalizers.ts";
import { CHECKS, type Finding, fix, notChecked, note, ok, placeText } from "./finding.ts";
import { judgeDoubles, judgeGithub } from "./github.ts";
import { judgeConditions, judgeListener, judgeRunners } from "./listener.ts";
import { judgeOrphans } from "./orphans.ts";
import { judgeRights } from "./rights.ts";

/** One line per check and object, in the order of {@link CHECKS}. */
export function judge(facts: Facts): Finding[] {
  const api = judgeApi(facts.api);
  // Without an API server there is nothing else to say.
  if (api.state === "fix") return [api];
  const findings = [
    api,
    ...judgeCrds(facts.crds),
    ...judgeRights(facts.rights),
    ...judgeControllers(facts),
    ...judgeClocks(facts),
    ...judgeScaleSets(facts),
    ...judgeFinalizers(facts.objects, facts.now),
    ...judgeOrphans(facts),
  ];
  // One line after another, as a person reads them: by check, and within it in the order of the objects.
  return findings
    .map((finding, at) => ({ finding, at }))
    .sort((a, b) => CHECKS.indexOf(a.finding.check) - CHECKS.indexOf(b.finding.check) || a.at - b.at)
    .map(({ finding }) => finding);
}

function judgeScaleSets(facts: Facts): Finding[] {
  const { objects: { scaleSets }, github, inPod, missing } = facts;
  if (!scaleSets.known) return [notChecked("scale-sets", "AutoscalingRunnerSets", scaleSets.why)];
  const absent = missing.map((name) =>
    fix("scale-sets", name, "there is no scale set of that name", "kubectl get autoscalingrunnersets -A")
  );
  const count = scaleSets.value.length;
  const summary = count > 0
    ? ok("scale-sets", "AutoscalingRunnerSets", `${count} found`)
    : note("scale-sets", "AutoscalingRunnerSets", "there is none here", "docs/install.md");
  return [
    ...(absent.length > 0 && count === 0 ? [] : [summary]),
    ...absent,
    ...github.flatMap((one) => judgeGithub(one, inPod)),
    ...judgeDoubles(github),
    ...scaleSets.value.filter(isDeleting).map((set) =>
      note("scale-sets", placeText(set), "it is being deleted, and not looked at")
    ),
    ...scaleSets.value.filter((set) => !isDeleting(set)).flatMap((set) => [
      ...judgeListener(set, facts),
      ...judgeConditions(set),
      judgeRunners(set, facts),
    ]),
  ];
}
