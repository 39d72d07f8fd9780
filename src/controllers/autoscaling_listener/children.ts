/** What has to be made, changed or removed around a listener pod. Pure. */
import {
  type KubeObject,
  refOf,
  type Resource,
  ROLE_BINDINGS,
  ROLES,
  type Secret,
  SECRETS,
  SERVICE_ACCOUNTS,
  type Stored,
} from "../../k8s/resource.ts";
import { create, patch, remove, type Step } from "../../runtime/plan.ts";
import { compact, missingFrom, same } from "../shared/drift.ts";
import {
  CONFIG_KEY,
  configSecretOf,
  hasProxy,
  proxySecretOf,
  roleBindingOf,
  roleOf,
  serviceAccountOf,
} from "./build.ts";
import { type Children, type Observed, scaleSetNameOf } from "./observe.ts";

/** Steps that bring the children nearer to what they should be; they are independent of each other. */
export function childSteps(seen: Observed): Step[] {
  const { listener, scaleSet, children, source, settings } = seen;
  const role = roleOf(listener);
  const binding = roleBindingOf(listener);
  const steps = [
    kept(SERVICE_ACCOUNTS, children.serviceAccount, serviceAccountOf(listener), () => ({})),
    kept(ROLES, children.role, role, (there) => same(there.rules, role.rules) ? {} : { rules: role.rules }),
  ];
  // The API server lets nobody bind a role that is not there.
  if (children.role) {
    steps.push(kept(ROLE_BINDINGS, children.roleBinding, binding, (there) =>
      // The server adds fields to subjects; roleRef can't change, and never has to.
      sameSubjects(there.subjects, binding.subjects) ? {} : { subjects: binding.subjects }));
  }
  if (!source || !scaleSet) return steps.flat();
  const config = configSecretOf(listener, source, scaleSetNameOf(scaleSet), settings);
  steps.push(kept(SECRETS, children.configSecret, config, (there) => sameConfig(there, config) ? {} : dataOf(config)));
  const { proxySecret } = children;
  if (hasProxy(listener)) {
    const wanted = proxySecretOf(listener, source);
    steps.push(kept(SECRETS, proxySecret, wanted, (there) => same(there.data, wanted.data) ? {} : dataOf(wanted)));
  } else if (proxySecret) steps.push([remove(SECRETS, refOf(proxySecret))]);
  return steps.flat();
}

/** Steps that remove what is still there. */
export function removalSteps(children: Children): Step[] {
  const { configSecret, proxySecret, roleBinding, role, serviceAccount } = children;
  const gone = (kind: Resource, there: Stored<KubeObject> | undefined): Step[] =>
    there && there.metadata.deletionTimestamp === undefined ? [remove(kind, refOf(there))] : [];
  return [
    ...gone(SECRETS, configSecret),
    ...gone(SECRETS, proxySecret),
    ...gone(ROLE_BINDINGS, roleBinding),
    ...gone(ROLES, role),
    ...gone(SERVICE_ACCOUNTS, serviceAccount),
  ];
}

/** Makes the object, or changes what differs; labels and annotations that others added stay. */
function kept<T extends KubeObject>(
  kind: Resource<T>,
  there: Stored<T> | undefined,
  wanted: T,
  changes: (there: Stored<T>) => Record<string, unknown>,
): Step[] {
  if (!there) return [create(kind, wanted)];
  const body = compact({
    metadata: {
      labels: missingFrom(there.metadata.labels, wanted.metadata?.labels),
      annotations: missingFrom(there.metadata.annotations, wanted.metadata?.annotations),
    },
    ...changes(there),
  });
  return body ? [patch(kind, refOf(there), body)] : [];
}

function dataOf({ data }: Secret): Record<string, unknown> {
  return { data };
}

/** Whether config.json says the same: how it is written (escapes, order) is no reason to write it again. */
function sameConfig(there: Secret, wanted: Secret): boolean {
  return same(parsed(there.data?.[CONFIG_KEY]), parsed(wanted.data?.[CONFIG_KEY]));
}

function parsed(encoded: string | undefined): unknown {
  if (encoded === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(encoded, "base64").toString("utf8"));
  } catch {
    // Somebody has broken it: it differs from whatever is wanted.
    return undefined;
  }
}

type Subjects = readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[] | undefined;

function sameSubjects(there: Subjects, wanted: Subjects): boolean {
  const plain = (subjects: Subjects) => subjects?.map(({ kind, name, namespace }) => ({ kind, name, namespace }));
  return same(plain(there), plain(wanted));
}
