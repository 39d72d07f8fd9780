/** What this process knows of runners and their objects do not say: shared by the two controllers that look after them. */
import type { Instant } from "../../lib/clock.ts";

/** Refusals of patches of a namespace's pods, with no success in between. */
export interface PatchRefusals {
  /** Those of one moment count as one. */
  readonly times: number;
  /** The last of them. */
  readonly at: Instant;
}

/** The service was asked in vain to let a scale set's runners go. */
export interface GaveUp {
  readonly since: Instant;
  readonly at: Instant;
}

/** Nobody asks for what is older. */
const GAVE_UP_KEPT_MS = 3_600_000;
/** Names kept of runners that this process made: more than a process has alive. The oldest go first. */
const MOST_BIRTHS = 20_000;

/**
 * Facts that live as long as the process. After a restart it is empty, and what matters is found out again: by a GET of
 * the runner's secret, a look-up by name at the service, the state of the pod.
 */
export class RunnerBook {
  readonly #births = new Set<string>();
  /** Runner UID -> id of its registration at the service; undefined: asked for, the id is not known. */
  readonly #registrations = new Map<string, number | undefined>();
  readonly #asked = new Set<string>();
  readonly #released = new Set<string>();
  /** Set UID -> UIDs of its runners whose container has ended. */
  readonly #ended = new Map<string, Set<string>>();
  /** Namespaces whose pods may not be patched, as far as we know. */
  readonly #unpatchable = new Map<string, PatchRefusals>();
  /** By UID of the scale set. */
  readonly #gaveUp = new Map<string, GaveUp>();
  readonly #listeners = new Set<(setKey: string) => void>();

  /** A runner of this key is about to be made, under a name that nobody had before. */
  expectBirth(key: string): void {
    this.#births.add(key);
    if (this.#births.size <= MOST_BIRTHS) return;
    for (const oldest of this.#births) {
      this.#births.delete(oldest);
      return;
    }
  }

  /** Whether this process made the runner: whatever has been done for it, this process has done. */
  wasBornHere(key: string): boolean {
    return this.#births.has(key);
  }

  /** The service was asked to register the runner, and said this id if it has answered. */
  registered(uid: string, id?: number): void {
    // An id that a new process only reads is none that has come meanwhile.
    if (id !== undefined && this.#registrations.has(uid) && id !== this.#registrations.get(uid)) {
      // What was let go while this was under way was a former registration, whose answer had got lost: this one is there.
      this.#released.delete(uid);
      this.#asked.delete(uid);
    }
    this.#registrations.set(uid, id ?? this.#registrations.get(uid));
  }

  /** Whether this process has asked the service to register the runner. */
  wasRegistered(uid: string): boolean {
    return this.#registrations.has(uid);
  }

  registrationOf(uid: string): number | undefined {
    return this.#registrations.get(uid);
  }

  /** The service is being asked to let the runner go: when it does, the runner's program ends by itself. */
  asked(uid: string): void {
    this.#asked.add(uid);
  }

  /** The service would not let the runner go. */
  refused(uid: string): void {
    this.#asked.delete(uid);
  }

  /** Whether the end of the runner's container is what somebody has asked for. */
  isAsked(uid: string): boolean {
    return this.#asked.has(uid) || this.#released.has(uid);
  }

  /** The service does not know the runner any more. @param setKey the set that is to hear of it at once */
  released(uid: string, setKey?: string): void {
    this.#released.add(uid);
    if (setKey !== undefined) this.stirred(setKey);
  }

  /** Something that the objects of a set's runners do not say has changed. */
  stirred(setKey: string): void {
    for (const listener of this.#listeners) listener(setKey);
  }

  isReleased(uid: string): boolean {
    return this.#released.has(uid);
  }

  /** The container of a runner has ended: it takes no job, whatever its object still says. */
  ended(set: { readonly uid: string; readonly key: string }, uid: string): void {
    const known = this.#ended.get(set.uid);
    if (known?.has(uid)) return;
    if (known) known.add(uid);
    else this.#ended.set(set.uid, new Set([uid]));
    this.stirred(set.key);
  }

  /** UIDs of a set's runners whose container has ended and whose object may still be there. */
  endedOf(setUid: string): ReadonlySet<string> {
    return this.#ended.get(setUid) ?? NONE;
  }

  /** That pods of a namespace may not be patched; undefined: they may, as far as we know. */
  podsForbidden(namespace: string): PatchRefusals | undefined {
    return this.#unpatchable.get(namespace);
  }

  /** The API server has forbidden a patch of a pod, or let one pass. */
  podPatched(set: { readonly key: string; readonly namespace: string }, forbidden: PatchRefusals | undefined): void {
    const { key, namespace } = set;
    if (!forbidden && !this.#unpatchable.delete(namespace)) return;
    if (forbidden) this.#unpatchable.set(namespace, forbidden);
    this.stirred(key);
  }

  /** Runners of a scale set that goes are removed without the service's leave. */
  gaveUp(scaleSetUid: string, fact: GaveUp): void {
    for (const [uid, { at }] of this.#gaveUp) if (fact.at - at > GAVE_UP_KEPT_MS) this.#gaveUp.delete(uid);
    this.#gaveUp.set(scaleSetUid, fact);
  }

  gaveUpOn(scaleSetUid: string): GaveUp | undefined {
    return this.#gaveUp.get(scaleSetUid);
  }

  /** The runner's object has gone. */
  forget(runner: { readonly key: string; readonly uid: string; readonly setUid?: string }): void {
    const { key, uid, setUid } = runner;
    this.#births.delete(key);
    this.#registrations.delete(uid);
    this.#released.delete(uid);
    this.#asked.delete(uid);
    const ended = setUid === undefined ? undefined : this.#ended.get(setUid);
    ended?.delete(uid);
    if (setUid !== undefined && ended?.size === 0) this.#ended.delete(setUid);
  }

  /** Calls `listener` with the key of a set about whose runners something new is known. */
  subscribe(listener: (setKey: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const NONE: ReadonlySet<string> = new Set();
