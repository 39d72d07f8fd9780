/** CRDs and helm on a real API server: installed once by default, a part of the release when asked for, never lost. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CONTROLLER_CHART, type Manifest } from "../support/charts.ts";
import { ChartCluster, whyNoChartCluster } from "../support/chart_cluster.ts";
import { eventually } from "../support/eventually.ts";

const why = whyNoChartCluster();
if (why !== undefined) console.log(why);
const skip = why !== undefined;
const CHART = fileURLToPath(new URL(`../../deploy/charts/${CONTROLLER_CHART}`, import.meta.url));
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const SETS = "/apis/actions.github.com/v1alpha1/namespaces/arc-systems/autoscalingrunnersets";
let cluster: ChartCluster;

before(async () => {
  if (!skip) cluster = await ChartCluster.startEmpty();
});
after(() => cluster?.stop());

function helm(...args: string[]): void {
  const { status, stderr } = cluster.helm(args);
  assert.equal(status, 0, `helm ${args.join(" ")}: ${stderr}`);
}

async function crds(): Promise<Manifest[]> {
  const { text } = await cluster.plane.call("GET", CRDS);
  return (JSON.parse(text) as { items: Manifest[] }).items.filter((it) =>
    it.metadata.name.endsWith("actions.github.com")
  );
}

async function scaleSets(): Promise<string[]> {
  const { text } = await cluster.plane.call("GET", SETS);
  return (JSON.parse(text) as { items: Manifest[] }).items.map((it) => it.metadata.name);
}

test("CRDs: installed, taken into the release by an upgrade, kept by an uninstall, with what was made of them", {
  skip,
}, async () => {
  helm("install", "arc", CHART, "--namespace", "arc-systems", "--create-namespace");
  assert.equal((await crds()).length, 4);
  const [before] = await crds();
  assert.equal(before?.metadata.labels?.["app.kubernetes.io/managed-by"], undefined, "they are nobody's");
  await eventually("the kinds are served", async () => (await cluster.plane.call("GET", SETS)).status === 200);
  await cluster.create({
    apiVersion: "actions.github.com/v1alpha1",
    kind: "AutoscalingRunnerSet",
    metadata: { name: "linux", namespace: "arc-systems" },
  });

  const refused = cluster.helm(["upgrade", "arc", CHART, "--namespace", "arc-systems", "--set", "crds.install=true"]);
  assert.match(refused.stderr, /invalid ownership metadata/);
  const upgrade = ["upgrade", "arc", CHART, "--namespace", "arc-systems", "--set", "crds.install=true"];
  helm(...upgrade, "--take-ownership");
  for (const crd of await crds()) {
    assert.equal(crd.metadata.labels?.["app.kubernetes.io/managed-by"], "Helm");
    assert.equal(crd.metadata.annotations?.["helm.sh/resource-policy"], "keep");
  }
  helm(...upgrade); // from now on without a word
  assert.deepEqual(await scaleSets(), ["linux"]);

  helm("upgrade", "arc", CHART, "--namespace", "arc-systems"); // and out of it again
  assert.equal((await crds()).length, 4);
  helm(...upgrade, "--take-ownership");
  helm("uninstall", "arc", "--namespace", "arc-systems");
  assert.equal((await crds()).length, 4);
  assert.deepEqual(await scaleSets(), ["linux"]);
});

test("CRDs: a first install can take them into the release at once", { skip }, async () => {
  for (const { metadata } of await crds()) await cluster.plane.call("DELETE", `${CRDS}/${metadata.name}`);
  await eventually("they are gone", async () => (await crds()).length === 0);
  const args = ["--namespace", "arc-systems", "--set", "crds.install=true,crds.keep=false", "--take-ownership"];
  helm("install", "arc", CHART, ...args);
  assert.equal((await crds()).length, 4);
  helm("uninstall", "arc", "--namespace", "arc-systems");
  await eventually("they went with the release", async () => (await crds()).length === 0);
});
