import { Buffer } from "node:buffer";
import type { Clock } from "../../lib/clock.ts";
import { type Random, safeText, uuid } from "../../lib/random.ts";
import { Timers } from "../timers.ts";
import { DEFAULT_BEHAVIOUR, type ServiceBehaviour } from "./behaviour.ts";
import type { SimHost } from "./hosts.ts";
import { JobBoard } from "./job_board.ts";
import { ServiceLedger } from "./ledger.ts";
import { MessageQueue } from "./message_queue.ts";
import {
  type Agent,
  type RunnerGroupState,
  type ScaleSetState,
  type SessionState,
  statisticsOf,
  type Tenant,
  type WireStatistics,
} from "./model.ts";
import { type SimCredentials, TokenOffice } from "./tokens.ts";

const JIT_LIFETIME_MS = 86_400_000;

/** What a realm is made from. */
export interface RealmOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: SimCredentials;
  readonly behaviour?: Partial<ServiceBehaviour>;
}

/** Everything that the simulated service knows: shared by its routes, its runners' side and its controls. */
export class Realm {
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: SimCredentials;
  readonly revokedPats = new Set<string>();
  /** May be changed at any time. */
  readonly behaviour: ServiceBehaviour;
  readonly timers: Timers;
  readonly tokens: TokenOffice;
  readonly ledger = new ServiceLedger();
  readonly tenants = new Map<string, Tenant>();
  readonly scaleSets = new Map<number, ScaleSetState>();
  readonly board: JobBoard;
  readonly #history = new Map<number, { at: number; statistics: WireStatistics }[]>();
  /** Scale sets that are gone: of interest for the runners that still have a job. */
  readonly #removed = new Set<ScaleSetState>();
  #nextScaleSet = 1;
  #nextAgent = 1;
  readonly #groups = new Map<number, RunnerGroupState>([[1, { id: 1, name: "Default" }]]);

  constructor(options: RealmOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.credentials = options.credentials;
    this.behaviour = { ...DEFAULT_BEHAVIOUR, ...options.behaviour };
    this.timers = new Timers(options.clock);
    this.tokens = new TokenOffice(options.clock, options.random);
    this.board = new JobBoard({
      clock: this.clock,
      random: this.random,
      timers: this.timers,
      behaviour: this.behaviour,
      ledger: this.ledger,
      scaleSets: () => this.scaleSets.values(),
      changed: (set) => this.#note(set),
    });
  }

  /** The tenant of an owner on a host; it comes into being with its first registration. */
  tenantOf(host: SimHost, scope: string): Tenant {
    const key = `${host.webUrl} ${scope}`;
    let tenant = this.tenants.get(key);
    if (!tenant) {
      const serviceUrl = `${host.serviceUrl}/${safeText(this.random, 12)}/`;
      tenant = { scope, serviceUrl, groups: this.#groups };
      this.tenants.set(key, tenant);
    }
    return tenant;
  }

  /** A runner group, of every tenant. */
  addGroup(name: string): void {
    const id = this.#groups.size + 1;
    this.#groups.set(id, { id, name });
  }

  /** An id for support. */
  nextRequestId(): string {
    return uuid(this.random);
  }

  addScaleSet(tenant: Tenant, name: string, runnerGroupId: number, labels: readonly string[]): ScaleSetState {
    const set: ScaleSetState = {
      id: this.#nextScaleSet++,
      tenant,
      name,
      runnerGroupId,
      labels,
      createdOn: new Date(this.clock.now()).toISOString(),
      capacity: 0,
      session: undefined,
      queue: new MessageQueue({
        clock: this.clock,
        timers: this.timers,
        behaviour: this.behaviour,
        statistics: () => this.statistics(set),
        truth: () => statisticsOf(set),
        ready: () => set.session?.wake?.("message"),
        delivered: () => this.ledger.messagesDelivered++,
      }),
      agents: new Map(),
      waiting: new Set(),
      offered: new Set(),
      assigned: new Set(),
      running: new Set(),
      phantomJobs: 0,
    };
    this.scaleSets.set(set.id, set);
    this.#note(set);
    this.board.match();
    return set;
  }

  /** Takes a scale set away, with its session and its idle runners; those with a job finish it. */
  removeScaleSet(set: ScaleSetState): void {
    this.closeSession(set, "closed");
    this.scaleSets.delete(set.id);
    this.#removed.add(set);
    for (const agent of set.agents.values()) if (!agent.job) this.removeAgent(agent, "client");
    this.board.orphan(set);
  }

  addAgent(set: ScaleSetState, name: string): Agent {
    const agent: Agent = {
      id: this.#nextAgent++,
      name,
      scaleSet: set,
      state: "registered",
      job: undefined,
      give: undefined,
    };
    set.agents.set(agent.id, agent);
    this.ledger.jits.set(agent.id, {
      agentId: agent.id,
      name,
      scaleSetId: set.id,
      createdAt: this.clock.now(),
      containerStarts: 0,
      jobId: undefined,
      removedAt: undefined,
      removedBy: undefined,
    });
    this.#note(set);
    return agent;
  }

  /** A registration goes; its runner, when it is connected, is told that there is nothing for it. */
  removeAgent(agent: Agent, by: "client" | "service"): void {
    if (!agent.scaleSet.agents.delete(agent.id)) return;
    const record = this.ledger.jits.get(agent.id);
    if (record) Object.assign(record, { removedAt: this.clock.now(), removedBy: by });
    agent.give?.(undefined);
    agent.give = undefined;
    this.#note(agent.scaleSet);
  }

  agentsOf(tenant: Tenant): Agent[] {
    const sets = [...this.scaleSets.values(), ...this.#removed].filter((set) => set.tenant === tenant);
    return sets.flatMap((set) => [...set.agents.values()]);
  }

  /** What a runner registers itself with, once: base64 of files in JSON, as the runner expects them. */
  jitConfigOf(agent: Agent): string {
    const file = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
    const token = this.tokens.issue("jit", String(agent.id), JIT_LIFETIME_MS);
    return file({
      ".runner": file({ AgentId: agent.id, AgentName: agent.name, Ephemeral: true }),
      ".credentials": file({ Scheme: "OAuth", Data: { token } }),
    });
  }

  openSession(set: ScaleSetState, owner: string): SessionState {
    const session: SessionState = { id: uuid(this.random), owner, wake: undefined, usedAt: this.clock.monotonic() };
    set.session = session;
    this.ledger.sessions.push({
      id: session.id,
      scaleSetId: set.id,
      owner,
      openedAt: this.clock.now(),
      closedAt: undefined,
    });
    set.queue.rewind();
    return session;
  }

  closeSession(set: ScaleSetState, why: "replaced" | "closed"): void {
    const session = set.session;
    if (!session) return;
    set.session = undefined;
    this.tokens.revoke("queue", session.id);
    const record = this.ledger.sessions.find((candidate) => candidate.id === session.id);
    if (record) record.closedAt = this.clock.now();
    session.wake?.(why);
  }

  /** The session that holds a scale set now; one that nobody used for long has ended. */
  liveSession(set: ScaleSetState): ScaleSetState["session"] {
    const session = set.session;
    if (!session || session.wake) return session;
    if (this.clock.monotonic() - session.usedAt >= this.behaviour.sessionIdleMs) this.closeSession(set, "closed");
    return set.session;
  }

  /** The counters as the service shows them: of a while ago, when it lags. */
  statistics(set: ScaleSetState): WireStatistics {
    const lag = this.behaviour.statisticsLagMs;
    if (lag === 0) return statisticsOf(set);
    const until = this.clock.monotonic() - lag;
    const history = this.#history.get(set.id) ?? [];
    const shown = history.findLast((entry) => entry.at <= until) ?? history[0];
    return shown?.statistics ?? statisticsOf(set);
  }

  #note(set: ScaleSetState): void {
    const lag = this.behaviour.statisticsLagMs;
    if (lag === 0) {
      this.#history.delete(set.id);
      return;
    }
    const history = this.#history.get(set.id) ?? [];
    const now = this.clock.monotonic();
    const keepFrom = history.findLastIndex((entry) => entry.at <= now - lag);
    this.#history.set(set.id, [...history.slice(Math.max(keepFrom, 0)), { at: now, statistics: statisticsOf(set) }]);
  }
}
