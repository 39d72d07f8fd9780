/** What truly happened on the simulated nodes. Times are milliseconds since the epoch. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly role: "runner" | "listener" | "other";
  readonly seenAt: number;
  node: string | undefined;
  /** When the main container started: at most once in a pod's life. */
  startedAt: number | undefined;
  /** When it was first told to end, or its object went. */
  toldToEndAt: number | undefined;
  endedAt: number | undefined;
  exitCode: number | undefined;
  reason: string | undefined;
  /** The registration of a runner that has connected. */
  agentId: number | undefined;
  jobId: string | undefined;
  /** The fault, if any, that ended it. */
  disturbedBy: string | undefined;
  removedAt: number | undefined;
}

/** The books of the simulated kubelet. */
export class KubeletLedger {
  readonly pods = new Map<string, PodRecord>();
  /** What must never happen, in words. */
  readonly violations: string[] = [];
  /** What the kubelet itself could not do, in words: a flaw of the world, not of the program under test. */
  readonly problems: string[] = [];

  /** Pods whose main container runs now. */
  running(): PodRecord[] {
    return [...this.pods.values()].filter((pod) => pod.startedAt !== undefined && pod.endedAt === undefined);
  }

  /** Pods of a role whose main container ever started. */
  started(role: PodRecord["role"]): PodRecord[] {
    return [...this.pods.values()].filter((pod) => pod.role === role && pod.startedAt !== undefined);
  }
}
