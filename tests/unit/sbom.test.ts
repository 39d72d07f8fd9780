/** The bill of materials and the licence texts of a build. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bundledFolders, type BundledPackage } from "../../scripts/bundled.ts";
import { licensesOf, type Sbom, sbomOf } from "../../scripts/sbom.ts";
import { table } from "../support/table.ts";

const used = (bytesInOutput: number) => ({ bytesInOutput });
const PRODUCT = { name: "arc", version: "1.2.3", license: "Apache-2.0" };

function pack(name: string, changes: Partial<BundledPackage> = {}): BundledPackage {
  return {
    name,
    version: "1.0.0",
    folder: `node_modules/${name}`,
    license: "MIT",
    integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}`,
    dependsOn: [],
    texts: { LICENSE: `the licence of ${name}` },
    ...changes,
  };
}

test("packages are those of which something is in the output, nested ones for themselves", () => {
  const inputs = {
    "src/main.ts": used(10),
    "node_modules/zod/index.js": used(5),
    "node_modules/zod/v4/core.js": used(5),
    "node_modules/@azure/identity/dist/index.js": used(1),
    "node_modules/@azure/identity/node_modules/ms/index.js": used(1),
    "node_modules/shaken-off/index.js": used(0),
    "builtin:node:fs": used(3),
  };
  assert.deepEqual(bundledFolders({ outputs: { "dist/arc.mjs": { inputs } } }), [
    "node_modules/@azure/identity",
    "node_modules/@azure/identity/node_modules/ms",
    "node_modules/zod",
  ]);
});

/** What CycloneDX 1.6 requires of a document like ours, and what tools that read it rely on. */
function checkShape(sbom: Sbom): void {
  assert.deepEqual([sbom.bomFormat, sbom.specVersion, sbom.version], ["CycloneDX", "1.6", 1]);
  assert.match(sbom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  const parts = [sbom.metadata.component, ...sbom.components];
  const refs = parts.map((part) => part["bom-ref"]);
  assert.equal(new Set(refs).size, refs.length, "a reference is unique");
  for (const part of parts) {
    assert.match(part.purl, /^pkg:(npm|generic)\/[^@\s]+@\d[^\s]*$/);
    assert.ok(part.name && part.version && part.licenses[0]?.expression, part.name);
    for (const { content } of part.hashes ?? []) assert.match(content, /^[0-9a-f]{128}$/);
  }
  assert.deepEqual(sbom.dependencies.map(({ ref }) => ref).filter((ref) => !refs.includes(ref)), []);
  assert.deepEqual(sbom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.includes(ref)), []);
}

test("a bill says what is in the build, and what needs what", () => {
  const nested = pack("ms", { folder: "node_modules/@azure/identity/node_modules/ms" });
  const packages = [pack("@azure/identity", { dependsOn: [nested.folder] }), pack("ms"), nested];
  const sbom = sbomOf(PRODUCT, packages, pack("node", { version: "26.10.0" }));
  checkShape(sbom);
  assert.deepEqual(sbom.components.map(({ type, purl }) => `${type} ${purl}`), [
    "platform pkg:generic/node@26.10.0",
    "library pkg:npm/%40azure/identity@1.0.0",
    "library pkg:npm/ms@1.0.0",
    "library pkg:npm/ms@1.0.0",
  ]);
  const needs = sbom.dependencies.find(({ ref }) => ref === "pkg:npm/%40azure/identity@1.0.0")?.dependsOn;
  assert.deepEqual(needs, ["pkg:npm/ms@1.0.0#node_modules/@azure/identity/node_modules/ms"]);
});

test("the same parts are the same bill, other parts another", () => {
  const one = sbomOf(PRODUCT, [pack("zod")]);
  assert.deepEqual(sbomOf(PRODUCT, [pack("zod")]), one);
  assert.notEqual(sbomOf(PRODUCT, [pack("zod", { version: "2.0.0" })]).serialNumber, one.serialNumber);
});

test("every licence is there in full", () => {
  const text = licensesOf([pack("zod"), pack("hono", { texts: { LICENSE: "A\r\nB", NOTICE: "C" } })]);
  assert.match(text, /zod 1\.0\.0 \(MIT\)\n\nthe licence of zod\n/);
  assert.match(text, /hono 1\.0\.0 \(MIT\)\n\nA\nB\n\nC\n/);
});

table<{ broken: BundledPackage }>("a package whose licence is not known stops the build", {
  "no text": { broken: pack("zod", { texts: {} }) },
  "an empty text": { broken: pack("zod", { texts: { LICENSE: " \n" } }) },
  "no name": { broken: pack("zod", { license: "" }) },
}, ({ broken }) => assert.throws(() => licensesOf([broken]), /node_modules\/zod has no licence/));
