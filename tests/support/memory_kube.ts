/**
 * An API server as small as unit tests of controllers need: objects, finalizers, merge patches, UIDs and versions as
 * preconditions, owners' garbage. No schemas, rights, watches or selectors but a name: sim/ has a server with those.
 */
import type { KubeClient } from "../../src/k8s/client.ts";
import { KubeError, type KubeErrorKind } from "../../src/k8s/errors.ts";
import { keyOf, type KubeObject, type ObjectRef, type Resource, type Stored } from "../../src/k8s/resource.ts";
import type { Store } from "../../src/k8s/store.ts";

const STATUS: Partial<Record<KubeErrorKind, number>> = {
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Forbidden: 403,
};

/** An error as the API server would answer it. */
export function refusal(kind: KubeErrorKind, message: string = kind): KubeError {
  return new KubeError(message, { kind, status: STATUS[kind] ?? 500, reason: kind });
}

export interface Request {
  readonly verb: "get" | "list" | "create" | "patch" | "delete";
  /** `pods`, or `pods/status`. */
  readonly plural: string;
  readonly key: string;
}

type AnyStored = Stored<KubeObject>;

export class MemoryKube {
  /** Every request, in order. */
  readonly requests: Request[] = [];
  /** Refuses a request by throwing. */
  refuse: (request: Request) => void = () => {};
  /** An object that finalizers hold is being deleted: its controller, if none is here. */
  held: (kind: Resource, object: AnyStored) => void = () => {};
  readonly #objects = new Map<string, AnyStored>();
  readonly #stores = new Map<string, Store<KubeObject>>();
  readonly #drops = new Map<string, readonly string[]>();
  #version = 100;

  /** Writes of the kind go to the store as its watch would tell them. */
  feed<T extends KubeObject>(kind: Resource<T>, store: Store<T>): void {
    store.reset([], String(this.#version));
    this.#stores.set(kind.plural, store as unknown as Store<KubeObject>);
  }

  /** The kind's schema does not have these top-level fields of the status. */
  prune(kind: Resource, fields: readonly string[]): void {
    this.#drops.set(kind.plural, fields);
  }

  find<T extends KubeObject>(kind: Resource<T>, key: string): Stored<T> | undefined {
    return this.#objects.get(`${kind.plural}:${key}`) as Stored<T> | undefined;
  }

  all<T extends KubeObject>(kind: Resource<T>): Stored<T>[] {
    const found = [...this.#objects].filter(([at]) => at.startsWith(`${kind.plural}:`)).map(([, object]) => object);
    return found as Stored<KubeObject>[] as Stored<T>[];
  }

  /** Keys of all objects: `pods:ns/name`. */
  get keys(): string[] {
    return [...this.#objects.keys()].sort();
  }

  /** Puts an object there, as somebody else would; one that has a UID already keeps it. */
  put<T extends KubeObject>(kind: Resource<T>, object: T): Stored<T> {
    return this.#save(kind, this.#born(kind, object)) as Stored<KubeObject> as Stored<T>;
  }

  /** Changes an object, as somebody else would. */
  change<T extends KubeObject>(kind: Resource<T>, key: string, patch: unknown): void {
    const there = this.find(kind, key);
    if (!there) throw new Error(`there is no ${kind.kind} ${key}`);
    this.#update(kind, there, merged(there, patch) as AnyStored);
  }

  /** Deletes an object, as somebody else would. */
  drop(kind: Resource, key: string): void {
    const there = this.find(kind, key);
    if (there) this.#delete(kind, there);
  }

  /** The object's node or controller is done with it: it is gone. */
  vanish(kind: Resource, key: string): void {
    const there = this.find(kind, key);
    if (there) this.#remove(kind, there);
  }

  get client(): KubeClient {
    const client = {
      get: (kind: Resource, ref: ObjectRef) => this.#answer("get", kind, keyOf(ref), () => this.#there(kind, ref)),
      list: (kind: Resource, options: { namespace?: string; fieldSelector?: string } = {}) =>
        this.#answer("list", kind, options.namespace ?? "", () => {
          const name = options.fieldSelector?.replace("metadata.name=", "");
          const items = this.all(kind).filter(({ metadata }) =>
            metadata.namespace === options.namespace && (name === undefined || metadata.name === name)
          );
          return { items, resourceVersion: String(this.#version) };
        }),
      create: (kind: Resource, object: KubeObject) =>
        this.#answer("create", kind, keyOf(object), () => {
          if (this.find(kind, keyOf(object))) throw refusal("AlreadyExists");
          return this.#save(kind, this.#born(kind, object));
        }),
      patch: (kind: Resource, ref: ObjectRef, patch: unknown, options: { subresource?: string } = {}) =>
        this.#answer("patch", kind, keyOf(ref), () => this.#patch(kind, ref, patch, options.subresource), options),
      delete: (kind: Resource, ref: ObjectRef) =>
        this.#answer("delete", kind, keyOf(ref), () => {
          const there = this.#there(kind, ref);
          if (ref.uid !== undefined && ref.uid !== there.metadata.uid) throw refusal("Conflict");
          return this.#delete(kind, there);
        }),
    };
    // What these controllers never call is not there.
    return client as unknown as KubeClient;
  }

  async #answer<T>(
    verb: Request["verb"],
    kind: Resource,
    key: string,
    work: () => T,
    options: { subresource?: string } = {},
  ): Promise<T> {
    const request = { verb, plural: options.subresource ? `${kind.plural}/${options.subresource}` : kind.plural, key };
    this.requests.push(request);
    await Promise.resolve();
    this.refuse(request);
    return structuredClone(work());
  }

  #there(kind: Resource, ref: ObjectRef): AnyStored {
    const there = this.find(kind, keyOf(ref));
    if (!there) throw refusal("NotFound");
    return there;
  }

  #born(kind: Resource, object: KubeObject): AnyStored {
    const uid = object.metadata?.uid ?? `${kind.kind}-${++this.#version}`;
    const metadata = {
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...object.metadata,
      uid,
      generation: object.metadata?.generation ?? 1,
    };
    return structuredClone({ ...object, metadata }) as AnyStored;
  }

  #patch(kind: Resource, ref: ObjectRef, patch: unknown, subresource: string | undefined): AnyStored {
    const there = this.#there(kind, ref);
    const { uid, resourceVersion } = (patch as KubeObject).metadata ?? {};
    if (uid !== undefined && uid !== there.metadata.uid) throw refusal("Conflict");
    if (resourceVersion !== undefined && resourceVersion !== there.metadata.resourceVersion) throw refusal("Conflict");
    const whole = merged(there, patch) as AnyStored & { status?: Record<string, unknown> };
    const { status } = there as { status?: unknown };
    if (subresource !== "status") {
      return this.#update(kind, there, { ...whole, ...status === undefined ? {} : { status } });
    }
    const dropped = this.#drops.get(kind.plural) ?? [];
    const kept = Object.fromEntries(Object.entries(whole.status ?? {}).filter(([key]) => !dropped.includes(key)));
    return this.#update(kind, there, { ...there, status: kept } as AnyStored);
  }

  #update(kind: Resource, before: AnyStored, after: AnyStored): AnyStored {
    const spec = (object: unknown) => JSON.stringify((object as { spec?: unknown }).spec);
    const generation = (before.metadata.generation ?? 1) + (spec(before) === spec(after) ? 0 : 1);
    const next = { ...after, metadata: { ...after.metadata, generation } };
    const { resourceVersion: _new, ...rest } = next.metadata;
    const { resourceVersion: _old, ...former } = before.metadata;
    if (JSON.stringify({ ...next, metadata: rest }) === JSON.stringify({ ...before, metadata: former })) return before;
    const isDone = next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    const saved = this.#save(kind, next);
    if (isDone && kind.plural !== "pods") this.#remove(kind, saved);
    return saved;
  }

  #delete(kind: Resource, there: AnyStored): AnyStored | undefined {
    const waits = (there.metadata.finalizers ?? []).length > 0 || kind.plural === "pods";
    if (!waits) {
      this.#remove(kind, there);
      return undefined;
    }
    if (there.metadata.deletionTimestamp) return there;
    queueMicrotask(() => this.held(kind, there));
    return this.#save(kind, {
      ...there,
      metadata: {
        ...there.metadata,
        deletionTimestamp: "2026-01-01T00:01:00Z",
        deletionGracePeriodSeconds: kind.plural === "pods" ? 60 : 0,
      },
    });
  }

  #save(kind: Resource, object: AnyStored): AnyStored {
    const saved = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(`${kind.plural}:${keyOf(saved)}`, saved);
    this.#stores.get(kind.plural)?.apply(saved);
    return saved;
  }

  #remove(kind: Resource, there: AnyStored): void {
    this.#objects.delete(`${kind.plural}:${keyOf(there)}`);
    const gone = { ...there, metadata: { ...there.metadata, resourceVersion: String(++this.#version) } };
    this.#stores.get(kind.plural)?.delete(gone);
  }
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
