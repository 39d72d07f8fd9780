/** What the charts refuse, with which words, and what they must let through: old values files go on working. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CONTROLLER_CHART,
  refusals,
  type RenderOptions,
  sayWhenThereIsNoHelm,
  SET_CHART,
  SET_VALUES,
  template,
  whyNoHelm,
} from "../support/charts.ts";

sayWhenThereIsNoHelm();

const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });
const AUTH = "A valid .Values.githubConfigSecret is required for setting auth with GitHub server, ";

refusals("the controller's chart refuses", CONTROLLER_CHART, {
  "the account default": {
    values: { serviceAccount: { name: "default" } },
    says: "serviceAccount.name cannot be set to 'default'",
  },
  "no account at all": {
    values: { serviceAccount: { create: false } },
    says: "serviceAccount.name must be set if serviceAccount.create is false",
  },
  "metrics without a port": {
    values: { metrics: { controllerManagerAddr: "host" } },
    says: "Values.metrics.controllerManagerAddr must end with a numeric port",
  },
  "profiles without a port": {
    values: { pprof: { addr: "host:" } },
    says: "Values.pprof.addr must end with a numeric port",
  },
  "probes without a port": {
    values: { flags: { healthProbeBindAddress: "abc" } },
    says: "Values.flags.healthProbeBindAddress must end with a numeric port",
  },
  "a PodMonitor without metrics": {
    values: { podMonitor: { enabled: true } },
    says: "podMonitor.enabled needs metrics",
  },
  "a ServiceMonitor without metrics": {
    values: { serviceMonitor: { enabled: true } },
    says: "serviceMonitor.enabled needs metrics",
  },
  "a Service without metrics": { values: { service: { enabled: true } }, says: "service.enabled needs metrics" },
});

refusals("the scale set's chart refuses", SET_CHART, {
  "a name of 46, before it complains of the secret": {
    release: "x".repeat(46),
    values: { githubConfigUrl: "https://github.com/acme" },
    says: "Name must have up to 45 characters",
  },
  "a runnerScaleSetName of 46": {
    values: values({ runnerScaleSetName: "x".repeat(46) }),
    says: "Name must have up to 45 characters",
  },
  "a namespace of 64, before it complains of the secret": {
    values: { githubConfigUrl: "https://github.com/acme", namespaceOverride: "x".repeat(64) },
    says: "Namespace must have up to 63 characters",
  },
  "no URL": { values: values({ githubConfigUrl: "" }), says: ".Values.githubConfigUrl is required" },
  "a URL that is a slash": { values: values({ githubConfigUrl: "/" }), says: ".Values.githubConfigUrl is required" },
  "no secret": {
    values: values({ githubConfigSecret: "" }),
    says: "Values.githubConfigSecret is required for setting auth with GitHub server.",
  },
  "a secret that is null": {
    text: JSON.stringify(values({ githubConfigSecret: null })),
    says: "Values.githubConfigSecret is required for setting auth with GitHub server.",
  },
  "no token, no App": {
    values: values({ githubConfigSecret: { github_token: "" } }),
    says: `${AUTH}provide .Values.githubConfigSecret.github_token or .Values.githubConfigSecret.github_app_id.`,
  },
  "an App's id alone": {
    values: values({ githubConfigSecret: { github_token: "", github_app_id: "1" } }),
    says:
      `${AUTH}provide .Values.githubConfigSecret.github_app_installation_id and .Values.githubConfigSecret.github_app_private_key.`,
  },
  "an App without key": {
    values: values({ githubConfigSecret: { github_token: "", github_app_id: 1, github_app_installation_id: 2 } }),
    says: `${AUTH}provide .Values.githubConfigSecret.github_app_installation_id and`,
  },
  "max below min": {
    values: values({ minRunners: 2, maxRunners: 1 }),
    says: "maxRunners has to be greater or equal to minRunners",
  },
  "max below min, one of them from --set": {
    values: values({ minRunners: 2 }),
    args: ["--set", "maxRunners=1"],
    says: "maxRunners has to be greater or equal to minRunners",
  },
  "max below 0": { values: values({ maxRunners: -1 }), says: "maxRunners has to be greater or equal to 0" },
  "min below 0": { values: values({ minRunners: -1 }), says: "minRunners has to be greater or equal to 0" },
  "max below 0 with a min": {
    values: values({ minRunners: 0, maxRunners: -1 }),
    says: "maxRunners has to be greater or equal to minRunners",
  },
  "min below 0 with a max": {
    values: values({ minRunners: -1, maxRunners: 1 }),
    says: "minRunners has to be greater or equal to 0",
  },
  "an empty label": {
    values: values({ scaleSetLabels: ["a", ""] }),
    says: "scaleSetLabels contains an empty string, each label must be a non-empty string of less than 256 characters",
  },
  "a label of 256": {
    values: values({ scaleSetLabels: ["x".repeat(256)] }),
    says:
      "scaleSetLabels contains a label that is 256 characters or more, each label must be a non-empty string of less than 256 characters",
  },
  "an unknown vault": { values: values({ keyVault: { type: "aws" } }), says: "Unsupported keyVault type: aws" },
  "a vault without its settings": {
    values: values({ keyVault: { type: "azure_key_vault" } }),
    says: "keyVault.azureKeyVault is required",
  },
  "a CA's mount path without its ConfigMap": {
    values: values({ githubServerTLS: { runnerMountPath: "/ca" } }),
    says: "githubServerTLS.certificateFrom.configMapKeyRef.name and .key are required",
  },
  "no controller in sight, and says which keys help": {
    values: { ...SET_VALUES, controllerServiceAccount: undefined },
    says:
      /No gha-rs-controller deployment found using label \(app.kubernetes.io\/part-of=gha-rs-controller\).*controllerServiceAccount\.name and controllerServiceAccount\.namespace/,
  },
  "no controller's namespace": {
    values: { ...SET_VALUES, controllerServiceAccount: { name: "arc" } },
    says: "Consider setting controllerServiceAccount.namespace",
  },
});

refusals("the controller's chart names a misspelt value", CONTROLLER_CHART, {
  "one letter missing": {
    values: { replicCount: 2 },
    says: "replicCount is not a value of this chart: did you mean replicaCount?",
  },
  "one too many": {
    values: { resourcess: {} },
    says: "resourcess is not a value of this chart: did you mean resources?",
  },
  "two swapped": { values: { toleratoins: [] }, says: "did you mean tolerations?" },
  "another letter": { values: { nodeSelektor: {} }, says: "did you mean nodeSelector?" },
  "another case": { values: { replicacount: 2 }, says: "did you mean replicaCount?" },
  "a dash": { values: { "pod-labels": {} }, says: "did you mean podLabels?" },
  "inside": {
    values: { flags: { logLvel: "info" } },
    says: "flags.logLvel is not a value of this chart: did you mean flags.logLevel?",
  },
  "deeper": {
    values: { flags: { rateLimiter: { Name: "x" } } },
    says: "did you mean flags.rateLimiter.name?",
  },
  "a wrong type": { values: { replicaCount: "two" }, says: "/replicaCount" },
  "a wrong choice": { values: { flags: { logLevel: "verbose" } }, says: "/flags/logLevel" },
  "a text for a map": { values: { metrics: ":8080" }, says: "/metrics" },
  "a text for a list": { values: { tolerations: "all" }, says: "/tolerations" },
  "a text for yes or no": { values: { hardened: "yes" }, says: "/hardened" },
});

refusals("the scale set's chart names a misspelt value", SET_CHART, {
  "one letter missing": {
    values: values({ minRuners: 2 }),
    says: "minRuners is not a value of this chart: did you mean minRunners?",
  },
  "another case": { values: values({ githubConfigURL: "x" }), says: "did you mean githubConfigUrl?" },
  "inside": {
    values: values({ containerMode: { tipe: "dind" }, githubServerTls: {} }),
    says: "did you mean githubServerTLS?",
  },
  "deeper": {
    values: values({ resourceMeta: { ephemeralRuner: {} } }),
    says: "resourceMeta.ephemeralRuner is not a value of this chart: did you mean resourceMeta.ephemeralRunner?",
  },
  "a mode as a text": { values: values({ containerMode: "dind" }), says: "/containerMode" },
  "a size that is a word": { values: values({ maxRunners: "many" }), says: "/maxRunners" },
  "labels as a text": { values: values({ scaleSetLabels: "linux" }), says: "/scaleSetLabels" },
  "a form of dind that does not exist": {
    values: values({ containerMode: { type: "dind", dindForm: "sidecar" } }),
    says: "/containerMode/dindForm",
  },
});

/** What old values files hold and the original takes. */
const LET_THROUGH: Readonly<Record<string, RenderOptions & { chart: string }>> = {
  "kubernetes mode without a claim": { chart: SET_CHART, values: values({ containerMode: { type: "kubernetes" } }) },
  "a CA with a name alone": {
    chart: SET_CHART,
    values: values({ githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "ca" } } } }),
  },
  "mode none": { chart: SET_CHART, values: values({ containerMode: { type: "none" } }) },
  "an empty mode": { chart: SET_CHART, values: values({ containerMode: { type: "" } }) },
  "a mode without runner": {
    chart: SET_CHART,
    values: values({ containerMode: { type: "dind" }, template: { spec: { containers: [{ name: "x" }] } } }),
  },
  "unknown keys": {
    chart: SET_CHART,
    values: values({ mine: 1, global: { a: 1 }, nameOverride: "x", fullnameOverride: "x" }),
  },
  "unknown keys of the controller": {
    chart: CONTROLLER_CHART,
    values: { mine: 1, global: {}, runnerMaxConcurrentReconciles: 5, healthProbeBindAddress: ":1", authSecret: {} },
  },
  "label values with quotes and blanks": {
    chart: SET_CHART,
    values: values({ labels: { a: 'x "y" z' }, annotations: { b: "{'c': \"d\"}\nmore" } }),
  },
  "a Secret with more keys": {
    chart: SET_CHART,
    values: values({ githubConfigSecret: { github_token: "t", githubToken: "u", other: 1 } }),
  },
  "texts for numbers": {
    chart: CONTROLLER_CHART,
    args: ["--set-string", "flags.runnerMaxConcurrentReconciles=5,flags.k8sClientRateLimiterQPS=1"],
  },
  "maps that are null": {
    chart: CONTROLLER_CHART,
    text:
      "flags: null\npprof: null\nmetrics: null\nlabels: null\nnodeSelector: null\nserviceAccount: {annotations: null}\n",
  },
  "lists that are null": { chart: CONTROLLER_CHART, text: "tolerations: null\nenv: null\nimagePullSecrets: null\n" },
  "keys of the scale set that are null": {
    chart: SET_CHART,
    values: values({
      containerMode: null,
      proxy: null,
      keyVault: null,
      githubServerTLS: null,
      listenerTemplate: null,
      listenerMetrics: null,
      resourceMeta: null,
      labels: null,
      scaleSetLabels: null,
      minRunners: null,
    }),
  },
  "an image's tag that is a number": { chart: CONTROLLER_CHART, values: { image: { tag: 5 } } },
};

for (const [title, { chart, ...options }] of Object.entries(LET_THROUGH)) {
  test(`let through: ${title}`, { skip: whyNoHelm() !== undefined }, () => {
    const { status, stderr } = template(chart, options);
    assert.equal(status, 0, stderr);
  });
}
