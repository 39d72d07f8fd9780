/** The objects that a scale set consists of in the cluster. Pure. */
import {
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingListener,
  type AutoscalingListenerSpec,
  type AutoscalingRunnerSet,
  type AutoscalingRunnerSetSpec,
  type EphemeralRunnerSet,
  type EphemeralRunnerSpec,
  NO_LIMIT,
} from "../../api/kinds.ts";
import { propagatedLabels, urlLabels, withMeta } from "../../api/labels.ts";
import { ANNOTATIONS, COMPONENTS, listenerNameOf } from "../../api/names.ts";
import { controlledBy } from "../../k8s/resource.ts";
import type { GithubSource } from "../shared/services.ts";
import type { Settings } from "../shared/settings.ts";
import type { Limits } from "./limits.ts";
import type { ScaleSetFacts, WantedScaleSet } from "./scale_set_calls.ts";

/** Name and namespace of a scale set's object. */
export function placeOf(ars: AutoscalingRunnerSet): { name: string; namespace: string } {
  return { name: ars.metadata?.name ?? "", namespace: ars.metadata?.namespace ?? "" };
}

/** The id by which the service knows the scale set, as its object says; undefined when it says none that can be one. */
export function annotatedId({ metadata }: AutoscalingRunnerSet): number | undefined {
  const id = Number(metadata?.annotations?.[ANNOTATIONS.scaleSetId]);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** What the scale set is to be at the service. */
export function wantedScaleSet(ars: AutoscalingRunnerSet): WantedScaleSet {
  const { runnerScaleSetName, runnerGroup, runnerScaleSetLabels = [] } = ars.spec ?? {};
  const name = runnerScaleSetName || placeOf(ars).name;
  const labels = [...new Set([name, ...runnerScaleSetLabels])];
  return runnerGroup ? { name, group: runnerGroup, labels } : { name, labels };
}

/** Which GitHub the scale set is at. */
export function sourceOf(ars: AutoscalingRunnerSet): GithubSource {
  const { githubConfigUrl, githubConfigSecret, proxy, githubServerTLS, vaultConfig } = ars.spec ?? {};
  const { namespace } = placeOf(ars);
  return { namespace, githubConfigUrl, githubConfigSecret, proxy, githubServerTLS, vaultConfig };
}

/** Annotations of the scale set's object: what the service knows it by. */
export function factAnnotations(facts: ScaleSetFacts): Record<string, string> {
  return { [ANNOTATIONS.scaleSetId]: String(facts.id), ...nameAnnotations(facts) };
}

/** Annotations that children carry too. */
function nameAnnotations(facts: ScaleSetFacts): Record<string, string> {
  return { [ANNOTATIONS.runnerGroupName]: facts.group, [ANNOTATIONS.scaleSetName]: facts.name };
}

/** Labels that the scale set's own object gets. */
export function ownLabels(ars: AutoscalingRunnerSet): Record<string, string> {
  return urlLabels(ars.spec?.githubConfigUrl ?? "");
}

/** The EphemeralRunnerSet. It must never bear a label or annotation beyond these: the reference would not cope. */
export function runnerSetOf(ars: AutoscalingRunnerSet, facts: ScaleSetFacts, settings: Settings): EphemeralRunnerSet {
  const { ephemeralRunnerSetMetadata, ephemeralRunnerMetadata, runnerPolicy } = ars.spec ?? {};
  const meta = withMeta(ephemeralRunnerSetMetadata, {
    labels: propagatedLabels(ars, settings.excludedLabelPrefixes, COMPONENTS.runnerSet),
    annotations: nameAnnotations(facts),
  });
  return {
    metadata: { ...placeOf(ars), ...meta, ownerReferences: [controlledBy(AUTOSCALING_RUNNER_SETS, ars)] },
    spec: {
      patchID: 0,
      ephemeralRunnerSpec: runnerSpecOf(ars.spec ?? {}, facts),
      ...given({ ephemeralRunnerMetadata, runnerPolicy }),
    },
  };
}

function runnerSpecOf(spec: AutoscalingRunnerSetSpec, facts: ScaleSetFacts): EphemeralRunnerSpec {
  const { githubConfigUrl = "", githubConfigSecret = "", proxy, githubServerTLS, vaultConfig, template } = spec;
  return {
    githubConfigUrl,
    githubConfigSecret,
    runnerScaleSetId: facts.id,
    ...given({
      proxy,
      githubServerTLS,
      vaultConfig,
      ephemeralRunnerConfigSecretMetadata: spec.ephemeralRunnerConfigSecretMetadata,
      metadata: template?.metadata,
      spec: template?.spec,
    }),
  };
}

/** Name of the scale set's listener. */
export function listenerName(ars: AutoscalingRunnerSet): string {
  const { runnerGroup, githubConfigUrl } = ars.spec ?? {};
  return listenerNameOf({ ...placeOf(ars), runnerGroup, githubConfigUrl });
}

/** What the spec alone says of them. */
function ownLimits({ spec: { minRunners = 0, maxRunners = NO_LIMIT } = {} }: AutoscalingRunnerSet): RunnerLimits {
  return { minRunners, maxRunners };
}

type RunnerLimits = Pick<Limits, "minRunners" | "maxRunners">;

/** The AutoscalingListener. It is told the limits in force, whatever they come from. */
export function listenerOf(
  ars: AutoscalingRunnerSet,
  facts: ScaleSetFacts,
  settings: Settings,
  limits: RunnerLimits = ownLimits(ars),
): AutoscalingListener {
  const { autoscalingListener } = ars.spec ?? {};
  const labels = propagatedLabels(ars, settings.excludedLabelPrefixes, COMPONENTS.listener);
  return {
    metadata: {
      name: listenerName(ars),
      namespace: settings.namespace,
      ...withMeta(autoscalingListener, { labels }),
    },
    spec: listenerSpecOf(ars, facts, settings, limits),
  };
}

function listenerSpecOf(
  ars: AutoscalingRunnerSet,
  facts: ScaleSetFacts,
  settings: Settings,
  { minRunners, maxRunners }: RunnerLimits,
): AutoscalingListenerSpec {
  const spec = ars.spec ?? {};
  const { name, namespace } = placeOf(ars);
  const secrets = settings.imagePullSecrets;
  return {
    ...given({ githubConfigUrl: spec.githubConfigUrl, githubConfigSecret: spec.githubConfigSecret }),
    runnerScaleSetId: facts.id,
    autoscalingRunnerSetNamespace: namespace,
    autoscalingRunnerSetName: name,
    ephemeralRunnerSetName: name,
    // 0 is written as nothing at all, as the reference does.
    ...(maxRunners > 0 && { maxRunners }),
    ...(minRunners > 0 && { minRunners }),
    image: settings.image,
    ...(secrets.length > 0 && { imagePullSecrets: secrets.map((secret) => ({ name: secret })) }),
    ...given({
      proxy: spec.proxy,
      githubServerTLS: spec.githubServerTLS,
      vaultConfig: spec.vaultConfig,
      metrics: spec.listenerMetrics,
      template: spec.listenerTemplate,
      configSecretMetadata: spec.listenerConfigSecretMetadata,
      serviceAccountMetadata: spec.listenerServiceAccountMetadata,
      roleMetadata: spec.listenerRoleMetadata,
      roleBindingMetadata: spec.listenerRoleBindingMetadata,
    }),
  };
}

/** The fields that are there: JSON has no undefined, and comparing is easier without. */
function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
