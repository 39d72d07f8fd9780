/** Objects of kinds that may not be watched (secrets), or are not worth a watch: asked for once and remembered. */
import type { Clock } from "../lib/clock.ts";
import type { KubeClient } from "./client.ts";
import { KubeError } from "./errors.ts";
import {
  isDeleting,
  isNewer,
  isThereAfterDelete,
  keyOf,
  type KubeObject,
  type ObjectRef,
  type Resource,
  type Stored,
} from "./resource.ts";
import type { Overlay } from "./store.ts";

export interface ReadThroughOptions<T extends KubeObject> {
  readonly kube: KubeClient;
  readonly kind: Resource<T>;
  readonly clock: Clock;
  /** How long an answer, also "there is none", is believed. In milliseconds; default 10 minutes. */
  readonly ttlMs?: number;
  /** How long an object that is being deleted is believed to be still there. In milliseconds; default 2 seconds. */
  readonly deletingTtlMs?: number;
}

interface Entry<T extends KubeObject> {
  /** Undefined: there is none. */
  readonly object: Stored<T> | undefined;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * One GET answers all who ask for an object within the time to live; our own writes correct what is remembered at once,
 * and {@link ReadThrough.forget} has it asked for again.
 */
export class ReadThrough<T extends KubeObject> implements Overlay<T> {
  readonly #options: ReadThroughOptions<T>;
  /** In order of expiry, nearly: all but those that are being deleted live equally long. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #keyOfUid = new Map<string, string>();
  readonly #flights = new Map<string, Promise<Stored<T> | undefined>>();

  constructor(options: ReadThroughOptions<T>) {
    this.#options = options;
  }

  /**
   * The object, or undefined when there is none.
   * @throws KubeError for any other refusal, which is not remembered
   */
  async get(namespace: string, name: string): Promise<Stored<T> | undefined> {
    const key = keyOf({ namespace, name });
    const known = this.#valid(key);
    if (known) return known.object;
    const flying = this.#flights.get(key);
    if (flying) return await flying;
    const flight: Promise<Stored<T> | undefined> = this.#fetch(namespace, name).then(
      (object) => this.#landed(key, flight, object),
    ).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return await flight;
  }

  /** The next {@link get} asks the API server; what a GET under way brings is not remembered. */
  forget(namespace: string, name: string): void {
    const key = keyOf({ namespace, name });
    this.#drop(key);
    this.#flights.delete(key);
  }

  /** Objects remembered, absent ones included. */
  get size(): number {
    return this.#entries.size;
  }

  versionOf(ref: ObjectRef): string | undefined {
    return this.#valid(keyOf(ref))?.object?.metadata.resourceVersion;
  }

  wrote(object: Stored<T>): void {
    if (isDeleting(object) && !isThereAfterDelete(object)) return this.deleted(object.metadata.uid);
    const key = keyOf(object);
    const known = this.#valid(key)?.object;
    const older = known?.metadata.uid === object.metadata.uid &&
      isNewer(known.metadata.resourceVersion, object.metadata.resourceVersion);
    if (!older) this.#keep(key, object);
    this.#flights.delete(key);
  }

  deleted(uid: string, left?: Stored<T>): void {
    if (left && isThereAfterDelete(left)) return this.wrote(left);
    const key = this.#keyOfUid.get(uid);
    if (key === undefined) return;
    this.#keep(key, undefined);
    this.#flights.delete(key);
  }

  async #fetch(namespace: string, name: string): Promise<Stored<T> | undefined> {
    try {
      return await this.#options.kube.get(this.#options.kind, { namespace, name });
    } catch (error) {
      if (KubeError.is(error, "NotFound")) return undefined;
      throw error;
    }
  }

  /** What a GET brought counts unless a write of ours, or a `forget`, came in between. */
  #landed(key: string, flight: unknown, object: Stored<T> | undefined): Stored<T> | undefined {
    if (this.#flights.get(key) === flight) {
      this.#keep(key, object);
      return object;
    }
    const known = this.#valid(key);
    return known ? known.object : object;
  }

  #valid(key: string): Entry<T> | undefined {
    const entry = this.#entries.get(key);
    return entry && entry.until > this.#options.clock.monotonic() ? entry : undefined;
  }

  #keep(key: string, object: Stored<T> | undefined): void {
    const now = this.#options.clock.monotonic();
    this.#drop(key);
    for (const [old, { until }] of this.#entries) {
      if (until > now) break;
      this.#drop(old);
    }
    const { ttlMs = 600_000, deletingTtlMs = 2_000 } = this.#options;
    const life = object && isDeleting(object) ? Math.min(ttlMs, deletingTtlMs) : ttlMs;
    this.#entries.set(key, { object, until: now + life });
    if (object) this.#keyOfUid.set(object.metadata.uid, key);
  }

  #drop(key: string): void {
    const uid = this.#entries.get(key)?.object?.metadata.uid;
    if (uid !== undefined) this.#keyOfUid.delete(uid);
    this.#entries.delete(key);
  }
}
