import type { KubeObject, ObjectRef, Stored } from "./resource.ts";

/** What happened to an object: before is undefined for a new one, after for one that has gone. */
export interface Change<T extends KubeObject> {
  readonly before?: Stored<T>;
  readonly after?: Stored<T>;
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
