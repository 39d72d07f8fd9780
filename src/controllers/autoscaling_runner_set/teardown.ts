/** How a scale set ends: listener, runners, the scale set at the service, protected objects, finalizer. Pure. */
import { AUTOSCALING_LISTENERS, AUTOSCALING_RUNNER_SETS } from "../../api/kinds.ts";
import { ANNOTATIONS, FINALIZERS } from "../../api/names.ts";
import { isDeleting, refOf } from "../../k8s/resource.ts";
import type { Instant } from "../../lib/clock.ts";
import { act, type EventStep, patch, perform, type Plan, remove, rest, type Step } from "../../runtime/plan.ts";
import { isSecretRelated, problemOf, wantsFreshSecrets } from "../shared/problems.ts";
import { annotatedId, sourceOf } from "./build.ts";
import { isOwn, type Observed } from "./observe.ts";
import type { ProtectedObject } from "./protected.ts";
import { foundId } from "./registration.ts";
import { removalOf } from "./removal.ts";
import type { ScaleSetCall } from "./scale_set_calls.ts";
import { statusSteps } from "./status.ts";

export function teardown(seen: Observed, now: Instant): Plan<ScaleSetCall> {
  const { ars, listeners } = seen;
  if (!ars.metadata.finalizers?.includes(FINALIZERS.autoscalingRunnerSet)) return rest("released");

  if (listeners.length > 0) {
    const staying = listeners.filter((listener) => !isDeleting(listener));
    if (staying.length === 0) return rest("listener-is-going");
    return act("remove-listener", staying.map((listener) => remove(AUTOSCALING_LISTENERS, refOf(listener))));
  }

  const sets = [...seen.formerSets, ...isOwn(ars, seen.runnerSet) && seen.runnerSet ? [seen.runnerSet] : []];
  if (sets.length > 0) {
    const staying = sets.filter((set) => !isDeleting(set));
    if (staying.length > 0) {
      return act("remove-runner-set", staying.map(removalOf));
    }
    return act("runners-are-going", statusSteps(seen, { pending: GOING }, now));
  }
  if (seen.hasRunners) return act("runners-are-going", statusSteps(seen, { pending: GOING }, now));
  return unregister(seen, now) ?? release(seen, now);
}

const GOING = { reason: "Deleting", message: "runners with a job finish it before the scale set goes" };

/** Deletes the scale set at the service. Undefined: there is none any more, as far as we know. */
function unregister(seen: Observed, now: Instant): Plan<ScaleSetCall> | undefined {
  const { ars, github, waits } = seen;
  // A registration under way may be making the scale set that has to go.
  if (github.running) return rest("awaiting-service");
  const { last } = github;
  const id = annotatedId(ars);
  if (id === undefined) {
    const found = foundId(github);
    return found === undefined ? undefined : keepId(seen, found);
  }
  const fail = last?.call.do === "unregister" && !last.ok ? problemOf(last.error) : undefined;
  if (last?.call.do === "unregister" && last.ok) return forget(seen, "forget-scale-set");
  const since = triedSince(seen);
  if (fail && isOver(since, waits.timeBox, now)) {
    const message = `scale set ${id} could not be deleted and may remain at ${ars.spec?.githubConfigUrl}: ` +
      `${fail.message}. Everything in the cluster is cleaned up all the same`;
    return forget(seen, "give-up-scale-set", warning(seen, "ScaleSetMayRemain", message));
  }
  if (last && fail) {
    const retryAt = isSecretRelated(fail.reason) ? last.at + waits.secretRecheck : github.retryAt;
    const endAt = (since ?? now) + waits.timeBox;
    if (retryAt > now) {
      const minutes = Math.max(1, Math.ceil((endAt - now) / 60_000));
      const message = `scale set ${id} can't be deleted yet: ${fail.message}. Tried on for ${minutes} min at most`;
      const steps = statusSteps(seen, { problem: { reason: fail.reason, message } }, now);
      const inMs = Math.min(retryAt, endAt) - now;
      return steps.length > 0 ? act("service-failed", steps, inMs) : rest("service-failed", inMs);
    }
  }
  const fresh = fail !== undefined && wantsFreshSecrets(fail.reason);
  return act("unregister", perform<ScaleSetCall>({ do: "unregister", source: sourceOf(ars), id, fresh }));
}

/** So long after the runners went without its leave the service is taken for the same that did not answer then. */
const JUST_NOW_MS = 120_000;

/** Since when the service has been asked in vain: perhaps first for the runners, whose turn was before. */
function triedSince({ gaveUp, memory: { unregisteringSince } }: Observed): Instant | undefined {
  if (!gaveUp || unregisteringSince === undefined) return unregisteringSince;
  return unregisteringSince - gaveUp.at <= JUST_NOW_MS ? gaveUp.since : unregisteringSince;
}

/** A registration has ended after the deletion had begun: what is to be deleted must outlast a try that fails. */
function keepId({ ars }: Observed, id: number): Plan<ScaleSetCall> {
  const body = { metadata: { annotations: { [ANNOTATIONS.scaleSetId]: String(id) } } };
  return act("keep-id", patch(AUTOSCALING_RUNNER_SETS, refOf(ars), body, { goneIsDone: true }));
}

function forget({ ars }: Observed, why: string, event?: EventStep): Plan<ScaleSetCall> {
  const body = { metadata: { annotations: { [ANNOTATIONS.scaleSetId]: null } } };
  const steps: Step[] = [patch(AUTOSCALING_RUNNER_SETS, refOf(ars), body, { goneIsDone: true })];
  return act(why, event ? [event, ...steps] : steps);
}

/** Takes the protection off what the chart made, the objects that hold our own rights last; then the object may go. */
function release(seen: Observed, now: Instant): Plan<ScaleSetCall> {
  const { protectedObjects } = seen;
  const over = isOver(seen.memory.releasingSince, seen.waits.timeBox, now);
  const readable = protectedObjects.filter(({ object }) => object !== undefined);
  if (protectedObjects.length === 0 || over) return removeFinalizer(seen, protectedObjects);
  if (readable.length === 0) return rest("awaiting-rights", seen.waits.secretRecheck);
  const ordinary = readable.filter(({ holdsRights }) => !holdsRights);
  const next = ordinary.length > 0 ? ordinary : readable.slice(0, 1);
  return act("release-protected", next.flatMap(releaseStep));
}

function releaseStep({ kind, object }: ProtectedObject): Step[] {
  if (!object) return [];
  const { finalizers = [], resourceVersion } = object.metadata;
  const left = finalizers.filter((name) => name !== FINALIZERS.cleanupProtection);
  return [patch(kind, refOf(object), { metadata: { finalizers: left, resourceVersion } }, { goneIsDone: true })];
}

function removeFinalizer(seen: Observed, remaining: readonly ProtectedObject[]): Plan<ScaleSetCall> {
  const { ars } = seen;
  const { finalizers = [], resourceVersion } = ars.metadata;
  const left = finalizers.filter((name) => name !== FINALIZERS.autoscalingRunnerSet);
  const steps: Step[] = [
    patch(AUTOSCALING_RUNNER_SETS, refOf(ars), { metadata: { finalizers: left, resourceVersion } }, {
      goneIsDone: true,
    }),
  ];
  if (remaining.length === 0) return act("remove-finalizer", steps);
  const names = remaining.map(({ kind, name }) => `${kind.kind} ${name}`).join(", ");
  const message = `the finalizer ${FINALIZERS.cleanupProtection} could not be removed from ${names}: remove it by hand`;
  return act("give-up-protected", [warning(seen, "ProtectedObjectsRemain", message), ...steps]);
}

function warning({ ars }: Observed, reason: string, message: string): EventStep {
  return { do: "event", kind: AUTOSCALING_RUNNER_SETS, about: ars, type: "Warning", reason, message };
}

function isOver(since: Instant | undefined, timeBoxMs: number, now: Instant): boolean {
  return since !== undefined && now - since >= timeBoxMs;
}
