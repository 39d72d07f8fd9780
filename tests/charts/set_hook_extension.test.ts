/** The scale set's chart: a pod template for the pods of jobs, in the modes in which jobs are pods. */
import { DEFAULT_CLAIM, HOOKS, NOVOLUME, WORK } from "../support/chart_modes.ts";
import { chartTable, sayWhenThereIsNoHelm, SET_CHART, SET_VALUES } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const POD = "autoscalingrunnerset#spec.template.spec";
const RUNNER = `${POD}.containers{runner}`;
const NAME = "ACTIONS_RUNNER_CONTAINER_HOOK_TEMPLATE";
const mount = (folder: string) => ({
  name: "hook-extension",
  mountPath: `${folder}/hook-template.yaml`,
  subPath: "extension",
  readOnly: true,
});
const volume = (name: string) => ({ name: "hook-extension", configMap: { name } });
const extended = (type: string, kubernetesModeHookExtension: Record<string, unknown>, more = {}) => ({
  ...SET_VALUES,
  containerMode: { type, kubernetesModeHookExtension },
  ...more,
});

chartTable("a hook extension", SET_CHART, {
  "made from a map": {
    values: extended("kubernetes", { template: { spec: { securityContext: { runAsUser: 1000 } } } }),
    facts: {
      "hook_extension#metadata.name": "linux-gha-rs-hook-extension",
      "hook_extension#metadata.namespace": "arc-runners",
      "hook_extension#metadata.finalizers": undefined,
      "hook_extension#data": { extension: "spec:\n  securityContext:\n    runAsUser: 1000\n" },
      [`${RUNNER}.env`]: [...HOOKS, { name: NAME, value: "/home/runner/k8s/hook-template.yaml" }],
      [`${RUNNER}.volumeMounts`]: [WORK, mount("/home/runner/k8s")],
      [`${POD}.volumes`]: [DEFAULT_CLAIM, volume("linux-gha-rs-hook-extension")],
    },
  },
  "made from a text": {
    values: extended("kubernetes", { template: "spec:\n  x: 1\n" }),
    facts: { "hook_extension#data": { extension: "spec:\n  x: 1\n" } },
  },
  "from a ConfigMap that is there already": {
    values: extended("kubernetes", { configMapName: "mine" }),
    facts: { hook_extension: undefined, [`${POD}.volumes`]: [DEFAULT_CLAIM, volume("mine")] },
  },
  "without volumes": {
    values: extended("kubernetes-novolume", { configMapName: "mine" }),
    facts: {
      [`${RUNNER}.env`]: [...NOVOLUME, { name: NAME, value: "/home/runner/k8s-novolume/hook-template.yaml" }],
      [`${RUNNER}.volumeMounts`]: [mount("/home/runner/k8s-novolume")],
      [`${POD}.volumes`]: [volume("mine")],
    },
  },
  "the user's own variable wins": {
    values: extended("kubernetes", { configMapName: "mine" }, {
      template: { spec: { containers: [{ name: "runner", env: [{ name: NAME, value: "/mine" }] }] } },
    }),
    facts: { [`${RUNNER}.env`]: [{ name: NAME, value: "/mine" }, ...HOOKS] },
  },
  "not in other modes": {
    values: extended("dind", { template: { spec: {} } }),
    facts: { hook_extension: undefined, [`${POD}.volumes.*.name`]: ["dind-sock", "dind-externals", "work"] },
  },
});
