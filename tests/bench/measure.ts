/** One run of each kind of load, on a cluster of its own. */
import { setTimeout as delay } from "node:timers/promises";
import { allDone, assertEachJobOnce, quantile, queueSeconds } from "../support/books.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { burstTimes, markOf, type Spent, spentSince, total } from "../support/figures.ts";

export type Mode = "pod" | "embedded";

/** Figures of one run, by column. */
export type Figures = Readonly<Record<string, number>>;

/** Figures, and what they were counted from. */
export interface Run {
  readonly figures: Figures;
  readonly spent: Spent;
}

const NAME = "bench";

async function withCluster<T>(
  options: { readonly jit?: number; readonly seed: number },
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const { jit = 0, seed } = options;
  const cluster = await Cluster.start({ seed, behaviour: { jitDelayMs: jit } });
  try {
    return await work(cluster);
  } finally {
    await cluster.stop();
  }
}

async function controllerOf(cluster: Cluster, mode: Mode): Promise<ControllerProcess> {
  const controller = await cluster.startController({ flags: [`--listener-mode=${mode}`] });
  await cluster.ready(controller);
  return controller;
}

/** Jobs of 5 s that come all at once. */
export function burst(jobs: number, jit: number, mode: Mode, seed: number): Promise<Run> {
  return withCluster({ jit, seed }, async (cluster) => {
    await controllerOf(cluster, mode);
    await cluster.createScaleSet({ name: NAME, max: jobs });
    const mark = markOf(cluster);
    const ids = Array.from({ length: jobs }, () => cluster.service.queueJob({ scaleSetName: NAME, durationMs: 5000 }));
    await allDone(cluster, ids, 300_000);
    const times = await burstTimes(cluster, ids, mark.at);
    const spent = spentSince(cluster, mark);
    assertEachJobOnce(cluster, ids);
    const figures = {
      "runners made": spent.runners,
      "s to all pods": times.allPods,
      "s to last job start": times.lastStart,
      "s from last job end to clean": times.clean - times.lastEnd,
      ...costs(spent, spent.runners),
    };
    return { figures, spent };
  });
}

/** Jobs of 3 s that come one after the other. */
export function steady(rate: number, seconds: number, mode: Mode, seed: number): Promise<Run> {
  return withCluster({ seed }, async (cluster) => {
    await controllerOf(cluster, mode);
    await cluster.createScaleSet({ name: NAME, max: 1000 });
    const mark = markOf(cluster);
    const ids: string[] = [];
    for (const began = performance.now(); ids.length < rate * seconds;) {
      await delay(Math.max(0, began + (ids.length * 1000) / rate - performance.now()));
      ids.push(cluster.service.queueJob({ scaleSetName: NAME, durationMs: 3000 }));
    }
    await allDone(cluster, ids, 300_000);
    await burstTimes(cluster, ids, mark.at);
    const spent = spentSince(cluster, mark);
    assertEachJobOnce(cluster, ids);
    const waited = queueSeconds(cluster, ids);
    const half = Math.floor(waited.length / 2);
    const figures = {
      "queue to start p50 s": quantile(waited, 0.5),
      "p95 s": quantile(waited, 0.95),
      "p99 s": quantile(waited, 0.99),
      "p50 of the last half / first": quantile(waited.slice(half), 0.5) / quantile(waited.slice(0, half), 0.5),
      "runners per job": spent.runners / ids.length,
      ...costs(spent, spent.runners),
    };
    return { figures, spent };
  });
}

/** Nothing happens. */
export function idle(seconds: number, mode: Mode, seed: number): Promise<Run> {
  return withCluster({ seed }, async (cluster) => {
    await controllerOf(cluster, mode);
    await cluster.createScaleSet({ name: NAME, max: 10 });
    await delay(15_000); // what a start leaves to be settled
    const mark = markOf(cluster);
    await delay(seconds * 1000);
    const spent = spentSince(cluster, mark);
    const figures = {
      "API requests / s": total(spent.requests) / spent.seconds,
      "service calls / s": total(spent.calls) / spent.seconds,
      "controller CPU s / min": ((spent.cpuSeconds.get("controller") ?? NaN) * 60) / spent.seconds,
      "controller MB": spent.rssMb.get("controller") ?? NaN,
      ...(mode === "pod" ? { "listener MB": spent.rssMb.get("listener") ?? NaN } : {}),
    };
    return { figures, spent };
  });
}

/** From the start of the controller's process to the first poll of a scale set that is there already. */
export function start(mode: Mode, seed: number): Promise<Run> {
  return withCluster({ seed }, async (cluster) => {
    await cluster.applyScaleSet({ name: NAME, max: 10 });
    let polledAt: number | undefined;
    cluster.intercept = (request, answer) => {
      if (request.method === "GET" && request.url.includes("/messages/")) polledAt ??= performance.now();
      return answer(request);
    };
    const mark = markOf(cluster);
    const began = performance.now();
    await cluster.startController({ flags: [`--listener-mode=${mode}`] });
    await eventually("the first poll", async () => polledAt !== undefined);
    const spent = spentSince(cluster, mark);
    return { figures: { "s to first poll": (polledAt! - began) / 1000, "API requests": total(spent.requests) }, spent };
  });
}

function costs(spent: Spent, runners: number): Figures {
  const cpu = (name: string) => ((spent.cpuSeconds.get(name) ?? 0) * 100) / runners;
  return {
    "API requests / runner": total(spent.requests) / runners,
    "JIT calls / runner": (spent.calls.get("generatejitconfig") ?? 0) / runners,
    "other service calls": total(spent.calls) - (spent.calls.get("generatejitconfig") ?? 0),
    "CPU s / 100 runners: controller": cpu("controller"),
    "listener": cpu("listener"),
    "peak MB: controller": spent.peakRssMb.get("controller") ?? NaN,
    "peak MB: listener": spent.peakRssMb.get("listener") ?? NaN,
  };
}
