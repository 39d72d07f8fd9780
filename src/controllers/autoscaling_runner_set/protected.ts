/** Objects of the chart that the controller needs until the scale set is gone, and keeps from being deleted before. */
import type { AutoscalingRunnerSet } from "../../api/kinds.ts";
import { CLEANUP_ANNOTATIONS, FINALIZERS } from "../../api/names.ts";
import { KubeError } from "../../k8s/errors.ts";
import {
  type KubeObject,
  type Resource,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
  type Stored,
} from "../../k8s/resource.ts";
import type { Uncached } from "../shared/stores_set.ts";

/** An object that an annotation of the scale set names. */
export interface ProtectedObject {
  readonly kind: Resource;
  readonly name: string;
  /** Undefined: it may not be read. */
  readonly object: Stored<KubeObject> | undefined;
  /** It holds the controller's own rights in that namespace, so it is released after all others. */
  readonly holdsRights: boolean;
}

/** The kinds of the annotations, in the order of {@link CLEANUP_ANNOTATIONS}. */
export const KINDS = [ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS, SERVICE_ACCOUNTS, SECRETS, ROLE_BINDINGS, ROLES] as const;
/** From here on they hold the controller's own rights. */
export const FIRST_WITH_RIGHTS = 5;

/**
 * The named objects that still bear our protection, in the order in which they are to be released.
 *
 * `list` finds an object by name where reading it is not allowed any more: the right to list roles and role bindings
 * is given cluster-wide, the right to get them goes with the manager's role binding.
 */
export async function readProtected(
  ars: AutoscalingRunnerSet,
  uncached: Uncached,
  list: (kind: Resource, namespace: string, name: string) => Promise<Stored<KubeObject> | undefined>,
): Promise<ProtectedObject[]> {
  const namespace = ars.metadata?.namespace ?? "";
  const readers = [
    uncached.roleBindings,
    uncached.roles,
    uncached.serviceAccounts,
    uncached.serviceAccounts,
    uncached.secrets,
    uncached.roleBindings,
    uncached.roles,
  ] as const;
  const found = await Promise.all(CLEANUP_ANNOTATIONS.map(async (annotation, at): Promise<ProtectedObject[]> => {
    const name = ars.metadata?.annotations?.[annotation];
    if (!name) return [];
    const kind = KINDS[at]!;
    const holdsRights = at >= FIRST_WITH_RIGHTS;
    try {
      const object = await readers[at]!.get(namespace, name);
      return object?.metadata.finalizers?.includes(FINALIZERS.cleanupProtection)
        ? [{ kind, name, object, holdsRights }]
        : [];
    } catch (error) {
      if (!KubeError.is(error, "Forbidden")) throw error;
      return await listed(kind, name, () => list(kind, namespace, name), holdsRights);
    }
  }));
  return found.flat();
}

async function listed(
  kind: Resource,
  name: string,
  list: () => Promise<Stored<KubeObject> | undefined>,
  holdsRights: boolean,
): Promise<ProtectedObject[]> {
  try {
    const object = await list();
    return object?.metadata.finalizers?.includes(FINALIZERS.cleanupProtection)
      ? [{ kind, name, object, holdsRights }]
      : [];
  } catch (error) {
    if (!KubeError.is(error, "Forbidden")) throw error;
    return [{ kind, name, object: undefined, holdsRights }];
  }
}
