/** The controller's chart: the Deployment, value by value. */
import {
  CHART_VERSION,
  type ChartCase,
  chartTable,
  CONTROLLER_CHART,
  sayWhenThereIsNoHelm,
} from "../support/charts.ts";

sayWhenThereIsNoHelm();

const IMAGE = `ghcr.io/actions/gha-runner-scale-set-controller:${CHART_VERSION}`;
const MANAGER = "deployment#spec.template.spec.containers{manager}";
const POD = "deployment#spec.template.spec";
const NO_METRICS = ["--listener-metrics-addr=0", "--listener-metrics-endpoint=", "--metrics-addr=0"];
const FLAGS = [
  "--log-level=debug",
  "--log-format=text",
  "--runner-max-concurrent-reconciles=2",
  "--update-strategy=immediate",
];
const DEFAULT_ARGS = ["--auto-scaling-runner-set-only", ...FLAGS, ...NO_METRICS];
const OWN_ENV = [
  { name: "CONTROLLER_MANAGER_CONTAINER_IMAGE", value: IMAGE },
  { name: "CONTROLLER_MANAGER_POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
];

/** A case about the arguments alone. */
const args = (values: unknown, expected: string[]): ChartCase => ({ values, facts: { [`${MANAGER}.args`]: expected } });

chartTable("the controller's pod", CONTROLLER_CHART, {
  "by default: nothing optional": {
    facts: {
      "deployment#spec.replicas": 1,
      "deployment#spec.strategy": undefined,
      [POD]: {
        serviceAccountName: "arc-gha-rs-controller",
        terminationGracePeriodSeconds: 10,
        containers: [{
          name: "manager",
          image: IMAGE,
          imagePullPolicy: "IfNotPresent",
          command: ["/manager"],
          args: DEFAULT_ARGS,
          env: OWN_ENV,
          volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
        }],
        volumes: [{ name: "tmp", emptyDir: {} }],
      },
    },
  },
  "every part of the pod lands": {
    values: {
      imagePullSecrets: [{ name: "pull" }],
      podAnnotations: { a: "b", n: 1 },
      podLabels: { c: "d" },
      podSecurityContext: { fsGroup: 1000 },
      securityContext: { runAsUser: 1000 },
      resources: { limits: { cpu: "500m" } },
      nodeSelector: { disk: "ssd" },
      affinity: { nodeAffinity: {} },
      tolerations: [{ key: "k", operator: "Exists" }],
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }],
      priorityClassName: "high",
      volumes: [{ name: "v", emptyDir: {} }],
      volumeMounts: [{ name: "v", mountPath: "/v" }],
      terminationGracePeriodSeconds: 30,
    },
    facts: {
      "deployment#spec.template.metadata.annotations": {
        "kubectl.kubernetes.io/default-container": "manager",
        a: "b",
        n: "1",
      },
      "deployment#spec.template.metadata.labels.c": "d",
      [`${POD}.imagePullSecrets`]: [{ name: "pull" }],
      [`${POD}.securityContext`]: { fsGroup: 1000 },
      [`${MANAGER}.securityContext`]: { runAsUser: 1000 },
      [`${MANAGER}.resources`]: { limits: { cpu: "500m" } },
      [`${POD}.nodeSelector`]: { disk: "ssd" },
      [`${POD}.affinity`]: { nodeAffinity: {} },
      [`${POD}.tolerations`]: [{ key: "k", operator: "Exists" }],
      [`${POD}.topologySpreadConstraints.0.topologyKey`]: "zone",
      [`${POD}.priorityClassName`]: "high",
      [`${POD}.volumes.*.name`]: ["tmp", "v"],
      [`${MANAGER}.volumeMounts.*.mountPath`]: ["/tmp", "/v"],
      [`${POD}.terminationGracePeriodSeconds`]: 30,
      [`${MANAGER}.args`]: [
        "--auto-scaling-runner-set-only",
        "--auto-scaler-image-pull-secrets=pull",
        ...FLAGS,
        ...NO_METRICS,
      ],
    },
  },
  "no replica at all is no replica": { values: { replicaCount: 0 }, facts: { "deployment#spec.replicas": 0 } },
  "a missing count is one": { text: "replicaCount: null", facts: { "deployment#spec.replicas": 1 } },
  "a count given as text": { args: ["--set-string", "replicaCount=3"], facts: { "deployment#spec.replicas": 3 } },
  "labels of the pod never break the selector": {
    values: {
      podLabels: {
        "app.kubernetes.io/name": "mine",
        "app.kubernetes.io/component": "mine",
        "app.kubernetes.io/part-of": "mine",
      },
    },
    facts: {
      "deployment#spec.template.metadata.labels[app.kubernetes.io/name]": "gha-rs-controller",
      "deployment#spec.template.metadata.labels[app.kubernetes.io/component]": "mine",
    },
  },
  "another default container": {
    values: { podAnnotations: { "kubectl.kubernetes.io/default-container": "side" } },
    facts: { "deployment#spec.template.metadata.annotations": { "kubectl.kubernetes.io/default-container": "side" } },
  },
});

chartTable("the controller's image", CONTROLLER_CHART, {
  "repository, tag and policy": {
    values: { image: { repository: "reg/arc", tag: "dev", pullPolicy: "Always" } },
    facts: {
      [`${MANAGER}.image`]: "reg/arc:dev",
      [`${MANAGER}.imagePullPolicy`]: "Always",
      [`${MANAGER}.env{CONTROLLER_MANAGER_CONTAINER_IMAGE}.value`]: "reg/arc:dev",
    },
  },
  "a digest": {
    values: { image: { repository: "reg/arc", digest: "sha256:abc" } },
    facts: { [`${MANAGER}.image`]: "reg/arc@sha256:abc" },
  },
  "a digest and a tag": {
    values: { image: { repository: "reg/arc", tag: "dev", digest: "sha256:abc" } },
    facts: { [`${MANAGER}.image`]: "reg/arc:dev@sha256:abc" },
  },
  "a digest the way that users helped themselves": {
    values: { image: { repository: "reg/arc@sha256", tag: "abc" } },
    facts: { [`${MANAGER}.image`]: "reg/arc@sha256:abc" },
  },
});

chartTable("the controller's arguments", CONTROLLER_CHART, {
  "two replicas": args({ replicaCount: 2 }, [
    "--auto-scaling-runner-set-only",
    "--enable-leader-election",
    "--leader-election-id=arc-gha-rs-controller",
    ...FLAGS,
    ...NO_METRICS,
  ]),
  "two pull secrets": args({ imagePullSecrets: [{ name: "a" }, { name: "b" }] }, [
    "--auto-scaling-runner-set-only",
    "--auto-scaler-image-pull-secrets=a",
    "--auto-scaler-image-pull-secrets=b",
    ...FLAGS,
    ...NO_METRICS,
  ]),
  "logs": args({ flags: { logLevel: "info", logFormat: "json" } }, [
    "--auto-scaling-runner-set-only",
    "--log-level=info",
    "--log-format=json",
    "--runner-max-concurrent-reconciles=2",
    "--update-strategy=immediate",
    ...NO_METRICS,
  ]),
  "a single namespace": args({ flags: { watchSingleNamespace: "demo" } }, [
    "--auto-scaling-runner-set-only",
    "--log-level=debug",
    "--log-format=text",
    "--watch-single-namespace=demo",
    "--runner-max-concurrent-reconciles=2",
    "--update-strategy=immediate",
    ...NO_METRICS,
  ]),
  "what is not set is not said": args({
    flags: { logLevel: "", logFormat: "", updateStrategy: "", runnerMaxConcurrentReconciles: 0 },
  }, ["--auto-scaling-runner-set-only", ...NO_METRICS]),
  "eventual, 50 at once": args({ flags: { updateStrategy: "eventual", runnerMaxConcurrentReconciles: 50 } }, [
    "--auto-scaling-runner-set-only",
    "--log-level=debug",
    "--log-format=text",
    "--runner-max-concurrent-reconciles=50",
    "--update-strategy=eventual",
    ...NO_METRICS,
  ]),
  "metrics": args({ metrics: { controllerManagerAddr: ":8080", listenerAddr: ":8081", listenerEndpoint: "/m" } }, [
    "--auto-scaling-runner-set-only",
    ...FLAGS,
    "--listener-metrics-addr=:8081",
    "--listener-metrics-endpoint=/m",
    "--metrics-addr=:8080",
  ]),
  "metrics of which little is said": args({ metrics: { listenerAddr: ":8081" } }, [
    "--auto-scaling-runner-set-only",
    ...FLAGS,
    "--listener-metrics-addr=:8081",
    "--listener-metrics-endpoint=",
    "--metrics-addr=:8080",
  ]),
  "all others, in order": args({
    pprof: { addr: ":6060" },
    flags: {
      excludeLabelPropagationPrefixes: ["a/", "b/"],
      k8sClientRateLimiterQPS: 40,
      k8sClientRateLimiterBurst: 1_000_000,
      rateLimiter: { name: "typed_rate_limiter" },
      healthProbeBindAddress: ":8081",
      listenerMode: "embedded",
      secretFiles: "/secrets/{namespace}/{name}",
    },
    extraArgs: ["--sync-period=5m"],
  }, [
    ...DEFAULT_ARGS,
    "--pprof-addr=:6060",
    "--exclude-label-propagation-prefix=a/",
    "--exclude-label-propagation-prefix=b/",
    "--k8s-client-rate-limiter-qps=40",
    "--k8s-client-rate-limiter-burst=1000000",
    "--workqueue-rate-limiter=typed_rate_limiter",
    "--health-probe-bind-address=:8081",
    "--listener-mode=embedded",
    "--secret-files=/secrets/{namespace}/{name}",
    "--sync-period=5m",
  ]),
  "flags, pprof and metrics that are null": {
    text: "flags: null\npprof: null\nmetrics: null\n",
    facts: { [`${MANAGER}.args`]: ["--auto-scaling-runner-set-only", ...NO_METRICS] },
  },
  "a limit of the oldest values files has no effect": args({ runnerMaxConcurrentReconciles: 7 }, DEFAULT_ARGS),
});

const HEALTH = (path: string, initialDelaySeconds: number, periodSeconds: number) => ({
  httpGet: { path, port: 8081 },
  initialDelaySeconds,
  periodSeconds,
});

chartTable("the controller's ports and probes", CONTROLLER_CHART, {
  "metrics": {
    values: { metrics: { controllerManagerAddr: "0.0.0.0:8080", listenerAddr: ":8080", listenerEndpoint: "/metrics" } },
    facts: { [`${MANAGER}.ports`]: [{ name: "metrics", protocol: "TCP", containerPort: 8080 }] },
  },
  "metrics and profiles": {
    values: { metrics: { controllerManagerAddr: ":8080" }, pprof: { addr: "localhost:6060" } },
    facts: {
      [`${MANAGER}.ports`]: [
        { name: "metrics", protocol: "TCP", containerPort: 8080 },
        { name: "pprof", protocol: "TCP", containerPort: 6060 },
      ],
    },
  },
  "metrics off by their address": {
    values: { metrics: { controllerManagerAddr: "0", listenerAddr: ":8080" } },
    facts: { [`${MANAGER}.ports`]: undefined },
  },
  "probes": {
    values: { flags: { healthProbeBindAddress: ":8081" } },
    facts: {
      [`${MANAGER}.livenessProbe`]: HEALTH("/healthz", 15, 20),
      [`${MANAGER}.readinessProbe`]: HEALTH("/readyz", 5, 10),
    },
  },
});

chartTable("the controller's environment", CONTROLLER_CHART, {
  "a list is taken as it is": {
    values: {
      env: [
        { name: "A", value: "1" },
        { name: "B", valueFrom: { secretKeyRef: { key: "k", name: "n", optional: true } } },
        { name: "C", value: "" },
        { name: "D" },
        { name: "oddCase", value: "x" },
      ],
    },
    facts: {
      [`${MANAGER}.env`]: [
        ...OWN_ENV,
        { name: "A", value: "1" },
        { name: "B", valueFrom: { secretKeyRef: { key: "k", name: "n", optional: true } } },
        { name: "C", value: "" },
        { name: "D" },
        { name: "oddCase", value: "x" },
      ],
    },
  },
  "a map of names and values": {
    values: { env: { A: 1, B: { valueFrom: { secretKeyRef: { key: "k", name: "n" } } }, C: true } },
    facts: {
      [`${MANAGER}.env`]: [
        ...OWN_ENV,
        { name: "A", value: "1" },
        { name: "B", valueFrom: { secretKeyRef: { key: "k", name: "n" } } },
        { name: "C", value: "true" },
      ],
    },
  },
});
