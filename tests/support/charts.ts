/** The charts as a user has them: rendered by the real helm, read by file, and compared with facts. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadAll, YAML11_SCHEMA } from "js-yaml";
import { findHelm } from "../../scripts/charts/helm.ts";

export const CONTROLLER_CHART = "gha-runner-scale-set-controller";
export const SET_CHART = "gha-runner-scale-set";
/** The program's, and so both charts'. */
export const CHART_VERSION = (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
}).version;
const FOLDER = fileURLToPath(new URL("../../deploy/charts/", import.meta.url));

export interface RenderOptions {
  /** Default `arc` for the controller, `linux` for a scale set. */
  readonly release?: string;
  /** Default `arc-systems` for the controller, `arc-runners` for a scale set. */
  readonly namespace?: string;
  /** Written to a values file. */
  readonly values?: unknown;
  /** A values file as text, instead of `values`, where YAML itself matters. */
  readonly text?: string;
  /** More arguments, such as `--set a=b`. */
  readonly args?: readonly string[];
}

/** A case of a table: what is rendered, and what must be true of it. */
export interface ChartCase extends RenderOptions {
  /** By `file#path` (see {@link at}): the value there; undefined: not there. By `file` alone, undefined: nothing is rendered. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Something that helm refuses. */
export interface Refusal extends RenderOptions {
  /** What the message must have in it. */
  readonly says: string | RegExp;
}

/** An object as a chart renders it. */
export interface Manifest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The objects by template file, without folder and `.yaml`. */
export type Rendered = ReadonlyMap<string, readonly Manifest[]>;

/** One line when there is no helm here, otherwise undefined. */
export function whyNoHelm(): string | undefined {
  const found = findHelm(process.env);
  return "why" in found ? `${found.why} (the charts are not tested)` : undefined;
}

export interface HelmAnswer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs helm whatever it answers. */
export function runHelm(args: readonly string[], env: Readonly<Record<string, string>> = {}): HelmAnswer {
  const found = findHelm(process.env);
  if ("why" in found) throw new Error(found.why);
  return spawnSync(found.path, args, { encoding: "utf8", maxBuffer: 64 << 20, env: { ...process.env, ...env } });
}

/** `helm template` of a chart, whatever it answers. */
export function template(chart: string, options: RenderOptions): HelmAnswer {
  const isController = chart === CONTROLLER_CHART;
  const { release = isController ? "arc" : "linux", namespace = isController ? "arc-systems" : "arc-runners" } =
    options;
  const work = mkdtempSync(join(tmpdir(), "arc-values-"));
  try {
    const file = join(work, "values.yaml");
    writeFileSync(file, options.text ?? JSON.stringify(options.values ?? {}));
    const args = ["template", release, join(FOLDER, chart), "--namespace", namespace, "--values", file];
    return runHelm([...args, ...options.args ?? []]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @throws Error with helm's message when it refuses, or when the output is no good YAML: a key twice, a label that is no text */
export function render(chart: string, options: RenderOptions): Rendered {
  const { status, stdout, stderr } = template(chart, options);
  if (status !== 0) throw new Error(`helm template: ${stderr}`);
  const files = new Map<string, Manifest[]>();
  for (const part of stdout.split(/^---$/m)) {
    const file = /^# Source: .*\/templates\/(.+)\.yaml$/m.exec(part)?.[1];
    if (file === undefined) continue;
    const objects = (loadAll(part, { schema: YAML11_SCHEMA }) as (Manifest | null)[]).filter((it) => it !== null);
    for (const object of objects) checkTexts(object);
    if (objects.length > 0) files.set(file, [...files.get(file) ?? [], ...objects]);
  }
  return files;
}

/** Labels and annotations must be texts, or the API server refuses the object. */
function checkTexts(object: Manifest): void {
  const { labels = {}, annotations = {} } = object.metadata;
  for (const [key, value] of Object.entries({ ...labels, ...annotations })) {
    assert.equal(typeof value, "string", `${object.kind} ${object.metadata.name}: ${key} is ${JSON.stringify(value)}`);
  }
}

/**
 * A place in an object: `spec.replicas`, `rules.0`, `labels[app.kubernetes.io/name]`, `containers{runner}` (by name),
 * `containers.*.name` (of each).
 */
export function at(object: unknown, path: string): unknown {
  const steps = [...path.matchAll(/\[([^\]]+)\]|\{([^}]+)\}|([^.[\]{}]+)/g)];
  return walk(object, steps.map(([, key, name, plain]) => ({ key: key ?? plain, name })));
}

interface Step {
  readonly key: string | undefined;
  readonly name: string | undefined;
}

function walk(value: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (step === undefined || value === undefined || value === null) return value;
  if (step.key === "*") return (value as unknown[]).map((item) => walk(item, rest));
  if (step.name !== undefined) {
    return walk((value as { name: string }[]).find((item) => item.name === step.name), rest);
  }
  return walk((value as Record<string, unknown>)[step.key!], rest);
}

/** A named table of renderings and their facts. */
export function chartTable(name: string, chart: string, cases: Readonly<Record<string, ChartCase>>): void {
  for (const [title, example] of Object.entries(cases)) {
    test(`${name}: ${title}`, { skip: whyNoHelm() !== undefined }, () => {
      const rendered = render(chart, example);
      for (const [fact, expected] of Object.entries(example.facts)) checkFact(rendered, fact, expected);
    });
  }
}

function checkFact(rendered: Rendered, fact: string, expected: unknown): void {
  const [file, path] = fact.split("#") as [string, string | undefined];
  const objects = rendered.get(file);
  if (path === undefined) {
    assert.equal(objects?.length ?? 0, expected === undefined ? 0 : expected, `${file}: objects`);
    return;
  }
  assert.ok(objects, `${file} renders nothing; there are ${[...rendered.keys()].join(", ")}`);
  assert.deepEqual(at(objects[0], path), expected, fact);
}

/** A named table of values that helm refuses, and what it says. */
export function refusals(name: string, chart: string, cases: Readonly<Record<string, Refusal>>): void {
  for (const [title, { says, ...options }] of Object.entries(cases)) {
    test(`${name}: ${title}`, { skip: whyNoHelm() !== undefined }, () => {
      const { status, stderr } = template(chart, options);
      assert.notEqual(status, 0, "it is let through");
      if (typeof says === "string") assert.ok(stderr.includes(says), `says ${stderr}`);
      else assert.match(stderr, says);
    });
  }
}

/** In each file of chart tests, so that a run without helm says why nothing was checked. */
export function sayWhenThereIsNoHelm(): void {
  const why = whyNoHelm();
  if (why !== undefined) console.log(why);
}

/** What every scale set needs, for values to be laid over. */
export const SET_VALUES = {
  githubConfigUrl: "https://github.com/acme",
  githubConfigSecret: { github_token: "ghp_x" },
  controllerServiceAccount: { name: "arc-gha-rs-controller", namespace: "arc-systems" },
};
