/** The controller's chart: what the original does not have. All of it is off unless asked for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { load } from "js-yaml";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { chartTable, CONTROLLER_CHART, render, sayWhenThereIsNoHelm, whyNoHelm } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const MANAGER = "deployment#spec.template.spec.containers{manager}";
const POD = "deployment#spec.template.spec";
const SELECTOR = {
  "app.kubernetes.io/name": "gha-rs-controller",
  "app.kubernetes.io/namespace": "arc-systems",
  "app.kubernetes.io/instance": "arc",
};
const LISTENERS = {
  "app.kubernetes.io/part-of": "gha-runner-scale-set",
  "app.kubernetes.io/component": "runner-scale-set-listener",
};
const METRICS = { controllerManagerAddr: ":8080", listenerAddr: ":8081", listenerEndpoint: "/metrics" };
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
};

chartTable("a hardened controller", CONTROLLER_CHART, {
  "fills in what is not set": {
    values: { hardened: true },
    facts: {
      [`${POD}.securityContext`]: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      },
      [`${MANAGER}.securityContext`]: RESTRICTED,
      [`${MANAGER}.resources`]: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
      [`${MANAGER}.livenessProbe.httpGet.port`]: 8081,
      [`${MANAGER}.readinessProbe.httpGet.port`]: 8081,
      [`${MANAGER}.args.8`]: "--health-probe-bind-address=:8081",
    },
  },
  "the user's values win, null takes one out": {
    text: `
hardened: true
flags: {healthProbeBindAddress: ":9000"}
podSecurityContext: {runAsUser: 1000, runAsGroup: null, fsGroup: 1000}
securityContext: {readOnlyRootFilesystem: false}
resources: {limits: {memory: 2Gi}}
`,
    facts: {
      [`${POD}.securityContext`]: {
        runAsNonRoot: true,
        runAsUser: 1000,
        fsGroup: 1000,
        seccompProfile: { type: "RuntimeDefault" },
      },
      [`${MANAGER}.securityContext`]: { ...RESTRICTED, readOnlyRootFilesystem: false },
      [`${MANAGER}.resources`]: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "2Gi" } },
      [`${MANAGER}.livenessProbe.httpGet.port`]: 9000,
    },
  },
});

chartTable("values of the original's release, kept by --reuse-values", CONTROLLER_CHART, {
  "our own keys are not there": {
    text: [
      "hardened",
      "rbac",
      "podDisruptionBudget",
      "networkPolicy",
      "service",
      "serviceMonitor",
      "podMonitor",
      "crds",
      "extraArgs",
      "extraContainers",
      "deploymentAnnotations",
      "strategy",
      "dnsPolicy",
      "dnsConfig",
      "hostNetwork",
      "terminationGracePeriodSeconds",
    ].map((key) => `${key}: null`).join("\n"),
    facts: {
      manager_extra_role: 1,
      manager_extra_role_binding: 1,
      service: undefined,
      crds: undefined,
      [`${MANAGER}.securityContext`]: undefined,
      [`${POD}.terminationGracePeriodSeconds`]: 10,
    },
  },
  "a monitor alone": {
    text: `service: null\nmetrics: ${JSON.stringify(METRICS)}\nserviceMonitor: {enabled: true}\n`,
    facts: { service: 1, servicemonitor: 1 },
  },
  "CRDs are kept unless told otherwise": {
    text: "crds: {install: true, keep: null}",
    facts: { crds: 4, "crds#metadata.annotations[helm.sh/resource-policy]": "keep" },
  },
});

chartTable("around the controller", CONTROLLER_CHART, {
  "a budget for disruptions lets one pod go": {
    values: { podDisruptionBudget: { enabled: true } },
    facts: {
      "pdb#metadata.namespace": "arc-systems",
      "pdb#spec": { maxUnavailable: 1, selector: { matchLabels: SELECTOR } },
    },
  },
  "a budget of pods that stay": {
    values: { podDisruptionBudget: { enabled: true, minAvailable: "50%" } },
    facts: { "pdb#spec": { minAvailable: "50%", selector: { matchLabels: SELECTOR } } },
  },
  "network policies let nothing in": {
    values: { networkPolicy: { enabled: true } },
    facts: {
      "networkpolicy#spec": { podSelector: { matchLabels: SELECTOR }, policyTypes: ["Ingress"], ingress: [] },
      "networkpolicy_listener#spec": { podSelector: { matchLabels: LISTENERS }, policyTypes: ["Ingress"], ingress: [] },
    },
  },
  "network policies let metrics be asked for": {
    values: {
      metrics: METRICS,
      networkPolicy: {
        enabled: true,
        metricsFrom: [{ namespaceSelector: { matchLabels: { name: "monitoring" } } }],
        egress: [{ ports: [{ port: 443 }] }],
      },
    },
    facts: {
      "networkpolicy#spec.policyTypes": ["Ingress", "Egress"],
      "networkpolicy#spec.ingress": [{
        ports: [{ protocol: "TCP", port: 8080 }],
        from: [{ namespaceSelector: { matchLabels: { name: "monitoring" } } }],
      }],
      "networkpolicy#spec.egress": [{ ports: [{ port: 443 }] }],
      "networkpolicy_listener#spec.ingress.0.ports": [{ protocol: "TCP", port: 8081 }],
    },
  },
  "a Service": {
    values: { metrics: METRICS, service: { enabled: true, annotations: { n: 1 } } },
    facts: {
      "service#spec": {
        selector: SELECTOR,
        ports: [{ name: "metrics", protocol: "TCP", port: 8080, targetPort: "metrics" }],
      },
      "service#metadata.annotations": { n: "1" },
      servicemonitor: undefined,
    },
  },
  "a ServiceMonitor brings its Service": {
    values: { metrics: METRICS, serviceMonitor: { enabled: true, labels: { release: "prom" }, interval: "30s" } },
    facts: {
      "service#metadata.name": "arc-gha-rs-controller",
      "servicemonitor#metadata.labels.release": "prom",
      "servicemonitor#spec": {
        selector: { matchLabels: SELECTOR },
        endpoints: [{ port: "metrics", path: "/metrics", interval: "30s" }],
      },
    },
  },
  "PodMonitors of the controller and its listeners": {
    values: { metrics: { ...METRICS, listenerEndpoint: "/m" }, podMonitor: { enabled: true } },
    facts: {
      "podmonitor#spec": {
        selector: { matchLabels: SELECTOR },
        podMetricsEndpoints: [{ port: "metrics", path: "/metrics" }],
      },
      "podmonitor_listener#spec": {
        selector: { matchLabels: LISTENERS },
        podMetricsEndpoints: [{ port: "metrics", path: "/m" }],
      },
    },
  },
  "no PodMonitor of listeners without metrics": {
    values: { metrics: { controllerManagerAddr: ":8080" }, podMonitor: { enabled: true } },
    facts: { podmonitor: 1, podmonitor_listener: undefined },
  },
  "more of the Deployment and its pod": {
    values: {
      deploymentAnnotations: { a: 1 },
      strategy: { type: "Recreate" },
      dnsPolicy: "ClusterFirstWithHostNet",
      dnsConfig: { nameservers: ["1.1.1.1"] },
      hostNetwork: true,
      extraContainers: [{ name: "side", image: "s" }],
    },
    facts: {
      "deployment#metadata.annotations": { a: "1" },
      "deployment#spec.strategy": { type: "Recreate" },
      [`${POD}.dnsPolicy`]: "ClusterFirstWithHostNet",
      [`${POD}.dnsConfig`]: { nameservers: ["1.1.1.1"] },
      [`${POD}.hostNetwork`]: true,
      [`${POD}.containers.*.name`]: ["manager", "side"],
    },
  },
});

test(
  "CRDs as a part of the release: the same ones, kept when it is uninstalled",
  { skip: whyNoHelm() !== undefined },
  () => {
    const crds = render(CONTROLLER_CHART, { values: { crds: { install: true } } }).get("crds") ?? [];
    assert.equal(crds.length, 4);
    for (const crd of crds) {
      const file = `crds/${crd.metadata.name.split(".").slice(1).join(".")}_${crd.metadata.name.split(".")[0]}.yaml`;
      const original = load(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")) as typeof crd;
      const { "helm.sh/resource-policy": policy, ...annotations } = crd.metadata.annotations ?? {};
      assert.equal(policy, "keep");
      assert.deepEqual({ ...crd, metadata: { ...crd.metadata, annotations } }, {
        ...original,
        metadata: { ...original.metadata, annotations: original.metadata.annotations ?? {} },
      });
    }
    assert.deepEqual(
      crds.map((crd) => crd.metadata.name).sort(),
      customResourceDefinitions().map((crd) => crd.metadata.name).sort(),
    );
  },
);

test("CRDs as a part of the release: they go with it when asked for", { skip: whyNoHelm() !== undefined }, () => {
  const crds = render(CONTROLLER_CHART, { values: { crds: { install: true, keep: false } } }).get("crds") ?? [];
  assert.deepEqual(crds.map((crd) => crd.metadata.annotations?.["helm.sh/resource-policy"]), Array(4).fill(undefined));
});
