import { Buffer } from "node:buffer";
import { fieldOf } from "../http.ts";
import type { Agent, Job } from "./model.ts";
import type { Realm } from "./realm.ts";

/** A job as its runner sees it. */
export interface RunnerJob {
  readonly id: string;
  readonly durationMs: number;
  /** What it ends with when nobody disturbs it. */
  readonly result: string;
  /** Aborted when somebody cancels it. */
  readonly cancelled: AbortSignal;
}

/** A runner's connection to the service. */
export interface RunnerLink {
  readonly agentId: number;
  readonly name: string;
  /** Whether the service has given it a job that has not ended. */
  readonly busy: boolean;
  /** The job, as soon as there is one; undefined when the registration is gone and none will come. */
  readonly job: Promise<RunnerJob | undefined>;
  /** The job has ended. */
  finish(result: string): void;
  /**
   * The runner goes: `politely` tells the service; otherwise it finds out by itself. A job in hand fails, after the
   * time that the service takes to notice.
   */
  leave(politely: boolean): void;
}

/** What came of a runner's start. */
export type Connection =
  | { readonly kind: "connected"; readonly link: RunnerLink }
  /** The JIT configuration is unknown, used up, or its registration is gone. */
  | { readonly kind: "refused" }
  /** This runner version is deprecated. */
  | { readonly kind: "deprecated" };

/** A container has started with a JIT configuration. */
export function connectRunner(realm: Realm, encodedJitConfig: string): Connection {
  const id = realm.tokens.subjectOf("jit", tokenOf(encodedJitConfig));
  const record = id === undefined ? undefined : realm.ledger.jits.get(Number(id));
  if (!record) return { kind: "refused" };
  record.containerStarts++;
  if (record.containerStarts > 1) {
    realm.ledger.violate(`the JIT configuration of ${record.name} was used by ${record.containerStarts} containers`);
    return { kind: "refused" };
  }
  if (realm.behaviour.runnerDeprecated) return { kind: "deprecated" };
  const set = realm.scaleSets.get(record.scaleSetId);
  const agent = set?.agents.get(record.agentId);
  if (!set || !agent) return { kind: "refused" };
  return { kind: "connected", link: linkOf(realm, agent) };
}

function linkOf(realm: Realm, agent: Agent): RunnerLink {
  const { promise, resolve } = Promise.withResolvers<RunnerJob | undefined>();
  let left = false;
  agent.give = (job) => resolve(job && jobFor(job));
  agent.state = "idle";
  realm.board.pump(agent.scaleSet);
  return {
    agentId: agent.id,
    name: agent.name,
    job: promise,
    get busy() {
      return !left && agent.job !== undefined;
    },
    finish(result) {
      if (!left) realm.board.finish(agent, result);
      left = true;
    },
    leave(politely) {
      if (left) return;
      left = true;
      agent.give = undefined;
      agent.state = "offline";
      realm.board.lose(agent, politely);
      resolve(undefined);
    },
  };
}

function jobFor(job: Job): RunnerJob {
  return { id: job.id, durationMs: job.durationMs, result: job.result, cancelled: job.cancelled.signal };
}

function tokenOf(encoded: string): string | undefined {
  const token = fieldOf(fieldOf(decoded(fieldOf(decoded(encoded), ".credentials")), "Data"), "token");
  return typeof token === "string" ? token : undefined;
}

function decoded(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(Buffer.from(text, "base64").toString("utf8"));
  } catch {
    return undefined; // no JIT configuration: the runner is refused
  }
}
