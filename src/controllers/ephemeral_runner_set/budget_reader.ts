/** How the disruption budget of a set is seen: it is asked for only where it is wanted, or may be left from before. */
import type { EphemeralRunnerSet } from "../../api/kinds.ts";
import { busyBudgetName } from "../../api/names.ts";
import { KubeError } from "../../k8s/errors.ts";
import type { ReadThrough } from "../../k8s/read_through.ts";
import { controllerOf, type PodDisruptionBudget, type Stored } from "../../k8s/resource.ts";
import { delayOf } from "../../lib/backoff.ts";
import type { Instant } from "../../lib/clock.ts";
import { conditionNamed } from "../shared/conditions.ts";
import type { Problem } from "../shared/problems.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import type { Waits } from "../shared/waits.ts";
import { BUSY_PROTECTED, type SeenBudget } from "./budget.ts";
import { busyBudgetOf } from "./build.ts";

/** What this process remembers of a set's budget. */
export class BudgetMemory {
  /** This process has made it. */
  made = false;
  /** The message of the problem that was told last. */
  told?: string;
  problem?: Problem;
  retryAt?: Instant;
  #refusals = 0;

  refused(problem: Problem, now: Instant, waits: Waits): void {
    this.problem = problem;
    this.retryAt = now + delayOf({ firstMs: waits.secretRecheck, maxMs: waits.resync }, this.#refusals++);
  }

  well(): void {
    this.problem = undefined;
    this.retryAt = undefined;
    this.told = undefined;
    this.#refusals = 0;
  }
}

export interface BudgetSources {
  readonly budgets: Pick<ReadThrough<PodDisruptionBudget>, "get" | "forget">;
  readonly book: RunnerBook;
  readonly waits: Waits;
  /** Whether runners of a set that have a job may not be evicted. */
  readonly protectsBusy?: (set: Stored<EphemeralRunnerSet>) => boolean;
}

export async function seenBudget(
  { budgets, book, waits, protectsBusy }: BudgetSources,
  set: Stored<EphemeralRunnerSet>,
  memory: BudgetMemory,
  now: Instant,
): Promise<SeenBudget | undefined> {
  const { namespace = "", name, uid } = set.metadata;
  const isWanted = protectsBusy?.(set) ?? false;
  const isSaid = conditionNamed(set.status?.conditions, BUSY_PROTECTED) !== undefined;
  if (!isWanted && !isSaid && !memory.made) return undefined;
  const base = {
    ...(isWanted && { wanted: busyBudgetOf(set) }),
    podsForbidden: book.podsForbidden(namespace) !== undefined,
  };
  const trouble = () => ({ ...base, problem: memory.problem, retryAt: memory.retryAt, told: memory.told });
  if (memory.problem && (memory.retryAt ?? 0) > now) return trouble();
  const budget = busyBudgetName(name);
  if (memory.problem) budgets.forget(namespace, budget);
  try {
    const there = await budgets.get(namespace, budget);
    if (!there || controllerOf(there)?.uid === uid) {
      // What was refused is tried again, and told only when it is refused otherwise.
      memory.problem = undefined;
      return { ...base, there, told: memory.told };
    }
    if (!isWanted) return base;
    memory.refused(nameTaken(budget), now, waits);
  } catch (error) {
    const problem = refusalOf(error, "get");
    if (!problem) throw error;
    memory.refused(problem, now, waits);
  }
  return trouble();
}

function nameTaken(budget: string): Problem {
  const message = `a PodDisruptionBudget ${budget} is there that is not the controller's: it must go first`;
  return { reason: "NameTaken", message };
}

const REFUSALS = [
  "NotFound",
  "Invalid",
  "BadRequest",
  "QuotaExceeded",
  "AlreadyExists",
  "NamespaceTerminating",
] as const;

/** What a refusal means for the protection; undefined: time heals it. */
export function refusalOf(error: unknown, verb: string): Problem | undefined {
  if (KubeError.is(error, "Forbidden")) {
    const message = `the controller may not ${verb} poddisruptionbudgets in this namespace (403): set rbac.extra in ` +
      "the scale set's chart";
    return { reason: "Forbidden", message };
  }
  if (KubeError.is(error, ...REFUSALS)) {
    return { reason: "BudgetRefused", message: `the API server refuses the PodDisruptionBudget: ${error.message}` };
  }
  return undefined;
}
