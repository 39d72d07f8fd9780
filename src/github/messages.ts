/** Messages of the queue, from wire to value. The service's text may bring anything: what is not known is left out. */
import * as z from "zod";
import { looseCount, looseText, statisticsSchema } from "./parse.ts";
import type { JobEvent, JobFacts, Message } from "./service.ts";

const JOB_MESSAGES = "RunnerScaleSetJobMessages";

/** The envelope of a message. */
export const envelopeSchema = z.looseObject({
  messageId: z.number().int(),
  messageType: looseText,
  body: looseText,
  statistics: statisticsSchema,
});

const time = looseText.transform(timeOf);

const jobSchema = z.looseObject({
  messageType: z.string(),
  runnerRequestId: looseCount,
  jobId: looseText,
  repositoryName: looseText,
  ownerName: looseText,
  jobWorkflowRef: looseText,
  jobDisplayName: looseText,
  workflowRunId: looseCount,
  eventName: looseText,
  requestLabels: z.array(z.string()).nullish(),
  queueTime: time,
  scaleSetAssignTime: time,
  runnerAssignTime: time,
  finishTime: time,
  acquireJobUrl: looseText,
  runnerId: looseCount,
  runnerName: looseText,
  result: looseText,
});
type WireJob = z.infer<typeof jobSchema>;

/** A message, and what of it was left out: for a log line, without values. */
export interface ReadMessage {
  readonly message: Message;
  readonly leftOut: readonly string[];
}

/** The message in an envelope. */
export function readMessage(envelope: z.infer<typeof envelopeSchema>): ReadMessage {
  const { messageId: id, messageType, body, statistics } = envelope;
  const base = { id, ...(statistics ? { statistics } : {}) };
  if (messageType !== JOB_MESSAGES) {
    return { message: { ...base, events: [] }, leftOut: [`a message of type ${shown(messageType)}`] };
  }
  const items = itemsOf(body);
  if (!items) return { message: { ...base, events: [] }, leftOut: ["a body that is no JSON array"] };
  const leftOut: string[] = [];
  const events: JobEvent[] = [];
  for (const item of items) {
    const event = eventOf(item);
    if (typeof event === "string") leftOut.push(event);
    else events.push(event);
  }
  return { message: { ...base, events }, leftOut };
}

function itemsOf(body: string): readonly unknown[] | undefined {
  if (body.trim() === "") return [];
  try {
    const value: unknown = JSON.parse(body);
    return Array.isArray(value) ? value : value === null ? [] : undefined;
  } catch {
    // Told to the caller as something left out: a message that can't be read must not come back for ever.
    return undefined;
  }
}

/** An event, or why the item is none. */
function eventOf(item: unknown): JobEvent | string {
  const result = jobSchema.safeParse(item);
  if (!result.success) {
    const field = result.error.issues[0]?.path.map(String).join(".") ?? "";
    return field === "" ? "an item that is no object" : `an item with an unreadable field ${field}`;
  }
  const job = result.data;
  switch (job.messageType) {
    case "JobAvailable":
      return { type: "available", acquireUrl: job.acquireJobUrl, ...factsOf(job) };
    case "JobAssigned":
      return { type: "assigned", ...factsOf(job) };
    case "JobStarted":
      return { type: "started", runnerId: job.runnerId, runnerName: job.runnerName, ...factsOf(job) };
    case "JobCompleted":
      return {
        type: "completed",
        runnerId: job.runnerId,
        runnerName: job.runnerName,
        result: job.result,
        ...factsOf(job),
      };
    default:
      return `an item of type ${shown(job.messageType)}`;
  }
}

function factsOf(job: WireJob): JobFacts {
  return {
    requestId: job.runnerRequestId,
    jobId: job.jobId,
    repositoryName: job.repositoryName,
    ownerName: job.ownerName,
    workflowRef: job.jobWorkflowRef,
    displayName: job.jobDisplayName,
    workflowRunId: job.workflowRunId,
    eventName: job.eventName,
    labels: job.requestLabels ?? [],
    ...(job.queueTime === undefined ? {} : { queuedAt: job.queueTime }),
    ...(job.scaleSetAssignTime === undefined ? {} : { scaleSetAssignedAt: job.scaleSetAssignTime }),
    ...(job.runnerAssignTime === undefined ? {} : { runnerAssignedAt: job.runnerAssignTime }),
    ...(job.finishTime === undefined ? {} : { finishedAt: job.finishTime }),
  };
}

/** Milliseconds since the epoch; undefined for a time that was never set (year 1) or is none. */
function timeOf(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) || at <= 0 ? undefined : at;
}

/** Text from outside, fit for a log line. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}
