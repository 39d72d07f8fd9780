/** What events of jobs say: of which job, of when, and what they change. Pure. */
import type { JobEvent } from "../github/service.ts";

/** Jobs that the scale set has, and those of them that run. */
export interface Count {
  readonly assigned: number;
  readonly running: number;
}

/** What is so after these events. Below 0 where an end is told before its start, or was not in the figures: a start that comes late must find it so. */
export function countEvents(own: Count, events: readonly JobEvent[]): Count {
  let { assigned, running } = own;
  for (const event of events) {
    if (event.type === "assigned") assigned++;
    if (event.type === "started") running++;
    if (event.type === "completed") {
      assigned--;
      // A job that was cancelled while it waited never had a runner.
      if (event.runnerId !== 0 || event.runnerName !== "") running--;
    }
  }
  return { assigned: Math.max(assigned, running), running };
}

/** The jobs that can be asked for. */
export function offers(events: readonly JobEvent[]): readonly number[] {
  const ids = events.filter((event) => event.type === "available").map((event) => event.requestId);
  return [...new Set(ids.filter((id) => id !== 0))];
}

/** What makes an event the same as another one: messages have ids, but those can start again. */
export function keyOf(event: JobEvent): string {
  switch (event.type) {
    case "completed":
      return endOf(event);
    case "started":
      return startOf(event);
    default:
      return `${jobOf(event)} ${event.type}`;
  }
}

/** The key of the end of an event's job. */
export function endOf(event: JobEvent): string {
  return `${jobOf(event)} completed`;
}

/** The key of the start of a job on its runner. */
function startOf(event: JobEvent & { readonly runnerId: number }): string {
  return `${jobOf(event)} started ${event.runnerId}`;
}

/**
 * What events change that came in another order than they happened: the end of a job that was counted as assigned, and
 * not as running, is that of one that never ran, and its start, told then, changes nothing.
 * @param before whether the event of a key was told before these; @param now before them or with them
 */
export function inOrder(
  events: readonly JobEvent[],
  before: (key: string) => boolean,
  now: (key: string) => boolean,
): readonly JobEvent[] {
  return events.flatMap((event) => {
    const wasAssigned = now(`${jobOf(event)} assigned`);
    if (event.type === "started" && wasAssigned && before(endOf(event))) return [];
    if (event.type !== "completed" || !wasAssigned || now(startOf(event))) return [event];
    return [{ ...event, runnerId: 0, runnerName: "" }];
  });
}

function jobOf({ jobId, requestId }: JobEvent): string {
  return jobId || `#${requestId}`;
}

/** Whether the event says that it happened before a moment (wall clock, ms); not without a time, nor without a moment. */
export function isBefore(event: JobEvent, moment: number | undefined): boolean {
  const at = timeOf(event);
  if (moment === undefined || at === undefined) return false;
  return at + precisionOf(event) < moment;
}

/** What the times of an event may have lost, in milliseconds: some servers tell whole seconds. */
function precisionOf({ queuedAt, scaleSetAssignedAt, runnerAssignedAt, finishedAt }: JobEvent): number {
  const isWhole = (at: number | undefined) => at === undefined || at % 1000 === 0;
  return [queuedAt, scaleSetAssignedAt, runnerAssignedAt, finishedAt].every(isWhole) ? 1000 : 0;
}

/** When it happened (wall clock, ms), as far as it says. */
export function timeOf(event: JobEvent): number | undefined {
  switch (event.type) {
    case "available":
      return event.queuedAt;
    case "assigned":
      return event.scaleSetAssignedAt ?? event.queuedAt;
    case "started":
      return event.runnerAssignedAt;
    case "completed":
      return event.finishedAt;
  }
}
