/** Labels and annotations of the objects that the controller makes: which come from where, and who wins. Pure. */
import { type ConfigUrl, parseConfigUrl } from "../lib/config_url.ts";
import type { AutoscalingRunnerSet, ResourceMeta } from "./kinds.ts";
import { type COMPONENTS, LABELS, labelValue, PART_OF } from "./names.ts";

export type Component = (typeof COMPONENTS)[keyof typeof COMPONENTS];
export type Labels = Record<string, string>;

/**
 * Labels of what is made for a scale set: those of the AutoscalingRunnerSet, overwritten by the fixed ones. Keys that
 * begin with one of `excludedPrefixes` are left out, the fixed ones too: never select by a label that can go so.
 *
 * @throws ConfigUrlError when spec.githubConfigUrl is none
 */
export function propagatedLabels(
  set: AutoscalingRunnerSet,
  excludedPrefixes: readonly string[],
  component: Component,
): Labels {
  const { name = "", namespace = "", labels: own = {} } = set.metadata ?? {};
  const version = own[LABELS.version];
  return withoutPrefixes({
    ...own,
    [LABELS.partOf]: PART_OF,
    [LABELS.component]: component,
    ...(version !== undefined && { [LABELS.version]: version }),
    ...scaleSetLabels({ name, namespace }),
    ...urlLabels(set.spec?.githubConfigUrl ?? ""),
  }, excludedPrefixes);
}

/** Labels that say which scale set an object is for: all that a secret with proxy settings has. */
export function scaleSetLabels(set: { readonly name: string; readonly namespace: string }): Labels {
  return {
    [LABELS.scaleSetName]: labelValue(set.name),
    [LABELS.scaleSetNamespace]: labelValue(set.namespace),
  };
}

/** Further labels of a listener's role and role binding, which live in another namespace than their listener. */
export function listenerLabels(listener: { readonly name: string; readonly namespace: string }): Labels {
  return {
    [LABELS.listenerName]: labelValue(listener.name),
    [LABELS.listenerNamespace]: labelValue(listener.namespace),
  };
}

/**
 * Labels that say where runners register: enterprise, or organization, or organization and repository.
 * @throws ConfigUrlError when the text is no config URL
 */
export function urlLabels(githubConfigUrl: string | ConfigUrl): Labels {
  const url = typeof githubConfigUrl === "string" ? parseConfigUrl(githubConfigUrl) : githubConfigUrl;
  const labels: Labels = {};
  if (url.enterprise !== undefined) labels[LABELS.enterprise] = labelValue(url.enterprise);
  if (url.organization !== undefined) labels[LABELS.organization] = labelValue(url.organization);
  if (url.repository !== undefined) labels[LABELS.repository] = labelValue(url.repository);
  return labels;
}

/** The labels of a parent for a child of another component. A component label that was excluded stays away. */
export function withComponent(labels: Readonly<Labels> | undefined, component: Component): Labels {
  return labels?.[LABELS.component] === undefined ? { ...labels } : { ...labels, [LABELS.component]: component };
}

/** What a user wants on an object comes first and loses against what is fixed. Empty maps are left out. */
export function withMeta(meta: ResourceMeta | undefined, fixed: ResourceMeta = {}): ResourceMeta {
  const labels = { ...meta?.labels, ...fixed.labels };
  const annotations = { ...meta?.annotations, ...fixed.annotations };
  return {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

function withoutPrefixes(labels: Labels, prefixes: readonly string[]): Labels {
  const excluded = prefixes.filter((prefix) => prefix !== "");
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => !excluded.some((prefix) => key.startsWith(prefix))),
  );
}
