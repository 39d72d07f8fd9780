/** Metrics of the machinery, under the names that controller-runtime has made common. */
import { type Handles, type Metrics, metricTable } from "../lib/metrics.ts";
import type { ControllerObserver, PassResult } from "./controller.ts";
import type { QueueObserver } from "./queue.ts";

const RESULTS = ["success", "requeue_after", "requeue", "error"] as const;

/** Seconds: 10 ns to 1000 s, each ten times the one before. */
const QUEUE_BUCKETS = Array.from({ length: 12 }, (_, power) => Number(`1e${power - 8}`));

const PASS_BUCKETS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
  ...[1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60],
];

const TABLE = metricTable({
  passes: {
    name: "controller_runtime_reconcile_total",
    help: "Passes over an object, by what they came to.",
    type: "counter",
    labels: ["controller", "result"],
  },
  decisions: {
    name: "gha_controller_decisions_total",
    help: "What was decided about objects, in one word: the same words as in the log.",
    type: "counter",
    labels: ["controller", "decision"],
  },
  errors: {
    name: "controller_runtime_reconcile_errors_total",
    help: "Passes that failed.",
    type: "counter",
    labels: ["controller"],
  },
  seconds: {
    name: "controller_runtime_reconcile_time_seconds",
    help: "How long a pass took.",
    type: "histogram",
    labels: ["controller"],
    buckets: PASS_BUCKETS,
  },
  active: {
    name: "controller_runtime_active_workers",
    help: "Objects worked on right now.",
    type: "gauge",
    labels: ["controller"],
  },
  concurrency: {
    name: "controller_runtime_max_concurrent_reconciles",
    help: "How many objects may be worked on at the same time.",
    type: "gauge",
    labels: ["controller"],
  },
  depth: {
    name: "workqueue_depth",
    help: "Objects that wait for nothing but a worker.",
    type: "gauge",
    labels: ["name", "controller"],
  },
  adds: {
    name: "workqueue_adds_total",
    help: "Objects added to the queue.",
    type: "counter",
    labels: ["name", "controller"],
  },
  waits: {
    name: "workqueue_queue_duration_seconds",
    help: "How long an object waited for a worker.",
    type: "histogram",
    labels: ["name", "controller"],
    buckets: QUEUE_BUCKETS,
  },
  works: {
    name: "workqueue_work_duration_seconds",
    help: "How long the work on an object took.",
    type: "histogram",
    labels: ["name", "controller"],
    buckets: QUEUE_BUCKETS,
  },
  retries: {
    name: "workqueue_retries_total",
    help: "Objects added again after a failure.",
    type: "counter",
    labels: ["name", "controller"],
  },
  requests: {
    name: "rest_client_requests_total",
    help: "Requests to the API server, by status code, method and host.",
    type: "counter",
    labels: ["code", "method", "host"],
  },
  leads: {
    name: "leader_election_master_status",
    help: "1 while this process leads, 0 while it stands by.",
    type: "gauge",
    labels: ["name"],
  },
});

/** Counts what controllers, queues and the Kubernetes client do. */
export class MachineryMetrics implements ControllerObserver {
  readonly #handles: Handles<typeof TABLE>;

  constructor(metrics: Metrics) {
    this.#handles = metrics.declare(TABLE);
  }

  /** Makes a controller's samples be there at zero, and gives what watches its queue. */
  controller(name: string, concurrency: number): QueueObserver {
    const handles = this.#handles;
    const labels = { name, controller: name };
    for (const result of RESULTS) handles.passes.zero({ controller: name, result });
    handles.errors.zero({ controller: name });
    handles.seconds.zero({ controller: name });
    handles.active.zero({ controller: name });
    handles.concurrency.set({ controller: name }, concurrency);
    for (const handle of [handles.depth, handles.adds, handles.waits, handles.works, handles.retries]) {
      handle.zero(labels);
    }
    return {
      added: () => handles.adds.inc(labels),
      retried: () => handles.retries.inc(labels),
      depth: (count) => handles.depth.set(labels, count),
      waited: (seconds) => handles.waits.observe(labels, seconds),
      worked: (seconds) => handles.works.observe(labels, seconds),
    };
  }

  decided(controller: string, why: string): void {
    this.#handles.decisions.inc({ controller, decision: why });
  }

  pass(controller: string, result: PassResult, seconds: number): void {
    this.#handles.passes.inc({ controller, result });
    if (result === "error") this.#handles.errors.inc({ controller });
    this.#handles.seconds.observe({ controller }, seconds);
  }

  working(controller: string, change: 1 | -1): void {
    this.#handles.active.inc({ controller }, change);
  }

  /** One request to the API server that was answered, or was not. */
  request(fact: { readonly code: string; readonly method: string; readonly host: string }): void {
    this.#handles.requests.inc({ code: fact.code, method: fact.method, host: fact.host });
  }

  /** Whether this process leads, by the name of the lease. */
  leads(lease: string, does: boolean): void {
    this.#handles.leads.set({ name: lease }, does ? 1 : 0);
  }
}
