/** What the charts render, tried on a real API server: nothing is refused, pruned or doubled. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withTemplate } from "../../src/controllers/autoscaling_listener/listener_pod.ts";
import type { Pod, PodTemplate } from "../../src/k8s/resource.ts";
import {
  at,
  CONTROLLER_CHART,
  type Manifest,
  render,
  type RenderOptions,
  SET_CHART,
  SET_VALUES,
} from "../support/charts.ts";
import { ChartCluster, isKnown, whyNoChartCluster } from "../support/chart_cluster.ts";

const why = whyNoChartCluster();
if (why !== undefined) console.log(why);
const skip = why !== undefined;
let cluster: ChartCluster;

before(async () => {
  if (!skip) cluster = await ChartCluster.start("arc-systems", "arc-runners", "demo");
});
after(() => cluster?.stop());

type PodSpec = NonNullable<Pod["spec"]>;

/** Every object is taken, and so is the pod that its template makes. */
async function accepted(chart: string, options: RenderOptions): Promise<void> {
  for (const [file, objects] of render(chart, options)) {
    for (const object of objects.filter(isKnown)) {
      const { status, text } = await cluster.dryRun(object);
      assert.equal(status, 201, `${file}: ${text}`);
      const pod = at(object, "spec.template.spec") as PodSpec | undefined;
      if (pod === undefined) continue;
      const made = await cluster.dryRunPod(object.metadata.namespace!, pod);
      assert.equal(made.status, 201, `the pod of ${file}: ${made.text}`);
    }
  }
}

const METRICS = { controllerManagerAddr: ":8080", listenerAddr: ":8081", listenerEndpoint: "/metrics" };
const CONTROLLERS: Readonly<Record<string, unknown>> = {
  "by default": {},
  "a single namespace": { flags: { watchSingleNamespace: "demo" } },
  "two replicas, with a budget": { replicaCount: 2, podDisruptionBudget: { enabled: true } },
  "no replica": { replicaCount: 0 },
  "hardened, with metrics": { hardened: true, metrics: METRICS, pprof: { addr: ":6060" } },
  "everything around it": {
    metrics: METRICS,
    networkPolicy: { enabled: true, metricsFrom: [{ podSelector: {} }], egress: [{ ports: [{ port: 443 }] }] },
    serviceMonitor: { enabled: true },
    podMonitor: { enabled: true },
    rbac: { commonLabels: true },
  },
  "labels of all sorts": {
    labels: { team: "core", n: 5, on: true, "app.kubernetes.io/name": "mine" },
    podLabels: { n: 5, "app.kubernetes.io/name": "mine" },
    podAnnotations: { "kubectl.kubernetes.io/default-container": "manager", n: 1 },
    serviceAccount: { annotations: { n: 1 } },
  },
  "environment as a map": { env: { A: 1, B: { valueFrom: { secretKeyRef: { name: "s", key: "k" } } } } },
  "more of the pod": {
    volumes: [{ name: "v", emptyDir: {} }],
    volumeMounts: [{ name: "v", mountPath: "/v" }],
    extraContainers: [{ name: "side", image: "s" }],
    tolerations: [{ key: "k", operator: "Exists" }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" }],
    affinity: { podAntiAffinity: {} },
    dnsConfig: { nameservers: ["1.1.1.1"] },
    strategy: { type: "Recreate" },
    imagePullSecrets: [{ name: "pull" }],
  },
};

for (const [title, values] of Object.entries(CONTROLLERS)) {
  test(`the API server takes the controller's chart: ${title}`, { skip }, () => accepted(CONTROLLER_CHART, { values }));
}

const CA = { runnerMountPath: "/ca", certificateFrom: { configMapKeyRef: { name: "ca", key: "ca.crt" } } };
const MINE = {
  containers: [
    { name: "side", image: "s" },
    { name: "runner", env: [{ name: "A", value: "1" }], volumeMounts: [{ name: "v", mountPath: "/v" }] },
  ],
  initContainers: [{ name: "mine", image: "m" }],
  volumes: [{ name: "v", emptyDir: {} }],
};
/** Names that the chart makes too: the original doubles them, and the API server refuses that. */
const SAME_NAMES = {
  containers: [{ name: "runner" }, { name: "dind", resources: { limits: { cpu: 2 } } }],
  initContainers: [{ name: "init-dind-externals" }, { name: "dind", image: "mirror/docker" }],
  volumes: [
    { name: "work", emptyDir: {} },
    { name: "dind-sock", emptyDir: { medium: "Memory" } },
    { name: "dind-externals", emptyDir: {} },
    { name: "github-server-tls-cert", emptyDir: {} },
  ],
};
const OPTIONS: Readonly<Record<string, Record<string, unknown>>> = {
  "alone": {},
  "with a CA": { githubServerTLS: CA },
  "with the user's containers and volumes": { template: { spec: MINE } },
  "with volumes that the chart makes too": {
    githubServerTLS: CA,
    template: { spec: { containers: [{ name: "runner" }], volumes: SAME_NAMES.volumes } },
  },
};

const MODES = ["none", "dind", "kubernetes", "kubernetes-novolume"];

for (const type of MODES) {
  for (const [title, more] of Object.entries(OPTIONS)) {
    const values = { ...SET_VALUES, containerMode: { type }, ...more };
    test(`the API server takes a scale set: ${type}, ${title}`, { skip }, () => accepted(SET_CHART, { values }));
  }
}

test("the API server takes a scale set: dind, with containers that the chart makes too", { skip }, async () => {
  const values = { ...SET_VALUES, containerMode: { type: "dind" }, template: { spec: SAME_NAMES } };
  await accepted(SET_CHART, { values });
  await accepted(SET_CHART, { values, args: ["--kube-version", "1.28.0"] });
});

const AZURE = { url: "https://v", tenantId: "t", clientId: "c", certificatePath: "/p" };
const META = { labels: { a: 1 }, annotations: { b: true } };
const SETS: Readonly<Record<string, Record<string, unknown>>> = {
  "size, group, name and labels": {
    minRunners: 1,
    maxRunners: 2.5,
    runnerGroup: 123,
    runnerScaleSetName: "a_b",
    scaleSetLabels: ["a", 1],
  },
  "a proxy": { proxy: { https: { url: "http://p", credentialSecretRef: "s" }, noProxy: ["a"] } },
  "a vault": { githubConfigSecret: "s", keyVault: { type: "azure_key_vault", azureKeyVault: AZURE } },
  "secrets from files": { githubConfigSecret: "s", keyVault: { type: "file" } },
  "a listener with a node and no container": { listenerTemplate: { spec: { nodeSelector: { a: "b" } } } },
  "a hardened listener": { hardenedListener: true },
  "metrics of the listener": {
    listenerMetrics: {
      gauges: { g: { labels: ["a"] } },
      histograms: { h: { labels: ["a"], buckets: [0.01, 3600] } },
    },
  },
  "metadata of everything": {
    labels: { n: 5 },
    annotations: { n: 5, b: true },
    resourceMeta: Object.fromEntries(
      [
        "autoscalingRunnerSet",
        "githubConfigSecret",
        "managerRole",
        "managerRoleBinding",
        "noPermissionServiceAccount",
        "autoscalingListener",
        "listenerServiceAccount",
        "listenerRole",
        "listenerRoleBinding",
        "listenerConfigSecret",
        "ephemeralRunnerSet",
        "ephemeralRunner",
        "ephemeralRunnerConfigSecret",
      ].map((key) => [key, META]),
    ),
  },
  "a hook extension": { containerMode: { kubernetesModeHookExtension: { template: { spec: { a: 1 } } } } },
  "more rights of the runners": {
    containerMode: { kubernetesModeAdditionalRoleRules: [{ apiGroups: [""], resources: ["events"], verbs: ["get"] }] },
  },
  "an account of the user's own": {
    template: { spec: { containers: [{ name: "runner" }], serviceAccountName: "mine" } },
  },
  "another namespace": { namespaceOverride: "demo" },
  "an App": {
    githubConfigSecret: {
      github_token: null,
      github_app_id: 12345678,
      github_app_installation_id: 1_234_567_890_123,
      github_app_private_key: "-----BEGIN\nk\n-----END\n",
    },
  },
  "more rules": { rbac: { extraRules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }] } },
  "policies": { networkPolicy: { enabled: true, egress: [{ ports: [{ port: 443 }] }] } },
};

for (const type of MODES) {
  for (const [title, more] of Object.entries(SETS)) {
    const values = { ...SET_VALUES, ...more, containerMode: { type, ...more.containerMode as object } };
    test(`the API server takes a scale set: ${type}, ${title}`, { skip }, () => accepted(SET_CHART, { values }));
  }
}

async function inRestrictedNamespace(spec: PodSpec): Promise<{ status: number; text: string }> {
  const name = "restricted";
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await cluster.plane.call("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels },
  });
  return await cluster.dryRunPod(name, spec);
}

const podOf = (objects: readonly Manifest[] | undefined) => at(objects?.[0], "spec.template.spec") as PodSpec;

test("Pod Security restricted: a hardened controller is let in, another is not", { skip }, async () => {
  const hardened = podOf(render(CONTROLLER_CHART, { values: { hardened: true } }).get("deployment"));
  const plain = podOf(render(CONTROLLER_CHART, {}).get("deployment"));
  const { status, text } = await inRestrictedNamespace(hardened);
  assert.equal(status, 201, text);
  assert.equal((await inRestrictedNamespace(plain)).status, 403);
});

test("Pod Security restricted: a hardened listener is let in, another is not", { skip }, async () => {
  const own: PodSpec = { containers: [{ name: "listener", image: "arc" }], restartPolicy: "Never" };
  const [ars] = render(SET_CHART, { values: { ...SET_VALUES, hardenedListener: true } }).get("autoscalingrunnerset")!;
  const template = at(ars, "spec.listenerTemplate") as PodTemplate;
  const { status, text } = await inRestrictedNamespace(withTemplate(own, template.spec));
  assert.equal(status, 201, text);
  assert.equal((await inRestrictedNamespace(own)).status, 403);
});
