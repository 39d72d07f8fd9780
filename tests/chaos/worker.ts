/** A thread that runs worlds: it is sent a seed, and answers with what became of it. */
import { parentPort } from "node:worker_threads";
import { faultNames } from "./fault_table.ts";
import { type Figures, runWorld } from "./run_world.ts";
import { planOf } from "./plan.ts";

export interface Answer {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly fired: ReadonlyMap<string, number>;
  readonly decided: ReadonlyMap<string, number>;
  readonly figures: Figures;
  /** Virtual time at its end, in ms. */
  readonly atMs: number;
}

parentPort?.on("message", (seed: number) => {
  void answer(seed).then((what) => parentPort?.postMessage(what));
});

async function answer(seed: number): Promise<Answer> {
  const { violation, fired, decided, figures, atMs } = await runWorld(planOf(seed, faultNames()));
  return { seed, violation, fired, decided, figures, atMs };
}
