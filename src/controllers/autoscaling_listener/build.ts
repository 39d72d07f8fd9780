/** What a listener pod needs around it. Pure. */
import {
  AUTOSCALING_LISTENERS,
  type AutoscalingListener,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
  GROUP,
} from "../../api/kinds.ts";
import { listenerLabels, scaleSetLabels, withMeta } from "../../api/labels.ts";
import { listenerConfigName, listenerProxyName } from "../../api/names.ts";
import { controlledBy, type Role, type RoleBinding, type Secret, type ServiceAccount } from "../../k8s/resource.ts";
import { proxySecretData } from "../shared/credentials.ts";
import type { GithubSource } from "../shared/services.ts";
import type { Settings } from "../shared/settings.ts";
import type { ResolvedSource } from "../shared/source_reader.ts";
import { configJson } from "./config_json.ts";

export const CONFIG_KEY = "config.json";

/** Name and namespace of the scale set that a listener is for. */
export function scaleSetPlace({ spec }: AutoscalingListener): { name: string; namespace: string } {
  return { name: spec?.autoscalingRunnerSetName ?? "", namespace: spec?.autoscalingRunnerSetNamespace ?? "" };
}

/** Which GitHub a listener asks: its secrets are in the scale set's namespace. */
export function sourceOf(listener: AutoscalingListener): GithubSource {
  const { githubConfigUrl, githubConfigSecret, proxy, githubServerTLS, vaultConfig } = listener.spec ?? {};
  const { namespace } = scaleSetPlace(listener);
  return { namespace, githubConfigUrl, githubConfigSecret, proxy, githubServerTLS, vaultConfig };
}

/** Whether anything is set that the listener's environment must carry. */
export function hasProxy({ spec }: AutoscalingListener): boolean {
  return spec?.proxy !== undefined;
}

function ownPlace({ metadata }: AutoscalingListener): { name: string; namespace: string } {
  return { name: metadata?.name ?? "", namespace: metadata?.namespace ?? "" };
}

export function serviceAccountOf(listener: AutoscalingListener): ServiceAccount {
  return {
    metadata: {
      ...ownPlace(listener),
      ...withMeta(listener.spec?.serviceAccountMetadata, { labels: listener.metadata?.labels }),
      ownerReferences: [controlledBy(AUTOSCALING_LISTENERS, listener)],
    },
  };
}

/** All that a listener may do: write the wanted count onto its own runner set, and jobs' facts onto runners. */
export function roleOf(listener: AutoscalingListener): Role {
  return {
    metadata: {
      name: ownPlace(listener).name,
      namespace: scaleSetPlace(listener).namespace,
      ...withMeta(listener.spec?.roleMetadata, { labels: labelsAbroad(listener) }),
    },
    rules: [
      {
        apiGroups: [GROUP],
        resources: [EPHEMERAL_RUNNER_SETS.plural],
        resourceNames: [listener.spec?.ephemeralRunnerSetName ?? ""],
        verbs: ["patch"],
      },
      {
        apiGroups: [GROUP],
        resources: [EPHEMERAL_RUNNERS.plural, `${EPHEMERAL_RUNNERS.plural}/status`],
        verbs: ["patch"],
      },
    ],
  };
}

export function roleBindingOf(listener: AutoscalingListener): RoleBinding {
  const { name, namespace } = ownPlace(listener);
  return {
    metadata: {
      name,
      namespace: scaleSetPlace(listener).namespace,
      ...withMeta(listener.spec?.roleBindingMetadata, { labels: labelsAbroad(listener) }),
    },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  };
}

/** An object in another namespace can't have the listener for an owner: labels say whose it is. */
function labelsAbroad(listener: AutoscalingListener): Record<string, string> {
  return { ...listener.metadata?.labels, ...listenerLabels(ownPlace(listener)) };
}

/** The secret with config.json. Labels do not propagate to it. */
export function configSecretOf(
  listener: AutoscalingListener,
  source: ResolvedSource,
  scaleSetName: string,
  settings: Settings,
): Secret {
  const { name, namespace } = ownPlace(listener);
  const text = configJson(listener, source, scaleSetName, settings);
  return {
    metadata: {
      name: listenerConfigName(name),
      namespace,
      ...withMeta(listener.spec?.configSecretMetadata),
      ownerReferences: [controlledBy(AUTOSCALING_LISTENERS, listener)],
    },
    data: { [CONFIG_KEY]: Buffer.from(text).toString("base64") },
  };
}

/** The secret that the environment of the listener takes its proxy from. */
export function proxySecretOf(listener: AutoscalingListener, source: ResolvedSource): Secret {
  const { name, namespace } = ownPlace(listener);
  return {
    metadata: {
      name: listenerProxyName(name),
      namespace,
      labels: scaleSetLabels(scaleSetPlace(listener)),
      ownerReferences: [controlledBy(AUTOSCALING_LISTENERS, listener)],
    },
    data: proxySecretData(source.proxy),
  };
}
