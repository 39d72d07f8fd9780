/**
 * What the controllers can decide, and what of it a run of worlds has seen. Every rule of docs/behaviour.md ends in a
 * decision; one that no world ever takes is a rule that was never tried.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const CONTROLLERS = join(dirname(fileURLToPath(import.meta.url)), "../../src/controllers");

/** Decisions by `controller/word`, as {@link Decisions} counts them: each literal word that a plan is made with. */
export function possibleDecisions(): readonly string[] {
  const found = globSync("{autoscaling,ephemeral}_*/*.ts", { cwd: CONTROLLERS }).flatMap((file) => {
    const controller = basename(dirname(file)).replaceAll("_", "");
    const text = readFileSync(join(CONTROLLERS, file), "utf8");
    return [...text.matchAll(/\b(?:act|rest)\(\s*"([a-z-]+)"/g)].map(([, why]) => `${controller}/${why}`);
  });
  return [...new Set(found)].sort();
}

/** Worlds of chaos do not come to these; what does is named. */
export const ELSEWHERE: Readonly<Record<string, string>> = {};

/** How often each was taken, from the samples of a controller's metrics. */
export function decisionsIn(samples: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const taken = new Map<string, number>();
  for (const [sample, count] of samples) {
    const parts = /^gha_controller_decisions_total\{controller="([^"]+)",decision="([^"]+)"\}$/.exec(sample);
    if (parts) taken.set(`${parts[1]}/${parts[2]}`, count);
  }
  return taken;
}

/** Adds counts to a sum. */
export function addTo(sum: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) sum.set(name, (sum.get(name) ?? 0) + count);
}
