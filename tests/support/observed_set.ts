/** Scale sets as they are observed, for tables of decisions. */
import assert from "node:assert/strict";
import {
  listenerOf,
  runnerSetOf,
  sourceOf,
  wantedScaleSet,
} from "../../src/controllers/autoscaling_runner_set/build.ts";
import { decide } from "../../src/controllers/autoscaling_runner_set/decide.ts";
import type { Observed } from "../../src/controllers/autoscaling_runner_set/observe.ts";
import type { RegisterCall, ScaleSetCall } from "../../src/controllers/autoscaling_runner_set/scale_set_calls.ts";
import { waitsOf } from "../../src/controllers/shared/waits.ts";
import { type KubeObject, ROLES, SECRETS } from "../../src/k8s/resource.ts";
import type { Plan, Step } from "../../src/runtime/plan.ts";
import { ownedBy, registered, scaleSet, settings, stored, storedListener } from "./builders_set.ts";

export const FACTS = { id: 7, name: "linux", group: "Default" };
export const NOW = Date.UTC(2026, 0, 1, 10);
export const IDLE = { failures: 0, retryAt: 0 };
export const DELETING = "2026-01-01T09:59:00Z";

export function registerCall(ars: Observed["ars"], changes: Partial<RegisterCall> = {}): RegisterCall {
  return {
    do: "register",
    source: sourceOf(ars),
    wanted: wantedScaleSet(ars),
    fresh: false,
    generation: ars.metadata.generation,
    ...changes,
  };
}

/** A scale set at work, as it is observed; `changes` make it another. */
export function seen(changes: Partial<Observed> = {}): Observed {
  const { ars = registered() } = changes;
  const made = registered();
  return {
    ars,
    runnerSet: ownedBy(ars, runnerSetOf({ ...made, metadata: ars.metadata }, FACTS, settings())),
    formerSets: [],
    listeners: [storedListener(listenerOf(made, FACTS, settings()))],
    outdated: false,
    github: { ...IDLE, last: { call: registerCall(ars), at: NOW - 60_000, ok: true, result: FACTS } },
    memory: {},
    protectedObjects: [],
    settings: settings(),
    waits: waitsOf(),
    ...changes,
  };
}

export const failed = (error: unknown, ars = registered(), at = NOW - 5_000) => ({
  failures: 1,
  retryAt: NOW + 7_000,
  last: { call: registerCall(ars), at, ok: false as const, error },
});
export const unknown = stored(scaleSet({}, { finalizers: registered().metadata.finalizers }));
export const running = { ...IDLE, running: registerCall(registered()) };
export const fresh = (github: Observed["github"] = IDLE) =>
  seen({ ars: unknown, runnerSet: undefined, listeners: [], github });
export const noted = (metadata = {}) => registered({}, metadata);
export const gone = (changes: Partial<Observed>) =>
  seen({
    ars: noted({ deletionTimestamp: DELETING }),
    runnerSet: undefined,
    listeners: [],
    github: IDLE,
    ...changes,
  });
export const unregistering = { do: "unregister", source: sourceOf(registered()), id: 7, fresh: false } as const;
export const protectedBy = (kind: typeof SECRETS | typeof ROLES, name: string, holdsRights = false) => ({
  kind: kind as typeof SECRETS,
  name,
  holdsRights,
  object: stored<KubeObject>({
    metadata: { name, namespace: "arc-runners", finalizers: ["actions.github.com/cleanup-protection"] },
  }),
});
export const unnamed = (ars = noted({ deletionTimestamp: DELETING, annotations: {} })) => ars;

export function stepsOf(plan: Plan<ScaleSetCall>): string[] {
  return plan.steps.map((step: Step<ScaleSetCall>) => {
    switch (step.do) {
      case "perform":
        return `${step.call.do}${step.call.fresh ? " fresh" : ""}`;
      case "event":
        return `event ${step.reason}`;
      case "create":
        return `create ${step.kind.kind}`;
      case "patch":
        return `patch ${step.kind.kind}${step.subresource ? " status" : ""}`;
      case "delete":
        return `delete ${step.kind.kind}`;
    }
  });
}

/** A scale set at work whose listener has written that the service does not know `id`. */
export function missing(changes: Partial<Observed>, id = 7, scaleSetId = 7): Observed {
  const usual = seen();
  const runnerSet = runnerSetOf(registered(), { ...FACTS, id: scaleSetId }, settings());
  runnerSet.spec!.missingScaleSetId = id;
  return { ...usual, runnerSet: ownedBy(usual.ars, runnerSet), ...changes };
}

/** The runner set of a scale set that is being deleted, with this finalizer. */
export function held(finalizer: string): Observed["runnerSet"] {
  const { runnerSet } = seen({ ars: noted({ deletionTimestamp: DELETING }) });
  return { ...runnerSet!, metadata: { ...runnerSet!.metadata, finalizers: [finalizer] } };
}

/** A row of a table of decisions. */
export interface Row {
  readonly seen: Observed;
  readonly why: string;
  readonly steps: string[];
  readonly again?: number;
  /** What the last step sends. */
  readonly patch?: unknown;
}

/** That a decision is as its row says. */
export function checkRow(row: Row): void {
  const plan = decide(row.seen, NOW);
  assert.deepEqual({ why: plan.why, steps: stepsOf(plan), again: plan.requeueAfter }, {
    why: row.why,
    steps: row.steps,
    again: row.again,
  });
  const last = plan.steps.at(-1);
  if (row.patch) assert.deepEqual(last?.do === "patch" && last.patch, row.patch);
}
