/** What a scale set needs next, row by row. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  listenerOf,
  runnerSetOf,
  sourceOf,
  wantedScaleSet,
} from "../../../../src/controllers/autoscaling_runner_set/build.ts";
import type { EphemeralRunnerSet } from "../../../../src/api/kinds.ts";
import { decide } from "../../../../src/controllers/autoscaling_runner_set/decide.ts";
import type { Observed } from "../../../../src/controllers/autoscaling_runner_set/observe.ts";
import type { RegisterCall, ScaleSetCall } from "../../../../src/controllers/autoscaling_runner_set/scale_set_calls.ts";
import { SourceError } from "../../../../src/controllers/shared/services.ts";
import { waitsOf } from "../../../../src/controllers/shared/waits.ts";
import { type KubeObject, ROLES, SECRETS } from "../../../../src/k8s/resource.ts";
import type { Plan, Step } from "../../../../src/runtime/plan.ts";
import { ownedBy, registered, scaleSet, settings, stored, storedListener } from "../../../support/builders_set.ts";
import { serviceError } from "../../../support/memory_service.ts";
import { table } from "../../../support/table.ts";

const FACTS = { id: 7, name: "linux", group: "Default" };
const NOW = Date.UTC(2026, 0, 1, 10);
const IDLE = { failures: 0, retryAt: 0 };
const DELETING = "2026-01-01T09:59:00Z";

function registerCall(ars: Observed["ars"], changes: Partial<RegisterCall> = {}): RegisterCall {
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
function seen(changes: Partial<Observed> = {}): Observed {
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

const failed = (error: unknown, ars = registered(), at = NOW - 5_000) => ({
  failures: 1,
  retryAt: NOW + 7_000,
  last: { call: registerCall(ars), at, ok: false as const, error },
});
const unknown = stored(scaleSet({}, { finalizers: registered().metadata.finalizers }));
const running = { ...IDLE, running: registerCall(registered()) };
const fresh = (github: Observed["github"] = IDLE) =>
  seen({ ars: unknown, runnerSet: undefined, listeners: [], github });
const noted = (metadata = {}) => registered({}, metadata);
const gone = (changes: Partial<Observed>) =>
  seen({
    ars: noted({ deletionTimestamp: DELETING }),
    runnerSet: undefined,
    listeners: [],
    github: IDLE,
    ...changes,
  });
const unregistering = { do: "unregister", source: sourceOf(registered()), id: 7, fresh: false } as const;
const protectedBy = (kind: typeof SECRETS | typeof ROLES, name: string, holdsRights = false) => ({
  kind: kind as typeof SECRETS,
  name,
  holdsRights,
  object: stored<KubeObject>({
    metadata: { name, namespace: "arc-runners", finalizers: ["actions.github.com/cleanup-protection"] },
  }),
});
const unnamed = (ars = noted({ deletionTimestamp: DELETING, annotations: {} })) => ars;

function stepsOf(plan: Plan<ScaleSetCall>): string[] {
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
function missing(changes: Partial<Observed>, id = 7, scaleSetId = 7): Observed {
  const usual = seen();
  const runnerSet = runnerSetOf(registered(), { ...FACTS, id: scaleSetId }, settings());
  runnerSet.spec!.missingScaleSetId = id;
  return { ...usual, runnerSet: ownedBy(usual.ars, runnerSet), ...changes };
}

/** The runner set of a scale set that is being deleted, with this finalizer. */
function held(finalizer: string): Observed["runnerSet"] {
  const { runnerSet } = seen({ ars: noted({ deletionTimestamp: DELETING }) });
  return { ...runnerSet!, metadata: { ...runnerSet!.metadata, finalizers: [finalizer] } };
}

interface Row {
  readonly seen: Observed;
  readonly why: string;
  readonly steps: string[];
  readonly again?: number;
  /** What the last step sends. */
  readonly patch?: unknown;
}

table<Row>("decide", {
  "without our finalizer nothing is done but to add it": {
    seen: seen({ ars: registered({}, { finalizers: ["theirs"] }) }),
    why: "add-finalizer",
    steps: ["patch AutoscalingRunnerSet"],
  },
  "a new one is registered": {
    seen: fresh(),
    why: "register",
    steps: ["register", "patch AutoscalingRunnerSet status"],
  },
  "one call at a time": { seen: fresh(running), why: "register", steps: ["patch AutoscalingRunnerSet status"] },
  "no URL: said, and nobody is asked": {
    seen: seen({ ars: registered({ githubConfigUrl: "github.com/acme" }) }),
    why: "invalid-spec",
    steps: ["event InvalidConfigURL", "patch AutoscalingRunnerSet status"],
  },
  "fewer at most than at least: said, and nothing is changed": {
    seen: seen({ ars: registered({ minRunners: 3, maxRunners: 2 }) }),
    why: "invalid-spec",
    steps: ["event InvalidRunnerLimits", "patch AutoscalingRunnerSet status"],
  },
  "a secret that is not there: waited for, whatever the back-off says": {
    seen: fresh({ ...failed(new SourceError("SecretNotFound", "no"), unknown, NOW - 10_000), retryAt: NOW }),
    why: "register",
    steps: ["event SecretNotFound", "patch AutoscalingRunnerSet status"],
    again: 20_000,
  },
  "and read again after 30 s": {
    seen: fresh({ ...failed(new SourceError("SecretNotFound", "no"), unknown, NOW - 30_000), retryAt: NOW + 60_000 }),
    why: "register",
    steps: ["register fresh", "event SecretNotFound", "patch AutoscalingRunnerSet status"],
  },
  "a changed object is a reason to ask at once": {
    seen: fresh(failed(new SourceError("SecretNotFound", "no"), stored({ ...unknown, spec: {} }), NOW)),
    why: "register",
    steps: ["register fresh", "patch AutoscalingRunnerSet status"],
  },
  "what has no runner set gets one": {
    seen: seen({ runnerSet: undefined }),
    why: "create-runner-set",
    steps: ["create EphemeralRunnerSet"],
  },
  "what has no listener gets one": {
    seen: seen({ listeners: [] }),
    why: "create-listener",
    steps: ["create AutoscalingListener"],
  },
  "no namespace for its listener: said, and waited": {
    seen: seen({ listeners: [], memory: { homeless: { isGoing: false, tries: 2, retryAt: NOW + 2_000 } } }),
    why: "no-namespace",
    steps: ["event NamespaceNotFound", "patch AutoscalingRunnerSet status"],
    again: 2_000,
  },
  "and tried again": {
    seen: seen({ listeners: [], memory: { homeless: { isGoing: true, tries: 2, retryAt: NOW } } }),
    why: "create-listener",
    steps: ["create AutoscalingListener"],
  },
  "a runner set of somebody else is not touched": {
    seen: seen({ runnerSet: stored(runnerSetOf(registered({}, { uid: "other" }), FACTS, settings()), { uid: "x" }) }),
    why: "runner-set-is-not-ours",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "another version is served": {
    seen: seen({ settings: settings({ version: "0.15.0" }) }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "a scale set reported gone is looked for": {
    seen: seen({ memory: { reportedGoneAt: NOW - 1 } }),
    why: "in-place",
    steps: ["register", "patch AutoscalingRunnerSet status"],
  },
  "and not twice in half a minute": {
    seen: seen({
      memory: { reportedGoneAt: NOW },
      github: { ...IDLE, last: { call: registerCall(registered()), at: NOW - 10_000, ok: true, result: FACTS } },
    }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
    again: 20_000,
  },
  "a listener's report: looked into": {
    seen: missing({ memory: { missingSince: NOW } }),
    why: "in-place",
    steps: ["register", "patch AutoscalingRunnerSet status"],
  },
  "a listener's report that comes again: not twice in half a minute": {
    seen: missing({
      memory: { missingSince: NOW },
      github: { ...IDLE, last: { call: registerCall(registered()), at: NOW - 10_000, ok: true, result: FACTS } },
    }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
    again: 20_000,
  },
  "a false alarm is taken away": {
    seen: missing({
      memory: { missingSince: NOW - 1_000 },
      github: { ...IDLE, last: { call: registerCall(registered()), at: NOW, ok: true, result: FACTS } },
    }),
    why: "update-runner-set",
    steps: ["patch EphemeralRunnerSet"],
    patch: { spec: { missingScaleSetId: null } },
  },
  "a report of a scale set of before goes with its id": {
    seen: { ...missing({}, 6), runnerSet: missing({}, 6, 6).runnerSet },
    why: "update-runner-set",
    steps: ["patch EphemeralRunnerSet"],
    patch: { spec: { ephemeralRunnerSpec: { runnerScaleSetId: 7 }, missingScaleSetId: null } },
  },
  "a policy goes down to the runner set, and no runner is another one for it": {
    seen: seen({ ars: registered({ runnerPolicy: { maxIdleSeconds: 600 } }) }),
    why: "update-runner-set",
    steps: ["patch EphemeralRunnerSet"],
    patch: { spec: { runnerPolicy: { maxIdleSeconds: 600 } } },
  },
  "a policy that the API server drops stands in no way": {
    seen: seen({ ars: registered({ runnerPolicy: { maxIdleSeconds: 600 } }), dropsPolicy: true }),
    why: "in-place",
    steps: ["patch AutoscalingRunnerSet status"],
  },
  "a pause: the listener is told 0": {
    seen: seen({ ars: registered({ paused: true, minRunners: 2 }) }),
    why: "update-listener",
    steps: ["patch AutoscalingListener"],
    patch: { spec: { maxRunners: null } },
  },
  "an override comes: the listener is told, and it is known when it goes": {
    // 10:00 in UTC.
    seen: seen({
      ars: registered({ scheduledOverrides: [{ schedule: "55 9 * * *", duration: "8m", maxRunners: 3 }] }),
    }),
    why: "update-listener",
    steps: ["patch AutoscalingListener"],
    patch: { spec: { maxRunners: 3 } },
    again: 180_000,
  },
  "a schedule that can't be used: said, and nothing is changed": {
    seen: seen({
      ars: registered({ scheduledOverrides: [{ schedule: "0 0 * * FOO", duration: "8h", maxRunners: 3 }] }),
    }),
    why: "invalid-spec",
    steps: ["event InvalidSchedule", "patch AutoscalingRunnerSet status"],
  },
  "GitHub is down: children are kept, the call waits": {
    seen: seen({ github: failed(serviceError("Unavailable", 503)) }),
    why: "in-place",
    steps: ["event ServiceUnavailable", "patch AutoscalingRunnerSet status"],
    again: 7_000,
  },
  "refused credentials are read again": {
    seen: seen({ github: { ...failed(serviceError("Unauthorized", 401)), retryAt: NOW } }),
    why: "in-place",
    steps: ["register fresh", "event Unauthorized", "patch AutoscalingRunnerSet status"],
  },
  "deletion: the listener first": {
    seen: seen({ ars: noted({ deletionTimestamp: DELETING }) }),
    why: "remove-listener",
    steps: ["delete AutoscalingListener"],
  },
  "deletion: the runners next, which first are held": {
    seen: seen({ ars: noted({ deletionTimestamp: DELETING }), listeners: [] }),
    why: "remove-runner-set",
    steps: ["patch EphemeralRunnerSet"],
  },
  "deletion: a runner set that is held goes, whoever holds it": {
    seen: seen({
      ars: noted({ deletionTimestamp: DELETING }),
      listeners: [],
      runnerSet: held("ephemeralrunnerset.actions.github.com/finalizer"),
    }),
    why: "remove-runner-set",
    steps: ["delete EphemeralRunnerSet"],
  },
  "deletion: a runner set of 0.14.2 too": {
    seen: seen({
      ars: noted({ deletionTimestamp: DELETING }),
      listeners: [],
      runnerSet: held("ephemeralrunner.actions.github.com/finalizer"),
    }),
    why: "remove-runner-set",
    steps: ["delete EphemeralRunnerSet"],
  },
  "deletion: then the service": { seen: gone({}), why: "unregister", steps: ["unregister"] },
  "deletion: a registration under way is waited for": {
    seen: gone({ github: running }),
    why: "awaiting-service",
    steps: [],
  },
  "deletion: gone at the service": {
    seen: gone({ github: { ...IDLE, last: { call: unregistering, at: NOW, ok: true, result: undefined } } }),
    why: "forget-scale-set",
    steps: ["patch AutoscalingRunnerSet"],
  },
  "deletion: a service that fails is asked again later": {
    seen: gone({
      memory: { unregisteringSince: NOW - 10_000 },
      github: {
        failures: 2,
        retryAt: NOW + 4_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "service-failed",
    steps: [],
    again: 4_000,
  },
  "deletion: five minutes are enough": {
    seen: gone({
      memory: { unregisteringSince: NOW - 300_000 },
      github: {
        failures: 9,
        retryAt: NOW + 60_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "give-up-scale-set",
    steps: ["event ScaleSetMayRemain", "patch AutoscalingRunnerSet"],
  },
  "deletion: five minutes are enough, those for the runners included": {
    seen: gone({
      gaveUp: { since: NOW - 320_000, at: NOW - 20_000 },
      memory: { unregisteringSince: NOW - 2_000 },
      github: {
        failures: 1,
        retryAt: NOW + 1_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "give-up-scale-set",
    steps: ["event ScaleSetMayRemain", "patch AutoscalingRunnerSet"],
  },
  "deletion: a service that stumbles long after it did not answer for the runners is asked again": {
    seen: gone({
      gaveUp: { since: NOW - 3_600_000, at: NOW - 3_300_000 },
      memory: { unregisteringSince: NOW - 2_000 },
      github: {
        failures: 1,
        retryAt: NOW + 1_000,
        last: { call: unregistering, at: NOW, ok: false, error: serviceError("Unavailable", 503) },
      },
    }),
    why: "service-failed",
    steps: [],
    again: 1_000,
  },
  "deletion: protected objects, those with our rights last": {
    seen: gone({ ars: unnamed(), protectedObjects: [protectedBy(SECRETS, "gh"), protectedBy(ROLES, "mr", true)] }),
    why: "release-protected",
    steps: ["patch Secret"],
  },
  "deletion: rights are released one by one": {
    seen: gone({ ars: unnamed(), protectedObjects: [protectedBy(ROLES, "a", true), protectedBy(ROLES, "b", true)] }),
    why: "release-protected",
    steps: ["patch Role"],
  },
  "deletion: the finalizer at last": {
    seen: gone({ ars: unnamed() }),
    why: "remove-finalizer",
    steps: ["patch AutoscalingRunnerSet"],
  },
}, (row) => {
  const plan = decide(row.seen, NOW);
  assert.deepEqual({ why: plan.why, steps: stepsOf(plan), again: plan.requeueAfter }, {
    why: row.why,
    steps: row.steps,
    again: row.again,
  });
  const last = plan.steps.at(-1);
  if (row.patch) assert.deepEqual(last?.do === "patch" && last.patch, row.patch);
});

test("decide: a runner set that is made anew under a listener has the count of the one before", () => {
  const count = { replicas: 3, runningJobs: 2, patchID: 17 };
  const spec = (changes: Parameters<typeof seen>[0]) => {
    const [step] = decide(seen({ runnerSet: undefined, memory: { count }, ...changes }), NOW).steps;
    const { replicas, runningJobs, patchID } =
      (step?.do === "create" ? step.object as EphemeralRunnerSet : {} as EphemeralRunnerSet)
        .spec ?? {};
    return { replicas, runningJobs, patchID };
  };
  assert.deepEqual(spec({}), count);
  const none = { replicas: undefined, runningJobs: undefined, patchID: 0 };
  assert.deepEqual(spec({ listeners: [] }), none, "a listener that starts tells everything");
  assert.deepEqual(spec({ memory: {} }), none);
});

test("decide: a scale set at work, whose status says so, needs nothing", () => {
  const first = decide(seen(), NOW);
  const [step] = first.steps;
  assert.ok(step?.do === "patch");
  const { status } = step.patch as { status: Observed["ars"]["status"] };
  const ars = { ...registered(), status };
  assert.deepEqual(decide(seen({ ars }), NOW + 60_000), { why: "in-place", steps: [] });
});

test("decide: an id of another organization is not believed", () => {
  const ars = registered({ githubConfigUrl: "https://github.com/other/api" });
  const former = registered();
  const plan = decide(
    seen({ ars, runnerSet: ownedBy(ars, runnerSetOf(former, FACTS, settings())), github: IDLE }),
    NOW,
  );
  const [step] = plan.steps;
  assert.ok(step?.do === "perform" && step.call.do === "register");
  assert.equal(step.call.id, undefined);
});
