import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";

const ROOT = join(import.meta.dirname ?? "", "../..");
const RUN = process.versions["deno"] ? ["run", "-A"] : [];

function run(file: string, args: readonly string[], env: Record<string, string> = {}): string {
  const options = { cwd: ROOT, encoding: "utf8", env: { ...process.env, ...env } } as const;
  return execFileSync(process.execPath, [...RUN, file, ...args], options);
}

test("the bundle is one file that runs by itself, stamped, and without the API of client-node", () => {
  const out = mkdtempSync(join(tmpdir(), "arc-build-"));
  try {
    run("build.ts", ["--bundle-only", `--out=${out}`], { ARC_VERSION: "9.8.7", ARC_COMMIT: "abc1234" });
    assert.deepEqual(readdirSync(out), ["arc.mjs"]);
    const bundle = join(out, "arc.mjs");
    const facts: unknown = JSON.parse(run(bundle, ["version", "--json"]));
    assert.partialDeepStrictEqual(facts, { version: "9.8.7", commit: "abc1234" });
    assert.match(run(bundle, ["controller", "--help"]), /^Usage: arc controller/);
    assert.ok(statSync(bundle).size < 4e6, `${statSync(bundle).size} bytes`);
    assert.doesNotMatch(readFileSync(bundle, "utf8"), /createNamespacedPodEviction/);
  } finally {
    rmSync(out, { recursive: true });
  }
});
