/** The simulated etcd: one counter of versions, the objects, and for a while what happened to them. */
import { expired } from "./status.ts";
import { type Kind, type Obj, resourceName } from "./types.ts";

/** One version of one object. Its JSON is made once, however often it is sent. */
export class Entry {
  readonly object: Obj;
  readonly version: number;
  #rest: string | undefined;

  constructor(object: Obj, version: number) {
    this.object = object;
    this.version = version;
  }

  /** The JSON without kind and apiVersion: how lists of built-in kinds carry their items. */
  get bare(): string {
    if (this.#rest === undefined) {
      const { kind: _kind, apiVersion: _apiVersion, ...rest } = this.object;
      this.#rest = JSON.stringify(rest);
    }
    return this.#rest;
  }

  /** The whole JSON. */
  get text(): string {
    const { kind, apiVersion } = this.object;
    return `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},${this.bare.slice(1)}`;
  }
}

/** What happened to one object at one version. `before` is absent for a new one, `after` for one that has gone. */
export interface StoredChange {
  readonly kind: Kind;
  readonly key: string;
  readonly version: number;
  readonly before?: Entry;
  readonly after?: Entry;
  /** The last state with the version of this change: what a DELETED event carries. */
  readonly last: Entry;
}

type Listener = (change: StoredChange) => void;

/** `namespace/name`, or the name of what belongs to no namespace. Keys sort as etcd's do. */
export function storageKey(kind: Kind, namespace: string, name: string): string {
  return kind.namespaced ? `${namespace}/${name}` : name;
}

/** The objects of one resource. */
export class Table {
  /** As it is defined now: the schema of a custom kind may change. */
  kind: Kind;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  readonly #keys: string[] = [];
  #history: StoredChange[] = [];
  /** Changes up to this version are forgotten. */
  #forgotten: number;
  readonly listeners = new Set<Listener>();

  constructor(kind: Kind, limit: number, forgotten: number) {
    this.kind = kind;
    this.#limit = limit;
    this.#forgotten = forgotten;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Every entry whose key begins with `prefix`, in order of keys. */
  entries(prefix = ""): Entry[] {
    const found: Entry[] = [];
    for (let index = this.#find(prefix); index < this.#keys.length; index++) {
      const key = this.#keys[index]!;
      if (!key.startsWith(prefix)) break;
      found.push(this.#entries.get(key)!);
    }
    return found;
  }

  /**
   * The entries as they were at `version`.
   * @throws StatusError 410 when history does not reach so far back
   */
  entriesAt(version: number, prefix: string): Entry[] {
    const earlier = new Map<string, Entry | undefined>();
    for (const change of this.since(version)) {
      if (change.key.startsWith(prefix) && !earlier.has(change.key)) earlier.set(change.key, change.before);
    }
    if (earlier.size === 0) return this.entries(prefix);
    const keyed = new Map<string, Entry>();
    for (const entry of this.entries(prefix)) keyed.set(keyOfEntry(this.kind, entry), entry);
    for (const [key, entry] of earlier) {
      if (entry) keyed.set(key, entry);
      else keyed.delete(key);
    }
    return [...keyed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  }

  /**
   * What happened after `version`, oldest first.
   * @throws StatusError 410 when history does not reach so far back
   */
  since(version: number): readonly StoredChange[] {
    if (version < this.#forgotten) throw expired(`too old resource version: ${version} (${this.#forgotten})`);
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#history[middle]!.version <= version) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }

  record(change: StoredChange): void {
    const { key, after } = change;
    const index = this.#find(key);
    const known = this.#keys[index] === key;
    if (after) {
      this.#entries.set(key, after);
      if (!known) this.#keys.splice(index, 0, key);
    } else {
      this.#entries.delete(key);
      if (known) this.#keys.splice(index, 1);
    }
    this.#history.push(change);
    if (this.#history.length > 2 * this.#limit) this.forget(this.#history[this.#limit - 1]!.version);
    for (const listener of [...this.listeners]) listener(change);
  }

  /** Forgets what happened up to `version`. */
  forget(version: number): void {
    this.#forgotten = Math.max(this.#forgotten, version);
    this.#history = this.#history.filter((change) => change.version > this.#forgotten);
  }

  #find(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The key under which an entry is stored. */
export function keyOfEntry(kind: Kind, entry: Entry): string {
  return storageKey(kind, entry.object.metadata.namespace ?? "", entry.object.metadata.name);
}

/** All resources, under one counter. */
export class Storage {
  readonly #limit: number;
  readonly #tables = new Map<string, Table>();
  readonly #listeners = new Set<Listener>();
  #version = 1;
  /** History before this version is gone for all resources, those included that nobody has used yet. */
  #compacted = 0;

  /** @param limit how many changes of a resource are remembered, at least */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The newest version. */
  get version(): number {
    return this.#version;
  }

  tables(): Iterable<Table> {
    return this.#tables.values();
  }

  /** The table of a resource, made when it is first asked for. */
  table(kind: Kind): Table {
    const name = resourceName(kind);
    let table = this.#tables.get(name);
    if (!table) {
      table = new Table(kind, this.#limit, this.#compacted);
      this.#tables.set(name, table);
    }
    table.kind = kind;
    return table;
  }

  /** The table of a resource by its name, if it is there. */
  tableNamed(name: string): Table | undefined {
    return this.#tables.get(name);
  }

  /** Forgets a resource that is no longer served. */
  drop(kind: Kind): void {
    this.#tables.delete(resourceName(kind));
  }

  /** Stores an object under the next version and returns it so. */
  put(kind: Kind, object: Obj): Entry {
    const version = ++this.#version;
    const table = this.table(kind);
    const key = storageKey(kind, object.metadata.namespace ?? "", object.metadata.name);
    const after = new Entry(versioned(object, version), version);
    const before = table.get(key);
    this.#tell(table, { kind, key, version, ...(before ? { before } : {}), after, last: after });
    return after;
  }

  /**
   * Removes an object. Watches are told its last stored state, as etcd has it, with the version of the removal.
   * @param answer what to return with that version, when it is not the stored state
   */
  remove(kind: Kind, before: Entry, answer: Obj = before.object): Entry {
    const version = ++this.#version;
    const table = this.table(kind);
    const last = new Entry(versioned(before.object, version), version);
    this.#tell(table, { kind, key: keyOfEntry(kind, before), version, before, last });
    return answer === before.object ? last : new Entry(versioned(answer, version), version);
  }

  /** Makes every version before the newest too old, for watches, continue tokens and exact lists. */
  compact(): void {
    this.#compacted = this.#version;
    for (const table of this.#tables.values()) table.forget(this.#version);
  }

  /** Calls `listener` after every change of any resource; returns what ends that. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(table: Table, change: StoredChange): void {
    table.record(change);
    for (const listener of [...this.#listeners]) listener(change);
  }
}

function versioned(object: Obj, version: number): Obj {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}
