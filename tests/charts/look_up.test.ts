/** How the chart of a scale set finds its controller, on a real API server, and what helm says after an install. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CONTROLLER_CHART, type HelmAnswer, type Manifest, render, SET_CHART } from "../support/charts.ts";
import { ChartCluster, whyNoChartCluster } from "../support/chart_cluster.ts";

const why = whyNoChartCluster();
if (why !== undefined) console.log(why);
const skip = why !== undefined;
const CHARTS = fileURLToPath(new URL("../../deploy/charts/", import.meta.url));
const DEPLOYMENTS = "/apis/apps/v1/namespaces/arc-systems/deployments";
let cluster: ChartCluster;

before(async () => {
  if (!skip) cluster = await ChartCluster.start("arc-systems", "arc-runners", "demo");
});
after(() => cluster?.stop());

/** A controller as its chart makes it; its pods are never looked at. */
function controller(release: string, watchSingleNamespace?: string): Manifest {
  const values = watchSingleNamespace === undefined ? {} : { flags: { watchSingleNamespace } };
  const [deployment] = render(CONTROLLER_CHART, { release, values }).get("deployment")!;
  return deployment!;
}

function withoutLabel(object: Manifest, key: string): Manifest {
  const { [key]: _gone, ...labels } = object.metadata.labels ?? {};
  return { ...object, metadata: { ...object.metadata, labels } };
}

function install(chart: string, namespace: string, ...args: string[]): HelmAnswer {
  const release = chart === SET_CHART ? "linux" : "arc";
  return cluster.helm(["install", release, CHARTS + chart, "-n", namespace, "--dry-run=server", ...args]);
}

const AUTH = ["--set", "githubConfigUrl=https://github.com/acme", "--set", "githubConfigSecret=github"];
const SET = [
  ...AUTH,
  "--set",
  "controllerServiceAccount.name=arc,controllerServiceAccount.namespace=arc-systems",
];
const PART_OF = "(app.kubernetes.io/part-of=gha-rs-controller)";
const SINGLE = "actions.github.com/controller-watch-single-namespace";
const ACCOUNT = "actions.github.com/controller-service-account";

interface LookUp {
  readonly controllers: () => Manifest[];
  /** Where the scale set is; default arc-runners. */
  readonly namespace?: string;
  readonly args?: readonly string[];
  /** The subject's name, or what is said. */
  readonly finds?: string;
  readonly says?: string;
}

const LOOK_UPS: Readonly<Record<string, LookUp>> = {
  "none": {
    controllers: () => [],
    says: `No gha-rs-controller deployment found using label ${PART_OF}`,
  },
  "one for all namespaces": { controllers: () => [controller("arc")], finds: "arc-gha-rs-controller" },
  "one for this namespace, among others": {
    controllers: () => [controller("other", "demo"), controller("arc", "arc-runners")],
    finds: "arc-gha-rs-controller",
  },
  "none for this namespace": {
    controllers: () => [controller("other", "demo")],
    says: `No gha-rs-controller deployment that watch this namespace found using label (${SINGLE})`,
  },
  "both kinds": {
    controllers: () => [controller("arc"), controller("other", "demo")],
    says:
      "Found both gha-rs-controller installed with flags.watchSingleNamespace set and unset in cluster, this is not supported",
  },
  "two for all namespaces": {
    controllers: () => [controller("arc"), controller("other")],
    says: `More than one gha-rs-controller deployment found using label ${PART_OF}`,
  },
  "two for all namespaces, and the user says which": {
    controllers: () => [controller("arc"), controller("other")],
    args: ["--set", "controllerServiceAccount.name=mine", "--set", "controllerServiceAccount.namespace=arc-systems"],
    finds: "mine",
  },
  "a name that the user says, the namespace found": {
    controllers: () => [controller("arc")],
    args: ["--set", "controllerServiceAccount.name=mine"],
    finds: "mine",
  },
  "no label of the account's name": {
    controllers: () => [withoutLabel(controller("arc"), `${ACCOUNT}-name`)],
    says: `No service account name found for gha-rs-controller deployment using label (${ACCOUNT}-name)`,
  },
  "no label of the account's namespace": {
    controllers: () => [withoutLabel(controller("arc"), `${ACCOUNT}-namespace`)],
    says: `No service account namespace found for gha-rs-controller deployment using label (${ACCOUNT}-namespace)`,
  },
};

for (const [title, { controllers, namespace = "arc-runners", args = [], finds, says }] of Object.entries(LOOK_UPS)) {
  test(`the controller is looked up: ${title}`, { skip }, async () => {
    const made = controllers();
    for (const object of made) await cluster.create(object);
    try {
      const { status, stdout, stderr } = install(SET_CHART, namespace, ...AUTH, ...args);
      if (says !== undefined) {
        assert.ok(stderr.includes(says), `says ${stderr}`);
        return;
      }
      assert.equal(status, 0, stderr);
      const subject = /kind: ServiceAccount\s+name: "(.+)"\s+namespace: "(.+)"/.exec(stdout);
      assert.deepEqual(subject?.slice(1), [finds, "arc-systems"]);
    } finally {
      for (const { metadata } of made) await cluster.plane.call("DELETE", `${DEPLOYMENTS}/${metadata.name}`);
    }
  });
}

const notesOf = ({ stdout }: HelmAnswer) => stdout.split("NOTES:")[1] ?? "";

test("the notes of the controller's chart tell the next command, and what has no effect", { skip }, () => {
  const answer = install(CONTROLLER_CHART, "arc-systems", "--set", "mine=1", "--set", "healthProbeBindAddress=:1");
  assert.equal(answer.status, 0, answer.stderr);
  const notes = notesOf(answer);
  assert.match(notes, /kubectl rollout status deployment\/arc-gha-rs-controller --namespace arc-systems/);
  assert.match(notes, /helm install linux .*gha-runner-scale-set/);
  assert.match(notes, /have no effect: healthProbeBindAddress, mine\n/);
});

test("the notes of a scale set tell what runs-on is, and what has no effect", { skip }, () => {
  const args = [
    ...SET,
    "--set-string",
    "minRunners=2",
    "--set",
    "mine=1,listenerTemplate.volumes[0].name=akv,template.metadata.labels.a=b",
  ];
  const answer = install(SET_CHART, "arc-runners", ...args);
  assert.equal(answer.status, 0, answer.stderr);
  const notes = notesOf(answer);
  assert.match(notes, /runs-on: linux\n/);
  assert.match(notes, /kubectl get autoscalingrunnersets --namespace arc-runners linux\n/);
  assert.match(notes, /minRunners is a text and has no effect/);
  assert.match(notes, /have no effect: mine\n/);
  assert.match(notes, /listenerTemplate\.volumes has no effect: a pod's fields are under listenerTemplate\.spec\./);
  assert.doesNotMatch(notes, /template\.metadata has no effect/);
});

test("the notes of plain values say nothing of the kind", { skip }, () => {
  for (
    const [chart, namespace, args] of [[CONTROLLER_CHART, "arc-systems", []], [SET_CHART, "arc-runners", SET]] as const
  ) {
    const answer = install(chart, namespace, ...args);
    assert.equal(answer.status, 0, answer.stderr);
    assert.match(notesOf(answer), /Thank you for installing/);
    assert.doesNotMatch(notesOf(answer), /effect|can start/);
  }
});

const POD_NOTES: Record<string, { args: string[]; says?: RegExp; not?: RegExp }> = {
  "a container mode that does not exist": {
    args: ["--set", "containerMode.type=docker"],
    says: /containerMode\.type "docker" has no effect.*dind, kubernetes or kubernetes-novolume/,
  },
  "one that does": { args: ["--set", "containerMode.type=dind"], not: /containerMode/ },
  "no container is the runner": {
    args: ["--set", "template.spec.containers[0].name=runer"],
    says: /no container named runner/,
  },
  "no container is the runner, and the mode makes one": {
    args: ["--set", "template.spec.containers[0].name=side,containerMode.type=kubernetes"],
    not: /no container named runner/,
  },
};

for (const [title, { args, says, not }] of Object.entries(POD_NOTES)) {
  test(`the notes of a scale set: ${title}`, { skip }, () => {
    const answer = install(SET_CHART, "arc-runners", ...SET, ...args);
    assert.equal(answer.status, 0, answer.stderr);
    if (says) assert.match(notesOf(answer), says);
    if (not) assert.doesNotMatch(notesOf(answer), not);
  });
}
