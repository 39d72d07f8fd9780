/** What a scale set needs next. Pure. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingListener,
  EPHEMERAL_RUNNER_SETS,
  type EphemeralRunnerSet,
} from "../../api/kinds.ts";
import { FINALIZERS } from "../../api/names.ts";
import { isDeleting, refOf, type Stored } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, create, patch, perform, type Plan, remove, rest, type Step } from "../../runtime/plan.ts";
import { compact, mergePatch, missingFrom } from "../shared/drift.ts";
import type { Problem } from "../shared/problems.ts";
import { factAnnotations, listenerName, listenerOf, ownLabels, runnerSetOf } from "./build.ts";
import { type Limits, limitsOf } from "./limits.ts";
import { isOwn, type Observed } from "./observe.ts";
import { isLookedInto, type Registration, registrationOf } from "./registration.ts";
import type { ScaleSetCall, ScaleSetFacts } from "./scale_set_calls.ts";
import { removalOf } from "./removal.ts";
import { type Standing, statusSteps } from "./status.ts";
import { teardown } from "./teardown.ts";
import { invalidSpec } from "./validate.ts";

export function decide(seen: Observed, now: Instant): Plan<ScaleSetCall> {
  const { ars } = seen;
  if (isDeleting(ars)) return teardown(seen, now);
  const { finalizers = [], resourceVersion } = ars.metadata;
  if (!finalizers.includes(FINALIZERS.autoscalingRunnerSet)) {
    const metadata = { finalizers: [...finalizers, FINALIZERS.autoscalingRunnerSet], resourceVersion };
    return act("add-finalizer", patch(AUTOSCALING_RUNNER_SETS, refOf(ars), { metadata }));
  }
  const invalid = invalidSpec(ars);
  if (invalid) return report("invalid-spec", seen, { problem: invalid }, now);

  const registration = registrationOf(seen, now);
  const { facts, problem } = registration;
  const limits = limitsOf(ars.spec, now, seen.outdated);
  if (!facts) {
    const standing = problem ? { problem } : { pending: REGISTERING };
    return withCall(report("register", seen, standing, now), registration);
  }
  return inTime(withCall(children(seen, facts, limits, problem, now), registration), limits, seen, now);
}

/** Looked at again when an override comes or goes; often enough before, for clocks are set. */
function inTime(plan: Plan<ScaleSetCall>, { nextChange }: Limits, { waits }: Observed, now: Instant) {
  if (nextChange === undefined) return plan;
  const inMs = Math.min(Math.max(1, nextChange - now), waits.resync);
  return { ...plan, requeueAfter: Math.min(inMs, plan.requeueAfter ?? Infinity) };
}

const REGISTERING: Problem = { reason: "Registering", message: "the scale set is being looked up or made at GitHub" };

/** What the cluster holds of a scale set that the service knows; each guard is a stage on the way. */
function children(
  seen: Observed,
  facts: ScaleSetFacts,
  limits: Limits,
  problem: Problem | undefined,
  now: Instant,
): Plan<ScaleSetCall> {
  const { ars, runnerSet } = seen;
  const annotate = annotationPatch(seen, facts);
  if (annotate) {
    return act("annotate", [...leftBehind(seen, facts), patch(AUTOSCALING_RUNNER_SETS, refOf(ars), annotate)]);
  }

  if (!runnerSet) {
    return act("create-runner-set", create(EPHEMERAL_RUNNER_SETS, firstRunnerSet(seen, facts)));
  }
  if (!isOwn(ars, runnerSet)) return report("runner-set-is-not-ours", seen, { pending: taken(runnerSet) }, now);
  if (isDeleting(runnerSet)) {
    return report("runner-set-is-going", seen, { pending: leaving("EphemeralRunnerSet") }, now);
  }
  const runnerSetPatch = runnerSetDrift(runnerSet, runnerSetOf(ars, facts, seen.settings), seen);
  if (runnerSetPatch) return act("update-runner-set", patch(EPHEMERAL_RUNNER_SETS, refOf(runnerSet), runnerSetPatch));

  const former = seen.listeners.filter(({ metadata }) => metadata.name !== listenerName(ars));
  if (former.length > 0) return removeFormer(seen, former, now);
  const [listener] = seen.listeners;
  const wanted = listenerOf(ars, facts, seen.settings, limits);
  if (!listener) {
    const { homeless } = seen.memory;
    if (!homeless || homeless.retryAt <= now) return act("create-listener", create(AUTOSCALING_LISTENERS, wanted));
    const plan = report("no-namespace", seen, { problem: namespaceMissing(seen, homeless.isGoing) }, now);
    return { ...plan, requeueAfter: homeless.retryAt - now };
  }
  if (isDeleting(listener)) return report("listener-is-going", seen, { pending: leaving("AutoscalingListener") }, now);
  const listenerPatch = listenerDrift(listener, wanted);
  if (listenerPatch) return act("update-listener", patch(AUTOSCALING_LISTENERS, refOf(listener), listenerPatch));

  const drain = drainFormerSets(seen);
  if (drain) return drain;
  return report("in-place", seen, problem ? { problem } : {}, now);
}

/** Made in the place of one that was deleted by hand it has its count: the listener tells of changes alone. */
function firstRunnerSet({ ars, listeners, memory, settings }: Observed, facts: ScaleSetFacts): EphemeralRunnerSet {
  const fresh = runnerSetOf(ars, facts, settings);
  return listeners.length > 0 && memory.count ? { ...fresh, spec: { ...fresh.spec!, ...memory.count } } : fresh;
}

/** A plan that says how far things are; nothing is left to do but that. */
function report(why: string, seen: Observed, standing: Standing, now: Instant): Plan<ScaleSetCall> {
  const steps = statusSteps(seen, standing, now);
  return steps.length > 0 ? act(why, steps) : rest(why);
}

/** Calls hold no worker: they are made beside whatever else is to be done. */
function withCall(plan: Plan<ScaleSetCall>, { call, waitMs }: Registration): Plan<ScaleSetCall> {
  if (call) return { ...plan, steps: [perform(call), ...plan.steps] };
  if (waitMs === undefined) return plan;
  return { ...plan, requeueAfter: Math.min(waitMs, plan.requeueAfter ?? Infinity) };
}

/** What the reference writes onto the object too: id, names, the labels of the URL, the name that was taken. */
function annotationPatch({ ars }: Observed, facts: ScaleSetFacts): Record<string, unknown> | undefined {
  return compact({
    metadata: {
      annotations: missingFrom(ars.metadata.annotations, factAnnotations(facts)),
      labels: missingFrom(ars.metadata.labels, ownLabels(ars)),
    },
    spec: ars.spec?.runnerScaleSetName ? undefined : { runnerScaleSetName: facts.name },
  });
}

/** Another URL is another place: the scale set of the former one stays there, where we may have no business any more. */
function leftBehind({ ars, runnerSet }: Observed, facts: ScaleSetFacts): Step[] {
  const { githubConfigUrl = "", runnerScaleSetId } = runnerSet?.spec?.ephemeralRunnerSpec ?? {};
  if (!runnerSet || githubConfigUrl === ars.spec?.githubConfigUrl || runnerScaleSetId === facts.id) return [];
  const message =
    `githubConfigUrl has changed: scale set ${runnerScaleSetId} remains at ${githubConfigUrl}; delete it there`;
  const reason = "ScaleSetLeftBehind";
  return [{ do: "event", kind: AUTOSCALING_RUNNER_SETS, about: ars, type: "Warning", reason, message }];
}

/** Labels are exactly ours, for the reference compares the whole map; of annotations the marks of others stay. */
function runnerSetDrift(there: Stored<EphemeralRunnerSet>, wanted: EphemeralRunnerSet, seen: Observed) {
  const { ephemeralRunnerSpec, ephemeralRunnerMetadata, runnerPolicy } = wanted.spec!;
  const { missingScaleSetId, listenerReport } = there.spec ?? {};
  // A report is done with when it has been looked into, and when it is of a scale set that is not ours any more.
  const isDone = missingScaleSetId !== undefined &&
    (missingScaleSetId !== ephemeralRunnerSpec.runnerScaleSetId || isLookedInto(seen));
  return compact({
    metadata: {
      labels: mergePatch(there.metadata.labels ?? {}, wanted.metadata?.labels ?? {}),
      annotations: missingFrom(there.metadata.annotations, wanted.metadata?.annotations),
    },
    spec: compact({
      ephemeralRunnerSpec: mergePatch(there.spec?.ephemeralRunnerSpec, ephemeralRunnerSpec),
      ephemeralRunnerMetadata: mergePatch(there.spec?.ephemeralRunnerMetadata, ephemeralRunnerMetadata),
      runnerPolicy: seen.dropsPolicy ? undefined : mergePatch(there.spec?.runnerPolicy, runnerPolicy),
      missingScaleSetId: isDone ? null : undefined,
      // A pod's last words, of before its loop came home.
      listenerReport: listenerReport && seen.settings.listenerMode === "embedded" ? null : undefined,
    }),
  });
}

function listenerDrift(there: Stored<AutoscalingListener>, wanted: AutoscalingListener) {
  return compact({
    metadata: {
      labels: missingFrom(there.metadata.labels, wanted.metadata?.labels),
      annotations: missingFrom(there.metadata.annotations, wanted.metadata?.annotations),
    },
    spec: mergePatch(there.spec, wanted.spec),
  });
}

/** A listener of another name is of a former URL or group. Two would fight for one session, so it goes first. */
function removeFormer(
  seen: Observed,
  former: readonly Stored<AutoscalingListener>[],
  now: Instant,
): Plan<ScaleSetCall> {
  const staying = former.filter((listener) => !isDeleting(listener));
  if (staying.length === 0) {
    return report("former-listener-is-going", seen, { pending: leaving("AutoscalingListener") }, now);
  }
  return act("remove-former-listener", staying.map((listener) => remove(AUTOSCALING_LISTENERS, refOf(listener))));
}

/** Runner sets that older releases made: nothing new for them; each goes when its last runner has. */
function drainFormerSets({ formerSets }: Observed): Plan<ScaleSetCall> | undefined {
  const steps = formerSets.filter((set) => !isDeleting(set)).flatMap((set): Step[] => {
    if ((set.spec?.replicas ?? 0) !== 0) {
      return [patch(EPHEMERAL_RUNNER_SETS, refOf(set), { spec: { replicas: null, patchID: 0 } })];
    }
    return isEmpty(set) ? [removalOf(set)] : [];
  });
  return steps.length > 0 ? act("drain-former-runner-set", steps) : undefined;
}

/** What has failed is history, and no reason for a former set to stay. */
function isEmpty({ status }: EphemeralRunnerSet): boolean {
  const left = (status?.currentReplicas ?? 0) - (status?.failedEphemeralRunners ?? 0);
  return left <= 0 && (status?.deletingEphemeralRunners ?? 0) === 0;
}

function leaving(kind: string): Problem {
  return { reason: "Replacing", message: `the former ${kind} is being deleted` };
}

/** Listeners live in the controller's own namespace, which nothing but a mistake takes away. */
function namespaceMissing({ settings: { namespace } }: Observed, isGoing: boolean): Problem {
  const message = isGoing
    ? `the controller's namespace ${namespace} is being deleted, and listeners live there: wait for its end and create ` +
      "it again"
    : `the controller's namespace ${namespace} is not there, and listeners live there: kubectl create namespace ` +
      `${namespace}, or set CONTROLLER_MANAGER_POD_NAMESPACE to the controller's namespace and start it again`;
  return { reason: "NamespaceNotFound", message };
}

function taken({ metadata }: Stored<EphemeralRunnerSet>): Problem {
  return {
    reason: "NameTaken",
    message: `EphemeralRunnerSet ${metadata.name} belongs to another owner: it must go first`,
  };
}
