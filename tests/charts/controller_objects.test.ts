/** The controller's chart: which objects there are, how they are called and labelled, and the rights they give. */
import { CHART_VERSION, chartTable, CONTROLLER_CHART, sayWhenThereIsNoHelm } from "../support/charts.ts";
import { CLUSTER_RULES, LEADER_RULES, LISTENER_RULES, OWN_EXTRA_RULES } from "../support/rbac.ts";

sayWhenThereIsNoHelm();

const SELECTOR = {
  "app.kubernetes.io/name": "gha-rs-controller",
  "app.kubernetes.io/namespace": "arc-systems",
  "app.kubernetes.io/instance": "arc",
};
const LABELS = {
  ...SELECTOR,
  "helm.sh/chart": `gha-rs-controller-${CHART_VERSION}`,
  "app.kubernetes.io/version": CHART_VERSION,
  "app.kubernetes.io/part-of": "gha-rs-controller",
  "app.kubernetes.io/managed-by": "Helm",
};
const DEPLOYMENT_LABELS = {
  ...LABELS,
  "actions.github.com/controller-service-account-namespace": "arc-systems",
  "actions.github.com/controller-service-account-name": "arc-gha-rs-controller",
};
const SUBJECT = { kind: "ServiceAccount", name: "arc-gha-rs-controller", namespace: "arc-systems" };

const roleRef = (kind: string, name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });

chartTable("objects of the controller", CONTROLLER_CHART, {
  "by default": {
    facts: {
      "serviceaccount#metadata": { name: "arc-gha-rs-controller", namespace: "arc-systems", labels: LABELS },
      "deployment#metadata": { name: "arc-gha-rs-controller", namespace: "arc-systems", labels: DEPLOYMENT_LABELS },
      "deployment#spec.selector.matchLabels": SELECTOR,
      "deployment#spec.template.metadata.labels": {
        ...SELECTOR,
        "app.kubernetes.io/part-of": "gha-rs-controller",
        "app.kubernetes.io/component": "controller-manager",
        "app.kubernetes.io/version": CHART_VERSION,
      },
      "deployment#spec.template.metadata.annotations": { "kubectl.kubernetes.io/default-container": "manager" },
      "manager_cluster_role#metadata": { name: "arc-gha-rs-controller" },
      "manager_cluster_role_binding#metadata": { name: "arc-gha-rs-controller" },
      "manager_cluster_role_binding#roleRef": roleRef("ClusterRole", "arc-gha-rs-controller"),
      "manager_cluster_role_binding#subjects": [SUBJECT],
      "manager_listener_role#metadata": { name: "arc-gha-rs-controller-listener", namespace: "arc-systems" },
      "manager_listener_role_binding#roleRef": roleRef("Role", "arc-gha-rs-controller-listener"),
      "manager_listener_role_binding#subjects": [SUBJECT],
      leader_election_role: undefined,
      leader_election_role_binding: undefined,
      manager_single_namespace_controller_role: undefined,
      manager_single_namespace_controller_role_binding: undefined,
      manager_single_namespace_watch_role: undefined,
      manager_single_namespace_watch_role_binding: undefined,
      pdb: undefined,
      networkpolicy: undefined,
      networkpolicy_listener: undefined,
      service: undefined,
      servicemonitor: undefined,
      podmonitor: undefined,
      podmonitor_listener: undefined,
      crds: undefined,
    },
  },
  "a single namespace": {
    values: { flags: { watchSingleNamespace: "demo" } },
    facts: {
      manager_cluster_role: undefined,
      manager_cluster_role_binding: undefined,
      "manager_single_namespace_controller_role#metadata": {
        name: "arc-gha-rs-controller-single-namespace",
        namespace: "arc-systems",
      },
      "manager_single_namespace_controller_role_binding#roleRef": roleRef(
        "Role",
        "arc-gha-rs-controller-single-namespace",
      ),
      "manager_single_namespace_controller_role_binding#subjects": [SUBJECT],
      "manager_single_namespace_watch_role#metadata": {
        name: "arc-gha-rs-controller-single-namespace-watch",
        namespace: "demo",
      },
      "manager_single_namespace_watch_role_binding#metadata.namespace": "demo",
      "manager_single_namespace_watch_role_binding#subjects": [SUBJECT],
      "deployment#metadata.labels": {
        ...DEPLOYMENT_LABELS,
        "actions.github.com/controller-watch-single-namespace": "demo",
      },
    },
  },
  "two replicas elect a leader": {
    values: { replicaCount: 2 },
    facts: {
      "leader_election_role#metadata": { name: "arc-gha-rs-controller-leader-election", namespace: "arc-systems" },
      "leader_election_role#rules": LEADER_RULES,
      "leader_election_role_binding#roleRef": roleRef("Role", "arc-gha-rs-controller-leader-election"),
      "leader_election_role_binding#subjects": [SUBJECT],
    },
  },
  "namespaceOverride moves everything": {
    values: { namespaceOverride: "elsewhere", replicaCount: 2 },
    facts: {
      "deployment#metadata.namespace": "elsewhere",
      "deployment#metadata.labels[actions.github.com/controller-service-account-namespace]": "elsewhere",
      "serviceaccount#metadata.namespace": "elsewhere",
      "manager_listener_role#metadata.namespace": "elsewhere",
      "manager_listener_role_binding#metadata.namespace": "elsewhere",
      "manager_listener_role_binding#subjects.0.namespace": "elsewhere",
      "manager_cluster_role_binding#subjects.0.namespace": "elsewhere",
      "leader_election_role#metadata.namespace": "elsewhere",
      "leader_election_role_binding#metadata.namespace": "elsewhere",
      "leader_election_role_binding#subjects.0.namespace": "elsewhere",
      "manager_extra_role#metadata.namespace": "elsewhere",
    },
  },
  "namespaceOverride leaves the watched namespace alone": {
    values: { namespaceOverride: "elsewhere", flags: { watchSingleNamespace: "demo" } },
    facts: {
      "manager_single_namespace_controller_role#metadata.namespace": "elsewhere",
      "manager_single_namespace_controller_role_binding#metadata.namespace": "elsewhere",
      "manager_single_namespace_watch_role#metadata.namespace": "demo",
      "manager_single_namespace_watch_role_binding#metadata.namespace": "demo",
      "manager_single_namespace_watch_role_binding#subjects.0.namespace": "elsewhere",
    },
  },
  "a release whose name has the chart's in it": {
    release: "my-gha-rs-controller",
    facts: { "deployment#metadata.name": "my-gha-rs-controller" },
  },
  "nameOverride": {
    values: { nameOverride: "boss" },
    facts: {
      "deployment#metadata.name": "arc-boss",
      "deployment#spec.selector.matchLabels[app.kubernetes.io/name]": "boss",
      "deployment#metadata.labels[app.kubernetes.io/part-of]": "gha-rs-controller",
      "deployment#metadata.labels[helm.sh/chart]": `gha-rs-controller-${CHART_VERSION}`,
    },
  },
  "fullnameOverride": {
    values: { fullnameOverride: "boss" },
    facts: {
      "deployment#metadata.name": "boss",
      "serviceaccount#metadata.name": "boss",
      "manager_listener_role#metadata.name": "boss-listener",
    },
  },
  "names are cut to 63, then a dash goes": {
    values: { fullnameOverride: `${"x".repeat(62)}-more` },
    facts: { "deployment#metadata.name": "x".repeat(62) },
  },
  "names of digits are texts": {
    namespace: "123",
    values: { fullnameOverride: 77 },
    facts: { "deployment#metadata.name": "77", "deployment#metadata.namespace": "123" },
  },
  "an account with a name and annotations": {
    values: { serviceAccount: { name: "acc", annotations: { role: "arn:x", n: 1 } } },
    facts: {
      "serviceaccount#metadata.name": "acc",
      "serviceaccount#metadata.annotations": { role: "arn:x", n: "1" },
      "deployment#spec.template.spec.serviceAccountName": "acc",
      "deployment#metadata.labels[actions.github.com/controller-service-account-name]": "acc",
      "manager_cluster_role_binding#subjects.0.name": "acc",
    },
  },
  "an account that is there already": {
    values: { serviceAccount: { create: false, name: "acc" } },
    facts: { serviceaccount: undefined, "deployment#spec.template.spec.serviceAccountName": "acc" },
  },
  "labels": {
    values: { labels: { team: "a b@c", n: 5, "app.kubernetes.io/part-of": "mine" } },
    facts: {
      "deployment#metadata.labels": { ...DEPLOYMENT_LABELS, team: "a b@c", n: "5" },
      "serviceaccount#metadata.labels": { ...LABELS, team: "a b@c", n: "5" },
      "manager_listener_role#metadata.labels": undefined,
    },
  },
  "labels on roles too, when asked for": {
    values: { rbac: { commonLabels: true } },
    facts: { "manager_listener_role#metadata.labels": LABELS, "manager_cluster_role#metadata.labels": LABELS },
  },
});

const GITHUB = ["actions.github.com"];
const RBAC = "rbac.authorization.k8s.io";
const ALL = ["create", "delete", "get", "list", "patch", "update", "watch"];
const SEE = ["list", "watch"];
const rule = (group: string, resource: string, verbs: string[]) => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
const seen = (roles: string[]) => [
  rule("", "pods", SEE),
  rule("", "serviceaccounts", SEE),
  rule(RBAC, "rolebindings", SEE),
  rule(RBAC, "roles", roles),
];
const owned = (resource: string, ...parts: string[]) => [
  { apiGroups: GITHUB, resources: [resource], verbs: ALL },
  ...parts.map((part) => ({
    apiGroups: GITHUB,
    resources: [`${resource}/${part}`],
    verbs: part === "status" ? ["get", "patch", "update"] : ["patch", "update"],
  })),
];
const watched = (resource: string) => ({ apiGroups: GITHUB, resources: [resource], verbs: SEE });
const EVERYWHERE = [
  ...owned("autoscalingrunnersets", "finalizers", "status"),
  ...owned("autoscalinglisteners", "status", "finalizers"),
  ...owned("ephemeralrunnersets", "status", "finalizers"),
  ...owned("ephemeralrunners", "finalizers", "status"),
  ...seen([...SEE, "patch"]),
];

chartTable("rights of the controller", CONTROLLER_CHART, {
  "everywhere: 16 rules": {
    facts: {
      "manager_cluster_role#rules": EVERYWHERE,
      "manager_cluster_role#rules.length": 16,
      "manager_cluster_role#rules.*.resources.length": Array(16).fill(1),
    },
  },
  "for listeners: 4 rules in order": { facts: { "manager_listener_role#rules": LISTENER_RULES } },
  "in one namespace: 10 rules here, 14 there": {
    values: { flags: { watchSingleNamespace: "demo" } },
    facts: {
      "manager_single_namespace_controller_role#rules.length": 10,
      "manager_single_namespace_controller_role#rules": [
        watched("autoscalingrunnersets"),
        ...owned("autoscalinglisteners", "status", "finalizers"),
        watched("ephemeralrunnersets"),
        watched("ephemeralrunners"),
        ...seen(SEE),
      ],
      "manager_single_namespace_watch_role#rules.length": 14,
      "manager_single_namespace_watch_role#rules": [
        ...owned("autoscalingrunnersets", "finalizers", "status"),
        watched("autoscalinglisteners"),
        ...owned("ephemeralrunnersets", "status", "finalizers"),
        ...owned("ephemeralrunners", "finalizers", "status"),
        ...seen([...SEE, "patch"]),
      ],
    },
  },
  "beyond the original's": {
    facts: {
      "manager_extra_role#metadata": { name: "arc-gha-rs-controller-extra", namespace: "arc-systems" },
      "manager_extra_role#rules": OWN_EXTRA_RULES,
      "manager_extra_role_binding#subjects": [SUBJECT],
      "manager_extra_role_binding#roleRef": roleRef("Role", "arc-gha-rs-controller-extra"),
    },
  },
  "no more than the original's, when asked for": {
    values: { rbac: { extra: false } },
    facts: { manager_extra_role: undefined, manager_extra_role_binding: undefined, manager_listener_role: 1 },
  },
  "the cluster tests run with what the chart gives": {
    facts: { "manager_cluster_role#rules.length": CLUSTER_RULES.length },
  },
});
