/** Which jobs did not end well, and whether a fault explains it. */
import type { SoakWorld } from "./world.ts";

/** Jobs whose loss no fault explains, in words. */
export function unexplained({ cluster, jobs, fated }: SoakWorld): string[] {
  const pods = new Map([...cluster.kubelet.ledger.pods.values()].map((pod) => [pod.jobId, pod]));
  return jobs.flatMap((id) => {
    const job = cluster.service.ledger.jobs.get(id)!;
    if (job.result === "succeeded" && !job.lost) return [];
    const pod = pods.get(id);
    if (pod && (pod.disturbedBy !== undefined || fated.has(pod.uid))) return [];
    return [`job ${id} ended with ${job.result} and no fault explains it; its pod: ${JSON.stringify(pod)}`];
  });
}
