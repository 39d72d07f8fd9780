/** The scale set's chart: the runners' pod in each container mode. */
import {
  claim,
  COMMAND,
  COPIER,
  DEFAULT_CLAIM,
  DIND,
  DIND_ENV,
  DIND_MOUNTS,
  DIND_VOLUMES,
  EMPTY,
  HOOKS,
  IMAGE,
  NATIVE,
  NOVOLUME,
  WORK,
} from "../support/chart_modes.ts";
import { chartTable, sayWhenThereIsNoHelm, SET_CHART, SET_VALUES } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const POD = "autoscalingrunnerset#spec.template.spec";
const RUNNER = `${POD}.containers{runner}`;
const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });
const spec = (template: Record<string, unknown>, type = "none", more: Record<string, unknown> = {}) =>
  values({ containerMode: { type }, template: { spec: template }, ...more });

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
