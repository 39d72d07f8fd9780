/** What this process remembers of one set. */
import type { EphemeralRunnerSet } from "../../api/kinds.ts";
import { delayOf } from "../../lib/backoff.ts";
import type { Instant } from "../../lib/clock.ts";
import { revisionOf } from "../shared/revision.ts";
import type { Waits } from "../shared/waits.ts";
import { BudgetMemory } from "./budget_reader.ts";
import type { RetireAnswer } from "./calls.ts";
import type { Settling } from "./count.ts";

export class SetMemory {
  readonly uid: string;
  /** On the monotonic clock. */
  lookedAt?: number;
  late?: Settling;
  surplus?: Settling;
  statusSince?: Instant;
  /** UIDs of runners that the service would not let go, and until when they are not asked for. */
  readonly refusedUntil = new Map<string, Instant>();
  /** UIDs of runners of which the service said last that they have a job, whatever their objects say. */
  readonly saidBusy = new Set<string>();
  /** UIDs of runners that the service has let go, while their objects are there. */
  readonly letGo = new Set<string>();
  /** Names of runners whose creation failed or got no answer: tried again, they make none twice. */
  readonly unsure = new Set<string>();
  readonly budget = new BudgetMemory();
  retireFailingSince?: Instant;
  retryRetireAt?: Instant;
  #failures = 0;
  #revision?: { readonly generation: number | undefined; readonly text: string };

  constructor(uid: string) {
    this.uid = uid;
  }

  /** The revision of the set's runner spec, worked out once a generation. */
  revisionOf(set: EphemeralRunnerSet): string {
    const generation = set.metadata?.generation;
    if (this.#revision && this.#revision.generation === generation && generation !== undefined) {
      return this.#revision.text;
    }
    this.#revision = { generation, text: revisionOf(set.spec?.ephemeralRunnerSpec) };
    return this.#revision.text;
  }

  /** What the service said of runners that it was asked to let go. */
  took(answer: RetireAnswer, now: Instant, waits: Waits): void {
    for (const uid of answer.gone) {
      this.letGo.add(uid);
      this.saidBusy.delete(uid);
    }
    for (const uid of answer.busy) {
      this.refusedUntil.set(uid, now + waits.stillRunning);
      this.saidBusy.add(uid);
    }
    if (answer.failed.length === 0) {
      this.#failures = 0;
      this.retireFailingSince = undefined;
      this.retryRetireAt = undefined;
      return;
    }
    this.retireFailingSince ??= now;
    this.retryRetireAt = now + delayOf({ firstMs: waits.deniedFirst, maxMs: waits.deniedMost }, this.#failures++);
  }
}

/** The memory of all sets, by key; a new UID under a name starts anew. */
export class SetMemories {
  readonly #all = new Map<string, SetMemory>();

  of(key: string, uid: string): SetMemory {
    const known = this.#all.get(key);
    if (known?.uid === uid) return known;
    const fresh = new SetMemory(uid);
    this.#all.set(key, fresh);
    return fresh;
  }

  get(key: string): SetMemory | undefined {
    return this.#all.get(key);
  }

  forget(key: string): void {
    this.#all.delete(key);
  }
}
