/** The objects that are made for a set: its runners, and the secret with their proxy. Pure. */
import { EPHEMERAL_RUNNER_SETS, type EphemeralRunner, type EphemeralRunnerSet } from "../../api/kinds.ts";
import { scaleSetLabels, withComponent, withMeta } from "../../api/labels.ts";
import { ANNOTATIONS, busyBudgetName, COMPONENTS, FINALIZERS, LABELS, runnerProxyName } from "../../api/names.ts";
import { controlledBy, type PodDisruptionBudget, type Secret, type Stored } from "../../k8s/resource.ts";
import { REVISION_ANNOTATION } from "../shared/revision.ts";

/** A runner of the set. Both finalizers are there from the start: nothing is ever made outside that nobody cleans up. */
export function runnerOf(set: Stored<EphemeralRunnerSet>, name: string, revision: string): EphemeralRunner {
  const { ephemeralRunnerSpec, ephemeralRunnerMetadata, patchID = 0 } = set.spec ?? {};
  const { labels, annotations, namespace } = set.metadata;
  const meta = withMeta(ephemeralRunnerMetadata, {
    labels: withComponent(labels, COMPONENTS.runner),
    annotations: { ...annotations, [ANNOTATIONS.patchId]: String(patchID), [REVISION_ANNOTATION]: revision },
  });
  return {
    apiVersion: "actions.github.com/v1alpha1",
    kind: "EphemeralRunner",
    metadata: {
      name,
      namespace,
      ...meta,
      finalizers: [FINALIZERS.ephemeralRunner, FINALIZERS.runnerRegistration],
      ownerReferences: [controlledBy(EPHEMERAL_RUNNER_SETS, set)],
    },
    spec: {
      ...ephemeralRunnerSpec!,
      ...(ephemeralRunnerSpec?.proxy ? { proxySecretRef: proxyNameOf(set) } : {}),
    },
  };
}

/** Name of the secret with the proxy of the set's runners. */
export function proxyNameOf({ metadata }: Stored<EphemeralRunnerSet>): string {
  return runnerProxyName(metadata.name, metadata.namespace ?? "");
}

/** The secret with the proxy of the set's runners; `data` has the three keys, base64. */
export function proxySecretOf(set: Stored<EphemeralRunnerSet>, data: Readonly<Record<string, string>>): Secret {
  const { name, namespace = "", labels } = set.metadata;
  const own = scaleSetLabels({ name: labels?.[LABELS.scaleSetName] ?? name, namespace });
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: proxyNameOf(set),
      namespace,
      labels: own,
      ownerReferences: [controlledBy(EPHEMERAL_RUNNER_SETS, set)],
    },
    type: "Opaque",
    data: { ...data },
  };
}

/** More pods than there ever are. */
const ALL = 2147483647;

/**
 * The budget that keeps the set's runners with a job: their pods bear the label. It asks for more healthy pods than
 * there are; `maxUnavailable: 0` would say the same, but needs pods whose controller has a scale (Kubernetes'
 * documentation, "Specifying a Disruption Budget"). Pods that are not ready hold up no drain.
 */
export function busyBudgetOf(set: Stored<EphemeralRunnerSet>): PodDisruptionBudget {
  const { name, namespace, uid, labels } = set.metadata;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: {
      name: busyBudgetName(name),
      namespace,
      labels: withComponent(labels, COMPONENTS.runnerSet),
      ownerReferences: [controlledBy(EPHEMERAL_RUNNER_SETS, set)],
    },
    spec: {
      minAvailable: ALL,
      selector: { matchLabels: { [LABELS.busy]: uid } },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    },
  };
}
