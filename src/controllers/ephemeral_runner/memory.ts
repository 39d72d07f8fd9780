/** What this process remembers of one runner: what its objects do not say, and since when they say what they say. */
import type { Instant } from "../../lib/clock.ts";
import type { JitFacts } from "./build.ts";

/** A call that holds no worker. */
export type Call =
  /** Registers the runner at the service; a registration of ours that bears its name already is removed first. */
  | { readonly do: "register" }
  /** Whether the runner has a secret, and what it says: one GET. */
  | { readonly do: "readSecret" }
  /** Whether the pod with this UID is really gone: one GET. */
  | { readonly do: "readPod"; readonly uid: string }
  /**
   * Whether the service still knows the runner, by its name where its id is not known. One that may wait may be told
   * when its turn is instead.
   */
  | { readonly do: "checkRegistration"; readonly runnerId: number | undefined; readonly mayWait?: boolean }
  /** Removes what is left of the runner outside its own objects: its registration, what container hooks made. */
  | {
    readonly do: "release";
    readonly registration: boolean;
    readonly runnerId?: number;
    readonly hooks: boolean;
  };

/** What a call came to. */
export type Answer =
  | { readonly of: "register"; readonly jit: JitFacts }
  | { readonly of: "readSecret"; readonly runnerId: number | undefined; readonly found: boolean }
  | { readonly of: "readPod"; readonly uid: string; readonly gone: boolean }
  | { readonly of: "checkRegistration"; readonly known: boolean }
  | { readonly of: "turn"; readonly inMs: number }
  | { readonly of: "release"; readonly registration: boolean; readonly hooks: boolean };

/** Why a call failed, as far as a decision cares. */
export type Problem =
  | "JobStillRunning"
  | "NameTaken"
  | "ScaleSetGone"
  | "Unauthorized"
  /** What leads to GitHub, its secret say, can't be used. */
  | "Source"
  | "HooksLeft"
  | "Other";

/** A call that failed, and when it may be made again. */
export interface Failed {
  readonly call: Call["do"];
  readonly problem: Problem;
  /** For people; no secret in it. */
  readonly message: string;
  readonly retryAt: Instant;
  /** When the first of those in a row failed. */
  readonly since?: Instant;
}

/** unknown: it may be there. absent: it is not. made: by this process, for a runner of which no container has run yet. found: somebody else made it. */
export type SecretState = "unknown" | "absent" | "made" | "found";

/**
 * What GitHub has said of the runner's registration. unasked: nothing. unanswered: nothing, in as long as clean-up is
 * tried. known: it is there. forgotten: it is not, and nobody had asked for that. removed: it went at our request.
 */
export type RegistrationState = "unasked" | "unanswered" | "known" | "forgotten" | "removed";

/** The runner's last pod. */
export interface KnownPod {
  readonly uid: string;
  /** A container can only have started on a node: a pod that never had one is sure not to have used the secret. */
  readonly bound: boolean;
  /** The kubelet or the control plane refused it before anything ran. */
  readonly rejected: boolean;
}

/** The pod could not be made. */
export interface Refusal {
  /** NotAllowed: the controller lacks the right, or the API server has just started and does not know its roles yet. */
  readonly reason: "QuotaExceeded" | "InvalidPod" | "NotAllowed";
  readonly message: string;
  readonly since: Instant;
  readonly retryAt: Instant;
  /** Tries since somebody gave something back to the quota. */
  readonly tries: number;
}

export interface Memory {
  readonly uid: string;
  /** UID of the set that the runner belongs to. */
  readonly setUid: string | undefined;
  secret: SecretState;
  /** This process has seen the runner when nobody had asked it to go yet. */
  seenStaying?: boolean;
  /** Since when it is asked to go: when this process saw it happen, by our own clock, and not by the API server's. */
  goingSince?: Instant;
  runnerId?: number;
  /** Between registration and secret; then dropped. */
  jit?: JitFacts;
  pod?: KnownPod;
  /** The container of the runner has started, or may have while nobody looked: its configuration is used up. */
  started?: boolean;
  /** UID of a pod that a GET has said to be gone. */
  vanished?: string;
  /** UIDs of pods that were rejected before anything ran. */
  readonly rejected: Set<string>;
  rejectedAt?: Instant;
  /** Since when the container has been seen to have ended, and whether it ended as it should. */
  endedAt?: Instant;
  endedWell?: boolean;
  /** How its container ended when it ended badly, for people: its pod may be gone before anybody says that it had a job. */
  badEnd?: string;
  /** Since when it has no pod. */
  podlessSince?: Instant;
  stuckSince?: Instant;
  unschedulableSince?: Instant;
  completedSince?: Instant;
  /** When this process first saw the container run: what the pod says may be of another clock. */
  runningSince?: Instant;
  /** The loss of the runner has been told. */
  toldLoss?: boolean;
  refusal?: Refusal;
  registration: RegistrationState;
  checkedAt?: Instant;
  /** When it is the runner's turn to have its registration checked. */
  turnAt?: Instant;
  /** The service would not let the runner go, because it has a job: an ephemeral runner keeps it to its end. */
  saidBusy?: boolean;
  hooksGone?: boolean;
  /** They were asked to go, whatever became of it. */
  triedHooks?: boolean;
  /** Failures of calls of one kind, in a row. */
  failure?: Failed & { readonly count: number };
}

/** The memory of all runners, by key; a new UID under a name starts anew. */
export class Memories {
  readonly #all = new Map<string, Memory>();

  of(key: string, uid: string, born: { readonly here: boolean; readonly setUid: string | undefined }): Memory {
    const known = this.#all.get(key);
    if (known?.uid === uid) return known;
    const fresh: Memory = {
      uid,
      setUid: born.setUid,
      secret: born.here ? "absent" : "unknown",
      registration: "unasked",
      rejected: new Set(),
    };
    this.#all.set(key, fresh);
    return fresh;
  }

  get(key: string): Memory | undefined {
    return this.#all.get(key);
  }

  forget(key: string): void {
    this.#all.delete(key);
  }

  get size(): number {
    return this.#all.size;
  }
}
