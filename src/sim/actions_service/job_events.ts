import type { Job, JobEventBody } from "./model.ts";

/** How a time that was never set travels. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

/** An event of a job, as the service writes it into a message. */
export function jobEvent(type: JobEventBody["messageType"], job: Job, result?: string): JobEventBody {
  return {
    messageType: type,
    ...(type === "JobAvailable" ? { acquireJobUrl: `https://service.invalid/acquire/${job.requestId}` } : {}),
    ...(type === "JobCompleted" ? { result } : {}),
    ...(type === "JobStarted" || type === "JobCompleted"
      ? { runnerId: job.agent?.id ?? 0, runnerName: job.agent?.name ?? "" }
      : {}),
    runnerRequestId: job.requestId,
    repositoryName: job.repository,
    ownerName: job.owner,
    jobId: job.id,
    jobWorkflowRef: `${job.owner}/${job.repository}/.github/workflows/ci.yml@refs/heads/main`,
    jobDisplayName: job.displayName,
    workflowRunId: job.workflowRunId,
    eventName: "push",
    requestLabels: job.labels,
    queueTime: timeText(job.queuedAt),
    scaleSetAssignTime: timeText(job.assignedAt),
    runnerAssignTime: timeText(job.startedAt),
    finishTime: timeText(job.finishedAt),
  };
}

function timeText(at: number | undefined): string {
  return at === undefined ? ZERO_TIME : new Date(at).toISOString();
}
