/** The scale set's chart: which objects there are, how they are called, what rights they give. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chartTable,
  render,
  type RenderOptions,
  sayWhenThereIsNoHelm,
  SET_CHART,
  SET_VALUES,
  whyNoHelm,
} from "../support/charts.ts";
import { SCALE_SET_RULES } from "../support/rbac.ts";

sayWhenThereIsNoHelm();

const PROTECTED = ["actions.github.com/cleanup-protection"];
const CLEANUP = (name: string) => `autoscalingrunnerset#metadata.annotations[actions.github.com/cleanup-${name}]`;
const ACCOUNT = "autoscalingrunnerset#spec.template.spec.serviceAccountName";
const CONTROLLER = [{ kind: "ServiceAccount", name: "arc-gha-rs-controller", namespace: "arc-systems" }];
const b64 = (text: string) => Buffer.from(text).toString("base64");
const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });
const mode = (type: string, more: Record<string, unknown> = {}) => values({ containerMode: { type, ...more } });

/** The same facts for both modes in which jobs are pods. */
const kubeMode = (type: string) => ({
  values: mode(type),
  facts: {
    no_permission_serviceaccount: undefined,
    "kube_mode_serviceaccount#metadata.name": "linux-gha-rs-kube-mode",
    "kube_mode_serviceaccount#metadata.finalizers": PROTECTED,
    "kube_mode_serviceaccount#metadata.annotations": undefined,
    "kube_mode_role#metadata.name": "linux-gha-rs-kube-mode",
    "kube_mode_role#metadata.finalizers": PROTECTED,
    "kube_mode_role_binding#metadata.finalizers": PROTECTED,
    "kube_mode_role_binding#roleRef": {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "Role",
      name: "linux-gha-rs-kube-mode",
    },
    "kube_mode_role_binding#subjects": [
      { kind: "ServiceAccount", name: "linux-gha-rs-kube-mode", namespace: "arc-runners" },
    ],
    [ACCOUNT]: "linux-gha-rs-kube-mode",
    [CLEANUP("kubernetes-mode-role-binding-name")]: "linux-gha-rs-kube-mode",
    [CLEANUP("kubernetes-mode-role-name")]: "linux-gha-rs-kube-mode",
    [CLEANUP("kubernetes-mode-service-account-name")]: "linux-gha-rs-kube-mode",
    [CLEANUP("no-permission-service-account-name")]: undefined,
    [CLEANUP("github-secret-name")]: "linux-gha-rs-github-secret",
    [CLEANUP("manager-role-name")]: "linux-gha-rs-manager",
    [CLEANUP("manager-role-binding")]: "linux-gha-rs-manager",
  },
});

/** The same facts for the modes in which runners need no rights. */
const plainMode = (type: string | undefined) => ({
  values: type === undefined ? SET_VALUES : mode(type),
  facts: {
    kube_mode_serviceaccount: undefined,
    kube_mode_role: undefined,
    kube_mode_role_binding: undefined,
    "no_permission_serviceaccount#metadata.name": "linux-gha-rs-no-permission",
    "no_permission_serviceaccount#metadata.finalizers": PROTECTED,
    "no_permission_serviceaccount#metadata.annotations": undefined,
    [ACCOUNT]: "linux-gha-rs-no-permission",
    [CLEANUP("no-permission-service-account-name")]: "linux-gha-rs-no-permission",
    [CLEANUP("kubernetes-mode-role-binding-name")]: undefined,
    [CLEANUP("kubernetes-mode-role-name")]: undefined,
    [CLEANUP("kubernetes-mode-service-account-name")]: undefined,
    "autoscalingrunnerset#metadata.finalizers": undefined,
    networkpolicy: undefined,
  },
});

/** No account is made where the user names one. */
const ownAccount = (type: string) => ({
  values: { ...mode(type), template: { spec: { serviceAccountName: "mine" } } },
  facts: {
    no_permission_serviceaccount: undefined,
    kube_mode_serviceaccount: undefined,
    kube_mode_role: undefined,
    kube_mode_role_binding: undefined,
    [ACCOUNT]: "mine",
    [CLEANUP("no-permission-service-account-name")]: undefined,
    [CLEANUP("kubernetes-mode-role-name")]: undefined,
  },
});

chartTable("objects of a scale set", SET_CHART, {
  "no mode": plainMode(undefined),
  "mode none": plainMode("none"),
  "a mode that does not exist": plainMode("dinnd"),
  "dind": plainMode("dind"),
  "kubernetes": kubeMode("kubernetes"),
  "kubernetes-novolume": kubeMode("kubernetes-novolume"),
  "an account of one's own, no mode": ownAccount("none"),
  "an account of one's own, dind": ownAccount("dind"),
  "an account of one's own, kubernetes": ownAccount("kubernetes"),
  "an account of one's own, kubernetes-novolume": ownAccount("kubernetes-novolume"),
  "names with an underscore": {
    release: "x",
    values: values({ runnerScaleSetName: "big_linux", containerMode: { type: "kubernetes" } }),
    facts: {
      "autoscalingrunnerset#metadata.name": "big-linux",
      "autoscalingrunnerset#metadata.labels[actions.github.com/scale-set-name]": "big_linux",
      "autoscalingrunnerset#metadata.labels[app.kubernetes.io/instance]": "big_linux",
      "autoscalingrunnerset#spec.runnerScaleSetName": "big_linux",
      "autoscalingrunnerset#spec.githubConfigSecret": "big-linux-gha-rs-github-secret",
      "githubsecret#metadata.name": "big-linux-gha-rs-github-secret",
      "manager_role#metadata.name": "big_linux-gha-rs-manager",
      "manager_role_binding#roleRef.name": "big_linux-gha-rs-manager",
      "kube_mode_role#metadata.name": "big_linux-gha-rs-kube-mode",
      "kube_mode_serviceaccount#metadata.name": "big-linux-gha-rs-kube-mode",
      [CLEANUP("manager-role-name")]: "big_linux-gha-rs-manager",
      [CLEANUP("kubernetes-mode-service-account-name")]: "big-linux-gha-rs-kube-mode",
    },
  },
  "a name that is a number": {
    values: values({ runnerScaleSetName: 77 }),
    facts: { "autoscalingrunnerset#metadata.name": "77", "autoscalingrunnerset#spec.runnerScaleSetName": "77" },
  },
  "the longest name": {
    release: "x".repeat(45),
    values: SET_VALUES,
    facts: {
      "autoscalingrunnerset#metadata.name": "x".repeat(45),
      "no_permission_serviceaccount#metadata.name": `${"x".repeat(45)}-gha-rs-no-permission`,
    },
  },
});

const LABELLED = ["autoscalingrunnerset", "githubsecret", "manager_role", "manager_role_binding"];
const MOVED = [...LABELLED, "manager_extra_role", "manager_extra_role_binding", "networkpolicy"];

/** namespaceOverride lands on everything that is rendered. */
const moved = (type: string, more: readonly string[]) => ({
  values: { ...mode(type), namespaceOverride: "elsewhere", networkPolicy: { enabled: true } },
  facts: {
    ...Object.fromEntries([...MOVED, ...more].map((file) => [`${file}#metadata.namespace`, "elsewhere"])),
    "autoscalingrunnerset#metadata.labels[actions.github.com/scale-set-namespace]": "elsewhere",
    "manager_role_binding#subjects": CONTROLLER,
  },
});

chartTable("namespaceOverride", SET_CHART, {
  "no mode": moved("none", ["no_permission_serviceaccount"]),
  "dind": moved("dind", ["no_permission_serviceaccount"]),
  "kubernetes": moved("kubernetes", ["kube_mode_serviceaccount", "kube_mode_role", "kube_mode_role_binding"]),
  "kubernetes-novolume": moved("kubernetes-novolume", ["kube_mode_serviceaccount", "kube_mode_role_binding"]),
});

const SECRET = "githubsecret#data";

chartTable("the Secret", SET_CHART, {
  "a token": {
    values: SET_VALUES,
    facts: {
      [SECRET]: { github_token: b64("ghp_x") },
      "githubsecret#metadata.name": "linux-gha-rs-github-secret",
      "githubsecret#metadata.finalizers": PROTECTED,
      "githubsecret#type": undefined,
      "autoscalingrunnerset#spec.githubConfigSecret": "linux-gha-rs-github-secret",
    },
  },
  "an App": {
    values: values({
      githubConfigSecret: {
        github_app_id: "10",
        github_app_installation_id: "100",
        github_app_private_key: "-----BEGIN\nx\n",
      },
    }),
    facts: {
      [SECRET]: {
        github_app_id: b64("10"),
        github_app_installation_id: b64("100"),
        github_app_private_key: b64("-----BEGIN\nx\n"),
      },
    },
  },
  "ids that are numbers stay digits": {
    values: values({
      githubConfigSecret: {
        github_app_id: 12_345_678,
        github_app_installation_id: 1_234_567_890_123,
        github_app_private_key: "k",
      },
    }),
    facts: {
      [`${SECRET}.github_app_id`]: b64("12345678"),
      [`${SECRET}.github_app_installation_id`]: b64("1234567890123"),
    },
  },
  "all four keys, and one more": {
    values: values({
      githubConfigSecret: {
        github_token: "t",
        github_app_id: "1",
        github_app_installation_id: "2",
        github_app_private_key: "k",
        other: "o",
      },
    }),
    facts: {
      [SECRET]: {
        github_token: b64("t"),
        github_app_id: b64("1"),
        github_app_installation_id: b64("2"),
        github_app_private_key: b64("k"),
        other: b64("o"),
      },
    },
  },
  "one that is there already": {
    values: values({ githubConfigSecret: "mine" }),
    facts: {
      githubsecret: undefined,
      "autoscalingrunnerset#spec.githubConfigSecret": "mine",
      [CLEANUP("github-secret-name")]: undefined,
      [CLEANUP("manager-role-name")]: "linux-gha-rs-manager",
    },
  },
});

const rule = (group: string, resource: string, ...verbs: string[]) => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
const HOOKS = [
  rule("", "pods", "get", "list", "create", "delete"),
  rule("", "pods/exec", "get", "create"),
  rule("", "pods/log", "get", "list", "watch"),
];
const JOBS = rule("batch", "jobs", "get", "list", "create", "delete");
const SECRETS = rule("", "secrets", "get", "list", "create", "delete");
const MORE = rule("apps", "deployments", "get");

chartTable("rights in the scale set's namespace", SET_CHART, {
  "the controller's: 6 rules": {
    values: SET_VALUES,
    facts: {
      "manager_role#rules": SCALE_SET_RULES,
      "manager_role#rules.length": 6,
      "manager_role#metadata.finalizers": PROTECTED,
      "manager_role_binding#metadata.finalizers": PROTECTED,
      "manager_role_binding#subjects": CONTROLLER,
      "manager_role_binding#roleRef.name": "linux-gha-rs-manager",
    },
  },
  "a seventh with a CA, even without key": {
    values: values({ githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "ca" } } } }),
    facts: { "manager_role#rules": [...SCALE_SET_RULES, rule("", "configmaps", "get")] },
  },
  "beyond the original's: never waited for": {
    values: SET_VALUES,
    facts: {
      "manager_extra_role#rules": [
        rule("", "pods", "patch"),
        rule("", "events", "create", "patch"),
        rule("policy", "poddisruptionbudgets", "create", "delete", "get", "patch"),
      ],
      "manager_extra_role#metadata.finalizers": undefined,
      "manager_extra_role_binding#metadata.finalizers": undefined,
      "manager_extra_role_binding#subjects": CONTROLLER,
      "manager_extra_role_binding#roleRef.name": "linux-gha-rs-manager-extra",
    },
  },
  "more rules for the controller": {
    values: values({ rbac: { extraRules: [MORE] } }),
    facts: { "manager_extra_role#rules.3": MORE, "manager_role#rules.length": 6 },
  },
  "no more than the original's": {
    values: values({ rbac: { extra: false } }),
    facts: { manager_extra_role: undefined, manager_extra_role_binding: undefined },
  },
  "runners in kubernetes mode: 5 rules": {
    values: mode("kubernetes"),
    facts: { "kube_mode_role#rules": [...HOOKS, JOBS, SECRETS] },
  },
  "runners in kubernetes-novolume mode: 4 rules": {
    values: mode("kubernetes-novolume"),
    facts: { "kube_mode_role#rules": [...HOOKS, SECRETS] },
  },
  "more rules for runners": {
    values: mode("kubernetes", { kubernetesModeAdditionalRoleRules: [MORE] }),
    facts: { "kube_mode_role#rules": [...HOOKS, JOBS, SECRETS, MORE] },
  },
  "more rules for runners without volumes": {
    values: mode("kubernetes-novolume", { kubernetesModeAdditionalRoleRules: [MORE] }),
    facts: { "kube_mode_role#rules": [...HOOKS, SECRETS, MORE] },
  },
  "our own keys are not there, as after --reuse-values from the original": {
    values: values({ rbac: null, networkPolicy: null, hardenedListener: null }),
    facts: {
      manager_extra_role: 1,
      manager_extra_role_binding: 1,
      networkpolicy: undefined,
      "autoscalingrunnerset#spec.listenerTemplate": undefined,
    },
  },
  "nobody reaches runners": {
    values: values({ networkPolicy: { enabled: true } }),
    facts: {
      "networkpolicy#metadata.name": "linux-gha-rs-runners",
      "networkpolicy#spec": {
        podSelector: {
          matchLabels: { "actions-ephemeral-runner": "True", "actions.github.com/scale-set-name": "linux" },
        },
        policyTypes: ["Ingress"],
        ingress: [],
      },
    },
  },
  "runners reach what is listed": {
    values: values({ networkPolicy: { enabled: true, egress: [{ ports: [{ port: 443 }] }] } }),
    facts: {
      "networkpolicy#spec.policyTypes": ["Ingress", "Egress"],
      "networkpolicy#spec.egress": [{ ports: [{ port: 443 }] }],
    },
  },
});

const hashOf = (options: RenderOptions) =>
  render(SET_CHART, options).get("autoscalingrunnerset")?.[0]?.metadata.annotations?.["actions.github.com/values-hash"];

test("the hash of the values: 63 characters, another one with any value", { skip: whyNoHelm() !== undefined }, () => {
  const hash = hashOf({ values: SET_VALUES });
  assert.match(hash ?? "", /^[0-9a-f]{63}$/);
  assert.equal(hashOf({ values: SET_VALUES }), hash);
  const changed = [
    { githubConfigSecret: { github_token: "other" } },
    { minRunners: 1 },
    { unknown: true },
    { labels: { a: "b" } },
  ];
  const hashes = changed.map((more) => hashOf({ values: values(more) }));
  assert.equal(new Set([hash, ...hashes]).size, changed.length + 1);
});
