/**
 * The smallest API server that the runner controllers can be tried on, in process: objects, versions, preconditions,
 * finalizers, the status subresource, owners, and watches that may be late. It does not list by page, serve any other
 * kind of patch than merge patches, validate, or know anything of time. tests/scenario has the real thing.
 */
import type { KubeClient, Page } from "../../src/k8s/client.ts";
import { KubeError, type KubeErrorKind } from "../../src/k8s/errors.ts";
import { applyMergePatch } from "../../src/k8s/patch.ts";
import { keyOf, type KubeObject, type ObjectRef, type Resource, type Stored } from "../../src/k8s/resource.ts";
import type { Store } from "../../src/k8s/store.ts";
import { type Clock, rfc3339 } from "../../src/lib/clock.ts";

type Anything = Stored<KubeObject & { spec?: unknown; status?: unknown }>;

interface Watcher {
  readonly store: Store<KubeObject>;
  readonly delayMs: () => number;
  isClosed: boolean;
}

/** Called before a write; throws what the API server is to answer. */
export type Refuse = (verb: string, kind: Resource, object: KubeObject | ObjectRef) => void;

export class MemoryApi {
  readonly #clock: Clock;
  readonly #objects = new Map<string, Map<string, Anything>>();
  readonly #watchers = new Map<string, Watcher[]>();
  #version = 100;
  #uids = 0;
  /** Requests, by `verb plural` or `verb plural/subresource`. */
  readonly requests = new Map<string, number>();
  refuse: Refuse = () => {};
  /** What the CRDs do not know is dropped from each object before it is kept. */
  prune: (kind: Resource, object: Anything) => Anything = (_kind, object) => object;
  onChange: (kind: Resource, before: Anything | undefined, after: Anything | undefined) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  all<T extends KubeObject>(kind: Resource<T>): Stored<T>[] {
    return [...this.#of(kind).values()] as unknown as Stored<T>[];
  }

  at<T extends KubeObject>(kind: Resource<T>, key: string): Stored<T> | undefined {
    return this.#of(kind).get(key) as unknown as Stored<T> | undefined;
  }

  /** Fills the store now and with every change from now on, `delayMs` late. @returns what ends that */
  watch<T extends KubeObject>(kind: Resource<T>, store: Store<T>, delayMs: () => number): () => void {
    store.reset(this.all(kind), String(this.#version));
    const watcher: Watcher = { store: store as unknown as Store<KubeObject>, delayMs, isClosed: false };
    const list = this.#watchers.get(kind.plural) ?? [];
    this.#watchers.set(kind.plural, [...list, watcher]);
    return () => {
      watcher.isClosed = true;
    };
  }

  /** The watch of a kind breaks. @returns what takes it up again, by a new list */
  breakWatch(kind: Resource): () => void {
    const broken = (this.#watchers.get(kind.plural) ?? []).filter(({ isClosed }) => !isClosed);
    for (const watcher of broken) watcher.isClosed = true;
    return () => {
      for (const watcher of broken) {
        watcher.isClosed = false;
        watcher.store.reset(this.all(kind), String(this.#version));
      }
    };
  }

  client(): KubeClient {
    const unsupported = () => Promise.reject(new Error("not served here"));
    return {
      get: (kind, ref) => this.#call("get", kind, ref, () => this.#read(kind, ref)),
      list: (kind, options) => this.#call("list", kind, { name: "" }, () => this.#list(kind, options?.labelSelector)),
      create: (kind, object) => this.#call("create", kind, object, () => this.create(kind, object)),
      replace: unsupported,
      patch: (kind, ref, body, options) =>
        this.#call(
          options?.subresource ? "patch status" : "patch",
          kind,
          ref,
          () => this.patch(kind, ref, body, options?.subresource),
        ),
      delete: (kind, ref, options) =>
        this.#call("delete", kind, ref, () => {
          const { resourceVersion } = options ?? {};
          const isOther = resourceVersion !== undefined &&
            this.#find(kind, ref).metadata.resourceVersion !== resourceVersion;
          if (isOther) throw refusal("Conflict", 409, "another version");
          return this.delete(kind, ref, options?.gracePeriodSeconds);
        }),
      watch: () => {
        throw new Error("not served here");
      },
      raw: unsupported,
    } as KubeClient;
  }

  create<T extends KubeObject>(kind: Resource<T>, object: T): Stored<T> {
    const { name = "" } = object.metadata ?? {};
    const key = keyOf(object);
    if (this.#of(kind).has(key)) throw refusal("AlreadyExists", 409, `${kind.plural} "${name}" already exists`);
    const metadata = {
      ...object.metadata,
      name,
      uid: `uid-${++this.#uids}`,
      generation: 1,
      creationTimestamp: rfc3339(this.#clock.now()),
    };
    return this.#store(kind, undefined, structuredClone({ ...object, metadata }) as unknown as Anything) as never;
  }

  patch<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef, body: unknown, subresource?: "status"): Stored<T> {
    const before = this.#find(kind, ref);
    const patch = body as { metadata?: { uid?: string; resourceVersion?: string }; status?: unknown };
    const { uid, resourceVersion } = patch.metadata ?? {};
    if (uid !== undefined && uid !== before.metadata.uid) throw refusal("Conflict", 409, "another object has the name");
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      throw refusal("Conflict", 409, "the object has been modified");
    }
    const isStatus = subresource === "status";
    const merged = applyMergePatch(before, isStatus ? { status: patch.status } : { ...patch, status: undefined });
    const next = this.prune(kind, structuredClone(merged) as Anything);
    const isSame = JSON.stringify({ ...next, metadata: { ...next.metadata, resourceVersion: "" } }) ===
      JSON.stringify({ ...before, metadata: { ...before.metadata, resourceVersion: "" } });
    if (isSame) return before as never;
    if (JSON.stringify(next.spec) !== JSON.stringify(before.spec)) {
      next.metadata.generation = (next.metadata.generation ?? 0) + 1;
    }
    if (next.metadata.deletionTimestamp !== undefined && !next.metadata.finalizers?.length) {
      this.#remove(kind, next);
      return { ...next, metadata: { ...next.metadata, resourceVersion: String(this.#version) } } as never;
    }
    return this.#store(kind, before, next) as never;
  }

  /** Kubelet and pods: a grace period keeps a pod that is on a node. */
  delete<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef, graceSeconds?: number): Stored<T> | undefined {
    const there = this.#find(kind, ref);
    if (ref.uid !== undefined && ref.uid !== there.metadata.uid) throw refusal("Conflict", 409, "another UID");
    const hasGrace = kind.plural === "pods" && graceSeconds !== 0 &&
      Boolean((there.spec as { nodeName?: string } | undefined)?.nodeName);
    if (!there.metadata.finalizers?.length && !hasGrace) {
      this.#remove(kind, there);
      return undefined;
    }
    if (there.metadata.deletionTimestamp !== undefined) return there as never;
    const metadata = { ...there.metadata, deletionTimestamp: rfc3339(this.#clock.now()) };
    return this.#store(kind, there, { ...there, metadata }) as never;
  }

  async #call<R>(verb: string, kind: Resource, object: KubeObject | ObjectRef, act: () => R): Promise<R> {
    const name = `${verb} ${kind.plural}`;
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
    await Promise.resolve();
    this.refuse(verb, kind, object);
    return act();
  }

  #read<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef): Stored<T> {
    return this.#find(kind, ref) as never;
  }

  #list<T extends KubeObject>(kind: Resource<T>, selector = ""): Page<T> {
    const [key = "", value] = selector.split("=");
    const items = this.all(kind).filter(({ metadata }) => selector === "" || metadata.labels?.[key] === value);
    return { items, resourceVersion: String(this.#version) };
  }

  #find(kind: Resource, ref: ObjectRef): Anything {
    const there = this.#of(kind).get(keyOf(ref));
    if (!there) throw refusal("NotFound", 404, `${kind.plural} "${ref.name}" not found`);
    return there;
  }

  #store(kind: Resource, before: Anything | undefined, object: Anything): Anything {
    const pruned = this.prune(kind, object);
    const after = { ...pruned, metadata: { ...pruned.metadata, resourceVersion: String(++this.#version) } };
    this.#of(kind).set(keyOf(after), after);
    this.#tell(kind, (store) => store.apply(after));
    this.onChange(kind, before, after);
    return after;
  }

  #remove(kind: Resource, object: Anything): void {
    this.#of(kind).delete(keyOf(object));
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#tell(kind, (store) => store.delete(last));
    this.onChange(kind, object, undefined);
    for (const plural of this.#objects.keys()) this.#collect(plural, object.metadata.uid);
  }

  /** What the object owned goes with it. */
  #collect(plural: string, owner: string): void {
    for (const one of [...this.#objects.get(plural)!.values()]) {
      if (!one.metadata.ownerReferences?.some(({ uid }) => uid === owner)) continue;
      this.delete({ plural } as Resource, { namespace: one.metadata.namespace, name: one.metadata.name });
    }
  }

  #tell(kind: Resource, event: (store: Store<KubeObject>) => void): void {
    for (const watcher of this.#watchers.get(kind.plural) ?? []) {
      this.#clock.after(watcher.delayMs(), () => {
        if (!watcher.isClosed) event(watcher.store);
      });
    }
  }

  #of(kind: Resource): Map<string, Anything> {
    const known = this.#objects.get(kind.plural);
    if (known) return known;
    const fresh = new Map<string, Anything>();
    this.#objects.set(kind.plural, fresh);
    return fresh;
  }
}

/** A refusal as the API server words it. */
export function refusal(kind: KubeErrorKind, status: number, message: string): KubeError {
  return new KubeError(message, { kind, status, reason: kind });
}
