import type { PlannedFault, WorldPlan } from "./plan.ts";
import { runWorld } from "./run_world.ts";

/** How many worlds a shrinking may cost. */
const MOST_RUNS = 80;

/** As few faults as break the world still, by their places in the plan (delta debugging). */
export async function shrunk(plan: WorldPlan): Promise<readonly number[]> {
  let kept = plan.faults.map((_, at) => at);
  let runs = 0;
  const breaks = async (places: readonly number[]) => {
    runs++;
    return (await runWorld(withFaults(plan, places))).violation !== undefined;
  };
  if (await breaks([])) return [];
  for (let size = Math.ceil(kept.length / 2); kept.length > 0 && runs < MOST_RUNS;) {
    let cut = false;
    for (let at = 0; at < kept.length && runs < MOST_RUNS;) {
      const rest = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await breaks(rest)) {
        kept = rest;
        cut = true;
      } else at += size;
    }
    if (size === 1 && !cut) break;
    size = Math.max(1, Math.floor(size / 2));
  }
  return kept;
}

/** The plan with these of its faults only. */
export function withFaults(plan: WorldPlan, places: readonly number[]): WorldPlan {
  const faults = places.flatMap((at): PlannedFault[] => plan.faults[at] ? [plan.faults[at]] : []);
  return { ...plan, faults };
}
