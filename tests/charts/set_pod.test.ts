/** The scale set's chart: the runners' pod in each container mode. */
import { chartTable, sayWhenThereIsNoHelm, SET_CHART, SET_VALUES } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const POD = "autoscalingrunnerset#spec.template.spec";
const RUNNER = `${POD}.containers{runner}`;
const IMAGE = "ghcr.io/actions/actions-runner:latest";
const COMMAND = ["/home/runner/run.sh"];
const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });
const spec = (template: Record<string, unknown>, type = "none", more: Record<string, unknown> = {}) =>
  values({ containerMode: { type }, template: { spec: template }, ...more });

const WORK = { name: "work", mountPath: "/home/runner/_work" };
const DIND_ENV = [
  { name: "DOCKER_HOST", value: "unix:///var/run/docker.sock" },
  { name: "RUNNER_WAIT_FOR_DOCKER_IN_SECONDS", value: "120" },
];
const DIND_MOUNTS = [WORK, { name: "dind-sock", mountPath: "/var/run" }];
const COPIER = {
  name: "init-dind-externals",
  image: IMAGE,
  command: ["cp"],
  args: ["-r", "/home/runner/externals/.", "/home/runner/tmpDir/"],
  volumeMounts: [{ name: "dind-externals", mountPath: "/home/runner/tmpDir" }],
};
const DIND = {
  name: "dind",
  image: "docker:dind",
  args: ["dockerd", "--host=unix:///var/run/docker.sock", "--group=$(DOCKER_GROUP_GID)"],
  env: [{ name: "DOCKER_GROUP_GID", value: "123" }],
  securityContext: { privileged: true },
  volumeMounts: [WORK, { name: "dind-sock", mountPath: "/var/run" }, {
    name: "dind-externals",
    mountPath: "/home/runner/externals",
  }],
};
const NATIVE = {
  ...DIND,
  restartPolicy: "Always",
  startupProbe: {
    exec: { command: ["docker", "info"] },
    initialDelaySeconds: 0,
    periodSeconds: 5,
    failureThreshold: 24,
  },
};
const EMPTY = (...names: string[]) => names.map((name) => ({ name, emptyDir: {} }));
const DIND_VOLUMES = EMPTY("dind-sock", "dind-externals", "work");
const hooks = (file: string) => [
  { name: "ACTIONS_RUNNER_CONTAINER_HOOKS", value: file },
  { name: "ACTIONS_RUNNER_POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  { name: "ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER", value: "true" },
];
const HOOKS = hooks("/home/runner/k8s/index.js");
const NOVOLUME = [
  ...hooks("/home/runner/k8s-novolume/index.js"),
  { name: "ACTIONS_RUNNER_IMAGE", value: IMAGE },
];
const claim = (of: Record<string, unknown>) => ({
  name: "work",
  ephemeral: { volumeClaimTemplate: { spec: of } },
});
const DEFAULT_CLAIM = claim({ accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } });

chartTable("the runners' pod", SET_CHART, {
  "no mode": {
    values: SET_VALUES,
    facts: {
      "autoscalingrunnerset#spec.template.metadata": undefined,
      [POD]: {
        restartPolicy: "Never",
        serviceAccountName: "linux-gha-rs-no-permission",
        containers: [{ name: "runner", image: IMAGE, command: COMMAND }],
      },
    },
  },
  "dind": {
    values: values({ containerMode: { type: "dind" } }),
    facts: {
      [POD]: {
        restartPolicy: "Never",
        serviceAccountName: "linux-gha-rs-no-permission",
        initContainers: [COPIER, NATIVE],
        containers: [{ name: "runner", image: IMAGE, command: COMMAND, env: DIND_ENV, volumeMounts: DIND_MOUNTS }],
        volumes: DIND_VOLUMES,
      },
    },
  },
  "dind before Kubernetes 1.29": {
    values: values({ containerMode: { type: "dind" } }),
    args: ["--kube-version", "1.28.9"],
    facts: {
      [POD]: {
        restartPolicy: "Never",
        serviceAccountName: "linux-gha-rs-no-permission",
        initContainers: [COPIER],
        containers: [
          { name: "runner", image: IMAGE, command: COMMAND, env: DIND_ENV, volumeMounts: DIND_MOUNTS },
          DIND,
        ],
        volumes: DIND_VOLUMES,
      },
    },
  },
  "kubernetes": {
    values: values({
      containerMode: { type: "kubernetes", kubernetesModeWorkVolumeClaim: { storageClassName: "fast" } },
    }),
    facts: {
      [POD]: {
        restartPolicy: "Never",
        serviceAccountName: "linux-gha-rs-kube-mode",
        containers: [{ name: "runner", image: IMAGE, command: COMMAND, env: HOOKS, volumeMounts: [WORK] }],
        volumes: [claim({ storageClassName: "fast" })],
      },
    },
  },
  "kubernetes without a claim": {
    values: values({ containerMode: { type: "kubernetes" } }),
    facts: { [`${POD}.volumes`]: [DEFAULT_CLAIM] },
  },
  "kubernetes-novolume": {
    values: values({ containerMode: { type: "kubernetes-novolume" } }),
    facts: {
      [POD]: {
        restartPolicy: "Never",
        serviceAccountName: "linux-gha-rs-kube-mode",
        containers: [{ name: "runner", image: IMAGE, command: COMMAND, env: NOVOLUME, volumeMounts: [] }],
        volumes: [],
      },
    },
  },
});

const DIND_ON = (version: string, native: boolean, dindForm?: string) => ({
  values: values({ containerMode: { type: "dind", dindForm } }),
  args: ["--kube-version", version],
  facts: {
    [`${POD}.initContainers.*.name`]: native ? ["init-dind-externals", "dind"] : ["init-dind-externals"],
    [`${POD}.containers.*.name`]: native ? ["runner"] : ["runner", "dind"],
  },
});

chartTable("the form of dind", SET_CHART, {
  "1.28": DIND_ON("1.28.0", false),
  "1.29": DIND_ON("1.29.0", true),
  "a cloud's version": DIND_ON("v1.31.4-eks-7f9249a", true),
  "a cloud's preview": DIND_ON("v1.29.0-gke.1", true),
  "2.0": DIND_ON("2.0.0", true),
  "forced to be a container": DIND_ON("1.33.0", false, "container"),
  "forced to be native": DIND_ON("1.28.0", true, "native"),
});

const SIDE = { name: "side", image: "s" };
const MINE = { name: "mine", image: "m" };
const OWN_RUNNER = {
  name: "runner",
  image: "reg/runner:1",
  command: ["/run"],
  env: [{ name: "DOCKER_HOST", value: "tcp://mine" }, { name: "A", value: "1" }],
  volumeMounts: [{ name: "work", mountPath: "/elsewhere" }, { name: "v", mountPath: "/v" }],
  resources: { limits: { cpu: "2" } },
};

chartTable("the user's part of the pod", SET_CHART, {
  "other fields, labels and annotations": {
    values: values({
      template: {
        metadata: { labels: { a: 1 }, annotations: { b: true }, name: "no" },
        spec: {
          restartPolicy: "Always",
          nodeSelector: { a: "b" },
          terminationGracePeriodSeconds: 100_000_000,
          dnsPolicy: "None",
        },
      },
    }),
    facts: {
      "autoscalingrunnerset#spec.template.metadata": { labels: { a: "1" }, annotations: { b: "true" } },
      [`${POD}.restartPolicy`]: "Always",
      [`${POD}.nodeSelector`]: { a: "b" },
      [`${POD}.terminationGracePeriodSeconds`]: 100_000_000,
      [`${POD}.dnsPolicy`]: "None",
    },
  },
  "containers in no mode stay as they are, in order": {
    values: spec({ containers: [SIDE, OWN_RUNNER], initContainers: [MINE], volumes: EMPTY("v") }),
    facts: {
      [`${POD}.containers`]: [SIDE, OWN_RUNNER],
      [`${POD}.initContainers`]: [MINE],
      [`${POD}.volumes`]: EMPTY("v"),
    },
  },
  "no mode without a runner is left alone": {
    values: spec({ containers: [SIDE] }),
    facts: { [`${POD}.containers`]: [SIDE] },
  },
  "empty lists leave no keys behind": {
    values: spec({ containers: [{ name: "runner", image: "r", command: ["c"], env: [], volumeMounts: [] }] }),
    facts: { [RUNNER]: { name: "runner", image: "r", command: ["c"] } },
  },
  "a runner's own variables and mounts win in dind": {
    values: spec({ containers: [SIDE, OWN_RUNNER], initContainers: [MINE], volumes: EMPTY("v") }, "dind"),
    facts: {
      [`${POD}.containers.*.name`]: ["runner", "side"],
      [RUNNER]: {
        ...OWN_RUNNER,
        env: [...OWN_RUNNER.env, DIND_ENV[1]],
        volumeMounts: [...OWN_RUNNER.volumeMounts, DIND_MOUNTS[1]],
      },
      [`${POD}.initContainers`]: [{ ...COPIER, image: "reg/runner:1" }, NATIVE, MINE],
      [`${POD}.volumes`]: [...DIND_VOLUMES, ...EMPTY("v")],
    },
  },
  "and in kubernetes mode": {
    values: spec({ containers: [OWN_RUNNER], volumes: EMPTY("v") }, "kubernetes"),
    facts: {
      [`${RUNNER}.env`]: [...OWN_RUNNER.env, ...HOOKS],
      [`${RUNNER}.volumeMounts`]: OWN_RUNNER.volumeMounts,
      [`${POD}.volumes`]: [DEFAULT_CLAIM, ...EMPTY("v")],
    },
  },
  "and in kubernetes-novolume mode": {
    values: spec({ containers: [OWN_RUNNER], volumes: EMPTY("v") }, "kubernetes-novolume"),
    facts: {
      [`${RUNNER}.env`]: [
        ...OWN_RUNNER.env,
        ...NOVOLUME.slice(0, 3),
        { name: "ACTIONS_RUNNER_IMAGE", value: "reg/runner:1" },
      ],
      [`${RUNNER}.volumeMounts`]: OWN_RUNNER.volumeMounts,
      [`${POD}.volumes`]: EMPTY("v"),
    },
  },
  "a work volume of one's own, dind": {
    values: spec({ volumes: [{ name: "work", hostPath: { path: "/w" } }] }, "dind"),
    facts: {
      [`${POD}.volumes`]: [...EMPTY("dind-sock", "dind-externals"), { name: "work", hostPath: { path: "/w" } }],
    },
  },
  "a work volume of one's own, kubernetes": {
    values: spec({ volumes: [...EMPTY("v"), { name: "work", hostPath: { path: "/w" } }] }, "kubernetes"),
    facts: { [`${POD}.volumes`]: [{ name: "work", hostPath: { path: "/w" } }, ...EMPTY("v")] },
  },
  "a mode makes its runner where there is none": {
    values: spec({ containers: [SIDE] }, "dind"),
    facts: {
      [`${POD}.containers`]: [
        { name: "runner", image: IMAGE, command: COMMAND, env: DIND_ENV, volumeMounts: DIND_MOUNTS },
        SIDE,
      ],
    },
  },
  "a runner without image": {
    values: spec({ containers: [{ name: "runner" }] }, "kubernetes-novolume"),
    facts: {
      [RUNNER]: { name: "runner", image: IMAGE, command: COMMAND, env: NOVOLUME, volumeMounts: [] },
    },
  },
  "the official image gets its command": {
    values: spec({ containers: [{ name: "runner", image: "ghcr.io/actions/actions-runner:2.320.0" }] }),
    facts: { [`${RUNNER}.command`]: COMMAND },
  },
  "another image has its own": {
    values: spec({ containers: [{ name: "runner", image: "reg/mine:1" }] }),
    facts: { [RUNNER]: { name: "runner", image: "reg/mine:1" } },
  },
  "no containers at all": {
    values: spec({ containers: null }),
    facts: { [`${POD}.containers`]: [{ name: "runner", image: IMAGE, command: COMMAND }] },
  },
  "no template at all": {
    text: `${JSON.stringify(SET_VALUES).slice(0, -1)}, "template": null}`,
    facts: { [`${POD}.containers`]: [{ name: "runner", image: IMAGE, command: COMMAND }] },
  },
});

chartTable("containers that the chart makes are changed by their names", SET_CHART, {
  "dind, in the list of init containers": {
    values: spec({
      initContainers: [
        MINE,
        {
          name: "dind",
          image: "mirror/docker:27-dind",
          env: [{ name: "DOCKER_GROUP_GID", value: "1001" }, { name: "B", value: "2" }],
          resources: { limits: { memory: "4Gi" } },
          volumeMounts: [{ name: "cache", mountPath: "/var/lib/docker" }],
          startupProbe: { failureThreshold: 60 },
        },
      ],
    }, "dind"),
    facts: {
      [`${POD}.initContainers.*.name`]: ["init-dind-externals", "dind", "mine"],
      [`${POD}.initContainers{dind}`]: {
        ...NATIVE,
        image: "mirror/docker:27-dind",
        env: [{ name: "DOCKER_GROUP_GID", value: "1001" }, { name: "B", value: "2" }],
        resources: { limits: { memory: "4Gi" } },
        volumeMounts: [...NATIVE.volumeMounts, { name: "cache", mountPath: "/var/lib/docker" }],
        startupProbe: { ...NATIVE.startupProbe, failureThreshold: 60 },
      },
    },
  },
  "dind, in the list of containers": {
    values: spec({ containers: [{ name: "runner" }, { name: "dind", image: "mirror/docker" }, SIDE] }, "dind"),
    facts: {
      [`${POD}.containers.*.name`]: ["runner", "side"],
      [`${POD}.initContainers.*.name`]: ["init-dind-externals", "dind"],
      [`${POD}.initContainers{dind}`]: { ...NATIVE, image: "mirror/docker" },
    },
  },
  "dind as a container": {
    values: spec({ initContainers: [{ name: "dind", image: "mirror/docker" }] }, "dind"),
    args: ["--kube-version", "1.28.0"],
    facts: {
      [`${POD}.containers{dind}`]: { ...DIND, image: "mirror/docker" },
      [`${POD}.initContainers.*.name`]: ["init-dind-externals"],
    },
  },
  "a list is replaced, null takes a field out": {
    values: spec({ initContainers: [{ name: "dind", args: ["dockerd"], startupProbe: null }] }, "dind"),
    facts: {
      [`${POD}.initContainers{dind}.args`]: ["dockerd"],
      [`${POD}.initContainers{dind}.startupProbe`]: undefined,
      [`${POD}.initContainers{dind}.image`]: "docker:dind",
    },
  },
  "a variable from elsewhere instead of a value": {
    values: spec({
      initContainers: [{
        name: "dind",
        env: [{ name: "DOCKER_GROUP_GID", valueFrom: { configMapKeyRef: { name: "c", key: "gid" } } }],
      }],
    }, "dind"),
    facts: {
      [`${POD}.initContainers{dind}.env`]: [
        { name: "DOCKER_GROUP_GID", valueFrom: { configMapKeyRef: { name: "c", key: "gid" } } },
      ],
    },
  },
  "the copier": {
    values: spec({ initContainers: [{ name: "init-dind-externals", resources: { limits: { cpu: "1" } } }] }, "dind"),
    facts: { [`${POD}.initContainers.0`]: { ...COPIER, resources: { limits: { cpu: "1" } } } },
  },
  "volumes": {
    values: spec({ volumes: [...EMPTY("v"), { name: "dind-sock", emptyDir: { medium: "Memory" } }] }, "dind"),
    facts: {
      [`${POD}.volumes`]: [
        { name: "dind-sock", emptyDir: { medium: "Memory" } },
        ...EMPTY("dind-externals", "work", "v"),
      ],
    },
  },
  "in other modes a container named dind is the user's": {
    values: spec({ containers: [{ name: "runner" }, { name: "dind", image: "d" }] }, "kubernetes"),
    facts: { [`${POD}.containers{dind}`]: { name: "dind", image: "d" } },
  },
});

const CA = { runnerMountPath: "/usr/ca/", certificateFrom: { configMapKeyRef: { name: "ca", key: "ca.crt" } } };
const CA_ENV = [
  { name: "NODE_EXTRA_CA_CERTS", value: "/usr/ca/ca.crt" },
  { name: "RUNNER_UPDATE_CA_CERTS", value: "1" },
];
const CA_MOUNT = { name: "github-server-tls-cert", mountPath: "/usr/ca/ca.crt", subPath: "ca.crt" };
const CA_VOLUME = {
  name: "github-server-tls-cert",
  configMap: { name: "ca", items: [{ key: "ca.crt", path: "ca.crt" }] },
};
const withCa = (type: string, env: unknown[], mounts: unknown[], volumes: unknown[]) => ({
  values: values({ containerMode: { type }, githubServerTLS: CA }),
  facts: {
    [`${RUNNER}.env`]: [...env, ...CA_ENV],
    [`${RUNNER}.volumeMounts`]: [...mounts, CA_MOUNT],
    [`${POD}.volumes`]: [CA_VOLUME, ...volumes],
  },
});
const withoutMount = (type: string, env: unknown, mounts: unknown, volumes: unknown) => ({
  values: values({ containerMode: { type }, githubServerTLS: { certificateFrom: CA.certificateFrom } }),
  facts: { [`${RUNNER}.env`]: env, [`${RUNNER}.volumeMounts`]: mounts, [`${POD}.volumes`]: volumes },
});

chartTable("a CA in the runner's container", SET_CHART, {
  "no mode": withCa("none", [], [], []),
  "dind": withCa("dind", DIND_ENV, DIND_MOUNTS, DIND_VOLUMES),
  "kubernetes": withCa("kubernetes", HOOKS, [WORK], [DEFAULT_CLAIM]),
  "kubernetes-novolume": withCa("kubernetes-novolume", NOVOLUME, [], []),
  "no mode, not mounted": withoutMount("none", undefined, undefined, undefined),
  "dind, not mounted": withoutMount("dind", DIND_ENV, DIND_MOUNTS, DIND_VOLUMES),
  "kubernetes, not mounted": withoutMount("kubernetes", HOOKS, [WORK], [DEFAULT_CLAIM]),
  "kubernetes-novolume, not mounted": withoutMount("kubernetes-novolume", NOVOLUME, [], []),
  "what the user has of it stays": {
    values: spec(
      {
        containers: [{
          name: "runner",
          image: "r",
          command: ["c"],
          env: [{ name: "RUNNER_UPDATE_CA_CERTS", value: "0" }],
          volumeMounts: [{ name: "github-server-tls-cert", mountPath: "/mine" }],
        }],
        volumes: [{ name: "github-server-tls-cert", configMap: { name: "mine" } }],
      },
      "none",
      { githubServerTLS: CA },
    ),
    facts: {
      [`${RUNNER}.env`]: [{ name: "RUNNER_UPDATE_CA_CERTS", value: "0" }, CA_ENV[0]],
      [`${RUNNER}.volumeMounts`]: [{ name: "github-server-tls-cert", mountPath: "/mine" }],
      [`${POD}.volumes`]: [{ name: "github-server-tls-cert", configMap: { name: "mine" } }],
    },
  },
});
