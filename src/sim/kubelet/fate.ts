/** What befalls a pod. The hook that draws fates is asked once for each pod, when the kubelet first sees it. */
export type PodFate =
  /** Nothing special. */
  | { readonly kind: "normal" }
  /** No node has room; for good, or for `forMs`. */
  | { readonly kind: "unschedulable"; readonly forMs?: number }
  /** The kubelet refuses it: phase Failed with this reason and no container (OutOfcpu, OutOfpods, NodeAffinity, ...). */
  | { readonly kind: "rejected"; readonly reason: string; readonly message?: string }
  /** The runner container waits (ImagePullBackOff, InvalidImageName, ...); for good, or for `forMs`. */
  | { readonly kind: "waiting"; readonly reason: string; readonly message?: string; readonly forMs?: number }
  /** The first init container exits with this code. */
  | { readonly kind: "init-failure"; readonly code: number }
  /** Starting takes this much longer. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The main container exits with this code, `afterMs` after its start, job or not. Code 137 with reason OOMKilled: memory. */
  | { readonly kind: "exit"; readonly code: number; readonly afterMs: number; readonly reason?: string }
  /** The runner exits with this code, `afterMs` after it took a job. */
  | { readonly kind: "exit-with-job"; readonly code: number; readonly afterMs: number; readonly reason?: string }
  /** The runner never reaches the service: running, ready, deaf. */
  | { readonly kind: "deaf" }
  /** The runner reports its job's end, but its container goes on. */
  | { readonly kind: "zombie" };

export const NORMAL: PodFate = { kind: "normal" };

/** How a container ended. */
export interface Exit {
  readonly code: number;
  /** As in a container's terminated state. */
  readonly reason: string;
}

/** An exit with the reason that a container runtime gives. */
export function exitOf(code: number, reason?: string): Exit {
  return { code, reason: reason ?? (code === 0 ? "Completed" : "Error") };
}
