/** The charts as files: nothing that is generated is stale, and helm takes them for good. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { load, YAML11_SCHEMA } from "js-yaml";
import { CHARTS, generatedFiles } from "../../scripts/charts/generated.ts";
import { findHelm } from "../../scripts/charts/helm.ts";
import { entriesOf } from "../../scripts/charts/values.ts";
import { CONTROLLER_OPTIONS } from "../../src/commands/options.ts";
import {
  at,
  CHART_VERSION,
  CONTROLLER_CHART,
  render,
  runHelm,
  sayWhenThereIsNoHelm,
  SET_CHART,
  SET_VALUES,
  whyNoHelm,
} from "../support/charts.ts";
import { table } from "../support/table.ts";

sayWhenThereIsNoHelm();
const skip = whyNoHelm() !== undefined;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const FOLDERS = Object.fromEntries(CHARTS.map((chart) => [chart.name, `deploy/charts/${chart.name}`]));

test("the charts: what is generated is not stale (npm run charts)", () => {
  for (const [path, content] of generatedFiles(ROOT)) assert.equal(read(path), content, path);
});

test("the charts: the controller's carries the CRDs, the other none", () => {
  assert.deepEqual(
    readdirSync(join(ROOT, FOLDERS[CONTROLLER_CHART]!, "crds")).sort(),
    readdirSync(join(ROOT, "crds")).sort(),
  );
  assert.deepEqual(globSync(`${FOLDERS[SET_CHART]}/crds/*`, { cwd: ROOT }), []);
});

table("Chart.yaml", FOLDERS, (folder, name) => {
  const { description: _text, home: _home, keywords: _words, ...chart } = load(read(`${folder}/Chart.yaml`)) as Record<
    string,
    unknown
  >;
  assert.deepEqual(chart, {
    apiVersion: "v2",
    name,
    type: "application",
    version: CHART_VERSION,
    appVersion: CHART_VERSION,
  });
});

/** Users and tests render by file. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  [CONTROLLER_CHART]: [
    "deployment",
    "serviceaccount",
    "manager_cluster_role",
    "manager_cluster_role_binding",
    "manager_listener_role",
    "manager_listener_role_binding",
    "leader_election_role",
    "leader_election_role_binding",
    "manager_single_namespace_controller_role",
    "manager_single_namespace_controller_role_binding",
    "manager_single_namespace_watch_role",
    "manager_single_namespace_watch_role_binding",
  ],
  [SET_CHART]: [
    "autoscalingrunnerset",
    "githubsecret",
    "manager_role",
    "manager_role_binding",
    "no_permission_serviceaccount",
    "kube_mode_role",
    "kube_mode_role_binding",
    "kube_mode_serviceaccount",
  ],
};

table("the original's template files are there", TEMPLATES, (files, name) => {
  const here = readdirSync(join(ROOT, FOLDERS[name]!, "templates"));
  for (const file of files) assert.ok(here.includes(`${file}.yaml`), file);
});

test("a file that renders nothing is said to be none", { skip }, () => {
  const args = ["template", "arc", join(ROOT, FOLDERS[CONTROLLER_CHART]!), "-s", "templates/leader_election_role.yaml"];
  assert.match(runHelm(args).stderr, /could not find template templates\/leader_election_role\.yaml in chart/);
});

/** Defaults that values files, and people, rely on. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  [CONTROLLER_CHART]: {
    labels: {},
    replicaCount: 1,
    "image.repository": "ghcr.io/actions/gha-runner-scale-set-controller",
    "image.pullPolicy": "IfNotPresent",
    "image.tag": "",
    imagePullSecrets: [],
    nameOverride: "",
    fullnameOverride: "",
    namespaceOverride: "",
    env: undefined,
    "serviceAccount.create": true,
    "serviceAccount.annotations": {},
    "serviceAccount.name": "",
    podAnnotations: {},
    podLabels: {},
    podSecurityContext: {},
    securityContext: {},
    resources: {},
    nodeSelector: {},
    tolerations: [],
    affinity: {},
    topologySpreadConstraints: [],
    volumes: [],
    volumeMounts: [],
    priorityClassName: "",
    "flags.logLevel": "debug",
    "flags.logFormat": "text",
    "flags.updateStrategy": "immediate",
    "flags.runnerMaxConcurrentReconciles": 2,
    "flags.watchSingleNamespace": undefined,
    "flags.healthProbeBindAddress": undefined,
    metrics: undefined,
    hardened: false,
    "podDisruptionBudget.enabled": false,
    "networkPolicy.enabled": false,
    "service.enabled": false,
    "serviceMonitor.enabled": false,
    "podMonitor.enabled": false,
    "crds.install": false,
    "crds.keep": true,
    "rbac.extra": true,
  },
  [SET_CHART]: {
    githubConfigUrl: "",
    githubConfigSecret: { github_token: "" },
    scaleSetLabels: [],
    namespaceOverride: "",
    minRunners: undefined,
    maxRunners: undefined,
    containerMode: undefined,
    proxy: undefined,
    listenerTemplate: undefined,
    template: {
      spec: {
        containers: [{
          name: "runner",
          image: "ghcr.io/actions/actions-runner:latest",
          command: ["/home/runner/run.sh"],
        }],
      },
    },
    hardenedListener: false,
    "disruption.protectBusy": false,
    "networkPolicy.enabled": false,
    "rbac.extra": true,
  },
};

table("defaults", DEFAULTS, (defaults, name) => {
  const values = load(read(`${FOLDERS[name]}/values.yaml`), { schema: YAML11_SCHEMA });
  for (const [path, expected] of Object.entries(defaults)) assert.deepEqual(at(values, path), expected, path);
});

table("values.yaml", FOLDERS, (folder) => {
  const entries = entriesOf(read(`${folder}/values.yaml`));
  const names = entries.map((entry) => entry.path.join("."));
  assert.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), [], "described twice");
  for (const { path, text, section } of entries) {
    assert.ok(section, `${path.join(".")} stands under no heading`);
    assert.match(text, /[.:]$/, `${path.join(".")}: a description is a sentence`);
  }
});

test("values.yaml: a key without a description is found", () => {
  assert.throws(() => entriesOf("### A\n\n## (text) One.\na: 1\nb: 2\n"), /b is not described/);
});

test("values.yaml: a description without a type is found", () => {
  assert.throws(() => entriesOf("### A\n\n## One.\na: 1\n"), /the description of a must begin with its type/);
});

test("values.yaml: with every sample taken in, it is still YAML, and still renders", { skip }, () => {
  for (const [name, folder] of Object.entries(FOLDERS)) {
    const text = read(`${folder}/values.yaml`).replace(/^(\s*)# (?=[A-Za-z_])/gm, "$1");
    const sample = load(text, { schema: YAML11_SCHEMA }) as Record<string, unknown>;
    const { keyVault: _vault, ...rest } = sample;
    const more = name === SET_CHART ? { ...SET_VALUES, githubConfigSecret: "s" } : {};
    assert.ok(render(name, { values: { ...rest, ...more } }).size > 0);
  }
});

test("the program knows every argument that the chart can give", { skip }, () => {
  const flags = Object.values(CONTROLLER_OPTIONS).map((option) => ("flag" in option ? option.flag : undefined));
  const values = {
    replicaCount: 2,
    imagePullSecrets: [{ name: "a" }],
    metrics: { controllerManagerAddr: ":1", listenerAddr: ":2", listenerEndpoint: "/m" },
    pprof: { addr: ":3" },
    flags: {
      watchSingleNamespace: "a",
      excludeLabelPropagationPrefixes: ["a"],
      k8sClientRateLimiterQPS: 1,
      k8sClientRateLimiterBurst: 1,
      rateLimiter: { name: "bucket_rate_limiter" },
      healthProbeBindAddress: ":4",
      listenerMode: "pod",
      secretFiles: "/s",
    },
  };
  const [deployment] = render(CONTROLLER_CHART, { values }).get("deployment")!;
  const args = at(deployment, "spec.template.spec.containers.0.args") as string[];
  assert.equal(args.length, 20);
  for (const arg of args) {
    const name = /^--([^=]+)/.exec(arg)?.[1];
    assert.ok(flags.includes(name), `${arg} is not known to the program`);
  }
});

table("helm lint", FOLDERS, (folder, name) => {
  if (skip) return;
  const needed = name === SET_CHART ? Object.entries(SET_VALUES.controllerServiceAccount) : [];
  const sets = needed.map(([key, value]) => `controllerServiceAccount.${key}=${value}`);
  if (name === SET_CHART) sets.push("githubConfigUrl=https://github.com/acme", "githubConfigSecret.github_token=t");
  const args = ["lint", "--strict", join(ROOT, folder), ...sets.flatMap((set) => ["--set", set])];
  const { status, stdout, stderr } = runHelm(args);
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stderr, /Fail:/);
});

table("helm package", FOLDERS, (folder, name) => {
  if (skip) return;
  const out = mkdtempSync(join(tmpdir(), "arc-package-"));
  try {
    const { status, stderr } = runHelm(["package", join(ROOT, folder), "--destination", out]);
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(out), [`${name}-${CHART_VERSION}.tgz`]);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

test("helm is looked for in HELM, then beside the control plane, then on the PATH, and said to be missing", () => {
  const missing = findHelm({ PATH: "/nowhere", KUBEBUILDER_ASSETS: "/nowhere" });
  assert.match("why" in missing ? missing.why : "", /there is no helm in HELM, in KUBEBUILDER_ASSETS or on the PATH/);
  const wrong = findHelm({ HELM: "/nowhere/helm", PATH: process.env.PATH });
  assert.match("why" in wrong ? wrong.why : "", /HELM is \/nowhere\/helm, which can't be run/);
  const shell = findHelm({ HELM: "/bin/sh" });
  assert.deepEqual(shell, { path: "/bin/sh" });
});
