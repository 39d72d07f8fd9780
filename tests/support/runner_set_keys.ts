/**
 * Labels and annotations of EphemeralRunnerSets: ARC compares the whole maps with what it would write, and stands still
 * for ever when one has a key more. So the program under test may put there what ARC puts there, and nothing else.
 */
import { AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS } from "../../src/api/kinds.ts";
import type { AutoscalingRunnerSet } from "../../src/api/kinds.ts";
import type { KubeObject } from "../../src/k8s/resource.ts";
import type { AuditLog } from "./audit.ts";
import { CONTROLLER } from "./cluster_objects.ts";

const LABELS = [
  ...["part-of", "component", "version"].map((name) => `app.kubernetes.io/${name}`),
  ...["scale-set-name", "scale-set-namespace", "enterprise", "organization", "repository"]
    .map((name) => `actions.github.com/${name}`),
];
const ANNOTATIONS = ["actions.github.com/runner-group-name", "actions.github.com/runner-scale-set-name"];

/** What runner sets have ever had, by the writes of the program under test, that neither ARC nor a user has put there. */
export function strangeKeysOfRunnerSets(audit: AuditLog): string[] {
  const allowed = new Set([
    ...LABELS,
    ...ANNOTATIONS,
    ...audit.written(AUTOSCALING_RUNNER_SETS.plural).flatMap(({ object }) => given(object)),
  ]);
  /** Keys that others have put on a runner set, by its UID: the hashes of ARC. */
  const others = new Map<string, Set<string>>();
  const found = new Set<string>();
  for (const { user, object } of audit.written(EPHEMERAL_RUNNER_SETS.plural)) {
    const { uid = "", name = "" } = object.metadata ?? {};
    const isOurs = user.startsWith(`system:serviceaccount:${CONTROLLER.namespace}:`);
    const known = others.get(uid) ?? new Set();
    for (const key of keysOf(object)) {
      if (!isOurs) known.add(key);
      else if (!allowed.has(key) && !known.has(key)) found.add(`${name} has ${key}`);
    }
    others.set(uid, known);
  }
  return [...found];
}

/** The keys that a scale set gives to its runner set: its labels, and what the user wants there. */
function given(object: KubeObject): string[] {
  const { metadata, spec } = object as AutoscalingRunnerSet;
  return [...Object.keys(metadata?.labels ?? {}), ...keysOf({ metadata: spec?.ephemeralRunnerSetMetadata ?? {} })];
}

function keysOf({ metadata }: { readonly metadata?: KubeObject["metadata"] }): string[] {
  return [...Object.keys(metadata?.labels ?? {}), ...Object.keys(metadata?.annotations ?? {})];
}
