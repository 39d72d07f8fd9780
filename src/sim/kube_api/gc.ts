/** The garbage collector: dependents go when the last of their owners has gone, or as the propagation policy says. */
import { FOREGROUND, ORPHAN, type Propagation, remove } from "./deletes.ts";
import { StatusError } from "./status.ts";
import type { Entry, StoredChange } from "./storage.ts";
import { keyOfEntry } from "./storage.ts";
import type { Kind, Meta, Obj, Owner } from "./types.ts";
import type { World } from "./world.ts";
import { isDone } from "./writes.ts";

interface Node {
  readonly kind: Kind;
  readonly entry: Entry;
}

/** Keeps who owns whom as objects come and go, and looks at what a change may have set free after a short delay. */
export class GarbageCollector {
  readonly #world: World;
  readonly #delayMs: number;
  readonly #after: (ms: number, action: () => void) => void;
  readonly #nodes = new Map<string, Node>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #due = new Set<string>();

  constructor(world: World, delayMs: number, after: (ms: number, action: () => void) => void) {
    this.#world = world;
    this.#delayMs = delayMs;
    this.#after = after;
  }

  /** To be called after every change of the storage. */
  changed({ kind, before, after }: StoredChange): void {
    const uid = (after ?? before)!.object.metadata.uid;
    const owned = this.#reindex(uid, before?.object, after?.object);
    if (!after) {
      this.#nodes.delete(uid);
      for (const dependent of this.#dependents.get(uid) ?? []) this.#look(dependent);
      for (const owner of before?.object.metadata.ownerReferences ?? []) this.#lookIfDeleting(owner.uid);
      return;
    }
    this.#nodes.set(uid, { kind, entry: after });
    if (owned) this.#look(uid);
    this.#lookIfDeleting(uid);
    for (const owner of before?.object.metadata.ownerReferences ?? []) this.#lookIfDeleting(owner.uid);
  }

  /** Whether the owners are others than before. */
  #reindex(uid: string, before: Obj | undefined, after: Obj | undefined): boolean {
    const old = before?.metadata.ownerReferences;
    const now = after?.metadata.ownerReferences;
    if (old === now) return false;
    for (const owner of old ?? []) {
      const known = this.#dependents.get(owner.uid);
      known?.delete(uid);
      if (known?.size === 0) this.#dependents.delete(owner.uid);
    }
    for (const owner of now ?? []) {
      const known = this.#dependents.get(owner.uid) ?? new Set();
      known.add(uid);
      this.#dependents.set(owner.uid, known);
    }
    return now !== undefined;
  }

  #lookIfDeleting(uid: string): void {
    const meta = this.#nodes.get(uid)?.entry.object.metadata;
    if (
      meta?.deletionTimestamp !== undefined && meta.finalizers?.some((name) => name === FOREGROUND || name === ORPHAN)
    ) {
      this.#look(uid);
    }
  }

  #look(uid: string): void {
    if (this.#due.has(uid)) return;
    this.#due.add(uid);
    this.#after(this.#delayMs, () => {
      this.#due.delete(uid);
      const node = this.#nodes.get(uid);
      if (node) this.#decide(node);
    });
  }

  #decide(node: Node): void {
    const { metadata } = node.entry.object;
    if (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(ORPHAN)) return this.#orphan(node);
    if (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND)) this.#foreground(node);
    const owners = metadata.ownerReferences ?? [];
    if (owners.length === 0) return;
    const states = owners.map((owner) => this.#stateOf(node, owner));
    const solid = states.includes("solid");
    if (!solid && metadata.deletionTimestamp === undefined) {
      const waited = states.includes("waiting") && this.#hasDependents(metadata.uid);
      return this.#delete(node, waited ? "Foreground" : "Background");
    }
    if (solid && states.some((state) => state !== "solid")) {
      this.#update(node, { ownerReferences: owners.filter((_, index) => states[index] === "solid") });
    }
  }

  /**
   * "waiting": the owner is being deleted in the foreground and waits for this dependent. An owner of a kind that is
   * not served cannot be looked for, so it counts as there.
   */
  #stateOf(node: Node, owner: Owner): "absent" | "waiting" | "solid" {
    const kind = this.#world.registry.ofObject(owner.apiVersion, owner.kind);
    if (!kind) return "solid";
    const found = this.#nodes.get(owner.uid);
    if (found && (found.kind.kind !== kind.kind || found.kind.group !== kind.group)) return "absent";
    const meta = found?.entry.object.metadata;
    const reachable = meta !== undefined &&
      (meta.namespace === undefined || meta.namespace === node.entry.object.metadata.namespace);
    if (!meta || !reachable || meta.name !== owner.name) return "absent";
    return meta.deletionTimestamp !== undefined && meta.finalizers?.includes(FOREGROUND) ? "waiting" : "solid";
  }

  #hasDependents(uid: string): boolean {
    return (this.#dependents.get(uid)?.size ?? 0) > 0;
  }

  #orphan(node: Node): void {
    const { uid, finalizers = [] } = node.entry.object.metadata;
    for (const id of [...(this.#dependents.get(uid) ?? [])]) {
      const dependent = this.#nodes.get(id);
      if (!dependent) continue;
      const owners = dependent.entry.object.metadata.ownerReferences ?? [];
      this.#update(dependent, { ownerReferences: owners.filter((owner) => owner.uid !== uid) });
    }
    this.#update(node, { finalizers: finalizers.filter((name) => name !== ORPHAN) });
  }

  #foreground(node: Node): void {
    const { uid, finalizers = [] } = node.entry.object.metadata;
    const dependents = [...(this.#dependents.get(uid) ?? [])].flatMap((id) => this.#nodes.get(id) ?? []);
    for (const dependent of dependents) this.#look(dependent.entry.object.metadata.uid);
    const blocked = dependents.some(({ entry }) =>
      entry.object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true)
    );
    if (!blocked) this.#update(node, { finalizers: finalizers.filter((name) => name !== FOREGROUND) });
  }

  #delete({ kind, entry }: Node, propagation: Propagation): void {
    const { namespace = "", name, uid } = entry.object.metadata;
    try {
      remove(this.#world, { kind, namespace, name }, { uid, propagation, dryRun: false });
    } catch (error) {
      // somebody else was faster: then there is nothing left to collect
      if (!(error instanceof StatusError)) throw error;
    }
  }

  /** Writes metadata, and removes what nothing holds any more. Empty lists are not kept. */
  #update({ kind, entry }: Node, part: Pick<Meta, "finalizers"> | Pick<Meta, "ownerReferences">): void {
    const { storage } = this.#world;
    const current = storage.table(kind).get(keyOfEntry(kind, entry));
    if (current?.object.metadata.uid !== entry.object.metadata.uid) return;
    const metadata: Record<string, unknown> = { ...current.object.metadata };
    for (const [name, list] of Object.entries(part)) {
      if (Array.isArray(list) && list.length > 0) metadata[name] = list;
      else delete metadata[name];
    }
    const after = { ...current.object, metadata: metadata as Meta };
    if (isDone(after)) storage.remove(kind, current, after);
    else storage.put(kind, after);
  }
}
