/** What a world of a seed is: its scale sets, jobs, processes, the kind of its GitHub, and the faults that come. Pure. */
import { between, pick, type Random, seededRandom } from "../../src/lib/random.ts";
import { drawBehaviour, type ServiceBehaviour } from "../../src/sim/actions_service/behaviour.ts";

/** How long jobs and faults come, in ms. */
export const HORIZON_MS = 30 * 60_000;

export interface PlannedSet {
  readonly name: string;
  readonly minRunners: number;
  readonly maxRunners: number;
}

export interface PlannedJob {
  readonly atMs: number;
  readonly scaleSetName: string;
  readonly durationMs: number;
}

/** One fault: taking it out of the plan changes nothing of the others. */
export interface PlannedFault {
  readonly atMs: number;
  readonly name: string;
  /** Of the chance within the fault: which request, how long. */
  readonly seed: number;
}

export interface WorldPlan {
  readonly seed: number;
  readonly listenerMode: "pod" | "embedded";
  readonly controllers: 1 | 2;
  /** How much slower than in a cluster the lease is: its renewals are what such worlds spend most of their requests on. */
  readonly leasePace: 1 | 5;
  readonly sets: readonly PlannedSet[];
  readonly jobs: readonly PlannedJob[];
  readonly behaviour: Partial<ServiceBehaviour>;
  readonly kubelet: { readonly bindDelayMs: number; readonly startDelayMs: number; readonly connectDelayMs: number };
  readonly faults: readonly PlannedFault[];
}

/** What may come, and how often each compared with the others. */
export interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/** The world of a seed. @param table the faults to draw from */
export function planOf(seed: number, table: readonly Weighted[]): WorldPlan {
  const random = seededRandom(Math.imul(seed, 2654435761) >>> 0);
  const listenerMode = random.next() < 0.5 ? "pod" : "embedded";
  const controllers = random.next() < 0.3 ? 2 : 1;
  const sets = drawSets(random);
  return {
    seed,
    listenerMode,
    controllers,
    leasePace: seed % 3 === 0 ? 1 : 5,
    sets,
    jobs: drawJobs(random, sets),
    behaviour: drawService(random),
    kubelet: {
      bindDelayMs: between(random, 10, 500),
      startDelayMs: between(random, 200, 5_000),
      connectDelayMs: between(random, 0, 3_000),
    },
    faults: drawFaults(random, table),
  };
}

function drawSets(random: Random): PlannedSet[] {
  return ["linux", "arm", "gpu"].slice(0, between(random, 1, 3)).map((name) => {
    const minRunners = pick(random, [0, 0, 0, 1, 2, 3]);
    return { name, minRunners, maxRunners: Math.max(minRunners, between(random, 1, 20)) };
  });
}

/** Bursts, a steady load, or now and then: one pattern a set. */
function drawJobs(random: Random, sets: readonly PlannedSet[]): PlannedJob[] {
  const share = Math.floor(between(random, 6, 60) / sets.length);
  const longest = pick(random, [5_000, 30_000, 120_000, 400_000]);
  const jobs = sets.flatMap(({ name }) => {
    const times = pick(random, [bursts, steady, scattered])(random, share);
    return times.map((atMs) => ({ atMs, scaleSetName: name, durationMs: between(random, 500, longest) }));
  });
  return jobs.sort((a, b) => a.atMs - b.atMs);
}

function bursts(random: Random, count: number): number[] {
  const starts = Array.from({ length: between(random, 1, 3) }, () => between(random, 0, HORIZON_MS * 0.8));
  return Array.from({ length: count }, () => pick(random, starts) + between(random, 0, 500));
}

function steady(random: Random, count: number): number[] {
  const gap = between(random, 1_000, HORIZON_MS * 0.9 / Math.max(count, 1));
  const first = between(random, 0, 60_000);
  return Array.from({ length: count }, (_, at) => first + at * gap);
}

function scattered(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => between(random, 0, HORIZON_MS * 0.9));
}

function drawService(random: Random): Partial<ServiceBehaviour> {
  const seldom = <T>(value: T, otherwise: T): T => random.next() < 0.3 ? value : otherwise;
  return {
    ...drawBehaviour(random),
    suddenLossMs: between(random, 30_000, 120_000),
    jitDelayMs: seldom(between(random, 0, 2_000), 0),
    startedEventDelayMs: seldom(between(random, 0, 2_000), 0),
    completionDelayMs: seldom(between(random, 0, 5_000), 0),
    adminTokenDiesAfterMs: seldom(between(random, 60_000, 600_000), 3_600_000),
    queueTokenMs: seldom(between(random, 60_000, 600_000), 3_600_000),
    registrationDelayMs: seldom(between(random, 0, 3_000), 0),
    giveBackAfterMs: seldom(between(random, 60_000, 180_000), 0),
  };
}

/** Processes die, and that is all: what is told of jobs in such a world is exact. */
export function isDeath(fault: string): boolean {
  return /^(listener|controller) (crashes|killed)/.test(fault);
}

/** One world of ten is without faults, in one of twenty processes die and nothing else happens. */
function drawFaults(random: Random, all: readonly Weighted[]): PlannedFault[] {
  const chance = random.next();
  if (chance < 0.1 || all.length === 0) return [];
  const table = chance < 0.15 ? all.filter(({ name }) => isDeath(name)) : all;
  const total = table.reduce((sum, { weight }) => sum + weight, 0);
  const draw = () => {
    let left = random.next() * total;
    return (table.find(({ weight }) => (left -= weight) < 0) ?? table.at(-1)!).name;
  };
  const count = pick(random, [3, 10, 30, 60]);
  return Array.from({ length: count }, () => ({
    atMs: between(random, 0, HORIZON_MS),
    name: draw(),
    seed: between(random, 0, 2 ** 31),
  })).sort((a, b) => a.atMs - b.atMs);
}
