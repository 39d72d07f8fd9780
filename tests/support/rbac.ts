/** The rights that the charts give: no test of the shipped program runs it with more. */

/** One rule of a role. */
export interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
}

const GITHUB = "actions.github.com";
const RBAC = "rbac.authorization.k8s.io";
const ALL = "create delete get list patch update watch";

function rules(group: string, table: Readonly<Record<string, string>>): Rule[] {
  return Object.entries(table).map(([resource, verbs]) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: verbs.split(" "),
  }));
}

/** What the controller may do everywhere. */
export const CLUSTER_RULES: readonly Rule[] = [
  ...["autoscalingrunnersets", "autoscalinglisteners", "ephemeralrunnersets", "ephemeralrunners"].flatMap((plural) =>
    rules(GITHUB, {
      [plural]: ALL,
      [`${plural}/status`]: "get patch update",
      [`${plural}/finalizers`]: "patch update",
    })
  ),
  ...rules("", { pods: "list watch", serviceaccounts: "list watch" }),
  ...rules(RBAC, { rolebindings: "list watch", roles: "list watch patch" }),
];

/** What it may do in its own namespace, for the listeners. */
export const LISTENER_RULES: readonly Rule[] = rules("", {
  pods: "create delete get",
  "pods/status": "get",
  secrets: "create delete get patch update",
  serviceaccounts: "create delete get patch update",
});

/** With more than one replica. */
export const LEADER_RULES: readonly Rule[] = [
  ...rules("coordination.k8s.io", { leases: "get watch list delete update create" }),
  ...rules("", { events: "create patch" }),
];

/** What the chart of a scale set gives the controller in the scale set's namespace. */
export const SCALE_SET_RULES: readonly Rule[] = [
  ...rules("", {
    pods: "create delete get",
    "pods/status": "get",
    secrets: "create delete get list patch update",
    serviceaccounts: "create delete get list patch update",
  }),
  ...rules(RBAC, {
    rolebindings: "create delete get patch update",
    roles: "create delete get patch update",
  }),
];

/** What `rbac.extra` of the controller's chart adds in its own namespace. */
export const OWN_EXTRA_RULES: readonly Rule[] = rules("", { pods: "patch", events: "create patch" });

/** What `rbac.extra` of a scale set's chart adds in its namespace. */
export const EXTRA_RULES: readonly Rule[] = [
  ...rules("", { pods: "patch", events: "create patch" }),
  ...rules("policy", { poddisruptionbudgets: "create delete get patch" }),
];

/** An object and the path of the collection that it is created in. */
export interface Creatable {
  readonly path: string;
  readonly object: Record<string, unknown>;
}

interface Account {
  readonly namespace: string;
  readonly name: string;
}

/** The controller's account, with its rights. */
export function controllerRights(account: Account): Creatable[] {
  const { namespace, name } = account;
  return [
    { path: `/api/v1/namespaces/${namespace}/serviceaccounts`, object: { metadata: { name, namespace } } },
    { path: `/apis/${RBAC}/v1/clusterroles`, object: { metadata: { name }, rules: CLUSTER_RULES } },
    { path: `/apis/${RBAC}/v1/clusterrolebindings`, object: binding("ClusterRole", name, account) },
    ...granted(namespace, `${name}-listener`, LISTENER_RULES, account),
    ...granted(namespace, `${name}-leader-election`, LEADER_RULES, account),
  ];
}

/** What lets the controller serve scale sets in `namespace`. Each scale set of a chart brings its own, by its own name. */
export function scaleSetRights(namespace: string, account: Account, name = "scale-set-manager"): Creatable[] {
  return granted(namespace, name, SCALE_SET_RULES, account);
}

/** The rights beyond the original's. */
export function extraRights(namespace: string, account: Account, name: string): Creatable[] {
  return granted(namespace, name, EXTRA_RULES, account);
}

function granted(namespace: string, name: string, allowed: readonly Rule[], account: Account): Creatable[] {
  const collection = `/apis/${RBAC}/v1/namespaces/${namespace}`;
  return [
    { path: `${collection}/roles`, object: { metadata: { name, namespace }, rules: allowed } },
    { path: `${collection}/rolebindings`, object: binding("Role", name, account) },
  ];
}

function binding(kind: string, name: string, account: Account): Record<string, unknown> {
  return {
    metadata: { name },
    roleRef: { apiGroup: RBAC, kind, name },
    subjects: [{ kind: "ServiceAccount", name: account.name, namespace: account.namespace }],
  };
}
