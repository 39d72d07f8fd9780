import type { Clock } from "../lib/clock.ts";
import { isNewer } from "./resource.ts";

/** How long the dead are remembered once nothing more is expected of them, in milliseconds. */
const REMEMBERED_MS = 60_000;
/** How long at most we wait for the watch to tell of a death that we know of: longer than any watch request lasts. */
const AWAITED_MS = 15 * 60_000;

interface Tombstone {
  /** Monotonic milliseconds. */
  readonly until: number;
  /** The version at which the object was gone; undefined while only the answer to our own delete is known. */
  readonly goneAt: string | undefined;
}

/**
 * UIDs of objects that are gone, so that a late answer or a lagging watch resurrects nothing. A death that the watch
 * has told has a version: what comes with a newer one is no ghost (an object may leave a selection and come back).
 */
export class Tombstones {
  readonly #clock: Clock;
  /** Those that the watch has told or never will: oldest first. */
  readonly #settled = new Map<string, Tombstone>();
  /** Those that the watch is yet to tell, with the newest version that we know of the object: oldest first. */
  readonly #awaited = new Map<string, Tombstone & { readonly lastSeen: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#settled.size + this.#awaited.size;
  }

  /** Whether version `version` of object `uid` is one of a dead object. */
  covers(uid: string, version: string): boolean {
    if (this.#awaited.has(uid)) return true;
    const tombstone = this.#settled.get(uid);
    return tombstone !== undefined && (tombstone.goneAt === undefined || !isNewer(version, tombstone.goneAt));
  }

  /** The watch, or a newer object of the same name, says that the object was gone at `version`. */
  told(uid: string, version: string): void {
    this.#awaited.delete(uid);
    this.#settle(uid, version);
  }

  /**
   * The answer to our own delete says so.
   * @param lastSeen the newest version that we know of it, when the watch will tell of its end too
   */
  deleted(uid: string, lastSeen: string | undefined): void {
    if (this.#settled.has(uid) || this.#awaited.has(uid)) return;
    if (lastSeen === undefined) this.#settle(uid, undefined);
    else this.#awaited.set(uid, { until: this.#clock.monotonic() + AWAITED_MS, goneAt: undefined, lastSeen });
    this.#purge();
  }

  /** A list of version `version` has come: the dead that were alive before it and are not in it were gone by then. */
  listed(version: string, has: (uid: string) => boolean): void {
    for (const [uid, { lastSeen }] of this.#awaited) {
      if (!isNewer(lastSeen, version) && !has(uid)) this.told(uid, version);
    }
  }

  /** The object lives after all. */
  lift(uid: string): void {
    this.#settled.delete(uid);
  }

  clear(): void {
    this.#settled.clear();
    this.#awaited.clear();
  }

  #settle(uid: string, goneAt: string | undefined): void {
    this.#settled.delete(uid); // so that the order of the map stays the order of time
    this.#settled.set(uid, { until: this.#clock.monotonic() + REMEMBERED_MS, goneAt });
    this.#purge();
  }

  #purge(): void {
    const now = this.#clock.monotonic();
    for (const map of [this.#settled, this.#awaited]) {
      for (const [uid, { until }] of map) {
        if (until > now) break;
        map.delete(uid);
      }
    }
  }
}
