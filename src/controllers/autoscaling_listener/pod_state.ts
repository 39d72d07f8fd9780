/** What a listener's pod says of itself. Pure. */
import type { ListenerReport } from "../../api/kinds.ts";
import type { Pod, Stored } from "../../k8s/resource.ts";
import { instantOf } from "../../lib/clock.ts";
import type { LoopProblemKind } from "../../listener/health.ts";
import type { Problem } from "../shared/problems.ts";
import { LISTENER_CONTAINER } from "./listener_pod.ts";

/** How a listener ended. */
export interface Ended {
  readonly exitCode?: number;
  /** For people. */
  readonly message: string;
  /** How long it ran, in milliseconds; 0 when it is not known. */
  readonly ranMs: number;
  /** The pod has ended as a whole: nothing in it needs time to end. */
  readonly whole: boolean;
}

/** Undefined while the listener may still run, or run again by itself. */
export function endedOf(pod: Pod): Ended | undefined {
  const { phase, reason, message, containerStatuses = [] } = pod.status ?? {};
  const whole = phase === "Failed" || phase === "Succeeded";
  const container = containerStatuses.find(({ name }) => name === LISTENER_CONTAINER);
  const end = container?.state?.terminated;
  const staysDown = (pod.spec?.restartPolicy ?? "Never") === "Never";
  if (!whole && !(end && staysDown)) return undefined;
  const started = instantOf(end?.startedAt);
  const finished = instantOf(end?.finishedAt);
  return {
    ...(end && { exitCode: end.exitCode }),
    message: [
      end ? `exit code ${end.exitCode}` : `pod ${phase}`,
      end?.reason ?? reason,
      end?.message ?? message,
    ].filter(Boolean).join(", "),
    ranMs: started !== undefined && finished !== undefined ? finished - started : 0,
    whole,
  };
}

/** Whether the listener's container runs and, where the pod has probes, is ready. */
export function isReady(pod: Stored<Pod> | undefined): boolean {
  if (pod?.metadata.deletionTimestamp !== undefined) return false;
  const container = pod?.status?.containerStatuses?.find(({ name }) => name === LISTENER_CONTAINER);
  return container?.state?.running !== undefined && container.ready !== false;
}

/** Why the listener does not run yet, for people. */
export function waitingFor(pod: Pod): string {
  const { containerStatuses = [], conditions = [] } = pod.status ?? {};
  const waiting = containerStatuses.find(({ name }) => name === LISTENER_CONTAINER)?.state?.waiting;
  const unscheduled = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  const said = waiting ? [waiting.reason, waiting.message] : [unscheduled?.reason, unscheduled?.message];
  return ["the listener's pod is starting", ...said].filter(Boolean).join(": ");
}

/** What a listener's pod says keeps it from its work. */
export function reportedProblem({ reason, message = "" }: ListenerReport = {}): Problem | undefined {
  return reason && REPORTED.has(reason) ? { reason, message } : undefined;
}

/** Words that a listener may say; others would be somebody else's. */
const REPORTED: ReadonlySet<string> = new Set<LoopProblemKind>([
  "SessionConflict",
  "ScaleSetNotFound",
  "Unauthorized",
  "ServiceUnavailable",
]);
