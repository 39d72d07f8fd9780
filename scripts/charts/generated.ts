/** Everything in deploy/charts that is made from something else, as files and their content. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readmeOf } from "./readme.ts";
import { schemaOf } from "./schema.ts";
import { entriesOf, type Entry } from "./values.ts";

export interface Chart {
  readonly name: string;
  /** How its templates' helpers are called. */
  readonly values: string;
  /** Carries the CRDs. */
  readonly crds: boolean;
}

export const CHARTS: readonly Chart[] = [
  { name: "gha-runner-scale-set-controller", values: "arc-controller", crds: true },
  { name: "gha-runner-scale-set", values: "arc-set", crds: false },
];

/** Maps whose keys are the user's own: nothing in them can be misspelt. */
const FREE = ["githubConfigSecret"];

/**
 * @param root of the checkout
 * @returns paths from the root and contents
 */
export function generatedFiles(root: string): Map<string, string> {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const { version } = JSON.parse(read("package.json")) as { version: string };
  const files = new Map<string, string>();
  for (const chart of CHARTS) {
    const folder = `deploy/charts/${chart.name}`;
    const introduction = read(`deploy/charts/shared/${chart.name}.md`);
    const entries = entriesOf(read(`${folder}/values.yaml`));
    files.set(`${folder}/values.schema.json`, schemaOf(`Values of ${chart.name}`, entries));
    files.set(`${folder}/README.md`, readmeOf(introduction.replaceAll("VERSION", version), entries));
    files.set(`${folder}/templates/_known.tpl`, knownKeys(chart, entries));
    files.set(`${folder}/templates/_lib.tpl`, read("deploy/charts/shared/_lib.tpl"));
    files.set(`${folder}/Chart.yaml`, withVersion(read(`${folder}/Chart.yaml`), version));
    if (!chart.crds) continue;
    for (const file of readdirSync(join(root, "crds"))) files.set(`${folder}/crds/${file}`, read(`crds/${file}`));
  }
  return files;
}

function withVersion(text: string, version: string): string {
  return text.replace(/^version: .*$/m, `version: ${version}`).replace(/^appVersion: .*$/m, `appVersion: "${version}"`);
}

/** A helper that gives the templates the known keys of each map, by its path with a dot behind. */
function knownKeys(chart: Chart, entries: readonly Entry[]): string {
  const known: Record<string, string[]> = {};
  for (const { path } of entries) {
    path.forEach((key, depth) => {
      const outer = path.slice(0, depth);
      if (FREE.includes(outer[0] ?? "")) return;
      const keys = known[outer.map((part) => `${part}.`).join("")] ??= [];
      if (!keys.includes(key)) keys.push(key);
    });
  }
  const text = JSON.stringify(known, null, 2);
  return `{{/* Made from values.yaml by \`npm run charts\`. */}}\n{{- define "${chart.values}.known" -}}\n${text}\n{{- end -}}\n`;
}
