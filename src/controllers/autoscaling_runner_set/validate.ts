/** What can be told to be wrong from the object alone. Pure. */
import type { AutoscalingRunnerSet } from "../../api/kinds.ts";
import { urlLabels } from "../../api/labels.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Problem } from "../shared/problems.ts";
import { scheduleProblem } from "./limits.ts";

/** The first thing that is wrong with a scale set, if any. */
export function invalidSpec(ars: AutoscalingRunnerSet): Problem | undefined {
  const { githubConfigUrl = "", minRunners = 0, maxRunners } = ars.spec ?? {};
  try {
    urlLabels(githubConfigUrl);
  } catch (error) {
    return { reason: "InvalidConfigURL", message: `githubConfigUrl: ${messageOf(error)}` };
  }
  if (maxRunners !== undefined && maxRunners < minRunners) {
    const message =
      `maxRunners (${maxRunners}) is less than minRunners (${minRunners}): raise the one or lower the other`;
    return { reason: "InvalidRunnerLimits", message };
  }
  const schedule = scheduleProblem(ars.spec);
  return schedule === undefined ? undefined : { reason: "InvalidSchedule", message: schedule };
}
