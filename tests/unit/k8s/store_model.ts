/** An API server in a few lines, one kind, and a store that watches it late: what property tests of the store drive. */
import type { KubeObject, Stored } from "../../../src/k8s/resource.ts";
import { Store } from "../../../src/k8s/store.ts";
import { type Clock, sleepOn } from "../../../src/lib/clock.ts";

export interface Thing extends KubeObject {
  colour: string;
  /** Whether the watch's selection includes it. */
  selected: boolean;
}

type Event = { readonly type: "apply" | "delete"; readonly object: Stored<Thing>; readonly version: number };

/** Something that happens. `who` says whether we did it, so that an answer comes back to us, or somebody else. */
export type Happening =
  | {
    readonly do: "create" | "update" | "relabel" | "delete" | "release";
    readonly who: "us" | "other";
    readonly name: string;
  }
  | { readonly do: "answer"; readonly which: number }
  | { readonly do: "watch"; readonly events: number }
  | { readonly do: "bookmark" | "list" | "relist" }
  | { readonly do: "wait"; readonly ms: number };

export class StoreModel {
  readonly store = new Store<Thing>({
    clock: this.#clock(),
    indexes: { colour: (thing) => thing.colour, both: (thing) => [thing.colour, thing.metadata.name] },
  });
  /** What listeners believe. */
  readonly mirror = new Map<string, Stored<Thing>>();
  readonly #objects = new Map<string, Stored<Thing>>();
  readonly #history: Event[] = [];
  readonly #answers: (() => void)[] = [];
  /** When objects died, by UID. */
  readonly #deaths = new Map<string, number>();
  readonly #newestShown = new Map<string, number>();
  /** Who bore each name last, as far as the store has shown. */
  readonly #bearers = new Map<string, string>();
  /** Of whose death the store has been told. */
  readonly #buried = new Set<string>();
  #elapsed = 0;
  #version = 100;
  #uids = 0;
  /** The history is delivered up to here; undefined while a list is under way. */
  #watched = 0;
  #list: { readonly items: Stored<Thing>[]; readonly version: number } | undefined;
  #synced: boolean;

  /** @param synced whether the store begins with the list of an empty server, or with none */
  constructor(synced: boolean) {
    this.#synced = synced;
    if (synced) this.store.reset([], String(this.#version));
    this.store.subscribe(({ before, after }) => {
      const name = (after ?? before)!.metadata.name;
      const believed = this.mirror.get(name);
      if (believed?.metadata.resourceVersion !== before?.metadata.resourceVersion) {
        throw new Error(`a change of ${name} does not follow the one before it`);
      }
      if (after) this.mirror.set(name, after);
      else this.mirror.delete(name);
    });
  }

  happen(what: Happening): void {
    switch (what.do) {
      case "answer":
        return this.#answers.splice(what.which % Math.max(1, this.#answers.length), 1)[0]?.();
      case "watch":
        for (let i = 0; i < what.events; i++) this.#deliver();
        return;
      case "bookmark":
        return this.#bookmark();
      case "list":
        this.#list ??= { items: this.#selected(), version: this.#version };
        return;
      case "relist":
        return this.#finishList();
      case "wait":
        this.#elapsed += what.ms;
        return;
      default:
        return this.#write(what);
    }
  }

  /** Everything arrives: the answers in the order of `order`, some before and some after the rest of the watch. */
  finish(order: readonly number[]): void {
    this.#list ??= this.#synced ? undefined : { items: this.#selected(), version: this.#version };
    this.#finishList();
    const late = this.#answers.length >> 1;
    for (let at = 0; this.#answers.length > late; at++) {
      this.happen({ do: "answer", which: order[at % order.length] ?? 0 });
    }
    while (this.#deliver()) this.check();
    this.#bookmark();
    while (this.#answers.length > 0) {
      this.happen({ do: "answer", which: order[0] ?? 0 });
      this.check();
    }
  }

  /** @throws Error that says which promise of the store is broken */
  check(): void {
    for (const { metadata: { uid, name, resourceVersion } } of this.store.all()) {
      const version = Number(resourceVersion);
      if (version < (this.#newestShown.get(uid) ?? 0)) {
        throw new Error(`${name}: version ${version} is older than shown before`);
      }
      this.#newestShown.set(uid, version);
      const bearer = this.#bearers.get(name);
      if (bearer !== undefined && bearer !== uid) this.#buried.add(bearer);
      this.#bearers.set(name, uid);
      if (this.#buried.has(uid)) throw new Error(`${name}: ${uid} has risen from the dead`);
    }
    this.#compare("listeners", [...this.mirror.values()], [...this.store.all()]);
    for (const colour of COLOURS) {
      const expected = [...this.store.all()].filter((thing) => thing.colour === colour);
      this.#compare(`index ${colour}`, [...this.store.by("colour", colour)], expected);
      if (this.store.count("both", colour) !== expected.length) throw new Error(`count of ${colour} is wrong`);
    }
  }

  /** @throws Error when the store is not what the server has */
  checkConverged(): void {
    this.#compare("the store", [...this.store.all()], this.#selected());
  }

  /** A store measures time and sets no timer, so that this clock needs none. */
  #clock(): Clock {
    const now = () => this.#elapsed;
    return { now, monotonic: now, after: () => ({ cancel() {} }), sleep: (ms) => sleepOn(this.#clock(), ms) };
  }

  #compare(what: string, actual: Stored<Thing>[], expected: Stored<Thing>[]): void {
    const text = (things: Stored<Thing>[]) =>
      things.map(({ metadata: { name, uid, resourceVersion } }) => `${name} ${uid} ${resourceVersion}`).sort().join(
        "; ",
      );
    if (text(actual) !== text(expected)) throw new Error(`${what}: [${text(actual)}] instead of [${text(expected)}]`);
  }

  #selected(): Stored<Thing>[] {
    return [...this.#objects.values()].filter((thing) => thing.selected);
  }

  #write(what: Extract<Happening, { name: string }>): void {
    const old = this.#objects.get(what.name);
    const answer = (act: () => void) => what.who === "us" && this.#answers.push(act);
    if (what.do === "create") {
      if (old) return;
      const made = this.#put(undefined, {
        colour: COLOURS[0]!,
        selected: true,
        metadata: { name: what.name, namespace: "n", uid: `u${++this.#uids}`, resourceVersion: "" },
      });
      answer(() => this.store.wrote(made));
      return;
    }
    if (!old) return;
    if (what.do === "update" || what.do === "relabel") {
      const colour = COLOURS[(COLOURS.indexOf(old.colour) + 1) % COLOURS.length]!;
      const finalizers = what.who === "other" ? ["keep"] : old.metadata.finalizers;
      const now = this.#put(old, {
        ...old,
        colour,
        selected: what.do === "relabel" ? !old.selected : old.selected,
        metadata: old.metadata.deletionTimestamp ? old.metadata : { ...old.metadata, finalizers },
      });
      answer(() => this.store.wrote(now));
    } else if (what.do === "release") {
      // As the API server does it: the removal of a dying object's last finalizer returns it with its old version.
      const { finalizers: _, ...metadata } = old.metadata;
      const released = { ...old, metadata };
      if (old.metadata.deletionTimestamp) this.#remove(old);
      const now = old.metadata.deletionTimestamp ? released : this.#put(old, released);
      answer(() => {
        this.store.wrote(now);
        if (old.metadata.deletionTimestamp) this.#buried.add(old.metadata.uid);
      });
    } else if (old.metadata.finalizers) {
      const deletionTimestamp = "2026-01-01T00:00:00Z";
      const left = old.metadata.deletionTimestamp
        ? old
        : this.#put(old, { ...old, metadata: { ...old.metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 } });
      answer(() => this.store.deleted(old.metadata.uid, left));
    } else {
      this.#remove(old);
      answer(() => {
        this.store.deleted(old.metadata.uid);
        this.#buried.add(old.metadata.uid);
      });
    }
  }

  #put(before: Stored<Thing> | undefined, object: Stored<Thing>): Stored<Thing> {
    const version = ++this.#version;
    const now = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#objects.set(now.metadata.name, now);
    if (now.selected) this.#history.push({ type: "apply", object: now, version });
    else if (before?.selected) this.#history.push({ type: "delete", object: now, version });
    return now;
  }

  #remove(old: Stored<Thing>): void {
    const version = ++this.#version;
    this.#objects.delete(old.metadata.name);
    this.#deaths.set(old.metadata.uid, version);
    const object = { ...old, metadata: { ...old.metadata, resourceVersion: String(version) } };
    if (old.selected) this.#history.push({ type: "delete", object, version });
  }

  #deliver(): boolean {
    if (this.#list || !this.#synced) return false;
    const event = this.#history[this.#watched];
    if (!event) return false;
    this.#watched++;
    this.store[event.type](event.object);
    this.#bury(event.version);
    return true;
  }

  #bookmark(): void {
    if (this.#list || !this.#synced) return;
    const next = this.#history[this.#watched];
    const version = next ? next.version - 1 : this.#version;
    this.store.progress(String(version));
    this.#bury(version);
  }

  #bury(version: number): void {
    for (const [uid, death] of this.#deaths) {
      if (death <= version) this.#buried.add(uid);
    }
  }

  #finishList(): void {
    if (!this.#list) return;
    const { items, version } = this.#list;
    this.#list = undefined;
    this.#synced = true;
    const next = this.#history.findIndex((event) => event.version > version);
    this.#watched = next < 0 ? this.#history.length : next;
    this.store.reset(items, String(version));
    this.#bury(version);
  }
}

const COLOURS = ["red", "green", "blue"];
