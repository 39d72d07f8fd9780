/** Every YAML block of the pages: values that the charts render, and manifests whose fields there are. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadAll, YAML11_SCHEMA } from "js-yaml";
import { customResourceDefinitions } from "../../src/api/crd.ts";
import {
  at,
  CONTROLLER_CHART,
  render,
  sayWhenThereIsNoHelm,
  SET_CHART,
  SET_VALUES,
  whyNoHelm,
} from "../support/charts.ts";

sayWhenThereIsNoHelm();
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const PAGES = ["README.md", ...globSync("docs/*.md", { cwd: ROOT }).sort()];

type Fields = Record<string, unknown>;
interface Block {
  readonly where: string;
  readonly fields: Fields;
}

const BLOCKS: readonly Block[] = PAGES.flatMap((page) =>
  [...read(page).matchAll(/^```ya?ml\n([\s\S]*?)^```$/gm)].flatMap((found) => {
    const line = read(page).slice(0, found.index).split("\n").length;
    const where = `${page}:${line}`;
    return (loadAll(found[1]!, { schema: YAML11_SCHEMA }) as Fields[]).map((fields) => ({
      where,
      // A part of a scale set: its page says so in words.
      fields: Object.keys(fields).join() === "spec"
        ? { apiVersion: "-", kind: "AutoscalingRunnerSet", ...fields }
        : fields,
    }));
  })
);

const keysOf = (chart: string) =>
  Object.keys((JSON.parse(read(`deploy/charts/${chart}/values.schema.json`)) as { properties: Fields }).properties);
const KEYS = { [SET_CHART]: keysOf(SET_CHART), [CONTROLLER_CHART]: keysOf(CONTROLLER_CHART) };

/** The chart that knows all of the keys. */
function chartOf(fields: Fields): string | undefined {
  return Object.entries(KEYS).find(([, keys]) => Object.keys(fields).every((key) => keys.includes(key)))?.[0];
}

/** No values and no objects of a cluster: a workflow, rules of Prometheus, a part of Argo CD's settings. */
const isOther = (fields: Fields) =>
  "jobs" in fields || "groups" in fields || Object.keys(fields)[0]?.startsWith("resource.customizations.");

test("the pages have YAML", () => {
  assert.ok(BLOCKS.length >= 15, String(BLOCKS.length));
  assert.ok(BLOCKS.filter(({ fields }) => isOther(fields)).length >= 2);
});

for (const { where, fields } of BLOCKS.filter(({ fields }) => !("apiVersion" in fields) && !isOther(fields))) {
  test(`${where}: these values are known to a chart, and render`, { skip: whyNoHelm() !== undefined }, () => {
    const chart = chartOf(fields);
    assert.ok(chart, `no chart knows all of ${Object.keys(fields).join(", ")}`);
    const values = chart === SET_CHART ? { ...SET_VALUES, ...fields } : fields;
    assert.ok(render(chart, { values }).size > 0);
  });
}

/** The fields of an object's spec by its CRD, as far as the block goes into them. */
function unknownFields(fields: Fields, schema: unknown, path: string): string[] {
  const { properties } = schema as { properties?: Record<string, unknown> };
  if (!properties) return [];
  return Object.entries(fields).flatMap(([key, value]) => {
    if (!(key in properties)) return [`${path}.${key}`];
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? unknownFields(value as Fields, properties[key], `${path}.${key}`)
      : [];
  });
}

const OBJECTS: Readonly<Record<string, (fields: Fields, where: string) => void>> = {
  Secret: (fields) => assert.equal(typeof at(fields, "metadata.name"), "string"),
  AutoscalingRunnerSet(fields) {
    const crd = customResourceDefinitions().find((one) => at(one, "spec.names.kind") === fields.kind);
    assert.deepEqual(
      unknownFields(fields.spec as Fields, at(crd, "spec.versions.0.schema.openAPIV3Schema.properties.spec"), "spec"),
      [],
    );
  },
  /** Argo CD renders the chart without a look into the cluster. */
  Application(fields, where) {
    assert.equal(fields.apiVersion, "argoproj.io/v1alpha1");
    for (
      const path of ["spec.project", "spec.source.repoURL", "spec.source.targetRevision", "spec.destination.namespace"]
    ) {
      assert.equal(typeof at(fields, path), "string", `${where}: ${path}`);
    }
    rendersByItself(at(fields, "spec.source.path"), at(fields, "spec.source.helm.valuesObject"));
  },
  HelmRelease(fields, where) {
    assert.equal(fields.apiVersion, "helm.toolkit.fluxcd.io/v2");
    for (const path of ["spec.interval", "spec.chart.spec.sourceRef.kind", "spec.chart.spec.sourceRef.name"]) {
      assert.equal(typeof at(fields, path), "string", `${where}: ${path}`);
    }
    rendersByItself(at(fields, "spec.chart.spec.chart"), at(fields, "spec.values"));
  },
};

function rendersByItself(path: unknown, values: unknown): void {
  assert.ok(existsSync(join(ROOT, String(path), "Chart.yaml")), `${path} is a chart`);
  const chart = String(path).split("/").at(-1)!;
  assert.equal(chartOf(values as Fields), chart, "the chart knows the values");
  if (whyNoHelm() === undefined) assert.ok(render(chart, { values }).size > 0);
}

for (const { where, fields } of BLOCKS.filter(({ fields }) => "apiVersion" in fields)) {
  test(`${where}: a ${fields.kind} whose fields there are`, () => {
    const check = OBJECTS[String(fields.kind)];
    assert.ok(check, `nobody knows what a ${fields.kind} must have`);
    check(fields, where);
  });
}

test("Argo CD's health check names reasons that the program gives", () => {
  const script = String(
    Object.values(BLOCKS.find(({ fields }) => Object.keys(fields)[0]?.startsWith("resource."))!.fields)[0],
  );
  const reasons = [...script.matchAll(/condition\.reason ~= "(\w+)"/g)].map((match) => match[1]!);
  assert.ok(reasons.length >= 3, script);
  const said = globSync("src/controllers/**/*.ts", { cwd: ROOT }).map(read).join("\n");
  for (const reason of reasons) assert.ok(said.includes(`"${reason}"`), `${reason} is a reason`);
});
