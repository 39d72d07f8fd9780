import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname ?? "", "../..");
const RUN = process.versions["deno"] ? ["run", "-A"] : [];

function run(file: string, args: readonly string[], env: Record<string, string> = {}): string {
  const options = { cwd: ROOT, encoding: "utf8", env: { ...process.env, ...env } } as const;
  return execFileSync(process.execPath, [...RUN, file, ...args], options);
}

/** The packages that the bundle's own source map names. */
function packagesIn(bundle: string): string[] {
  const map = /sourceMappingURL=data:application\/json;base64,(\S+)/.exec(bundle)?.[1] ?? "";
  const { sources } = JSON.parse(Buffer.from(map, "base64").toString()) as { sources: string[] };
  const names = sources.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

function listedIn(path: string): string[] {
  const { components } = JSON.parse(readFileSync(path, "utf8")) as { components: { type: string; name: string }[] };
  const libraries = components.filter(({ type }) => type === "library");
  return [...new Set(libraries.map(({ name }) => name))].sort();
}

test("the bundle is one file that runs by itself, stamped, and without the API of client-node", () => {
  const out = mkdtempSync(join(tmpdir(), "arc-build-"));
  try {
    run("build.ts", ["--bundle-only", `--out=${out}`], { ARC_VERSION: "9.8.7", ARC_COMMIT: "abc1234" });
    assert.deepEqual(readdirSync(out).sort(), ["LICENSES.txt", "arc.mjs", "sbom.json"]);
    const bundle = join(out, "arc.mjs");
    const facts: unknown = JSON.parse(run(bundle, ["version", "--json"]));
    assert.partialDeepStrictEqual(facts, { version: "9.8.7", commit: "abc1234" });
    assert.match(run(bundle, ["controller", "--help"]), /^Usage: arc controller/);
    assert.ok(statSync(bundle).size < 5e6, `${statSync(bundle).size} bytes`);
    const text = readFileSync(bundle, "utf8");
    assert.doesNotMatch(text, /createNamespacedPodEviction/);
    assert.deepEqual(listedIn(join(out, "sbom.json")), packagesIn(text), "sbom.json lists what is in the bundle");
    const licenses = readFileSync(join(out, "LICENSES.txt"), "utf8");
    for (const name of packagesIn(text)) assert.ok(licenses.includes(`\n${name} `), `no licence of ${name}`);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("two builds at a time into one folder are both well", async () => {
  const out = mkdtempSync(join(tmpdir(), "arc-build-"));
  const build = () =>
    promisify(execFile)(process.execPath, [...RUN, "build.ts", "--bundle-only", `--out=${out}`], { cwd: ROOT });
  try {
    await Promise.all([build(), build()]);
    assert.deepEqual(readdirSync(out).sort(), ["LICENSES.txt", "arc.mjs", "sbom.json"]);
    assert.match(run(join(out, "arc.mjs"), ["controller", "--help"]), /^Usage: arc controller/);
  } finally {
    rmSync(out, { recursive: true });
  }
});
