/** What is written into a runner's status: bodies of merge patches, undefined where it says so already. Pure. */
import type { EphemeralRunner, EphemeralRunnerStatus } from "../../api/kinds.ts";
import { type Instant, rfc3339 } from "../../lib/clock.ts";
import { conditionNamed, conditionsOf, type Saying } from "../shared/conditions.ts";

/** Null takes a field away. */
type StatusPatch = {
  readonly status: { readonly [Key in keyof EphemeralRunnerStatus]?: EphemeralRunnerStatus[Key] | null };
};

/** Messages are for people and stand in a printed column. */
const LONGEST_MESSAGE = 1024;

/** The pod runs. The job's facts are the listener's to write. */
export function runningStatus(
  { status, metadata }: EphemeralRunner,
  seen: { readonly ready: boolean; readonly runnerId?: number },
): StatusPatch | undefined {
  const { ready, runnerId = status?.runnerId } = seen;
  const name = metadata?.name;
  const says = status?.phase === "Running" && (status.ready ?? false) === ready && status.runnerId === runnerId &&
    (status.runnerName === name || runnerId === undefined) && !status.reason && !status.message;
  if (says) return undefined;
  return {
    status: {
      phase: "Running",
      ready,
      ...(runnerId === undefined ? {} : { runnerId, runnerName: name }),
      ...(status?.reason ? { reason: null } : {}),
      ...(status?.message ? { message: null } : {}),
      ...(status?.conditions?.length ? { conditions: null } : {}),
    },
  };
}

/** The pod waits, for a reason that people should see. It is written once for each reason. */
export function waitingStatus(
  runner: EphemeralRunner,
  saying: Pick<Saying, "reason" | "message">,
  now: Instant,
): StatusPatch | undefined {
  const { status, metadata } = runner;
  const { reason } = saying;
  if (status?.phase === "Pending" && status.reason === reason) return undefined;
  const message = shortened(saying.message);
  const condition: Saying = { type: reason, status: "True", reason, message };
  const conditions = conditionsOf(status?.conditions, [condition], { now, generation: metadata?.generation });
  return { status: { phase: "Pending", ready: false, reason, message, conditions } };
}

/** The runner has failed for good: it stays for people to look at. */
export function failedStatus(
  fault: {
    readonly phase: "Failed" | "Outdated";
    readonly reason: string;
    readonly message: string;
    /** The pod that failed, or a word when there is none. */
    readonly podUid?: string;
  },
  now: Instant,
): StatusPatch {
  const { phase, reason, message, podUid } = fault;
  const failures = { [podUid ?? "none"]: rfc3339(now) };
  return { status: { phase, ready: false, reason, message: shortened(message), failures } };
}

/** Whether the runner says in a condition what {@link waitingStatus} has written. */
export function saysWaiting({ status }: EphemeralRunner, reason: string): boolean {
  return conditionNamed(status?.conditions, reason) !== undefined || status?.reason === reason;
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE - 3)}...` : line;
}
