/**
 * The Helm charts: `npm run charts`. Brings what is generated in deploy/charts up to date (CRDs, shared helpers, keys of
 * values, schemas, READMEs, versions) and packages both charts into dist/charts.
 *
 * `--image REPOSITORY` packages charts whose default image is another one; `--sync` stops before packaging.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CHARTS, generatedFiles } from "./charts/generated.ts";
import { findHelm, helm } from "./charts/helm.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = join(ROOT, "dist/charts");

function main(args: readonly string[]): void {
  for (const [path, content] of generatedFiles(ROOT)) {
    mkdirSync(join(ROOT, path, ".."), { recursive: true });
    writeFileSync(join(ROOT, path), content);
  }
  if (args.includes("--sync")) return;
  const found = findHelm(process.env);
  if ("why" in found) throw new Error(found.why);
  mkdirSync(OUT, { recursive: true });
  for (const chart of CHARTS) {
    const work = mkdtempSync(join(tmpdir(), "arc-charts-"));
    try {
      const source = join(work, chart.name);
      cpSync(join(ROOT, "deploy/charts", chart.name), source, { recursive: true });
      if (chart.values.startsWith("arc-controller")) setImage(join(source, "values.yaml"), args);
      console.log(helm(found.path, ["package", source, "--destination", OUT]).stdout.trim());
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}

/** The default image of a package: what `--image` says. */
function setImage(path: string, args: readonly string[]): void {
  const at = args.indexOf("--image");
  if (at < 0) return;
  const repository = args[at + 1];
  if (repository === undefined) throw new Error("--image needs the name of an image's repository, without a tag");
  const text = readFileSync(path, "utf8");
  const changed = text.replace(/^( {2}repository: ).*$/m, (_, key: string) => `${key}${JSON.stringify(repository)}`);
  if (changed === text) throw new Error(`${path} has no image.repository`);
  writeFileSync(path, changed);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
