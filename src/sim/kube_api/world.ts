/** What the parts of the simulated API server share. */
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { NAMESPACES, type Registry } from "./kinds.ts";
import { forbidden, notFound } from "./status.ts";
import type { Entry, Storage } from "./storage.ts";
import { storageKey } from "./storage.ts";
import type { Kind } from "./types.ts";

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: Storage;
  readonly registry: Registry;
}

/** @throws StatusError 404 */
export function existing(world: World, kind: Kind, namespace: string, name: string): Entry {
  const entry = world.storage.table(kind).get(storageKey(kind, namespace, name));
  if (!entry) throw notFound(kind, name);
  return entry;
}

/** @throws StatusError 404 for a namespace that is not there, 403 for one that is going */
export function refuseClosedNamespace(world: World, kind: Kind, namespace: string, name: string): void {
  const entry = world.storage.table(NAMESPACES).get(namespace);
  if (!entry) throw notFound(NAMESPACES, namespace);
  if (entry.object.metadata.deletionTimestamp === undefined) return;
  throw forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`, [
    {
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    },
  ]);
}
