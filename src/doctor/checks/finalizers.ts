/** What hangs on a finalizer, and how it is let go. Pure. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../api/kinds.ts";
import { FINALIZERS } from "../../api/names.ts";
import {
  type KubeObject,
  PODS,
  type Resource,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
  type Stored,
} from "../../k8s/resource.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { Objects } from "./facts.ts";
import { type Finding, fix, notChecked, note, ok, placeText, type Seen } from "./finding.ts";

/** The controller's own time-box is 5 minutes: what takes twice as long will not go by itself. */
export const STUCK_MS = 600_000;

const OURS = new Set<string>(Object.values(FINALIZERS));

export function judgeFinalizers(objects: Objects, now: Instant): Finding[] {
  const lists: readonly [Resource, Seen<readonly Stored<KubeObject>[]>][] = [
    [AUTOSCALING_RUNNER_SETS, objects.allScaleSets],
    [AUTOSCALING_LISTENERS, objects.listeners],
    [EPHEMERAL_RUNNER_SETS, objects.runnerSets],
    [EPHEMERAL_RUNNERS, objects.runners],
    [PODS, objects.runnerPods],
    [ROLES, objects.roles],
    [ROLE_BINDINGS, objects.roleBindings],
    [SERVICE_ACCOUNTS, objects.serviceAccounts],
    [SECRETS, objects.secrets],
  ];
  const busy = busyNamespaces(objects);
  const findings = lists.flatMap(([kind, list]) => {
    if (!list.known) return [notChecked("finalizers", kind.plural, list.why)];
    return list.value.filter((object) => isStuck(object, now)).map((object) => judgeOne(kind, object, now, busy));
  });
  const stuck = findings.some(({ state }) => state !== "not checked");
  return stuck ? findings : [ok("finalizers", "all kinds", "nothing hangs on a finalizer"), ...findings];
}

function isStuck({ metadata: { deletionTimestamp, finalizers = [] } }: Stored<KubeObject>, now: Instant): boolean {
  const since = instantOf(deletionTimestamp);
  return since !== undefined && now - since > STUCK_MS && finalizers.length > 0;
}

/** Namespaces in which a runner still has a job: what is being deleted there may wait for it. */
function busyNamespaces({ runners, runnerPods }: Objects): Set<string> {
  const running = new Set(
    (runnerPods.known ? runnerPods.value : []).filter(({ status }) => status?.phase === "Running").map(placeText),
  );
  const busy = (runners.known ? runners.value : []).filter((runner) =>
    runner.status?.jobId && running.has(placeText(runner))
  );
  return new Set(busy.map(({ metadata }) => metadata.namespace ?? ""));
}

function judgeOne(kind: Resource, object: Stored<KubeObject>, now: Instant, busy: ReadonlySet<string>): Finding {
  const { namespace = "", name, finalizers = [], deletionTimestamp } = object.metadata;
  const since = formatDuration(Math.round((now - instantOf(deletionTimestamp)!) / 60_000) * 60_000);
  const ours = finalizers.filter((finalizer) => OURS.has(finalizer));
  const held = (ours.length > 0 ? ours : finalizers).join(", ");
  const what = `${kind.kind} ${namespace}/${name}`;
  const message = `it was deleted ${since} ago and hangs on ${held}`;
  if (busy.has(namespace) && kind.group === AUTOSCALING_RUNNER_SETS.group) {
    return note("finalizers", what, `${message}; a runner in ${namespace} still has a job, and is waited for`);
  }
  if (ours.length === 0) {
    return note("finalizers", what, `${message}, which is not ours`, "look at who sets that finalizer");
  }
  const left = finalizers.filter((finalizer) => !OURS.has(finalizer));
  const patch = JSON.stringify({ metadata: { finalizers: left.length > 0 ? left : null } });
  const resource = kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
  const command = `kubectl -n ${namespace} patch ${resource} ${name} --type=merge -p '${patch}'`;
  return fix(
    "finalizers",
    what,
    message,
    `start the controller, which lets it go; only if there will be none: ${command}`,
  );
}
