/**
 * What the controllers can decide, and what of it a run of worlds has seen. Every rule of docs/behaviour.md ends in a
 * decision; one that no world ever takes is a rule that was never tried.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const CONTROLLERS = join(dirname(fileURLToPath(import.meta.url)), "../../src/controllers");

/** How the word of a plan stands in the source. */
const WORDS = [
  /\b(?:act|rest|report)\(\s*"([a-z-]+)"/g,
  /\b(?:act|rest)\([^,;]*? \? "([a-z-]+)" : "([a-z-]+)"/g,
  /\bforget\(seen, "([a-z-]+)"/g,
  /\b(?:call|checked)\(seen, [^;]*?"([a-z-]+)"(?:, now)?\)/g,
  /\bconst why = ([^;]+);/g,
];

/** Decisions by `controller/word`, as {@link decisionsIn} counts them: each literal word that a plan is made with. */
export function possibleDecisions(): readonly string[] {
  const found = globSync("{autoscaling,ephemeral}_*/*.ts", { cwd: CONTROLLERS }).flatMap((file) => {
    const controller = basename(dirname(file)).replaceAll("_", "");
    const text = readFileSync(join(CONTROLLERS, file), "utf8");
    return WORDS.flatMap((word) => [...text.matchAll(word)]).flatMap(([, ...words]) => words)
      .flatMap((word = "") => word.includes('"') ? [...word.matchAll(/"([a-z-]+)"/g)].map(([, one]) => one!) : word)
      .filter((word) => /^[a-z-]+$/.test(word))
      .map((word) => `${controller}/${word}`);
  });
  return [...new Set(found)].sort();
}

/**
 * Worlds of chaos do not come to these, or too seldom to be counted on, and why; a scenario does, and tests/decisions
 * checks it.
 */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  "autoscalinglistener/bad-source":
    "The secret of these worlds may be refused by GitHub, but it is there and well formed.",
  "autoscalinglistener/children-are-going": "Nobody in these worlds puts a finalizer onto what a listener needs.",
  "autoscalinglistener/released": "Nobody in these worlds puts a finalizer of their own onto our objects.",
  "autoscalinglistener/remove-orphan": "Nobody in these worlds takes a finalizer off a scale set by hand.",
  "autoscalinglistener/replace-pod": "No scale set of these worlds gets another template of its listener.",
  "autoscalinglistener/rights-missing": "The controllers of these worlds have all their rights.",
  "autoscalingrunnerset/awaiting-rights": "The controllers of these worlds have all their rights.",
  "autoscalingrunnerset/drain-former-runner-set": "Nothing of an older release is in these worlds.",
  "autoscalingrunnerset/former-listener-is-going": "No scale set of these worlds gets another URL or group.",
  "autoscalingrunnerset/give-up-protected": "The controllers of these worlds have all their rights.",
  "autoscalingrunnerset/give-up-scale-set": "GitHub must be away for minutes just when a scale set is deleted.",
  "autoscalingrunnerset/invalid-spec": "The users of these worlds write no specs that are wrong.",
  "autoscalingrunnerset/keep-id": "A scale set must be deleted in the moment in which GitHub makes it.",
  "autoscalingrunnerset/no-namespace": "The controllers' namespace stays, and the API server knows it.",
  "autoscalingrunnerset/release-protected":
    "No chart has made the scale sets of these worlds, so nothing is protected.",
  "autoscalingrunnerset/released": "Nobody in these worlds puts a finalizer of their own onto our objects.",
  "autoscalingrunnerset/remove-former-listener": "No scale set of these worlds gets another URL or group.",
  "autoscalingrunnerset/runner-set-is-going": "Nobody in these worlds deletes runner sets by hand.",
  "autoscalingrunnerset/runner-set-is-not-ours": "Nobody in these worlds makes runner sets but the controllers.",
  "autoscalingrunnerset/service-failed":
    "GitHub must fail just when a scale set is deleted, which is seldom before the end.",
  "ephemeralrunner/ask-what-became":
    "A runner must be deleted and lose its pod, both while no controller is there, with a job.",
  "ephemeralrunner/asking": "GitHub must besides fail or be slow just when it is asked what became of such a runner.",
  "ephemeralrunner/leaving": "Nobody in these worlds puts a finalizer of their own onto our objects.",
  "ephemeralrunner/let-go-soon":
    "GitHub must answer later than the runner ends, which three of 11,000 runners have met.",
  "ephemeralrunner/not-allowed": "The controllers of these worlds have all their rights.",
  "ephemeralrunner/protect": "Nobody in these worlds takes a finalizer off a runner by hand.",
  "ephemeralrunnerset/budget": "No scale set of these worlds protects its busy runners.",
  "ephemeralrunnerset/leaving": "Nobody in these worlds puts a finalizer of their own onto our objects.",
  "ephemeralrunnerset/proxy-secret": "No scale set of these worlds has a proxy.",
  "ephemeralrunnerset/remove-budget": "No scale set of these worlds protects its busy runners.",
  "ephemeralrunnerset/remove-proxy-secret": "No scale set of these worlds has a proxy.",
};

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
