/** What happens to the processes of the system: crashes, stops, pauses, clocks that jump. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
} from "../../src/api/kinds.ts";
import { PODS } from "../../src/k8s/resource.ts";
import { between, pick, type Random } from "../../src/lib/random.ts";
import type { Fault, FaultTarget } from "../../src/sim/faults/fault.ts";
import type { ChaosSystem, Running } from "./chaos_system.ts";
import type { CrashPoint } from "./chaos_process.ts";
import { deleteRunner } from "./user_faults.ts";

type SystemOf = () => ChaosSystem;

/** A crash that has not come after this long does not come. */
const ARMED_MS = 60_000;
/** What is read of these from a cache can be long out of date, whoever wrote it. */
const TOLD_LATE = [AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS, AUTOSCALING_LISTENERS, PODS]
  .map(({ plural }) => plural);

export function processFaults(system: SystemOf): readonly Fault[] {
  return [
    crash(system, "controller", "before", 3),
    crash(system, "controller", "after", 3),
    crash(system, "listener", "before", 3),
    crash(system, "listener", "after", 3),
    onProcess(system, "controller killed", 2, "controller", (one) => system().kill(one)),
    onProcess(system, "controller stopped politely", 2, "controller", (one) => one.stop()),
    onProcess(system, "listener killed", 2, "listener", (one) => system().kill(one)),
    onProcess(system, "controller stands still", 2, "controller", (one, random) => {
      one.process.pause(between(random, 1_000, 40_000));
    }),
    onProcess(system, "listener stands still", 1, "listener", (one, random) => {
      one.process.pause(between(random, 1_000, 40_000));
    }),
    {
      name: "node lost while no controller is there",
      weight: 2,
      apply({ kubelet, later }, random) {
        const awayMs = between(random, 6_000, 30_000);
        for (const one of system().of("controller")) system().kill(one, awayMs);
        later(awayMs - 1_000, () => kubelet.loseNode(pick(random, kubelet.nodes)));
      },
    },
    {
      name: "no controller for minutes, and a runner deleted by hand",
      weight: 0.7,
      apply({ later }, random) {
        const awayMs = between(random, 240_000, 420_000);
        for (const one of system().of("controller")) system().kill(one, awayMs);
        later(1_000, () => void deleteRunner(system(), random));
      },
    },
    {
      name: "one kind is told late",
      weight: 2,
      apply({ later }, random) {
        const { kube } = system().world;
        const plural = pick(random, TOLD_LATE);
        kube.holdWatch(between(random, 1_000, 20_000), plural);
        later(between(random, 5_000, 60_000), () => kube.holdWatch(0, plural));
      },
    },
    {
      name: "clock jumps",
      weight: 1,
      apply: (_target, random) => system().clock.jump(between(random, -7_200_000, 7_200_000)),
    },
  ];
}

function crash(system: SystemOf, role: Running["role"], point: CrashPoint, weight: number): Fault {
  const name = point === "before" ? `${role} crashes before a request` : `${role} crashes before an answer`;
  return {
    name,
    weight,
    apply(target: FaultTarget, random: Random) {
      const found = system().of(role);
      if (found.length === 0) return "pending";
      const one = pick(random, found);
      one.process.crashAt(point, between(random, 1, 40), () => {
        system().world.faults.count(name);
        system().ended(one, "crashed");
      });
      target.later(ARMED_MS, () => one.process.spare());
      return "pending";
    },
  };
}

function onProcess(
  system: SystemOf,
  name: string,
  weight: number,
  role: Running["role"],
  act: (running: Running, random: Random) => void,
): Fault {
  return {
    name,
    weight,
    apply(_target, random) {
      const found = system().of(role);
      if (found.length === 0) return "pending";
      act(pick(random, found), random);
    },
  };
}
