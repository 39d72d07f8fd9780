/**
 * What a chart made for a scale set that does not name it any more: with another container mode, account or secret Helm
 * deletes the former objects, and our protection would keep them for ever.
 */
import type { AutoscalingRunnerSet, EphemeralRunner } from "../../api/kinds.ts";
import { CLEANUP_ANNOTATIONS, FINALIZERS, LABELS } from "../../api/names.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import { isDeleting, type KubeObject, refOf, type Resource, SECRETS, SERVICE_ACCOUNTS } from "../../k8s/resource.ts";
import type { Change, Store } from "../../k8s/store.ts";
import { delayOf } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { eachOf } from "../../lib/parallel.ts";
import type { Component } from "../../runtime/manager.ts";
import type { SetStores } from "../shared/stores_set.ts";
import { FIRST_WITH_RIGHTS, KINDS } from "./protected.ts";

/** An object that a scale set named before a change, and does not name after it. */
export interface Abandoned {
  readonly kind: Resource;
  readonly namespace: string;
  readonly name: string;
}

/** Helm deletes them after it has changed the scale set: they are looked at for about ten minutes. */
const LOOKS = 12;
const BETWEEN = { firstMs: 2_000, maxMs: 120_000 };
/** Between two looks at the runners, which cost no request. */
const RUNNERS_MS = 5_000;

/** Pure; nothing when the scale set is new, or goes: then all that it names is released. */
export function abandonedBy({ before, after }: Change<AutoscalingRunnerSet>): Abandoned[] {
  if (!before || !after || before.metadata?.uid !== after.metadata?.uid || isDeleting(after)) return [];
  const namespace = after.metadata?.namespace ?? "";
  // Those that hold the controller's rights bear the scale set's own name: they don't change while it lives.
  return CLEANUP_ANNOTATIONS.slice(0, FIRST_WITH_RIGHTS).flatMap((annotation, at): Abandoned[] => {
    const name = before.metadata?.annotations?.[annotation];
    if (!name || name === after.metadata?.annotations?.[annotation]) return [];
    return [{ kind: KINDS[at]!, namespace, name }];
  });
}

export interface AbandonedDeps {
  readonly kube: Pick<KubeClient, "list" | "patch">;
  readonly stores: Pick<SetStores, "autoscalingRunnerSets">;
  readonly runners: Pick<Store<EphemeralRunner>, "all">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Takes the protection off such objects, once they are deleted and no runner has them any more. */
export function abandonedObjects(deps: AbandonedDeps): Component {
  const end = new AbortController();
  const following = new Set<Promise<void>>();
  let unsubscribe = () => {};
  return {
    name: "former objects of scale sets",
    start() {
      const follows = (objects: readonly Abandoned[]) => {
        if (objects.length === 0) return;
        const followed: Promise<void> = follow(deps, objects, end.signal).catch((error) => {
          if (!end.signal.aborted) deps.log.warn("former objects stay protected", { error: messageOf(error) });
        }).finally(() => following.delete(followed));
        following.add(followed);
      };
      unsubscribe = deps.stores.autoscalingRunnerSets.subscribe((change) => follows(abandonedBy(change)));
      const looks: Promise<void> = abandonedBefore(deps).then((groups) => groups.forEach(follows))
        .finally(() => following.delete(looks));
      following.add(looks);
      return Promise.resolve();
    },
    async stop() {
      unsubscribe();
      end.abort(new Error("the controllers stop"));
      await Promise.all(following);
    },
  };
}

/** The scale set of whose chart an object is. */
const CHART_LABEL: string = LABELS.scaleSetName;

/** What was abandoned while no controller ran, or before it was started anew: by the scale set whose chart made it. */
async function abandonedBefore(deps: AbandonedDeps): Promise<Abandoned[][]> {
  const { kube, stores, log } = deps;
  const namespaces = new Set([...stores.autoscalingRunnerSets.all()].map(({ metadata }) => metadata.namespace ?? ""));
  const kinds = new Set<Resource>(KINDS.slice(0, FIRST_WITH_RIGHTS));
  const places = [...namespaces].flatMap((namespace) => [...kinds].map((kind) => ({ namespace, kind })));
  const groups = new Map<string, Abandoned[]>();
  await eachOf(places, 4, async ({ namespace, kind }) => {
    try {
      const { items } = await kube.list(kind as Resource<KubeObject>, { namespace, labelSelector: CHART_LABEL });
      for (const { metadata } of items) {
        const object = { kind, namespace, name: metadata.name };
        const isHeld = metadata.deletionTimestamp !== undefined &&
          metadata.finalizers?.includes(FINALIZERS.cleanupProtection);
        if (!isHeld || isNamed(deps, object)) continue;
        const group = `${namespace}/${metadata.labels?.[CHART_LABEL]}`;
        groups.set(group, [...groups.get(group) ?? [], object]);
      }
    } catch (error) {
      log.debug("former objects of scale sets can't be looked for", {
        kind: kind.kind,
        namespace,
        error: messageOf(error),
      });
    }
  });
  return [...groups.values()];
}

async function follow(deps: AbandonedDeps, objects: readonly Abandoned[], signal: AbortSignal): Promise<void> {
  let open = objects;
  for (let looks = 0; open.length > 0 && looks < LOOKS; looks++) {
    let wait = delayOf(BETWEEN, looks);
    do {
      await deps.clock.sleep(wait, signal);
      open = open.filter((object) => !isNamed(deps, object));
      wait = RUNNERS_MS;
      // Together: a runner's account is of no use without its role. A job may take days.
    } while (isUsed(deps, open));
    const done = await Promise.all(open.map((object) => release(deps, object)));
    open = open.filter((_, at) => !done[at]);
  }
}

/** @returns whether there is nothing more to do for it */
async function release({ kube, log }: AbandonedDeps, object: Abandoned): Promise<boolean> {
  const { kind, namespace, name } = object;
  try {
    const selected = { namespace, fieldSelector: `metadata.name=${name}` };
    const { items: [there] } = await kube.list(kind as Resource<KubeObject>, selected);
    if (!there?.metadata.finalizers?.includes(FINALIZERS.cleanupProtection)) return true;
    if (!isDeleting(there)) return false;
    const finalizers = there.metadata.finalizers.filter((one) => one !== FINALIZERS.cleanupProtection);
    const { resourceVersion } = there.metadata;
    await kube.patch(kind, refOf(there), { metadata: { finalizers, resourceVersion } });
  } catch (error) {
    if (KubeError.is(error, "NotFound")) return true;
    log.warn("a former object of a scale set could not be let go", { ...told(object), error: messageOf(error) });
    return false;
  }
  log.info("a former object of a scale set is let go", told(object));
  return true;
}

/** Whether a scale set of the namespace names it: the same one again, or another. */
function isNamed({ stores }: AbandonedDeps, { kind, namespace, name }: Abandoned): boolean {
  return [...stores.autoscalingRunnerSets.all()].some(({ metadata }) =>
    metadata.namespace === namespace &&
    CLEANUP_ANNOTATIONS.some((annotation, at) => KINDS[at] === kind && metadata.annotations?.[annotation] === name)
  );
}

/** Whether a runner that was made before the change still has one of the accounts, or signs off with the secret. */
function isUsed({ runners }: AbandonedDeps, objects: readonly Abandoned[]): boolean {
  return [...runners.all()].some(({ metadata, spec }) =>
    objects.some(({ kind, namespace, name }) =>
      namespace === metadata.namespace && (
        (kind === SERVICE_ACCOUNTS && spec?.spec?.serviceAccountName === name) ||
        (kind === SECRETS && spec?.githubConfigSecret === name)
      )
    )
  );
}

function told({ kind, namespace, name }: Abandoned) {
  return { kind: kind.kind, namespace, name };
}
