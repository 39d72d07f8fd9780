import type { JobRecord } from "./actions_service/ledger.ts";
import { type Limits, percentile, type RunnerUse, runnerUse, violationsOf } from "./invariants.ts";
import type { Obj } from "./kube_api/types.ts";
import type { World } from "./world.ts";

/** How the jobs of a world stand. */
export interface JobCounts {
  readonly total: number;
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  /** Done by exactly one runner, to the end. */
  readonly ranOnce: number;
  readonly cancelled: number;
  /** Done because their runner was lost. */
  readonly lost: number;
}

/** What is still there, by kind: `namespace/name` in the cluster, names at the service. */
export interface Leftovers {
  /** Runner pods and listener pods. */
  readonly pods: readonly string[];
  /** Secrets that something owns. */
  readonly secrets: readonly string[];
  readonly runners: readonly string[];
  readonly runnerSets: readonly string[];
  readonly listeners: readonly string[];
  /** Service accounts, roles and bindings of listeners. */
  readonly accounts: readonly string[];
  readonly registrations: readonly string[];
  readonly sessions: readonly string[];
  readonly scaleSets: readonly string[];
}

export interface WorldReport {
  /** What must not have happened, in words. */
  readonly violations: readonly string[];
  /** What the world itself could not do: its own flaws. */
  readonly problems: readonly string[];
  readonly jobs: JobCounts;
  /** From being queued to being started, in ms. */
  readonly queueTimeMs: { readonly p50: number | undefined; readonly p95: number | undefined };
  readonly runners: RunnerUse;
  readonly leftovers: Leftovers;
  /** How often each fault was felt. */
  readonly faults: Readonly<Record<string, number>>;
  /** Calls to the service that were answered, by kind. */
  readonly calls: Readonly<Record<string, number>>;
}

/** What the books of a world say now. */
export function reportOf(world: World, limits: readonly Limits[]): WorldReport {
  const books = world.books();
  const jobs = [...books.service.jobs.values()];
  const waits = jobs.flatMap((job) => job.startedAt === undefined ? [] : [job.startedAt - job.queuedAt]);
  return {
    violations: violationsOf(books, limits),
    problems: [...books.kubelet.problems],
    jobs: countsOf(jobs),
    queueTimeMs: { p50: percentile(waits, 50), p95: percentile(waits, 95) },
    runners: runnerUse(books),
    leftovers: leftoversOf(world),
    faults: Object.fromEntries(world.faults.fired),
    calls: Object.fromEntries(books.service.calls),
  };
}

function countsOf(jobs: readonly JobRecord[]): JobCounts {
  const count = (test: (job: JobRecord) => boolean) => jobs.filter(test).length;
  return {
    total: jobs.length,
    waiting: count((job) => job.startedAt === undefined && job.completedAt === undefined),
    running: count((job) => job.startedAt !== undefined && job.completedAt === undefined),
    done: count((job) => job.completedAt !== undefined),
    ranOnce: count((job) => job.completedAt !== undefined && job.runners.length === 1 && !job.lost),
    cancelled: count((job) => job.result === "canceled"),
    lost: count((job) => job.lost),
  };
}

function leftoversOf(world: World): Leftovers {
  const objects = world.kube.snapshot();
  const keys = (plural: string, test: (object: Obj) => boolean = () => true) =>
    (objects[plural] ?? []).filter(test).map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`);
  const scaleSets = world.service.scaleSets();
  return {
    pods: keys("pods", isOurs),
    secrets: keys("secrets", (secret) => (secret.metadata.ownerReferences ?? []).length > 0),
    runners: keys("ephemeralrunners"),
    runnerSets: keys("ephemeralrunnersets"),
    listeners: keys("autoscalinglisteners"),
    accounts: ["serviceaccounts", "roles", "rolebindings"].flatMap((plural) => keys(plural, isListeners)),
    registrations: world.service.registrations().map(({ name }) => name),
    sessions: scaleSets.flatMap(({ name, sessionOwner }) =>
      sessionOwner === undefined ? [] : [`${name}: ${sessionOwner}`]
    ),
    scaleSets: scaleSets.map(({ name }) => name),
  };
}

function isOurs(pod: Obj): boolean {
  return pod.metadata.labels?.["actions-ephemeral-runner"] === "True" || isListeners(pod);
}

function isListeners({ metadata }: Obj): boolean {
  return metadata.name.endsWith("-listener");
}
