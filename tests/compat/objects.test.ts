/** The objects of docs/compatibility.md, field by field: other programs, dashboards and the way back depend on them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configSecretOf,
  proxySecretOf,
  roleBindingOf,
  roleOf,
  serviceAccountOf,
} from "../../src/controllers/autoscaling_listener/build.ts";
import { configJson } from "../../src/controllers/autoscaling_listener/config_json.ts";
import { listenerPodOf } from "../../src/controllers/autoscaling_listener/listener_pod.ts";
import { listenerOf, runnerSetOf } from "../../src/controllers/autoscaling_runner_set/build.ts";
import { registered, resolved, scaleSet, settings, stored } from "../support/builders_set.ts";

const PROXY = {
  https: { url: "http://proxy:3128", credentialSecretRef: "proxy" },
  noProxy: ["a.example", "10.0.0.0/8"],
};
const FACTS = { id: 7, name: "linux", group: "Default" };
const ars = registered({ proxy: PROXY });
const listener = stored(listenerOf(ars, FACTS, settings()), { uid: "uid-al" });
const source = resolved({ proxy: { http: "", https: "http://u:p%40ss@proxy:3128", noProxy: "a.example,10.0.0.0/8" } });

const L = {
  "app.kubernetes.io/part-of": "gha-runner-scale-set",
  "app.kubernetes.io/version": "0.14.2",
  "actions.github.com/scale-set-name": "linux",
  "actions.github.com/scale-set-namespace": "arc-runners",
  "actions.github.com/organization": "acme",
  "actions.github.com/repository": "api",
  team: "core",
};
const LISTENER_LABELS = { ...L, "app.kubernetes.io/component": "runner-scale-set-listener" };
const OWNED_BY_LISTENER = [{
  apiVersion: "actions.github.com/v1alpha1",
  kind: "AutoscalingListener",
  name: "linux-84bd964b-listener",
  uid: "uid-al",
  controller: true,
  blockOwnerDeletion: true,
}];
const text = (data: Record<string, string> | undefined, key: string) =>
  Buffer.from(data?.[key] ?? "", "base64").toString("utf8");

test("EphemeralRunnerSet", () => {
  assert.deepEqual(runnerSetOf(ars, FACTS, settings()), {
    metadata: {
      name: "linux",
      namespace: "arc-runners",
      labels: { ...L, "app.kubernetes.io/component": "runner-set" },
      annotations: {
        "actions.github.com/runner-group-name": "Default",
        "actions.github.com/runner-scale-set-name": "linux",
      },
      ownerReferences: [{
        apiVersion: "actions.github.com/v1alpha1",
        kind: "AutoscalingRunnerSet",
        name: "linux",
        uid: "uid-linux",
        controller: true,
        blockOwnerDeletion: true,
      }],
    },
    spec: {
      patchID: 0,
      ephemeralRunnerSpec: {
        githubConfigUrl: "https://github.com/acme/api",
        githubConfigSecret: "gh",
        runnerScaleSetId: 7,
        proxy: PROXY,
        spec: { containers: [{ name: "runner", image: "runner:1" }] },
      },
    },
  });
});

test("AutoscalingListener", () => {
  assert.deepEqual(listenerOf(ars, FACTS, settings({ imagePullSecrets: ["pull"] })), {
    metadata: { name: "linux-84bd964b-listener", namespace: "arc-systems", labels: LISTENER_LABELS },
    spec: {
      githubConfigUrl: "https://github.com/acme/api",
      githubConfigSecret: "gh",
      runnerScaleSetId: 7,
      autoscalingRunnerSetNamespace: "arc-runners",
      autoscalingRunnerSetName: "linux",
      ephemeralRunnerSetName: "linux",
      maxRunners: 10,
      image: "ghcr.io/acme/arc:0.14.2",
      imagePullSecrets: [{ name: "pull" }],
      proxy: PROXY,
    },
  });
});

test("AutoscalingListener: no limit is the greatest number, a limit of 0 is nothing at all", () => {
  const limits = (spec: Parameters<typeof scaleSet>[0]) => {
    const { maxRunners, minRunners } = listenerOf(registered(spec), FACTS, settings()).spec!;
    return { maxRunners, minRunners };
  };
  assert.deepEqual(limits({ maxRunners: undefined, minRunners: 2 }), { maxRunners: 2147483647, minRunners: 2 });
  assert.deepEqual(limits({ maxRunners: 0, minRunners: 0 }), { maxRunners: undefined, minRunners: undefined });
});

test("excluded prefixes take our own labels away too", () => {
  const excluded = settings({ excludedLabelPrefixes: ["actions.github.com/", "team"] });
  assert.deepEqual(runnerSetOf(ars, FACTS, excluded).metadata?.labels, {
    "app.kubernetes.io/part-of": "gha-runner-scale-set",
    "app.kubernetes.io/version": "0.14.2",
    "app.kubernetes.io/component": "runner-set",
  });
});

test("*Metadata comes first and loses", () => {
  const meta = { labels: { team: "other", own: "1" }, annotations: { a: "1" } };
  const wished = registered({ ephemeralRunnerSetMetadata: meta, autoscalingListener: meta });
  assert.equal(runnerSetOf(wished, FACTS, settings()).metadata?.labels?.team, "core");
  assert.equal(runnerSetOf(wished, FACTS, settings()).metadata?.labels?.own, "1");
  assert.equal(runnerSetOf(wished, FACTS, settings()).metadata?.annotations?.a, "1");
  assert.deepEqual(listenerOf(wished, FACTS, settings()).metadata?.annotations, { a: "1" });
});

test("service account of the listener", () => {
  assert.deepEqual(serviceAccountOf(listener), {
    metadata: {
      name: "linux-84bd964b-listener",
      namespace: "arc-systems",
      labels: LISTENER_LABELS,
      ownerReferences: OWNED_BY_LISTENER,
    },
  });
});

const ABROAD = {
  name: "linux-84bd964b-listener",
  namespace: "arc-runners",
  labels: {
    ...LISTENER_LABELS,
    "auto-scaling-listener-name": "linux-84bd964b-listener",
    "auto-scaling-listener-namespace": "arc-systems",
  },
};

test("role of the listener: two rules, nothing but patch", () => {
  assert.deepEqual(roleOf(listener), {
    metadata: ABROAD,
    rules: [
      {
        apiGroups: ["actions.github.com"],
        resources: ["ephemeralrunnersets"],
        resourceNames: ["linux"],
        verbs: ["patch"],
      },
      {
        apiGroups: ["actions.github.com"],
        resources: ["ephemeralrunners", "ephemeralrunners/status"],
        verbs: ["patch"],
      },
    ],
  });
});

test("role binding of the listener", () => {
  assert.deepEqual(roleBindingOf(listener), {
    metadata: ABROAD,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "linux-84bd964b-listener" },
    subjects: [{ kind: "ServiceAccount", name: "linux-84bd964b-listener", namespace: "arc-systems" }],
  });
});

test("config.json with a token, byte for byte", () => {
  assert.equal(
    configJson(stored(listenerOf(registered(), FACTS, settings())), resolved(), "linux", settings()),
    '{"configure_url":"https://github.com/acme/api","vault_type":"","vault_lookup_key":"","github_app_id":"",' +
      '"github_app_installation_id":0,"github_app_private_key":"","github_token":"ghp_x",' +
      '"ephemeral_runner_set_namespace":"arc-runners","ephemeral_runner_set_name":"linux","max_runners":10,' +
      '"min_runners":0,"runner_scale_set_id":7,"runner_scale_set_name":"linux","server_root_ca":"",' +
      '"log_level":"debug","log_format":"text","metrics_addr":":8080","metrics_endpoint":"/metrics","metrics":null}',
  );
});

test("config.json with an app and metrics", () => {
  const withMetrics = registered({ listenerMetrics: { gauges: { gha_idle_runners: { labels: ["name"] } } } });
  const app = resolved({
    credentials: { kind: "app", appId: "Iv1.x", installationId: 12, privateKey: "PEM" },
    ca: "CA",
  });
  const config = JSON.parse(configJson(stored(listenerOf(withMetrics, FACTS, settings())), app, "big", settings()));
  assert.deepEqual(
    [config.github_app_id, config.github_app_installation_id, config.github_app_private_key, config.github_token],
    ["Iv1.x", 12, "PEM", ""],
  );
  assert.equal(config.server_root_ca, "CA");
  assert.equal(config.runner_scale_set_name, "big");
  assert.deepEqual(config.metrics, { gauges: { gha_idle_runners: { labels: ["name"] } } });
});

test('config.json without a metrics server: address "0"', () => {
  const off = settings({ listenerMetricsAddr: "0" });
  const config = JSON.parse(configJson(listener, resolved(), "linux", off));
  assert.deepEqual([config.metrics_addr, config.metrics_endpoint], ["", ""]);
});

test("config secret: labels do not propagate to it", () => {
  const config = configSecretOf(listener, source, "linux", settings());
  assert.deepEqual(config.metadata, {
    name: "linux-84bd964b-listener-config",
    namespace: "arc-systems",
    ownerReferences: OWNED_BY_LISTENER,
  });
  assert.deepEqual(Object.keys(config.data ?? {}), ["config.json"]);
  assert.equal(text(config.data, "config.json"), configJson(listener, source, "linux", settings()));
});

test("proxy secret: all three keys, always", () => {
  const proxy = proxySecretOf(listener, source);
  assert.deepEqual(proxy.metadata, {
    name: "linux-84bd964b-listener-proxy",
    namespace: "arc-systems",
    labels: { "actions.github.com/scale-set-name": "linux", "actions.github.com/scale-set-namespace": "arc-runners" },
    ownerReferences: OWNED_BY_LISTENER,
  });
  assert.deepEqual(Object.keys(proxy.data ?? {}), ["http_proxy", "https_proxy", "no_proxy"]);
  assert.equal(text(proxy.data, "http_proxy"), "");
  assert.equal(text(proxy.data, "https_proxy"), "http://u:p%40ss@proxy:3128");
  assert.equal(text(proxy.data, "no_proxy"), "a.example,10.0.0.0/8");
});

test("listener pod", () => {
  const { metadata, spec } = listenerPodOf(listener, settings());
  const { annotations, ...meta } = metadata!;
  assert.deepEqual(Object.keys(annotations ?? {}), ["actions.github.com/listener-spec"]);
  assert.deepEqual(meta, {
    name: "linux-84bd964b-listener",
    namespace: "arc-systems",
    labels: LISTENER_LABELS,
    ownerReferences: OWNED_BY_LISTENER,
  });
  const fromProxy = (key: string) => ({
    name: key,
    valueFrom: { secretKeyRef: { name: "linux-84bd964b-listener-proxy", key } },
  });
  assert.deepEqual(spec, {
    serviceAccountName: "linux-84bd964b-listener",
    nodeSelector: { "kubernetes.io/os": "linux" },
    containers: [{
      name: "listener",
      image: "ghcr.io/acme/arc:0.14.2",
      command: ["/ghalistener"],
      env: [
        { name: "LISTENER_CONFIG_PATH", value: "/etc/gha-listener/config.json" },
        fromProxy("https_proxy"),
        fromProxy("no_proxy"),
      ],
      ports: [{ name: "metrics", protocol: "TCP", containerPort: 8080 }],
      volumeMounts: [{ name: "listener-config", mountPath: "/etc/gha-listener", readOnly: true }],
    }],
    volumes: [{ name: "listener-config", secret: { secretName: "linux-84bd964b-listener-config" } }],
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 60,
  });
});
