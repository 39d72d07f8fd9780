/** Gauges of what the controllers look after, under the names that dashboards use. */
import type { AutoscalingListener, EphemeralRunner, EphemeralRunnerSet } from "../../api/kinds.ts";
import { LABELS } from "../../api/names.ts";
import { type Handles, type LabelsOf, type Metrics, metricTable } from "../../lib/metrics.ts";
import type { KubeObject } from "../../k8s/resource.ts";
import type { Component } from "../../runtime/manager.ts";
import type { SetStores } from "./stores_set.ts";

const OF_A_SET = ["name", "namespace", "repository", "organization", "enterprise"] as const;

const TABLE = metricTable({
  pending: {
    name: "gha_controller_pending_ephemeral_runners",
    help: "Runners of a scale set that are not online yet.",
    type: "gauge",
    labels: OF_A_SET,
  },
  running: {
    name: "gha_controller_running_ephemeral_runners",
    help: "Runners of a scale set that are online, idle or with a job.",
    type: "gauge",
    labels: OF_A_SET,
  },
  failed: {
    name: "gha_controller_failed_ephemeral_runners",
    help: "Runners of a scale set that have failed.",
    type: "gauge",
    labels: OF_A_SET,
  },
  ends: {
    name: "gha_controller_ephemeral_runners_ended_total",
    help: "Runners of a scale set that ended otherwise than well: lost, failed or outdated, and why.",
    type: "counter",
    labels: [...OF_A_SET, "outcome", "reason"],
  },
  listeners: {
    name: "gha_controller_running_listeners",
    help: "1 when the listener of a scale set is at work, else 0.",
    type: "gauge",
    labels: OF_A_SET,
  },
});

type SetLabels = LabelsOf<typeof TABLE.pending>;
type EndLabels = LabelsOf<typeof TABLE.ends>;

/** What the events of a runner's end say. */
const OUTCOMES: Readonly<Record<string, string>> = {
  RunnerLost: "lost",
  RunnerFailed: "failed",
  RunnerOutdated: "outdated",
};

/** Keeps the gauges as the stores are; a sample goes with its set or listener. */
export class ControllerMetrics {
  readonly #handles: Handles<typeof TABLE>;
  readonly #stores: SetStores;
  /** Samples that are there, to be taken away with their set. */
  readonly #ends = new Map<string, EndLabels>();
  readonly #isAtWork: (listener: AutoscalingListener) => boolean;

  constructor(metrics: Metrics, stores: SetStores, isAtWork: (listener: AutoscalingListener) => boolean) {
    this.#handles = metrics.declare(TABLE);
    this.#stores = stores;
    this.#isAtWork = isAtWork;
  }

  /** A runner has ended otherwise than well. @param event the reason of the event that says so */
  ended(runner: EphemeralRunner, event: string, reason: string): void {
    const outcome = OUTCOMES[event];
    if (outcome === undefined) return;
    const labels = { ...labelsOfSet(runner), outcome, reason };
    this.#handles.ends.inc(labels);
    this.#ends.set(JSON.stringify(labels), labels);
  }

  /** Follows the stores from its start to its stop. */
  component(): Component {
    let ends: (() => void)[] = [];
    return {
      name: "gauges",
      start: () => {
        ends = this.#follow();
        return Promise.resolve();
      },
      stop: () => Promise.resolve(ends.forEach((end) => end())),
    };
  }

  #follow(): (() => void)[] {
    const { ephemeralRunnerSets, autoscalingListeners, ownPods } = this.#stores;
    for (const set of ephemeralRunnerSets.all()) this.#show(set);
    for (const listener of autoscalingListeners.all()) this.#showListener(listener);
    return [
      ephemeralRunnerSets.subscribe(({ before, after }) => {
        if (after) this.#show(after);
        else if (before) this.#hide(before);
      }),
      autoscalingListeners.subscribe(({ before, after }) => {
        if (after) this.#showListener(after);
        else if (before) this.#handles.listeners.remove(labelsOfListener(before));
      }),
      ownPods.subscribe(({ before, after }) => {
        const { namespace = "", name = "" } = (after ?? before)?.metadata ?? {};
        const listener = autoscalingListeners.get(namespace, name);
        if (listener) this.#showListener(listener);
      }),
    ];
  }

  #show(set: EphemeralRunnerSet): void {
    const labels = labelsOfSet(set);
    const { pendingEphemeralRunners = 0, runningEphemeralRunners = 0, failedEphemeralRunners = 0 } = set.status ?? {};
    this.#handles.pending.set(labels, pendingEphemeralRunners);
    this.#handles.running.set(labels, runningEphemeralRunners);
    this.#handles.failed.set(labels, failedEphemeralRunners);
  }

  #hide(set: EphemeralRunnerSet): void {
    const labels = labelsOfSet(set);
    for (const gauge of [this.#handles.pending, this.#handles.running, this.#handles.failed]) gauge.remove(labels);
    for (const [key, end] of this.#ends) {
      if (end.name !== labels.name || end.namespace !== labels.namespace) continue;
      this.#handles.ends.remove(end);
      this.#ends.delete(key);
    }
  }

  #showListener(listener: AutoscalingListener): void {
    this.#handles.listeners.set(labelsOfListener(listener), this.#isAtWork(listener) ? 1 : 0);
  }
}

/** Of a runner set, and of its runners, which have its labels. */
function labelsOfSet(object: KubeObject): SetLabels {
  const { labels = {} } = object.metadata ?? {};
  return labelsOf(object, labels[LABELS.scaleSetName] ?? "", labels[LABELS.scaleSetNamespace] ?? "");
}

function labelsOfListener(listener: AutoscalingListener): SetLabels {
  return labelsOf(listener, listener.metadata?.name ?? "", listener.metadata?.namespace ?? "");
}

function labelsOf(object: KubeObject, name: string, namespace: string): SetLabels {
  const { labels = {} } = object.metadata ?? {};
  return {
    name,
    namespace,
    repository: labels[LABELS.repository] ?? "",
    organization: labels[LABELS.organization] ?? "",
    enterprise: labels[LABELS.enterprise] ?? "",
  };
}
