/** What happens to nodes and to the pods on them. */
import { between, pick, type Random } from "../../lib/random.ts";
import type { PodFate } from "../kubelet/fate.ts";
import type { Fault, FaultTarget } from "./fault.ts";

export const NODE_FAULTS: readonly Fault[] = [
  onNextPod("pod exits 1 at start", 2, () => ({ kind: "exit", code: 1, afterMs: 50 })),
  onNextPod("pod out of memory with its job", 2, (random) => ({
    kind: "exit-with-job",
    code: 137,
    afterMs: between(random, 50, 1_500),
    reason: "OOMKilled",
  })),
  onNextPod("image pull slow", 2, (random) => ({
    kind: "waiting",
    reason: pick(random, ["ErrImagePull", "ImagePullBackOff"]),
    message: "the registry does not answer",
    forMs: between(random, 5_000, 40_000),
  })),
  onNextPod("image name invalid", 1, () => ({
    kind: "waiting",
    reason: "InvalidImageName",
    message: "couldn't parse image name",
  })),
  onNextPod("node refuses pod", 2, (random) => ({
    kind: "rejected",
    reason: pick(random, ["OutOfcpu", "OutOfpods", "NodeAffinity", "UnexpectedAdmissionError", "Preempting"]),
  })),
  onNextPod("unschedulable for a while", 2, (random) => ({
    kind: "unschedulable",
    forMs: between(random, 5_000, 40_000),
  })),
  onNextPod("slow start", 3, (random) => ({ kind: "slow", ms: between(random, 2_000, 20_000) })),
  onNextPod("init container fails", 1, () => ({ kind: "init-failure", code: 1 })),
  onNextPod("container outlives its job", 1, () => ({ kind: "zombie" })),
  {
    name: "pod evicted",
    weight: 2,
    apply: (target, random) => onRunningPod(target, random, (uid) => target.kubelet.evict(uid)),
  },
  {
    name: "pod removed by hand",
    weight: 1,
    apply: (target, random) => onRunningPod(target, random, (uid) => target.kubelet.removeByHand(uid)),
  },
  {
    name: "node lost",
    weight: 1,
    apply(target, random) {
      const afterMs = between(random, 0, 20_000);
      target.kubelet.loseNode(pick(random, target.kubelet.nodes), afterMs, random.next() < 0.5);
    },
  },
];

/** Befalls the next runner pod that comes within a minute; counted when it does. */
export function onNextPod(name: string, weight: number, fate: (random: Random) => PodFate): Fault {
  return {
    name,
    weight,
    apply(target, random) {
      const coming = { name, fate: fate(random) };
      target.fates.push(coming);
      target.later(60_000, () => {
        const at = target.fates.indexOf(coming);
        if (at >= 0) target.fates.splice(at, 1);
      });
      return "pending";
    },
  };
}

function onRunningPod(target: FaultTarget, random: Random, act: (uid: string) => void): "pending" | void {
  const running = target.kubelet.ledger.running().filter((pod) => pod.role === "runner");
  if (running.length === 0) return "pending";
  act(pick(random, running).uid);
}
