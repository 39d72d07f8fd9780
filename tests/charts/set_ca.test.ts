/** The scale set's chart: the certificate of an own CA in the runner's container. */
import { DEFAULT_CLAIM, DIND_ENV, DIND_MOUNTS, DIND_VOLUMES, HOOKS, NOVOLUME, WORK } from "../support/chart_modes.ts";
import { chartTable, sayWhenThereIsNoHelm, SET_CHART, SET_VALUES } from "../support/charts.ts";

sayWhenThereIsNoHelm();

const POD = "autoscalingrunnerset#spec.template.spec";
const RUNNER = `${POD}.containers{runner}`;
const values = (more: Record<string, unknown>) => ({ ...SET_VALUES, ...more });
const spec = (template: Record<string, unknown>, type = "none", more: Record<string, unknown> = {}) =>
  values({ containerMode: { type }, template: { spec: template }, ...more });

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
