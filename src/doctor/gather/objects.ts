/** The objects of the namespaces in question. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
  type EphemeralRunner,
} from "../../api/kinds.ts";
import { LABELS } from "../../api/names.ts";
import type { Selection } from "../../k8s/client.ts";
import {
  controllerOf,
  isDeleting,
  type KubeObject,
  type Pod,
  PODS,
  type Resource,
  ROLE_BINDINGS,
  ROLES,
  type Secret,
  SECRETS,
  SERVICE_ACCOUNTS,
  type Stored,
} from "../../k8s/resource.ts";
import { eachOf } from "../../lib/parallel.ts";
import type { Objects } from "../checks/facts.ts";
import { known, placeText, type Seen } from "../checks/finding.ts";
import type { Reader } from "./reader.ts";

export interface Scope {
  /** Undefined: all. */
  readonly namespace?: string;
  /** Scale sets by name; none: all. */
  readonly names: readonly string[];
  /** Where listeners are, as far as is known. */
  readonly own: readonly string[];
}

/** Everything that the checks compare. */
export async function gatherObjects(reader: Reader, { namespace, names, own }: Scope): Promise<Objects> {
  const within: Selection = namespace === undefined ? {} : { namespace };
  const labelled = { ...within, labelSelector: LABELS.scaleSetName };
  const [allScaleSets, runnerSets, runnersThen, allListeners, podsThen] = await Promise.all([
    reader.list(AUTOSCALING_RUNNER_SETS, within),
    reader.list(EPHEMERAL_RUNNER_SETS, within),
    reader.list(EPHEMERAL_RUNNERS, within),
    everywhereOr(reader, AUTOSCALING_LISTENERS, own),
    reader.list(PODS, { ...within, labelSelector: `${LABELS.ephemeralRunner}=True` }),
  ]);
  // A listener is in the controller's namespace, and its scale set may not be among those in question.
  const listeners = namespace === undefined
    ? allListeners
    : only(allListeners, ({ spec }) => spec?.autoscalingRunnerSetNamespace === namespace);
  const places = allListeners.known ? allListeners.value.map(({ metadata }) => metadata.namespace ?? "") : [];
  const homes = [...new Set([...own, ...places])];
  const sets = valuesOf(allScaleSets).map(({ metadata }) => metadata.namespace ?? "");
  const [listenerPods, roles, roleBindings, serviceAccounts, secrets] = await Promise.all([
    inEach(reader, PODS, homes),
    reader.list(ROLES, labelled),
    reader.list(ROLE_BINDINGS, labelled),
    reader.list(SERVICE_ACCOUNTS, labelled),
    secretsOf(reader, labelled, [...new Set(sets)]),
  ]);
  const { runners, runnerPods } = await recent(reader, runnersThen, podsThen);
  return {
    allScaleSets,
    scaleSets: names.length === 0 ? allScaleSets : only(allScaleSets, ({ metadata }) => names.includes(metadata.name)),
    runnerSets,
    runners,
    listeners,
    runnerPods,
    listenerPods: namespace === undefined ? listenerPods : onlyOf(listenerPods, listeners),
    roles,
    roleBindings,
    serviceAccounts,
    secrets,
  };
}

/** More than so many are no matter of a moment. */
const MOST_RECENT = 50;

/**
 * Two lists are of two moments, and where much is done runners end in between: one that seems to lack its pod, or a pod
 * its runner, is looked at again.
 */
async function recent(
  reader: Reader,
  runners: Seen<readonly Stored<EphemeralRunner>[]>,
  runnerPods: Seen<readonly Stored<Pod>[]>,
) {
  const pods = new Set(valuesOf(runnerPods).map(placeText));
  const uids = new Set(valuesOf(runners).map(({ metadata }) => metadata.uid));
  const suspects = [
    ...valuesOf(runners).filter((runner) =>
      runner.status?.phase === "Running" && !isDeleting(runner) && !pods.has(placeText(runner))
    ),
    ...valuesOf(runnerPods).filter((pod) => !isDeleting(pod) && !uids.has(controllerOf(pod)?.uid ?? "")),
  ];
  const isFew = suspects.length > 0 && suspects.length <= MOST_RECENT;
  if (!runners.known || !runnerPods.known || !isFew) return { runners, runnerPods };
  const seen = await eachOf(suspects, 8, async (object) => {
    const { namespace, name } = object.metadata;
    return {
      place: placeText(object),
      runner: await reader.get(EPHEMERAL_RUNNERS, { namespace, name }),
      pod: await reader.get(PODS, { namespace, name }),
    };
  });
  const anew = <T extends KubeObject>(
    then: readonly Stored<T>[],
    now: readonly (readonly [string, Seen<Stored<T> | undefined>])[],
  ) => {
    const told = new Map(now.flatMap(([place, one]) => one.known ? [[place, one.value] as const] : []));
    const others = then.filter((object) => !told.has(placeText(object)));
    return known([...others, ...[...told.values()].filter((object) => object !== undefined)]);
  };
  return {
    runners: anew(runners.value, seen.map(({ place, runner }) => [place, runner])),
    runnerPods: anew(runnerPods.value, seen.map(({ place, pod }) => [place, pod])),
  };
}

function valuesOf<T>(list: Seen<readonly T[]>): readonly T[] {
  return list.known ? list.value : [];
}

function only<T>(list: Seen<readonly T[]>, keep: (item: T) => boolean): Seen<readonly T[]> {
  return list.known ? known(list.value.filter(keep)) : list;
}

/** Pods of these listeners: with one namespace in question, those of others are nobody's business. */
function onlyOf(pods: Seen<readonly Stored<Pod>[]>, listeners: Seen<readonly Stored<KubeObject>[]>) {
  const names = new Set(valuesOf(listeners).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  return only(pods, ({ metadata }) => names.has(`${metadata.namespace}/${metadata.name}`));
}

/** Of all namespaces, or where that is not allowed, of those that are known. */
async function everywhereOr<T extends KubeObject>(
  reader: Reader,
  kind: Resource<T>,
  namespaces: readonly string[],
): Promise<Seen<readonly Stored<T>[]>> {
  const all = await reader.list(kind);
  return all.known || namespaces.length === 0 ? all : await inEach(reader, kind, namespaces);
}

/** The lists of several namespaces as one; what one of them lacks, all lack. */
async function inEach<T extends KubeObject>(
  reader: Reader,
  kind: Resource<T>,
  namespaces: readonly string[],
  selection: Selection = {},
): Promise<Seen<readonly Stored<T>[]>> {
  const lists = await eachOf(namespaces, 8, (namespace) => reader.list(kind, { ...selection, namespace }));
  return lists.find((list) => !list.known) ?? known(lists.flatMap(valuesOf));
}

/** A secret's values are of no interest, and are dropped at once. */
async function secretsOf(reader: Reader, selection: Selection, namespaces: readonly string[]) {
  const all = await reader.list(SECRETS, selection);
  const found = all.known || namespaces.length === 0 ? all : await inEach(reader, SECRETS, namespaces, selection);
  const withoutData = ({ data: _, stringData: _texts, ...rest }: Stored<Secret>) => rest as Stored<Secret>;
  return found.known ? known(found.value.map(withoutData)) : found;
}
