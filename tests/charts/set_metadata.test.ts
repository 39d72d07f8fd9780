/** The scale set's chart: labels and annotations, whose they are and which win. */
import { CHART_VERSION, chartTable, sayWhenThereIsNoHelm, SET_CHART, SET_VALUES } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const LABELS = {
  "helm.sh/chart": `gha-rs-${CHART_VERSION}`,
  "app.kubernetes.io/name": "linux",
  "app.kubernetes.io/instance": "linux",
  "app.kubernetes.io/version": CHART_VERSION,
  "app.kubernetes.io/managed-by": "Helm",
  "app.kubernetes.io/part-of": "gha-rs",
  "actions.github.com/scale-set-name": "linux",
  "actions.github.com/scale-set-namespace": "arc-runners",
};
const component = (name: string) => ({ ...LABELS, "app.kubernetes.io/component": name });
const OF_SET = component("autoscaling-runner-set");
const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });
const KUBERNETES = { containerMode: { type: "kubernetes" } };

/** Keys that only the chart sets, as a user might try. */
const RESERVED = Object.fromEntries([...Object.keys(OF_SET), "actions.github.com/mine"].map((key) => [key, "mine"]));

/** Every object's file by its key under resourceMeta. */
const OBJECTS = {
  githubConfigSecret: "githubsecret",
  managerRole: "manager_role",
  managerRoleBinding: "manager_role_binding",
  kubernetesModeRole: "kube_mode_role",
  kubernetesModeRoleBinding: "kube_mode_role_binding",
  kubernetesModeServiceAccount: "kube_mode_serviceaccount",
};
const BASE: Readonly<Record<string, Record<string, string>>> = {
  manager_role: component("manager-role"),
  manager_role_binding: component("manager-role-binding"),
};
const baseOf = (file: string) => BASE[file] ?? LABELS;

chartTable("labels of a scale set", SET_CHART, {
  "the chart's own": {
    values: values(KUBERNETES),
    facts: {
      "autoscalingrunnerset#metadata.labels": OF_SET,
      ...Object.fromEntries(Object.values(OBJECTS).map((file) => [`${file}#metadata.labels`, baseOf(file)])),
    },
  },
  "of the account without rights": {
    values: SET_VALUES,
    facts: { "no_permission_serviceaccount#metadata.labels": LABELS },
  },
  "everybody's, quoted": {
    values: values({ ...KUBERNETES, labels: { team: "a b", n: 5, yes: true } }),
    facts: Object.fromEntries(
      ["autoscalingrunnerset", ...Object.values(OBJECTS)].map((file) => [
        `${file}#metadata.labels`,
        { ...(file === "autoscalingrunnerset" ? OF_SET : baseOf(file)), team: "a b", n: "5", yes: "true" },
      ]),
    ),
  },
  "everybody's never replace the chart's": {
    values: values({ ...KUBERNETES, labels: { ...RESERVED, team: "core" } }),
    facts: {
      "autoscalingrunnerset#metadata.labels": { ...OF_SET, team: "core" },
      ...Object.fromEntries(
        Object.values(OBJECTS).map((file) => [`${file}#metadata.labels`, { ...baseOf(file), team: "core" }]),
      ),
    },
  },
  "of one object win over everybody's": {
    values: values({
      ...KUBERNETES,
      labels: { team: "core", tier: "1" },
      resourceMeta: {
        autoscalingRunnerSet: { labels: { team: "set" } },
        ...Object.fromEntries(Object.keys(OBJECTS).map((key) => [key, { labels: { team: key } }])),
      },
    }),
    facts: {
      "autoscalingrunnerset#metadata.labels": { ...OF_SET, team: "set", tier: "1" },
      ...Object.fromEntries(
        Object.entries(OBJECTS).map(([key, file]) => [
          `${file}#metadata.labels`,
          { ...baseOf(file), team: key, tier: "1" },
        ]),
      ),
    },
  },
  "of one object, reserved ones": {
    values: values({
      resourceMeta: { autoscalingRunnerSet: { labels: RESERVED }, noPermissionServiceAccount: { labels: RESERVED } },
    }),
    facts: {
      "autoscalingrunnerset#metadata.labels": OF_SET,
      "no_permission_serviceaccount#metadata.labels": {
        ...RESERVED,
        ...LABELS,
      },
    },
  },
});

const CLEANUP = {
  "actions.github.com/cleanup-github-secret-name": "linux-gha-rs-github-secret",
  "actions.github.com/cleanup-manager-role-binding": "linux-gha-rs-manager",
  "actions.github.com/cleanup-manager-role-name": "linux-gha-rs-manager",
  "actions.github.com/cleanup-no-permission-service-account-name": "linux-gha-rs-no-permission",
};
const SET_ANNOTATION = (key: string) => `autoscalingrunnerset#metadata.annotations[${key}]`;

chartTable("annotations of a scale set", SET_CHART, {
  "none but the chart's": {
    values: SET_VALUES,
    facts: {
      ...Object.fromEntries(Object.entries(CLEANUP).map(([key, value]) => [SET_ANNOTATION(key), value])),
      "githubsecret#metadata.annotations": undefined,
      "manager_role#metadata.annotations": undefined,
    },
  },
  "everybody's, and of one object": {
    values: values({
      ...KUBERNETES,
      annotations: { a: "all", b: 1 },
      resourceMeta: {
        autoscalingRunnerSet: { annotations: { a: "set" } },
        ...Object.fromEntries(Object.keys(OBJECTS).map((key) => [key, { annotations: { a: key } }])),
      },
    }),
    facts: {
      [SET_ANNOTATION("a")]: "set",
      [SET_ANNOTATION("b")]: "1",
      ...Object.fromEntries(
        Object.entries(OBJECTS).map(([key, file]) => [`${file}#metadata.annotations`, { a: key, b: "1" }]),
      ),
    },
  },
  "what the controller believes can't be set": {
    values: values({
      annotations: { "actions.github.com/cleanup-manager-role-name": "mine", "actions.github.com/vault": "kept" },
      resourceMeta: {
        autoscalingRunnerSet: {
          annotations: { "actions.github.com/values-hash": "mine", "actions.github.com/cleanup-other": "mine" },
        },
      },
    }),
    facts: {
      [SET_ANNOTATION("actions.github.com/cleanup-manager-role-name")]: "linux-gha-rs-manager",
      [SET_ANNOTATION("actions.github.com/cleanup-other")]: undefined,
      [SET_ANNOTATION("actions.github.com/vault")]: "kept",
      "githubsecret#metadata.annotations": {
        "actions.github.com/cleanup-manager-role-name": "mine",
        "actions.github.com/vault": "kept",
      },
    },
  },
  "of the account in old values files": {
    values: values({
      containerMode: { type: "kubernetes", kubernetesModeServiceAccount: { annotations: { a: 1, b: 2 } } },
      resourceMeta: { kubernetesModeServiceAccount: { annotations: { b: "new" } } },
    }),
    facts: { "kube_mode_serviceaccount#metadata.annotations": { a: "1", b: "new" } },
  },
});

const FIELDS = {
  autoscalingListener: "autoscalingListener",
  listenerServiceAccount: "listenerServiceAccountMetadata",
  listenerRole: "listenerRoleMetadata",
  listenerRoleBinding: "listenerRoleBindingMetadata",
  listenerConfigSecret: "listenerConfigSecretMetadata",
  ephemeralRunnerSet: "ephemeralRunnerSetMetadata",
  ephemeralRunner: "ephemeralRunnerMetadata",
  ephemeralRunnerConfigSecret: "ephemeralRunnerConfigSecretMetadata",
};

chartTable("metadata of what the controller makes", SET_CHART, {
  "all of it": {
    values: values({
      resourceMeta: Object.fromEntries(
        Object.keys(FIELDS).map((key) => [key, { labels: { of: key, n: 1 }, annotations: { for: key } }]),
      ),
    }),
    facts: Object.fromEntries(
      Object.entries(FIELDS).map(([key, field]) => [
        `autoscalingrunnerset#spec.${field}`,
        { labels: { of: key, n: "1" }, annotations: { for: key } },
      ]),
    ),
  },
  "labels alone, and nothing": {
    values: values({
      resourceMeta: { autoscalingListener: { labels: { a: "b" } }, listenerRole: { labels: {}, annotations: {} } },
    }),
    facts: {
      "autoscalingrunnerset#spec.autoscalingListener": { labels: { a: "b" } },
      "autoscalingrunnerset#spec.listenerRoleMetadata": undefined,
      "autoscalingrunnerset#spec.ephemeralRunnerMetadata": undefined,
    },
  },
});
