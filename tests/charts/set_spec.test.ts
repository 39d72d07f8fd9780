/** The scale set's chart: the AutoscalingRunnerSet's spec, but the runners' pod. */
import { chartTable, sayWhenThereIsNoHelm, SET_CHART, SET_VALUES } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const SPEC = "autoscalingrunnerset#spec";
const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });

chartTable("the scale set at GitHub", SET_CHART, {
  "by default": {
    values: SET_VALUES,
    facts: {
      "autoscalingrunnerset#apiVersion": "actions.github.com/v1alpha1",
      [`${SPEC}.githubConfigUrl`]: "https://github.com/acme",
      [`${SPEC}.runnerGroup`]: undefined,
      [`${SPEC}.runnerScaleSetName`]: undefined,
      [`${SPEC}.runnerScaleSetLabels`]: undefined,
      [`${SPEC}.minRunners`]: undefined,
      [`${SPEC}.maxRunners`]: undefined,
      [`${SPEC}.proxy`]: undefined,
      [`${SPEC}.githubServerTLS`]: undefined,
      [`${SPEC}.vaultConfig`]: undefined,
      [`${SPEC}.listenerTemplate`]: undefined,
      [`${SPEC}.listenerMetrics`]: undefined,
    },
  },
  "one slash at the end goes": {
    values: values({ githubConfigUrl: "https://github.com/acme/" }),
    facts: { [`${SPEC}.githubConfigUrl`]: "https://github.com/acme" },
  },
  "group, name and labels in order": {
    values: values({ runnerGroup: "a: b", runnerScaleSetName: "big", scaleSetLabels: ["z", "a", 1] }),
    facts: {
      [`${SPEC}.runnerGroup`]: "a: b",
      [`${SPEC}.runnerScaleSetName`]: "big",
      [`${SPEC}.runnerScaleSetLabels`]: ["z", "a", "1"],
    },
  },
  "a group that is a number": { values: values({ runnerGroup: 123 }), facts: { [`${SPEC}.runnerGroup`]: "123" } },
  "the longest label": {
    values: values({ scaleSetLabels: ["x".repeat(255)] }),
    facts: { [`${SPEC}.runnerScaleSetLabels`]: ["x".repeat(255)] },
  },
});

const size = (minRunners: number | undefined, maxRunners: number | undefined) => ({
  [`${SPEC}.minRunners`]: minRunners,
  [`${SPEC}.maxRunners`]: maxRunners,
});

chartTable("the size of a scale set", SET_CHART, {
  "both 0": { values: values({ minRunners: 0, maxRunners: 0 }), facts: size(0, 0) },
  "only min": { values: values({ minRunners: 5 }), facts: size(5, undefined) },
  "only max": { values: values({ maxRunners: 5 }), facts: size(undefined, 5) },
  "min from the file, max from --set": {
    values: values({ minRunners: 2 }),
    args: ["--set", "maxRunners=10"],
    facts: size(2, 10),
  },
  "max from the file, min from --set": {
    values: values({ maxRunners: 10 }),
    args: ["--set", "minRunners=2"],
    facts: size(2, 10),
  },
  "fractions are cut off": { values: values({ minRunners: 1.9, maxRunners: 10.2 }), facts: size(1, 10) },
  "texts are ignored, as they always were": {
    values: values({ minRunners: "2", maxRunners: "1" }),
    facts: size(undefined, undefined),
  },
});

const OVERRIDE = { schedule: "0 7 * * 1-5", timeZone: "Europe/Berlin", duration: "11h", minRunners: 5 };

chartTable("settings that the original does not have", SET_CHART, {
  "by default none of them": {
    values: SET_VALUES,
    facts: {
      [`${SPEC}.paused`]: undefined,
      [`${SPEC}.scheduledOverrides`]: undefined,
      [`${SPEC}.runnerPolicy`]: undefined,
      [`${SPEC}.disruption`]: undefined,
    },
  },
  "a pause": { values: SET_VALUES, args: ["--set", "paused=true"], facts: { [`${SPEC}.paused`]: true } },
  "no pause": { values: values({ paused: false }), facts: { [`${SPEC}.paused`]: undefined } },
  "overrides": {
    values: values({ scheduledOverrides: [OVERRIDE] }),
    facts: { [`${SPEC}.scheduledOverrides`]: [OVERRIDE] },
  },
  "a policy": {
    values: values({ runnerPolicy: { maxLifetimeSeconds: 31536000, historyLimit: 0, maxFailures: null } }),
    args: ["--set", "runnerPolicy.scaleDownDelaySeconds=120"],
    facts: {
      [`${SPEC}.runnerPolicy`]: { maxLifetimeSeconds: 31536000, historyLimit: 0, scaleDownDelaySeconds: 120 },
    },
  },
  "busy runners can't be evicted": {
    values: SET_VALUES,
    args: ["--set", "disruption.protectBusy=true"],
    facts: { [`${SPEC}.disruption`]: { protectBusy: true } },
  },
  "they can": { values: values({ disruption: { protectBusy: false } }), facts: { [`${SPEC}.disruption`]: undefined } },
  "nothing is said of drains": { values: values({ disruption: null }), facts: { [`${SPEC}.disruption`]: undefined } },
});

const PROXY = {
  http: { url: "http://proxy:3128", credentialSecretRef: "auth" },
  https: { url: "http://proxy:3129" },
};
const CA = { certificateFrom: { configMapKeyRef: { name: "ca", key: "ca.crt" } } };
const AZURE = { url: "https://v", tenantId: "t", clientId: "c", certificatePath: "/akv/cert.pfx" };

chartTable("the way to GitHub", SET_CHART, {
  "a proxy": {
    values: values({ proxy: { ...PROXY, noProxy: ["a.example", "10.0.0.0/8"] } }),
    facts: { [`${SPEC}.proxy`]: { ...PROXY, noProxy: ["a.example", "10.0.0.0/8"] } },
  },
  "exceptions given as text are ignored, as they always were": {
    values: values({ proxy: { ...PROXY, noProxy: "a.example" } }),
    facts: { [`${SPEC}.proxy`]: PROXY },
  },
  "a CA": { values: values({ githubServerTLS: CA }), facts: { [`${SPEC}.githubServerTLS`]: CA } },
  "a CA whose mount path stays in the chart": {
    values: values({ githubServerTLS: { ...CA, runnerMountPath: "/ca" } }),
    facts: { [`${SPEC}.githubServerTLS`]: CA },
  },
  "a CA without key": {
    values: values({ githubServerTLS: { certificateFrom: { configMapKeyRef: { name: "ca" } } } }),
    facts: { [`${SPEC}.githubServerTLS`]: { certificateFrom: { configMapKeyRef: { name: "ca" } } } },
  },
  "a vault": {
    values: values({
      githubConfigSecret: "entry",
      keyVault: { type: "azure_key_vault", azureKeyVault: AZURE, proxy: { https: { url: "http://p" } } },
    }),
    facts: {
      [`${SPEC}.vaultConfig`]: { type: "azure_key_vault", azureKeyVault: AZURE, proxy: { https: { url: "http://p" } } },
      [`${SPEC}.githubConfigSecret`]: "entry",
      githubsecret: undefined,
    },
  },
  "a vault in the spelling of the documents": {
    values: values({
      keyVault: {
        type: "azure_key_vault",
        azure_key_vault: { url: "https://v", tenant_id: "t", client_id: "c", certificate_path: "/akv/cert.pfx" },
      },
    }),
    facts: { [`${SPEC}.vaultConfig`]: { type: "azure_key_vault", azureKeyVault: AZURE } },
  },
  "secrets from files": {
    values: values({ githubConfigSecret: "github", keyVault: { type: "file" } }),
    facts: { [`${SPEC}.vaultConfig`]: { type: "file" } },
  },
  "a vault without a type is none": {
    values: values({ keyVault: { type: "", azureKeyVault: AZURE } }),
    facts: { [`${SPEC}.vaultConfig`]: undefined },
  },
});

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
};
const RESTRICTED_POD = {
  terminationGracePeriodSeconds: 60,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: "RuntimeDefault" },
  },
};

chartTable("the listener", SET_CHART, {
  "a template is handed on as it is": {
    values: values({
      listenerTemplate: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [{ name: "side", image: "s" }, { name: "listener", args: ["x"] }] },
      },
    }),
    facts: {
      [`${SPEC}.listenerTemplate`]: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [{ name: "side", image: "s" }, { name: "listener", args: ["x"] }] },
      },
    },
  },
  "a template with a spec gets its container": {
    values: values({ listenerTemplate: { spec: { nodeSelector: { a: "b" } } } }),
    facts: {
      [`${SPEC}.listenerTemplate`]: { spec: { nodeSelector: { a: "b" }, containers: [{ name: "listener" }] } },
    },
  },
  "a template with metadata alone stays so": {
    values: values({ listenerTemplate: { metadata: { labels: { a: "b" } } } }),
    facts: { [`${SPEC}.listenerTemplate`]: { metadata: { labels: { a: "b" } } } },
  },
  "metrics are handed on as they are": {
    values: values({ listenerMetrics: { histograms: { gha_x: { labels: ["a"], buckets: [0.01, 1, 3600] } } } }),
    facts: {
      [`${SPEC}.listenerMetrics`]: { histograms: { gha_x: { labels: ["a"], buckets: [0.01, 1, 3600] } } },
    },
  },
  "hardened": {
    values: values({ hardenedListener: true }),
    facts: {
      [`${SPEC}.listenerTemplate`]: {
        spec: { ...RESTRICTED_POD, containers: [{ name: "listener", securityContext: RESTRICTED }] },
      },
    },
  },
  "hardened under a template, which wins": {
    values: values({
      hardenedListener: true,
      listenerTemplate: {
        spec: {
          terminationGracePeriodSeconds: 90,
          containers: [
            { name: "side", image: "s" },
            { name: "listener", securityContext: { runAsUser: 7 }, env: [{ name: "A", value: "1" }] },
          ],
        },
      },
    }),
    facts: {
      [`${SPEC}.listenerTemplate.spec`]: {
        ...RESTRICTED_POD,
        terminationGracePeriodSeconds: 90,
        containers: [
          { name: "side", image: "s" },
          { name: "listener", securityContext: { ...RESTRICTED, runAsUser: 7 }, env: [{ name: "A", value: "1" }] },
        ],
      },
    },
  },
});
