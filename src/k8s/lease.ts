import { type Clock, rfc3339Micro } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { KubeClient } from "./client.ts";
import { KubeError } from "./errors.ts";
import { type Lease, LEASES, type Stored } from "./resource.ts";

/** The times of a lease. */
export interface LeaseTimes {
  /** How long others wait after a renewal that they have seen, in milliseconds. Default 15,000. */
  readonly durationMs?: number;
  /** How long after its last renewal a leader still counts itself as one, in milliseconds. Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** Between two renewals, and at most between two looks of those who wait, in milliseconds. Default 2,000. */
  readonly retryMs?: number;
}

/** A lease, and who wants it. The defaults are those of Kubernetes' own components, so that both can share one. */
export interface LeaderLeaseOptions extends LeaseTimes {
  /** Not a guarded one: the lease must be written by those who do not lead yet. Rights: get, create, update on leases. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Unique among all processes that there have ever been: pod name and a random part. */
  readonly identity: string;
}

/** How a lease stands, for metrics and logs. */
export interface LeaseState {
  readonly held: boolean;
  /** Who holds it as far as we know; "" = nobody. */
  readonly holder: string;
  /** How often it has changed hands. */
  readonly transitions: number;
}

/** A version of the lease as we have seen it. When we saw it counts; what its writer's clock said does not. */
interface Sight {
  readonly lease: Stored<Lease>;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/**
 * Leader election on a coordination.k8s.io/v1 Lease, by local time alone: who waits counts from the moment at which it
 * saw the lease change, who leads from the moment before it sent its renewal. So a holder that has died is replaced
 * 15 to 17 s after its last renewal, one that leaves in good order within 2 s, and two that are sure of leading at
 * one time do not exist: one who leads stops counting on it after 10 s.
 */
export class LeaderLease {
  /** Resolves with the reason when a lease that was held is lost; never after {@link LeaderLease.release}. */
  readonly lost: Promise<Error>;
  readonly #options: LeaderLeaseOptions;
  readonly #durationMs: number;
  readonly #deadlineMs: number;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  #lose: (reason: Error) => void = () => {};
  #sight: Sight | undefined;
  #renewedAt: { readonly monotonic: number; readonly wall: number } | undefined;
  #renewing: Promise<void> | undefined;
  /** A write of ours got no answer: the lease may be another version than we know, and may be ours. */
  #unsure = false;

  /** @throws RangeError when the times do not leave a leader the time to find out that it is none */
  constructor(options: LeaderLeaseOptions) {
    const { durationMs = 15_000, renewDeadlineMs = 10_000, retryMs = 2_000 } = options;
    if (renewDeadlineMs >= durationMs) throw new RangeError("renewDeadlineMs: must be shorter than durationMs");
    if (retryMs >= renewDeadlineMs) throw new RangeError("retryMs: must be shorter than renewDeadlineMs");
    this.#options = options;
    this.#durationMs = durationMs;
    this.#deadlineMs = renewDeadlineMs;
    this.#retryMs = retryMs;
    this.lost = new Promise((resolve) => this.#lose = resolve);
  }

  /** Whether this process may write: it renewed the lease less than the deadline ago. Cheap; ask before each write. */
  held(): boolean {
    if (!this.#renewedAt || this.#stop.signal.aborted) return false;
    const { clock } = this.#options;
    // The monotonic clock stands still while a virtual machine is paused, the wall clock jumps when it is set: a
    // leader that either of them doubts waits for its next renewal, which is at most retryMs away.
    return clock.monotonic() - this.#renewedAt.monotonic < this.#deadlineMs &&
      clock.now() - this.#renewedAt.wall < this.#deadlineMs;
  }

  get state(): LeaseState {
    const spec = this.#sight?.lease.spec;
    return { held: this.held(), holder: spec?.holderIdentity ?? "", transitions: spec?.leaseTransitions ?? 0 };
  }

  /**
   * Resolves once the lease is held; from then on it is renewed until it is lost or released. Call it once.
   * @throws the signal's reason
   */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, log, identity, name } = this.#options;
    let told: string | undefined;
    const tell = (message: string, who: string, fields: Record<string, unknown>) => {
      if (told !== message + who) log.info(message, { lease: name, ...fields });
      told = message + who;
    };
    for (;;) {
      try {
        if (await this.#tryAcquire(signal)) break;
        const { holder } = this.state;
        tell("waiting for the lease", holder, { holder });
      } catch (error) {
        signal.throwIfAborted();
        tell("the lease can't be had for now; trying on", "", { error: messageOf(error) });
      }
      await clock.sleep(this.#untilNextLook(), signal);
    }
    log.info("leading", { lease: name, identity });
    this.#renewing = this.#renewUntilLost();
  }

  /** Gives the lease back, so that another can have it at once. Resolves within 5 s, whatever the API server does. */
  async release(): Promise<void> {
    const { clock, log, name } = this.#options;
    const mayBeOurs = this.held() || this.#unsure;
    this.#stop.abort(new Error("the lease is being released"));
    await this.#renewing;
    if (!mayBeOurs) return;
    const limit = new AbortController();
    const timer = clock.after(RELEASE_MS, () => limit.abort(new Error(`no answer within ${RELEASE_MS} ms`)));
    try {
      await this.#giveBack(limit.signal);
      log.info("lease released", { lease: name });
    } catch (error) {
      log.warn("the lease could not be released; it runs out by itself", { lease: name, error: messageOf(error) });
    } finally {
      timer.cancel();
    }
  }

  /** Those who wait look again soon, not in step with each other, and exactly when the lease that they see runs out. */
  #untilNextLook(): number {
    const { clock, random } = this.#options;
    const regular = this.#retryMs * (0.95 - 0.25 * random.next());
    const left = this.#sight ? this.#runsOutAt(this.#sight) - clock.monotonic() : regular;
    return left > 0 ? Math.min(regular, left) : regular;
  }

  /** By the promise that stands in the lease: its holder may keep other times than we do. */
  #runsOutAt({ lease, since }: Sight): number {
    const seconds = lease.spec?.leaseDurationSeconds;
    return since + (seconds === undefined ? this.#durationMs : seconds * 1000);
  }

  async #tryAcquire(signal: AbortSignal): Promise<boolean> {
    const { clock, identity } = this.#options;
    const current = await this.#look(signal);
    if (!current) return await this.#claim(undefined, signal);
    const holder = current.lease.spec?.holderIdentity ?? "";
    const isFree = holder === "" || holder === identity || clock.monotonic() >= this.#runsOutAt(current);
    return isFree && await this.#claim(current.lease, signal);
  }

  /** Reads the lease; what has not changed was seen when it was first seen so. Undefined: there is none. */
  async #look(signal?: AbortSignal): Promise<Sight | undefined> {
    const { client, namespace, name, clock } = this.#options;
    try {
      const lease = await client.get(LEASES, { namespace, name }, { signal, deadlineMs: this.#callMs });
      const isNews = lease.metadata.resourceVersion !== this.#sight?.lease.metadata.resourceVersion;
      if (isNews) this.#sight = { lease, since: clock.monotonic() };
      return this.#sight;
    } catch (error) {
      if (!KubeError.is(error, "NotFound")) throw error;
      return this.#sight = undefined;
    }
  }

  /** Writes us into the lease, or a new one. False: another was faster. */
  async #claim(current: Stored<Lease> | undefined, signal: AbortSignal): Promise<boolean> {
    const { client, clock, namespace, name, identity } = this.#options;
    const sentAt = { monotonic: clock.monotonic(), wall: clock.now() };
    const time = rfc3339Micro(sentAt.wall);
    const old = current?.spec;
    const isOurs = old?.holderIdentity === identity;
    const spec: Lease["spec"] = {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      acquireTime: isOurs && old?.acquireTime ? old.acquireTime : time,
      renewTime: time,
      leaseTransitions: isOurs || !old ? old?.leaseTransitions ?? 0 : (old.leaseTransitions ?? 0) + 1,
    };
    const options = { signal, deadlineMs: this.#callMs };
    this.#unsure = true;
    try {
      const lease = current
        ? await client.replace(LEASES, { ...current, spec }, options)
        : await client.create(LEASES, { metadata: { namespace, name }, spec }, options);
      this.#sight = { lease, since: clock.monotonic() };
      this.#renewedAt = sentAt;
      this.#unsure = false;
      return true;
    } catch (error) {
      if (KubeError.is(error)) this.#unsure = error.kind === "Unavailable";
      if (KubeError.is(error, "Conflict", "AlreadyExists", "NotFound")) return false;
      throw error;
    }
  }

  /** Renews until the lease is released, or lost: to another, or because the deadline passed without a renewal. */
  async #renewUntilLost(): Promise<void> {
    const { clock, log, name } = this.#options;
    const { signal } = this.#stop;
    let trouble: unknown;
    while (!signal.aborted) {
      try {
        const left = this.#deadlineLeft();
        if (left <= 0) {
          return this.#lostTo(new Error(`the lease was not renewed for ${this.#deadlineMs} ms`, { cause: trouble }));
        }
        await clock.sleep(Math.min(this.#retryMs, left), signal);
        if (this.#deadlineLeft() <= 0) continue;
        const rival = await this.#renew(signal);
        if (rival !== undefined) return this.#lostTo(new Error(`the lease is held by ${rival}`));
        trouble = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (trouble === undefined) {
          log.warn("the lease could not be renewed; trying on", { lease: name, error: messageOf(error) });
        }
        trouble = error;
      }
    }
  }

  /** Renews once; gives the holder when that is another one. */
  async #renew(signal: AbortSignal): Promise<string | undefined> {
    if (this.#sight && await this.#claim(this.#sight.lease, signal)) return undefined;
    // Somebody has written it since: another leader, a person, or we ourselves and the answer was lost.
    const now = await this.#look(signal);
    const holder = now?.lease.spec?.holderIdentity ?? "";
    if (holder !== "" && holder !== this.#options.identity) return holder;
    if (await this.#claim(now?.lease, signal)) return undefined;
    throw new Error("the lease changes faster than it can be renewed");
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const { client, clock, identity } = this.#options;
    for (let attempt = 0; attempt < 3; attempt++) {
      const sight = this.#unsure || attempt > 0 ? await this.#look(signal) : this.#sight;
      if (!sight || sight.lease.spec?.holderIdentity !== identity) return;
      const time = rfc3339Micro(clock.now());
      const gone = { holderIdentity: "", leaseDurationSeconds: 1, acquireTime: time, renewTime: time };
      try {
        const lease = { ...sight.lease, spec: { ...sight.lease.spec, ...gone } };
        this.#sight = { lease: await client.replace(LEASES, lease, { signal }), since: clock.monotonic() };
        return;
      } catch (error) {
        if (!KubeError.is(error, "Conflict")) throw error;
      }
    }
  }

  #lostTo(reason: Error): void {
    const { log, name } = this.#options;
    this.#renewedAt = undefined;
    log.error("the lease is lost", { lease: name, error: messageOf(reason) });
    this.#lose(reason);
  }

  /** Until a leader that does not renew must count itself as none, in milliseconds. */
  #deadlineLeft(): number {
    return (this.#renewedAt?.monotonic ?? -Infinity) + this.#deadlineMs - this.#options.clock.monotonic();
  }

  /** No single call may use up the time in which it could be tried again, nor outlast the deadline of a leader. */
  get #callMs(): number {
    return Math.max(1, Math.round(Math.min(this.#deadlineMs / 2, this.#renewedAt ? this.#deadlineLeft() : Infinity)));
  }
}

const RELEASE_MS = 4_000;
