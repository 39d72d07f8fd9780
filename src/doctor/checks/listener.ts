/** Does somebody listen for each scale set, and what does the controller itself say of it? Pure. */
import type { AutoscalingListener, AutoscalingRunnerSet, Condition } from "../../api/kinds.ts";
import type { Pod, Stored } from "../../k8s/resource.ts";
import type { Facts } from "./facts.ts";
import { type Finding, fix, notChecked, note, ok, placeText } from "./finding.ts";

type Listener = Stored<AutoscalingListener>;

/** Reasons of Ready=False that pass by themselves. */
const PASSING = new Set(["Registering", "Replacing", "ListenerPending", "Deleting"]);
/** Conditions that are bad when they are True, and whether a person has to do something. */
export const BAD: Readonly<Record<string, "fix" | "note">> = {
  RunnersFailing: "fix",
  RunnersWaiting: "note",
  RunnerVersionDeprecated: "fix",
  PhantomDemand: "note",
  VersionSkew: "note",
  RunnerPolicyIgnored: "note",
  ListenerSettingsIgnored: "note",
  Paused: "note",
};

/** One listener, and its pod. */
export function judgeListener(set: Stored<AutoscalingRunnerSet>, facts: Facts): Finding[] {
  const object = placeText(set);
  const { listeners, listenerPods } = facts.objects;
  if (!listeners.known) {
    return [notChecked("listener", object, listeners.why), notChecked("session", object, listeners.why)];
  }
  const listener = listeners.value.find((each) => isOf(each, set));
  if (!listener) {
    const wayOut = `kubectl -n ${set.metadata.namespace} describe autoscalingrunnerset ${set.metadata.name}`;
    const because = condition(set.status?.conditions, "Ready");
    const message = "nobody listens for it: there is no AutoscalingListener";
    // The cause is counted where it stands, among the conditions.
    if (because?.status === "False") return [note("listener", object, `${message}: ${because.reason}`, wayOut)];
    return [fix("listener", object, message, wayOut)];
  }
  return [judgePod(object, listener, listenerPods, facts), judgeSession(set, listener, facts)];
}

function judgePod(object: string, listener: Listener, pods: Facts["objects"]["listenerPods"], facts: Facts): Finding {
  const { namespace = "", name } = listener.metadata;
  const ready = condition(listener.status?.conditions, "Ready");
  if (listener.metadata.deletionTimestamp !== undefined) return note("listener", object, `${name} is being replaced`);
  const logs = `kubectl -n ${namespace} logs ${name}`;
  if (isEmbedded(facts)) {
    if (ready?.status === "True") return ok("listener", object, "the controller listens itself");
    return ready
      ? saying("listener", object, ready, "the controller's log")
      : fix("listener", object, "the controller does not say that it listens", "the controller's log");
  }
  if (!pods.known) {
    if (ready?.status === "True") return ok("listener", object, `${name} says that it listens`);
    return notChecked("listener", object, pods.why);
  }
  const pod = pods.value.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  if (!pod) {
    if (ready && ready.status !== "True") return saying("listener", object, ready, logs);
    return fix(
      "listener",
      object,
      `its pod ${namespace}/${name} is not there`,
      `kubectl -n ${namespace} get pods; the controller's log`,
    );
  }
  const problem = podProblem(pod);
  if (problem !== undefined) {
    return fix(
      "listener",
      object,
      `its pod ${namespace}/${name} ${problem}`,
      `${logs}; kubectl -n ${namespace} describe pod ${name}`,
    );
  }
  return ok("listener", object, `its pod ${namespace}/${name} is ready`);
}

/** A condition that says no: a person is needed unless it is a matter of time. */
function saying(
  check: "listener" | "conditions",
  object: string,
  said: Condition,
  wayOut: string,
): Finding {
  const text = textOf(said);
  return PASSING.has(said.reason) ? note(check, object, text) : fix(check, object, text, wayOut);
}

function podProblem({ metadata, status = {} }: Stored<Pod>): string | undefined {
  const container = status.containerStatuses?.find(({ name }) => name === "listener");
  if (metadata.deletionTimestamp !== undefined) return "is being deleted";
  if (container?.state?.terminated) return `has ended with exit code ${container.state.terminated.exitCode}`;
  if (!container?.state?.running) {
    const waiting = container?.state?.waiting;
    const unscheduled = status.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
    const why = waiting ? [waiting.reason, waiting.message] : [unscheduled?.reason, unscheduled?.message];
    return ["does not run", ...why].filter(Boolean).join(": ");
  }
  if (!container.ready) return "runs and is not ready";
  return undefined;
}

function judgeSession(set: Stored<AutoscalingRunnerSet>, listener: Listener, { github }: Facts): Finding {
  const object = placeText(set);
  const all = [...listener.status?.conditions ?? [], ...set.status?.conditions ?? []];
  const conflict = all.find(({ reason }) => reason === "SessionConflict");
  if (conflict) {
    const wayOut =
      "find the other installation that uses this name, group and URL; our own of before a crash ends within minutes";
    return fix("session", object, conflict.message, wayOut);
  }
  // A session can't be looked at without taking it: what the listener and GitHub's counts say has to do.
  const seen = github.find((facts) => facts.set === set)?.byId;
  const { totalAvailableJobs = 0, totalAssignedJobs = 0 } = (seen?.went === "well" && seen.value?.statistics) || {};
  const { maxRunners = 1, paused = false } = set.spec ?? {};
  if (totalAvailableJobs > 0 && totalAssignedJobs === 0 && maxRunners > 0 && !paused) {
    const message = `${totalAvailableJobs} jobs wait at GitHub and none is assigned: the listener takes none`;
    return note("session", object, message, `run arc doctor again; then the log of ${placeText(listener)}`);
  }
  return ok("session", object, "nobody complains of a second session");
}

function isOf({ spec }: AutoscalingListener, { metadata: { namespace, name } }: Stored<AutoscalingRunnerSet>): boolean {
  return spec?.autoscalingRunnerSetNamespace === namespace && spec?.autoscalingRunnerSetName === name;
}

/** Whether the controller listens itself: its flags say so. */
function isEmbedded({ controllers }: Facts): boolean {
  if (!controllers.known) return false;
  return controllers.value.some(({ deployment }) =>
    deployment.spec?.template?.spec?.containers?.some(({ args }) =>
      args?.some((arg) => /^--?listener-mode=embedded$/.test(arg))
    )
  );
}

/** What the controller says of a scale set. */
export function judgeConditions(set: Stored<AutoscalingRunnerSet>): Finding[] {
  const object = placeText(set);
  const conditions = set.status?.conditions ?? [];
  const describe = `kubectl -n ${set.metadata.namespace} describe autoscalingrunnerset ${set.metadata.name}`;
  const findings: Finding[] = [];
  const ready = condition(conditions, "Ready");
  if (ready?.status === "False") findings.push(saying("conditions", object, ready, pageOf(ready.reason)));
  for (const each of conditions) {
    const { type, status } = each;
    const bad = BAD[type];
    if (status !== "True" || !bad) continue;
    const text = textOf(each);
    findings.push(
      bad === "fix"
        ? fix("conditions", object, text, `${pageOf(type)}; ${describe}`)
        : note("conditions", object, text, pageOf(type)),
    );
  }
  const unprotected = condition(conditions, "BusyRunnersProtected");
  if (unprotected?.status === "False") {
    findings.push(note("conditions", object, textOf(unprotected), pageOf(unprotected.type)));
  }
  const progressing = condition(conditions, "Progressing");
  if (progressing?.reason === "RolloutStuck") {
    findings.push(
      fix("conditions", object, `Progressing=False RolloutStuck: ${progressing.message}`, pageOf("RolloutStuck")),
    );
  }
  if (findings.length > 0) return findings;
  if (conditions.length === 0) {
    return [
      notChecked("conditions", object, "the controller says none: the CRD is ARC's, or no controller has been here"),
    ];
  }
  return [ok("conditions", object, ready ? `Ready=True` : "none is bad")];
}

function textOf({ type, status, reason, message }: Condition): string {
  return `${type}=${status} ${reason}: ${message}`;
}

/** The entry of the page about reasons. */
export function pageOf(word: string): string {
  const anchors: Readonly<Record<string, string>> = { PhantomDemand: "idlerunners", VersionSkew: "otherversion" };
  return `docs/troubleshoot.md#${anchors[word] ?? word.toLowerCase()}`;
}

function condition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((each) => each.type === type);
}

/** Conditions of a runner that has no pod, or no node for it: it is neither a failure nor well. */
const WAITING = ["QuotaExceeded", "Unschedulable"];

/** How a scale set's runners are. */
export function judgeRunners(set: Stored<AutoscalingRunnerSet>, facts: Facts): Finding {
  const object = placeText(set);
  const { runners, runnerPods } = facts.objects;
  if (!runners.known) return notChecked("runners", object, runners.why);
  const own = runners.value.filter((runner) => ownerSet(runner.metadata.labels, object));
  const failed = own.filter(({ status }) => status?.phase === "Failed" || status?.phase === "Outdated");
  const last = failed.at(-1)?.status;
  const list = `kubectl -n ${set.metadata.namespace} get ephemeralrunners`;
  if (last) {
    return note("runners", object, `${failed.length} have failed, one of them: ${last.reason}: ${last.message}`, list);
  }
  const stuck = (runnerPods.known ? runnerPods.value : []).filter((pod) => ownerSet(pod.metadata.labels, object))
    .filter((pod) =>
      facts.now - Date.parse(pod.metadata.creationTimestamp ?? "") > 600_000 && pod.status?.phase === "Pending"
    );
  const [pod] = stuck;
  if (pod) {
    const why = pod.status?.conditions?.find(({ status, message }) => status === "False" && message)?.message;
    return note(
      "runners",
      object,
      `${stuck.length} have been waiting for a node or an image for 10 minutes${why ? `: ${why}` : ""}`,
      `kubectl -n ${set.metadata.namespace} describe pod ${pod.metadata.name}`,
    );
  }
  const waiting = own.flatMap(({ status }) => WAITING.map((type) => condition(status?.conditions, type)))
    .filter((each) => each?.status === "True");
  const [why] = waiting;
  if (why) {
    return note(
      "runners",
      object,
      `${waiting.length} of ${own.length} wait, one of them: ${why.reason}: ${why.message}`,
      pageOf(why.type),
    );
  }
  const busy = own.filter(({ status }) => status?.jobId).length;
  return ok("runners", object, `${own.length} ${own.length === 1 ? "runner" : "runners"}, ${busy} with a job`);
}

function ownerSet(labels: Record<string, string> | undefined, object: string): boolean {
  return `${labels?.["actions.github.com/scale-set-namespace"]}/${labels?.["actions.github.com/scale-set-name"]}` ===
    object;
}
