/** What a loop is made of. */
import type { ActionsService } from "../github/service.ts";
import type { KubeClient } from "../k8s/client.ts";
import type { BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { LoopHealth } from "./health.ts";
import type { ListenerMetrics } from "./metrics.ts";
import type { Limits } from "./scale.ts";

/** Where the id of the open session is kept for the next process, which ends that session first. */
export interface SessionKeeper {
  /** The session that a former process left, if any. */
  former(): Promise<string | undefined>;
  keep(sessionId: string | undefined): Promise<void>;
}

export interface LoopDeps {
  /** The service as it is now: changed credentials give another one. */
  readonly service: () => ActionsService;
  readonly kube: KubeClient;
  readonly runnerSet: { readonly namespace: string; readonly name: string };
  readonly scaleSetId: number;
  /** Names this process to GitHub, and to the person who wonders whose session it is. */
  readonly owner: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: ListenerMetrics;
  readonly health: LoopHealth;
  /** The limits as they are now. */
  readonly limits: () => Limits;
  /** Calls `listener` when the limits or the service have changed; returns what ends that. */
  readonly onChange: (listener: () => void) => () => void;
  /** GitHub refused the credentials: whoever owns them reads them again; resolves when that is done. Does not reject. */
  readonly onRefused?: () => Promise<void>;
  /** The service does not know the scale set; called each time that it says so. Does not reject. */
  readonly onMissing?: (signal: AbortSignal) => Promise<void>;
  readonly sessions?: SessionKeeper;
  readonly waits?: Partial<LoopWaits>;
}

/** Every wait of the loop, in milliseconds. */
export interface LoopWaits {
  /** Between tries of what failed. */
  readonly retry: BackoffOptions;
  /** Between polls that end at once with nothing: a server that should let them wait does not. */
  readonly hurried: BackoffOptions;
  /** Until jobs that were offered are asked for again where the server said that it knows no asking. */
  readonly offers: BackoffOptions;
  /** How long credentials that were refused may take to be read again, before it is said that they were. */
  readonly rereadMs: number;
  /** The longest wait that GitHub may ask for. */
  readonly longestMs: number;
  /** After so long without a message the queue counts as quiet, and figures in doubt are read. */
  readonly quietMs: number;
  /** A poll that is not completed within this time is dropped and the session refreshed. */
  readonly watchdogMs: number;
  /** A runner set that has heard nothing for so long is told the same again. */
  readonly retellMs: number;
  /** After so long facts are written in the background. */
  readonly factsMs: number;
  /** After so long a fact is given up. */
  readonly factsGiveUpMs: number;
  /** What is in hand at the end may take this long. */
  readonly stopMs: number;
}

export const LOOP_WAITS: LoopWaits = {
  retry: { firstMs: 1000, maxMs: 30_000, jitter: 0.2 },
  hurried: { firstMs: 500, maxMs: 5_000, jitter: 0.2 },
  offers: { firstMs: 60_000, maxMs: 600_000, jitter: 0.2 },
  rereadMs: 5_000,
  longestMs: 300_000,
  quietMs: 2000,
  watchdogMs: 180_000,
  retellMs: 600_000,
  factsMs: 30_000,
  factsGiveUpMs: 600_000,
  stopMs: 20_000,
};
