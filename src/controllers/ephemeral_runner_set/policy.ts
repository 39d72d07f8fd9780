/** What a scale set's user has chosen of how its runners are replaced, retried and kept. Pure. */
import { EPHEMERAL_RUNNERS, type EphemeralRunner, type RunnerPolicy } from "../../api/kinds.ts";
import type { Pod, Stored } from "../../k8s/resource.ts";
import type { Reader } from "../../k8s/store.ts";
import { type Instant, instantOf } from "../../lib/clock.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { EventStep } from "../../runtime/plan.ts";
import { isStuck, podStateOf } from "../ephemeral_runner/outcome.ts";
import type { Waits } from "../shared/waits.ts";
import { PATIENCE } from "./trouble.ts";

/** A policy with its defaults. Times in milliseconds; undefined: never. */
export interface Policy {
  readonly maxIdle?: number;
  readonly maxLifetime?: number;
  readonly pendingTimeout?: number;
  /** Failures in a row that are borne. */
  readonly patience: number;
  /** Failed runners that are kept. */
  readonly history: number;
  /** Idle runners beyond the wanted number are kept for so long. */
  readonly scaleDown: number;
  /** They may go at once when the listener says that no job is left. */
  readonly scalesDownAtRest: boolean;
  /** The controller's waits, with those that are chosen for this set. */
  readonly waits: Waits;
}

/** Failed runners that are kept for each set. */
const HISTORY = 5;

export function policyOf(chosen: RunnerPolicy | undefined, waits: Waits): Policy {
  const ms = (seconds: number | undefined) => seconds === undefined ? undefined : seconds * 1000;
  const failingFirst = ms(chosen?.failureBackoffSeconds) ?? waits.failingFirst;
  const scaleDown = ms(chosen?.scaleDownDelaySeconds);
  return {
    maxIdle: ms(chosen?.maxIdleSeconds),
    maxLifetime: ms(chosen?.maxLifetimeSeconds),
    pendingTimeout: ms(chosen?.pendingTimeoutSeconds),
    patience: chosen?.maxFailures ?? PATIENCE,
    history: chosen?.historyLimit ?? HISTORY,
    scaleDown: scaleDown ?? waits.surplus,
    // A delay that somebody has asked for is kept also then.
    scalesDownAtRest: scaleDown === undefined,
    waits: { ...waits, failingFirst, failingMost: Math.max(waits.failingMost, failingFirst) },
  };
}

/** A runner whose time is over, and why. */
export interface Expiry {
  readonly runner: Stored<EphemeralRunner>;
  readonly reason: "PendingTimeout" | "RunnerExpired";
  readonly message: string;
}

/** Runners whose time is over, by UID, and when it is over for the next one. */
export interface Expiries {
  readonly expired: ReadonlyMap<string, Expiry>;
  readonly next?: Instant;
}

/** Runners that have been idle, or have been there, for too long. Walks them: only where a policy asks for it. */
export function agedOf(
  idle: () => Iterable<Stored<EphemeralRunner>>,
  pods: Reader<Pod>,
  { maxIdle, maxLifetime }: Policy,
  now: Instant,
): Expiries {
  if (maxIdle === undefined && maxLifetime === undefined) return NONE;
  return collected(idle(), now, (runner) => {
    const pod = podOf(runner, pods);
    const state = pod && podStateOf(pod);
    const online = state?.is === "running" ? state.since : undefined;
    return soonest([
      limit("RunnerExpired", "it became idle", "maxIdleSeconds", online, maxIdle),
      limit("RunnerExpired", "it was made", "maxLifetimeSeconds", bornAt(runner), maxLifetime),
    ]);
  });
}

/** Runners that have not started in time. Those that can't start are not among them: they fail, and that is told. */
export function overdueOf(
  pending: () => Iterable<Stored<EphemeralRunner>>,
  pods: Reader<Pod>,
  { pendingTimeout }: Policy,
  now: Instant,
): Expiries {
  if (pendingTimeout === undefined) return NONE;
  return collected(pending(), now, (runner) => {
    const pod = podOf(runner, pods);
    const state = pod && podStateOf(pod);
    if (state && (state.is !== "starting" || (state.waiting && isStuck(state.waiting.reason)))) return undefined;
    return limit(
      "PendingTimeout",
      "it was made and has not started",
      "pendingTimeoutSeconds",
      bornAt(runner),
      pendingTimeout,
    );
  });
}

const NONE: Expiries = { expired: new Map() };

interface Limit {
  readonly at: Instant;
  readonly reason: Expiry["reason"];
  readonly message: string;
}

function collected(
  runners: Iterable<Stored<EphemeralRunner>>,
  now: Instant,
  limitOf: (runner: Stored<EphemeralRunner>) => Limit | undefined,
): Expiries {
  const expired = new Map<string, Expiry>();
  let next: Instant | undefined;
  for (const runner of runners) {
    const limit = limitOf(runner);
    if (!limit) continue;
    const { at, reason, message } = limit;
    if (at <= now) expired.set(runner.metadata.uid, { runner, reason, message });
    else next = Math.min(at, next ?? Infinity);
  }
  return { expired, ...(next !== undefined && { next }) };
}

function limit(
  reason: Expiry["reason"],
  what: string,
  field: keyof RunnerPolicy,
  since: Instant | undefined,
  ms: number | undefined,
): Limit | undefined {
  if (since === undefined || ms === undefined) return undefined;
  const message =
    `${what} more than ${formatDuration(ms)} ago (runnerPolicy.${field}): GitHub is asked to let it go, ` +
    "and the set makes another if one is wanted";
  return { at: since + ms, reason, message };
}

function soonest(limits: readonly (Limit | undefined)[]): Limit | undefined {
  return limits.reduce((a, b) => a && b ? (b.at < a.at ? b : a) : a ?? b, undefined);
}

function bornAt({ metadata }: Stored<EphemeralRunner>): Instant | undefined {
  return instantOf(metadata.creationTimestamp);
}

function podOf({ metadata: { namespace = "", name } }: Stored<EphemeralRunner>, pods: Reader<Pod>): Pod | undefined {
  return pods.get(namespace, name);
}

/** What is told of a runner whose time is over. */
export function expiryEvent({ runner, reason, message }: Expiry): EventStep {
  const type = reason === "PendingTimeout" ? "Warning" : "Normal";
  return { do: "event", kind: EPHEMERAL_RUNNERS, about: runner, type, reason, message };
}
