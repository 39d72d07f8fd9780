/** What is left over: objects whose owner is gone, and registrations that no runner accounts for. Pure. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import { COMPONENTS, LABELS } from "../../api/names.ts";
import { controllerOf, isDeleting, type KubeObject, type Stored } from "../../k8s/resource.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import type { Facts, GithubFacts, Objects } from "./facts.ts";
import { type Finding, fix, notChecked, ok, placeText, type Seen } from "./finding.ts";

/** What is younger may be on its way. */
const SETTLED_MS = 120_000;

interface Orphan {
  readonly what: string;
  readonly why: string;
  readonly wayOut: string;
}

export function judgeOrphans(facts: Facts): Finding[] {
  const { objects, now } = facts;
  const findings: Finding[] = [];
  const check = (name: string, lists: readonly Seen<unknown>[], find: () => Orphan[]) => {
    const unseen = lists.find((list) => !list.known);
    if (unseen && !unseen.known) return void findings.push(notChecked("orphans", name, unseen.why));
    const orphans = find();
    if (orphans.length === 0) findings.push(ok("orphans", name, "none is left over"));
    for (const { what, why, wayOut } of orphans) findings.push(fix("orphans", what, why, wayOut));
  };
  const { allScaleSets, runnerSets, runners, listeners, runnerPods, listenerPods, roles, roleBindings } = objects;
  check(
    "runner sets",
    [allScaleSets, runnerSets],
    () => lostChildren("ephemeralrunnerset", runnerSets, allScaleSets, now),
  );
  check("runners", [runners, runnerSets], () => lostChildren("ephemeralrunner", runners, runnerSets, now));
  check("runners without a pod", [runners, runnerPods], () => podless(objects, now));
  check("runner pods", [runnerPods, runners], () => lostChildren("pod", runnerPods, runners, now));
  check("listeners", [listeners, allScaleSets], () => strayListeners(objects, now));
  check("listener pods", [listenerPods, listeners], () => strayListenerPods(objects, now));
  check("roles of listeners", [roles, listeners], () => strayRights("role", roles, objects, now));
  check(
    "role bindings of listeners",
    [roleBindings, listeners],
    () => strayRights("rolebinding", roleBindings, objects, now),
  );
  check("secrets of runners", [objects.secrets], () => straySecrets(objects, now));
  return [...findings, ...facts.github.map(judgeRegistrations)];
}

/** Old enough, and not on its way out: what is going is another check's matter. */
function isSettled(object: Stored<KubeObject>, now: Instant): boolean {
  return !isDeleting(object) && now - (instantOf(object.metadata.creationTimestamp) ?? now) > SETTLED_MS;
}

function valuesOf<T>(list: Seen<readonly T[]>): readonly T[] {
  return list.known ? list.value : [];
}

/** Objects whose controller is not among its kind; those of another kind's are somebody else's. */
function lostChildren(
  resource: string,
  children: Seen<readonly Stored<KubeObject>[]>,
  owners: Seen<readonly Stored<KubeObject>[]>,
  now: Instant,
): Orphan[] {
  const uids = new Set(valuesOf(owners).map(({ metadata }) => metadata.uid));
  return valuesOf(children).filter((child) => isSettled(child, now)).flatMap((child) => {
    const owner = controllerOf(child);
    if (owner && uids.has(owner.uid)) return [];
    const why = owner ? `its owner ${owner.kind} ${owner.name} is gone` : "nobody owns it";
    return [orphan(resource, child, why)];
  });
}

function orphan(resource: string, object: Stored<KubeObject>, why: string): Orphan {
  const { namespace = "", name } = object.metadata;
  return {
    what: `${resource} ${placeText(object)}`,
    why,
    wayOut: `kubectl -n ${namespace} delete ${resource} ${name}`,
  };
}

function podless({ runners, runnerPods }: Objects, now: Instant): Orphan[] {
  const pods = new Set(valuesOf(runnerPods).map(placeText));
  return valuesOf(runners)
    .filter((runner) => isSettled(runner, now) && runner.status?.phase === "Running" && !pods.has(placeText(runner)))
    .map((runner) => orphan("ephemeralrunner", runner, "it is said to run and has no pod: does a controller run?"));
}

function strayListeners({ listeners, allScaleSets }: Objects, now: Instant): Orphan[] {
  const sets = new Set(valuesOf(allScaleSets).map(placeText));
  return valuesOf(listeners).filter((listener) => isSettled(listener, now)).flatMap((listener) => {
    const { autoscalingRunnerSetNamespace: namespace, autoscalingRunnerSetName: name } = listener.spec ?? {};
    if (sets.has(`${namespace}/${name}`)) return [];
    return [orphan("autoscalinglistener", listener, `its scale set ${namespace}/${name} is gone`)];
  });
}

function strayListenerPods({ listenerPods, listeners }: Objects, now: Instant): Orphan[] {
  const uids = new Set(valuesOf(listeners).map(({ metadata }) => metadata.uid));
  return valuesOf(listenerPods)
    .filter((pod) => pod.metadata.labels?.[LABELS.component] === COMPONENTS.listener && isSettled(pod, now))
    .filter((pod) => !uids.has(controllerOf(pod)?.uid ?? ""))
    .map((pod) => orphan("pod", pod, "its AutoscalingListener is gone"));
}

/** Roles and bindings can't be owned by a listener of another namespace: labels say whose they are. */
function strayRights(
  resource: string,
  list: Seen<readonly Stored<KubeObject>[]>,
  { listeners }: Objects,
  now: Instant,
): Orphan[] {
  const known = new Set(valuesOf(listeners).map(placeText));
  return valuesOf(list).filter((object) => isSettled(object, now)).flatMap((object) => {
    const { [LABELS.listenerName]: name, [LABELS.listenerNamespace]: namespace } = object.metadata.labels ?? {};
    if (name === undefined || known.has(`${namespace}/${name}`)) return [];
    return [orphan(resource, object, `its listener ${namespace}/${name} is gone`)];
  });
}

/** Secrets with the name of our kind's owner, whose owner is gone for good: a garbage collector that does not run. */
function straySecrets({ secrets, runnerSets, runners, listeners }: Objects, now: Instant): Orphan[] {
  const kinds: Readonly<Record<string, Seen<readonly Stored<KubeObject>[]>>> = {
    EphemeralRunner: runners,
    EphemeralRunnerSet: runnerSets,
    AutoscalingListener: listeners,
  };
  return valuesOf(secrets).filter((secret) => isSettled(secret, now)).flatMap((secret) => {
    const owner = controllerOf(secret);
    const isOfProxy = /-(runner-)?proxy$/.test(secret.metadata.name);
    if (!owner) return isOfProxy ? [orphan("secret", secret, "nobody owns it")] : [];
    const list = kinds[owner.kind];
    if (!list?.known || list.value.some(({ metadata }) => metadata.uid === owner.uid)) return [];
    return [orphan("secret", secret, `its owner ${owner.kind} ${owner.name} is gone`)];
  });
}

/** Registrations of a scale set that no runner of the cluster has: by the names that we give. */
export function strayNames(
  registered: readonly { readonly name: string }[],
  runnerSet: string,
  runners: readonly Stored<EphemeralRunner>[],
): string[] {
  const names = new Set(runners.flatMap(({ metadata, status }) => [metadata.name, status?.runnerName ?? ""]));
  // The name that newRunnerName makes: the set's, cut, and five letters.
  const stem = `${runnerSet}-runner-`.slice(0, 58);
  return registered.map(({ name }) => name)
    .filter((name) => name.startsWith(stem) && name.length === stem.length + 5 && !names.has(name));
}

function judgeRegistrations({ set, strays }: GithubFacts): Finding {
  const object = `registrations of ${placeText(set)}`;
  switch (strays.went) {
    case "wrong":
      return notChecked("orphans", object, strays.trouble.message);
    case "untried":
      return notChecked("orphans", object, strays.why);
    case "well": {
      if (strays.value.length === 0) return ok("orphans", object, "each belongs to a runner");
      const shown = strays.value.slice(0, 3).map(({ name, busy, online }) =>
        `${name} (${busy ? "busy" : online ? "idle" : "offline"})`
      );
      const more = strays.value.length > 3 ? ` and ${strays.value.length - 3} more` : "";
      const message = `GitHub has registrations that no runner here accounts for: ${shown.join(", ")}${more}`;
      const wayOut = "does another cluster use this name? If not: GitHub's settings > Actions > Runners > Remove";
      return fix("orphans", object, message, wayOut);
    }
  }
}
