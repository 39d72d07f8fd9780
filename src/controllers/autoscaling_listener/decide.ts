/** What a listener needs next. Pure. */
import { AUTOSCALING_LISTENERS } from "../../api/kinds.ts";
import { ANNOTATIONS, FINALIZERS } from "../../api/names.ts";
import { isDeleting, type Pod, PODS, refOf, type Stored } from "../../k8s/resource.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import { act, create, patch, perform, type Plan, remove, rest, type Step } from "../../runtime/plan.ts";
import { same } from "../shared/drift.ts";
import type { Problem } from "../shared/problems.ts";
import { childSteps, removalSteps } from "./children.ts";
import { LISTENER_GRACE_SECONDS, listenerPodOf } from "./listener_pod.ts";
import { loopSpecOf } from "./loop_spec.ts";
import type { Observed } from "./observe.ts";
import { endedOf, isReady, reportedProblem, waitingFor } from "./pod_state.ts";
import { statusSteps } from "./status.ts";

/** Work that holds no worker. */
export type ListenerCall = { readonly do: "stop-loop" } | {
  readonly do: "start-loop";
  readonly spec: ReturnType<typeof loopSpecOf>;
};

export function decide(seen: Observed, now: Instant): Plan<ListenerCall> {
  const { listener, settings } = seen;
  if (isDeleting(listener)) return end(seen, now);
  const { finalizers = [], resourceVersion } = listener.metadata;
  if (!finalizers.includes(FINALIZERS.autoscalingListener)) {
    const metadata = { finalizers: [...finalizers, FINALIZERS.autoscalingListener], resourceVersion };
    return act("add-finalizer", patch(AUTOSCALING_LISTENERS, refOf(listener), { metadata }));
  }
  // Its scale set went without it, which only happens when somebody took a finalizer away by hand.
  if (!seen.scaleSet) return act("remove-orphan", remove(AUTOSCALING_LISTENERS, refOf(listener)));
  return settings.listenerMode === "embedded" ? embedded(seen, now) : inPod(seen, now);
}

/** The listener as a pod of its own. */
function inPod(seen: Observed, now: Instant): Plan<ListenerCall> {
  const stop = stopLoop(seen);
  if (stop) return stop;
  const { waits, problem, forbidden } = seen;
  if (forbidden.length > 0) {
    const message = `the controller may not read ${forbidden.join(", ")} (403): its role in that namespace is missing`;
    return report("rights-missing", seen, { reason: "Forbidden", message }, now, waits.secretRecheck);
  }
  if (problem && !seen.children.configSecret) return report("bad-source", seen, problem, now, waits.secretRecheck);
  const steps = childSteps(seen);
  if (steps.length > 0) return act("children", steps);
  return pod(seen, now);
}

function pod(seen: Observed, now: Instant): Plan<ListenerCall> {
  const { listener, pod, restarts, settings, waits, problem } = seen;
  if (!pod) {
    const waitMs = restarts.notBefore - now;
    if (waitMs <= 0) return act("create-pod", create(PODS, listenerPodOf(listener, settings)));
    const message =
      `the listener ended by itself ${restarts.failures} times in a row: it is started again after a pause`;
    return report("back-off", seen, { reason: "ListenerFailing", message }, now, waitMs);
  }
  if (isDeleting(pod)) {
    const plan = awaitPod(pod, seen, now);
    const status = statusSteps(seen, { unready: LEAVING, phantomDemand: 0 }, now);
    return { ...plan, steps: [...status, ...plan.steps] };
  }
  const ended = endedOf(pod);
  if (ended) {
    const message = `the listener's pod ended (${ended.message}) and is made again`;
    return act("remove-ended-pod", [
      { do: "event", kind: AUTOSCALING_LISTENERS, about: listener, type: "Warning", reason: "ListenerEnded", message },
      remove(PODS, refOf(pod), ended.whole ? 0 : undefined),
    ]);
  }
  const wanted = listenerPodOf(listener, settings);
  if (specMark(pod) !== specMark(wanted)) return act("replace-pod", remove(PODS, refOf(pod)));
  if (seen.nudge) return act("nudge-pod", nudge(seen, pod));
  if (problem) return report("bad-source", seen, problem, now, waits.secretRecheck);
  if (!isReady(pod)) {
    return report("in-place", seen, { reason: "ListenerPending", message: waitingFor(pod) }, now, waits.resync);
  }
  return report("in-place", seen, reportedProblem(seen.report), now, waits.resync, seen.report?.phantomDemand);
}

const LEAVING: Problem = { reason: "ListenerPending", message: "the listener's former pod is going" };

function specMark({ metadata }: Pod): string | undefined {
  return metadata?.annotations?.[ANNOTATIONS.listenerSpec];
}

/** The kubelet looks at a pod's volumes at once when the pod changes, else within about a minute. */
function nudge({ children }: Observed, pod: Stored<Pod>): Step {
  const version = children.configSecret?.metadata.resourceVersion;
  return patch(PODS, refOf(pod), { metadata: { annotations: { [ANNOTATIONS.listenerConfig]: version } } }, {
    goneIsDone: true,
  });
}

/** The listener as a loop of this process. Two would fight for one session: the pod goes first, and all of it. */
function embedded(seen: Observed, now: Instant): Plan<ListenerCall> {
  const gone = removePod(seen, now) ?? removeChildren(seen);
  if (gone) return gone;
  const spec = loopSpecOf(seen);
  if (seen.stopping || seen.loop?.stopping) return rest("loop-is-stopping");
  const { loop, waits } = seen;
  const unready = loop?.trouble ?? (loop?.listening ? undefined : STARTING);
  const plan = report("in-place", seen, unready, now, waits.resync, loop?.phantomDemand);
  if (seen.loop && same(seen.loop.spec, spec)) return plan;
  return act("start-loop", [perform<ListenerCall>({ do: "start-loop", spec }), ...plan.steps]);
}

const STARTING: Problem = { reason: "ListenerPending", message: "the message loop is starting" };

/** Pod first, so that its session is ended; then what it needed; then the object may go. */
function end(seen: Observed, now: Instant): Plan<ListenerCall> {
  const { listener, forbidden, waits } = seen;
  const { finalizers = [], resourceVersion } = listener.metadata;
  if (!finalizers.includes(FINALIZERS.autoscalingListener)) return rest("released");
  const gone = stopLoop(seen) ?? removePod(seen, now) ?? removeChildren(seen);
  if (gone) return gone;
  const steps: Step[] = [];
  if (forbidden.length > 0) {
    const waitMs = (instantOf(listener.metadata.deletionTimestamp) ?? now) + waits.timeBox - now;
    if (waitMs > 0) return rest("rights-missing", Math.min(waitMs, waits.secretRecheck));
    const message = `${forbidden.join(", ")} may remain: the controller may not read them (403)`;
    const reason = "ChildrenMayRemain";
    steps.push({ do: "event", kind: AUTOSCALING_LISTENERS, about: listener, type: "Warning", reason, message });
  }
  const left = finalizers.filter((name) => name !== FINALIZERS.autoscalingListener);
  const body = { metadata: { finalizers: left, resourceVersion } };
  return act("remove-finalizer", [...steps, patch(AUTOSCALING_LISTENERS, refOf(listener), body, { goneIsDone: true })]);
}

function stopLoop({ loop, stopping }: Observed): Plan<ListenerCall> | undefined {
  if (!loop) return undefined;
  return stopping ? rest("loop-is-stopping") : act("stop-loop", perform<ListenerCall>({ do: "stop-loop" }));
}

function removePod(seen: Observed, now: Instant): Plan<ListenerCall> | undefined {
  const { pod } = seen;
  if (!pod) return undefined;
  if (isDeleting(pod)) return awaitPod(pod, seen, now);
  return act("remove-pod", remove(PODS, refOf(pod), endedOf(pod)?.whole ? 0 : undefined));
}

function removeChildren(seen: Observed): Plan<ListenerCall> | undefined {
  const steps = removalSteps(seen.children);
  if (steps.length > 0) return act("remove-children", steps);
  const left = Object.values(seen.children).some((child) => child !== undefined);
  return left ? rest("children-are-going", seen.waits.childrenGoing) : undefined;
}

/** A pod whose node does not answer any more would stay for ever. */
function awaitPod(pod: Stored<Pod>, { waits }: Observed, now: Instant): Plan<ListenerCall> {
  const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? LISTENER_GRACE_SECONDS) * 1000;
  // The API server writes the end of the grace period as the time of deletion.
  const endAt = Math.max(instantOf(pod.metadata.deletionTimestamp) ?? now, 0) + waits.listenerForce;
  if (now < endAt) return rest("pod-is-going", endAt - now);
  return graceMs === 0 ? rest("pod-is-going", waits.listenerForce) : act("force-pod", remove(PODS, refOf(pod), 0));
}

function report(
  why: string,
  seen: Observed,
  unready: Problem | undefined,
  now: Instant,
  requeueAfter: number,
  phantomDemand = 0,
): Plan<ListenerCall> {
  const steps = statusSteps(seen, { unready, phantomDemand }, now);
  return steps.length > 0 ? act(why, steps, requeueAfter) : rest(why, requeueAfter);
}
