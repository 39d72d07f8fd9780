/** The listener's metrics: names, labels and buckets that dashboards and alerts know. */
import type { MetricsConfig } from "../api/kinds.ts";
import type { JobEvent, Statistics } from "../github/service.ts";
import type { ConfigUrl } from "../lib/config_url.ts";
import type { Log } from "../lib/log.ts";
import type { Counter, Gauge, Histogram, Metrics, MetricSpec } from "../lib/metrics.ts";
import type { Limits } from "./scale.ts";
import { workflowName, workflowTarget } from "./workflow_ref.ts";

/** What a loop counts. */
export interface ListenerMetrics {
  statistics(statistics: Statistics): void;
  desired(runners: number): void;
  limits(limits: Limits): void;
  job(event: JobEvent): void;
  /** A long poll ended, with a message or without; wall-clock milliseconds. */
  polled(at: number): void;
  sessionOpened(): void;
  /** The scale set is listened to no more: its gauges go. */
  remove(): void;
}

/** Upper bounds of the durations' buckets, in seconds. */
export const DURATION_BUCKETS: readonly number[] = [
  ...[0.01, 0.05, 0.1, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100],
  ...[110, 120, 150, 180, 210, 240, 300, 360, 420, 480, 540, 600, 900, 1200, 1800, 2400, 3000, 3600],
];

const SET_LABELS = ["name", "namespace", "repository", "organization", "enterprise"] as const;
const STARTED_LABELS = ["enterprise", "organization", "repository", "job_name", "event_name"] as const;
const COMPLETED_LABELS = [...STARTED_LABELS, "job_result"] as const;
const JOB_LABELS = [...COMPLETED_LABELS, "job_workflow_ref", "job_workflow_name", "job_workflow_target"] as const;

const TABLE = {
  gha_assigned_jobs: ["gauge", "Jobs assigned to this scale set, running ones included."],
  gha_running_jobs: ["gauge", "Jobs of this scale set that run."],
  gha_registered_runners: ["gauge", "Runners registered with the scale set."],
  gha_busy_runners: ["gauge", "Registered runners that have a job."],
  gha_idle_runners: ["gauge", "Registered runners that have no job."],
  gha_min_runners: ["gauge", "The least number of idle runners that are kept."],
  gha_max_runners: ["gauge", "The largest number of runners."],
  gha_desired_runners: ["gauge", "Runners that the scale set wants."],
  gha_listener_last_poll_timestamp_seconds: ["gauge", "When the last poll for messages was completed."],
  gha_started_jobs_total: ["counter", "Jobs started."],
  gha_completed_jobs_total: ["counter", "Jobs completed."],
  gha_listener_sessions_total: ["counter", "Message sessions opened."],
  gha_job_startup_duration_seconds: ["histogram", "From a job's assignment to its start on a runner, in seconds."],
  gha_job_execution_duration_seconds: ["histogram", "From a job's start to its end, in seconds."],
} as const satisfies Record<string, readonly [MetricSpec["type"], help: string]>;

type Name = keyof typeof TABLE;

/** Labels that a metric has unless a configuration says otherwise, and those that it can have. */
function labelsOf(name: Name): { readonly standard: readonly string[]; readonly possible: readonly string[] } {
  switch (name) {
    case "gha_started_jobs_total":
    case "gha_job_startup_duration_seconds":
      return { standard: STARTED_LABELS, possible: JOB_LABELS };
    case "gha_completed_jobs_total":
    case "gha_job_execution_duration_seconds":
      return { standard: COMPLETED_LABELS, possible: JOB_LABELS };
    default:
      return { standard: SET_LABELS, possible: SET_LABELS };
  }
}

type Labels = Record<string, string>;
type Handle = Counter<Labels> & Gauge<Labels> & Histogram<Labels>;
interface Exported {
  readonly handle: Partial<Handle>;
  readonly labels: readonly string[];
}

/** The metrics of listeners, declared once; each scale set then counts by {@link ListenerMetricFamily.of}. */
export class ListenerMetricFamily {
  readonly #exported = new Map<Name, Exported>();

  /** @param config `listenerMetrics`: when given it lists exactly what is exported */
  constructor(metrics: Metrics, config: MetricsConfig | undefined, log: Log) {
    for (const [name, spec] of specsOf(config, log)) {
      const handles = metrics.declare({ metric: spec });
      this.#exported.set(name, { handle: handles.metric as Partial<Handle>, labels: spec.labels ?? [] });
    }
  }

  /** The metrics of one scale set. */
  of(set: { readonly name: string; readonly namespace: string; readonly configUrl: ConfigUrl }): ListenerMetrics {
    const { enterprise = "", organization = "", repository = "" } = set.configUrl;
    const own = { name: set.name, namespace: set.namespace, repository, organization, enterprise };
    const gauge = (name: Name, value: number) => this.#with(name, own, (metric, at) => metric.set?.(at, value));
    return {
      statistics(statistics) {
        gauge("gha_assigned_jobs", statistics.totalAssignedJobs);
        gauge("gha_running_jobs", statistics.totalRunningJobs);
        gauge("gha_registered_runners", statistics.totalRegisteredRunners);
        gauge("gha_busy_runners", statistics.totalBusyRunners);
        gauge("gha_idle_runners", statistics.totalIdleRunners);
      },
      desired: (runners) => gauge("gha_desired_runners", runners),
      limits(limits) {
        gauge("gha_min_runners", limits.minRunners);
        gauge("gha_max_runners", limits.maxRunners);
      },
      job: (event) => this.#job(event, enterprise),
      polled: (at) => gauge("gha_listener_last_poll_timestamp_seconds", at / 1000),
      sessionOpened: () => this.#with("gha_listener_sessions_total", own, (metric, at) => metric.inc?.(at)),
      remove: () => {
        for (const name of this.#exported.keys()) {
          if (labelsOf(name).possible === SET_LABELS) this.#with(name, own, (metric, at) => metric.remove?.(at));
        }
      },
    };
  }

  #job(event: JobEvent, enterprise: string): void {
    const assigned = event.runnerAssignedAt;
    const labels: Labels = {
      enterprise,
      organization: event.ownerName,
      repository: event.repositoryName,
      job_name: event.displayName,
      event_name: event.eventName,
      job_result: event.type === "completed" ? event.result : "",
      job_workflow_ref: event.workflowRef,
      job_workflow_name: workflowName(event.workflowRef),
      job_workflow_target: workflowTarget(event.workflowRef),
    };
    const observe = (name: Name, from: number, to: number) =>
      this.#with(name, labels, (metric, at) => metric.observe?.(at, wholeSeconds(from, to)));
    if (event.type === "started") {
      this.#with("gha_started_jobs_total", labels, (metric, at) => metric.inc?.(at));
      if (assigned !== undefined && event.scaleSetAssignedAt !== undefined) {
        observe("gha_job_startup_duration_seconds", event.scaleSetAssignedAt, assigned);
      }
    }
    // A job that no runner ever had is not counted as completed.
    if (event.type === "completed" && assigned !== undefined) {
      this.#with("gha_completed_jobs_total", labels, (metric, at) => metric.inc?.(at));
      if (event.finishedAt !== undefined) observe("gha_job_execution_duration_seconds", assigned, event.finishedAt);
    }
  }

  #with(name: Name, values: Labels, action: (metric: Partial<Handle>, labels: Labels) => void): void {
    const metric = this.#exported.get(name);
    if (!metric) return;
    action(metric.handle, Object.fromEntries(metric.labels.map((label) => [label, values[label] ?? ""])));
  }
}

/** The difference of two times in whole seconds, as the reference counts it. */
function wholeSeconds(from: number, to: number): number {
  return Math.max(0, Math.floor(to / 1000) - Math.floor(from / 1000));
}

const GROUPS = { counters: "counter", gauges: "gauge", histograms: "histogram" } as const;

/** What is exported: everything with its standard labels, or what a configuration lists. */
function specsOf(config: MetricsConfig | undefined, log: Log): [Name, MetricSpec][] {
  if (!config) {
    return (Object.keys(TABLE) as Name[]).map((name) => [name, specOf(name, labelsOf(name).standard, undefined)]);
  }
  return Object.entries(GROUPS).flatMap(([group, type]) =>
    Object.entries(config[group as keyof typeof GROUPS] ?? {}).flatMap(([name, chosen]): [Name, MetricSpec][] => {
      if (!isName(name) || TABLE[name][0] !== type) {
        log.error("listenerMetrics names a metric that there is not", { group, metric: name });
        return [];
      }
      const { possible } = labelsOf(name);
      const labels = [...new Set(chosen.labels ?? [])];
      const unknown = labels.filter((label) => !possible.includes(label));
      if (unknown.length > 0) log.error("listenerMetrics names labels that there are not", { metric: name, unknown });
      const buckets = "buckets" in chosen ? chosen.buckets as number[] | undefined : undefined;
      return [[name, specOf(name, labels.filter((label) => possible.includes(label)), buckets)]];
    })
  );
}

function specOf(name: Name, labels: readonly string[], buckets: readonly number[] | undefined): MetricSpec {
  const [type, help] = TABLE[name];
  if (type !== "histogram") return { name, help, type, labels };
  return { name, help, type, labels, buckets: buckets?.length ? buckets : DURATION_BUCKETS };
}

function isName(name: string): name is Name {
  return Object.hasOwn(TABLE, name);
}
