import type { Clock } from "../lib/clock.ts";
import { type IndexDeclarations, Indexes } from "./indexes.ts";
import {
  isDeleting,
  isNewer,
  isThereAfterDelete,
  keyOf,
  type KubeObject,
  type ObjectRef,
  type Stored,
} from "./resource.ts";
import { Tombstones } from "./tombstones.ts";

/** What happened to an object: before is undefined for a new one, after for one that has gone. */
export interface Change<T extends KubeObject> {
  readonly before?: Stored<T>;
  readonly after?: Stored<T>;
  /** Told by a list in which the object is missing: nobody has seen what became of it after `before`. */
  readonly unseen?: true;
}

/** What a reconciler reads: a kind's objects as the watch and our own writes have them. Objects are never modified. */
export interface Reader<T extends KubeObject> {
  /** Whether a complete list has been seen: before that nothing may be concluded from absence. */
  readonly synced: boolean;
  readonly size: number;
  get(namespace: string, name: string): Stored<T> | undefined;
  all(): Iterable<Stored<T>>;
  /** The objects for which index `index` gave `value`. @throws RangeError for an index that was not declared */
  by(index: string, value: string): readonly Stored<T>[];
  /** How many {@link by} would give, without building the list. */
  count(index: string, value: string): number;
  /** Calls `listener` after every change; returns what ends that. */
  subscribe(listener: (change: Change<T>) => void): () => void;
}

/** Where answers to our own writes go, so that the next observation sees them before the watch does. */
export interface Overlay<T extends KubeObject> {
  /** The resource version that readers see now, so that a patch which changed nothing can be told. */
  versionOf?(ref: ObjectRef): string | undefined;
  /** The API server returned `object` from a create, patch or replace. */
  wrote(object: Stored<T>): void;
  /**
   * The API server answered a delete: the object is gone (undefined `left`), or it stays for its finalizers or its
   * grace period as `left` says.
   */
  deleted(uid: string, left?: Stored<T>): void;
}

/** What a {@link Store} is made of. */
export interface StoreOptions<T extends KubeObject> {
  readonly clock: Clock;
  readonly indexes?: IndexDeclarations<T>;
  /** What to keep of an object: identity, versions and what reconcilers read. Must leave its own results as they are. */
  readonly project?: (object: Stored<T>) => Stored<T>;
}

/**
 * A kind's objects as the watch has told them, and over that what our own writes have returned until the watch tells
 * it too. One writer feeds it ({@link Store.reset}, {@link Store.apply}, {@link Store.delete}, {@link Store.progress}),
 * in the order in which the server said so; executors add what their writes returned.
 *
 * What is shown of an object never goes back: of two versions with one UID the newer stays, of two UIDs with one name
 * the newer too (every version of a name's first bearer is older than every version of the next one), and a UID that is gone does
 * not come back. Versions are compared as numbers, see {@link isNewer}.
 */
export class Store<T extends KubeObject> implements Reader<T>, Overlay<T> {
  readonly #shown = new Map<string, Stored<T>>();
  readonly #keys = new Map<string, string>();
  readonly #indexes: Indexes<T>;
  readonly #project: (object: Stored<T>) => Stored<T>;
  readonly #dead: Tombstones;
  readonly #listeners = new Set<(change: Change<T>) => void>();
  /** UIDs that only our own writes have told of so far. */
  readonly #ownOnly = new Set<string>();
  /** Own writes that the watch has not reached, by version. */
  readonly #ahead: Own[] = [];
  /** How far the watch has told everything; undefined before the first list. */
  #version: string | undefined;

  constructor(options: StoreOptions<T>) {
    this.#indexes = new Indexes(options.indexes ?? {});
    this.#project = options.project ?? withoutManagedFields;
    this.#dead = new Tombstones(options.clock);
  }

  get synced(): boolean {
    return this.#version !== undefined;
  }

  get size(): number {
    return this.#shown.size;
  }

  /** What is kept beside the objects that are shown, for metrics: own writes ahead of the watch, and the dead. */
  get remembered(): number {
    return this.#ahead.length + this.#dead.size;
  }

  get(namespace: string, name: string): Stored<T> | undefined {
    return this.#shown.get(`${namespace}/${name}`);
  }

  all(): Iterable<Stored<T>> {
    return this.#shown.values();
  }

  by(index: string, value: string): readonly Stored<T>[] {
    return [...this.#indexes.of(index, value)?.values() ?? []];
  }

  count(index: string, value: string): number {
    return this.#indexes.of(index, value)?.size ?? 0;
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A complete list. Everything changes at once, then listeners hear of every change, implied deletions included.
   * Own writes that are newer than the list stay: it was taken before them.
   */
  reset(items: readonly Stored<T>[], resourceVersion: string): void {
    const changes: Change<T>[] = [];
    if (isNewer(this.#version, resourceVersion)) this.#forgetHistory(changes);
    this.#version = resourceVersion;
    const listed = new Set(items.map((item) => item.metadata.uid));
    for (const [uid, key] of [...this.#keys]) {
      if (!listed.has(uid)) this.#lost(uid, key, resourceVersion, changes, { unseen: true });
    }
    for (const item of items) this.#told(item, changes);
    this.#settle(changes);
    this.#publish(changes);
  }

  /** The watch says that the object is there, so. */
  apply(object: Stored<T>): void {
    const changes: Change<T>[] = [];
    this.#told(object, changes);
    this.#advance(object.metadata.resourceVersion, changes);
    this.#publish(changes);
  }

  /** The watch says that the object is gone, or has left the selection. */
  delete(object: Stored<T>): void {
    const { uid, resourceVersion } = object.metadata;
    const key = this.#keys.get(uid);
    const changes: Change<T>[] = [];
    this.#dead.told(uid);
    if (key !== undefined) this.#lost(uid, key, resourceVersion, changes);
    this.#advance(resourceVersion, changes);
    this.#publish(changes);
  }

  /** The watch says that it has told everything up to this version. */
  progress(resourceVersion: string): void {
    const changes: Change<T>[] = [];
    this.#advance(resourceVersion, changes);
    this.#publish(changes);
  }

  versionOf(ref: ObjectRef): string | undefined {
    return this.#shown.get(keyOf(ref))?.metadata.resourceVersion;
  }

  wrote(object: Stored<T>): void {
    const { uid, resourceVersion } = object.metadata;
    if (isDeleting(object) && !isThereAfterDelete(object)) return this.deleted(uid); // its last finalizer has gone
    const known = this.#keys.has(uid);
    const ahead = isNewer(resourceVersion, this.#version);
    // The watch is past this answer: what it has not told of is gone again, or outside of the selection.
    if (!known && !ahead) return;
    const change = this.#take(object);
    if (!change) return;
    if (!known) this.#ownOnly.add(uid);
    if (ahead) this.#remember({ uid, version: resourceVersion });
    this.#publish([change]);
  }

  deleted(uid: string, left?: Stored<T>): void {
    if (left && isThereAfterDelete(left)) return this.wrote(left);
    const key = this.#keys.get(uid);
    this.#dead.add(uid);
    if (key !== undefined) this.#publish([this.#set(key, undefined)]);
  }

  /** The server has said that the object is there, so. */
  #told(object: Stored<T>, changes: Change<T>[]): void {
    this.#ownOnly.delete(object.metadata.uid);
    const change = this.#take(object);
    if (change) changes.push(change);
  }

  /** The server has said that the object is not there at `version`: true, unless we have written it after that. */
  #lost(uid: string, key: string, version: string, changes: Change<T>[], how: { unseen?: true } = {}): void {
    if (isNewer(this.#shown.get(key)?.metadata.resourceVersion, version)) {
      this.#ownOnly.add(uid);
      return;
    }
    changes.push({ ...this.#set(key, undefined), ...how });
  }

  /** Shows a living object, unless what is shown under its name is as new; says what has changed. */
  #take(object: Stored<T>): Change<T> | undefined {
    const { uid, resourceVersion } = object.metadata;
    if (this.#dead.has(uid)) return undefined;
    const key = keyOf(object);
    const shown = this.#shown.get(key);
    if (shown && !isNewer(resourceVersion, shown.metadata.resourceVersion)) return undefined;
    if (shown && shown.metadata.uid !== uid) this.#dead.add(shown.metadata.uid);
    return this.#set(key, this.#project(object));
  }

  #set(key: string, after: Stored<T> | undefined): Change<T> {
    const before = this.#shown.get(key);
    if (before && before.metadata.uid !== after?.metadata.uid) {
      this.#keys.delete(before.metadata.uid);
      this.#ownOnly.delete(before.metadata.uid);
    }
    if (after) {
      this.#shown.set(key, after);
      this.#keys.set(after.metadata.uid, key);
    } else this.#shown.delete(key);
    this.#indexes.change(key, before, after);
    return { before, after };
  }

  #advance(version: string, changes: Change<T>[]): void {
    if (isNewer(version, this.#version)) this.#version = version;
    this.#settle(changes);
  }

  /** Objects that only we have told of, at versions that the watch has passed: gone, or outside of the selection. */
  #settle(changes: Change<T>[]): void {
    while (this.#ahead[0] && !isNewer(this.#ahead[0].version, this.#version)) {
      const { uid, version } = this.#ahead.shift()!;
      const key = this.#keys.get(uid);
      if (key === undefined || !this.#ownOnly.has(uid)) continue;
      if (this.#shown.get(key)?.metadata.resourceVersion !== version) continue; // a newer own write awaits its turn
      changes.push(this.#set(key, undefined));
    }
  }

  #remember(own: Own): void {
    let at = this.#ahead.length;
    while (at > 0 && isNewer(this.#ahead[at - 1]?.version, own.version)) at--;
    this.#ahead.splice(at, 0, own);
  }

  /** The server's versions went back: it was restored from a backup, and what we know is of another history. */
  #forgetHistory(changes: Change<T>[]): void {
    this.#dead.clear();
    this.#ahead.length = 0;
    for (const key of [...this.#shown.keys()]) changes.push(this.#set(key, undefined));
  }

  #publish(changes: readonly Change<T>[]): void {
    for (const change of changes) {
      for (const listener of this.#listeners) listener(change);
    }
  }
}

/** A write of ours that the watch has not reached. */
interface Own {
  readonly uid: string;
  readonly version: string;
}

/** What every kind can do without: who owns which field is the server's business, and often half of an object. */
export function withoutManagedFields<T extends KubeObject>(object: Stored<T>): Stored<T> {
  const metadata = object.metadata as Stored<T>["metadata"] & { managedFields?: unknown };
  if (metadata.managedFields === undefined) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest };
}
