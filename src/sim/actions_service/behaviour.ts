import { between, type Random } from "../../lib/random.ts";

/** How a simulated Actions Service behaves where real ones differ or where nobody knows. Times in milliseconds. */
export interface ServiceBehaviour {
  /** Jobs are offered as JobAvailable and must be acquired; otherwise they are assigned by the service itself. */
  needsAcquire: boolean;
  /** The newer backend: runnerRequestId is 0 and acquirejobs is answered 404 by a router. */
  zeroRequestIds: boolean;
  /** When the statistics of a message are taken. */
  statisticsAt: "creation" | "delivery";
  /** Statistics (messages, sessions, scale sets) show the state of this long ago. */
  statisticsLagMs: number;
  /** Messages carry null in the place of statistics. */
  withoutStatistics: boolean;
  /** How long a poll waits for a message. */
  pollMs: number;
  /** How long an undeleted message waits before it is delivered again within a session. */
  redeliverMs: number;
  /** The most events in a message. */
  batchSize: number;
  /** How long events are gathered before a waiting poll gets them. */
  batchWindowMs: number;
  /** JSON replies of the service begin with a byte order mark. */
  bom: boolean;
  /** A session that nobody polls for this long ends. */
  sessionIdleMs: number;
  /** What `exp` of an admin token says. */
  adminTokenMs: number;
  /** When an admin token really dies. */
  adminTokenDiesAfterMs: number;
  queueTokenMs: number;
  registrationTokenMs: number;
  /** How long a fresh registration token is unknown to runner-registration (401). */
  registrationDelayMs: number;
  /** How long generatejitconfig takes. */
  jitDelayMs: number;
  /** How much later than the fact JobStarted is sent. */
  startedEventDelayMs: number;
  /** How much later than the runner's report a job counts as completed. */
  completionDelayMs: number;
  /** Between a runner's polite end and the end of its job at the service. */
  politeLossMs: readonly [number, number];
  /** Between a runner's sudden end and the end of its job at the service. */
  suddenLossMs: number;
  /** An assigned job that no runner takes goes back to the queue after this long; 0: never. */
  giveBackAfterMs: number;
  /** How often one job goes back to the queue. */
  giveBackTimes: number;
  /** A job that nobody has run after this long is given up. */
  abandonAfterMs: number;
  /** This runner version is deprecated: runners end with exit code 7 instead of taking a job. */
  runnerDeprecated: boolean;
  /** The id before the first message's. */
  lastMessageId: number;
}

/** What is known of github.com, with the acquire step in use. */
export const DEFAULT_BEHAVIOUR: Readonly<ServiceBehaviour> = {
  needsAcquire: true,
  zeroRequestIds: false,
  statisticsAt: "delivery",
  statisticsLagMs: 0,
  withoutStatistics: false,
  pollMs: 50_000,
  redeliverMs: 300_000,
  batchSize: 50,
  batchWindowMs: 20,
  bom: true,
  sessionIdleMs: 60_000,
  adminTokenMs: 3_600_000,
  adminTokenDiesAfterMs: 3_600_000,
  queueTokenMs: 3_600_000,
  registrationTokenMs: 3_600_000,
  registrationDelayMs: 0,
  jitDelayMs: 0,
  startedEventDelayMs: 0,
  completionDelayMs: 0,
  politeLossMs: [15_000, 26_000],
  suddenLossMs: 576_000,
  giveBackAfterMs: 0,
  giveBackTimes: 3,
  abandonAfterMs: 86_400_000,
  runnerDeprecated: false,
  lastMessageId: 0,
};

/** A service of the kinds that are out there, drawn by seed: old or new backend, either time of statistics. */
export function drawBehaviour(random: Random): Partial<ServiceBehaviour> {
  const backend = between(random, 0, 2); // 0: offers; 1: assigns with request ids (GHES); 2: assigns, request id 0
  return {
    needsAcquire: backend === 0,
    zeroRequestIds: backend === 2,
    statisticsAt: random.next() < 0.5 ? "creation" : "delivery",
    lastMessageId: random.next() < 0.2 ? 2 ** 31 - between(random, 1, 50) : 0,
  };
}
