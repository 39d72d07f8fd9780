/** What the Dockerfile promises, read off its text. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import { PINNED_NODES } from "../../scripts/bundled.ts";
import { instructionsOf, pairsOf, stagesOf, valuesOf } from "../support/dockerfile.ts";
import { table } from "../support/table.ts";

const ROOT = join(import.meta.dirname ?? "", "../..");
const TEXT = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8");
const STAGES = stagesOf(TEXT);
const FINAL = STAGES.at(-1)!;

test("two stages: one that builds, and one that ships what was built and nothing else", () => {
  assert.deepEqual(STAGES.map(({ name }) => name), ["build", undefined]);
  assert.equal(FINAL.base, "gcr.io/distroless/cc-debian12:nonroot");
  assert.deepEqual(valuesOf(FINAL, "COPY"), ["--from=build /image/ /"]);
  assert.deepEqual(FINAL.instructions.map(({ name }) => name).filter((name) => name === "RUN" || name === "ADD"), []);
});

test("it runs as a user of no rights, by number, and begins as the controller", () => {
  assert.deepEqual(valuesOf(FINAL, "USER"), ["65532:65532"]);
  assert.deepEqual(valuesOf(FINAL, "ENTRYPOINT").map((value) => JSON.parse(value)), [["/manager"]]);
  assert.deepEqual(["VOLUME", "EXPOSE", "CMD", "ENV"].flatMap((name) => valuesOf(FINAL, name)), []);
});

test("labels say what it is, in the words of the OCI", () => {
  const labels = pairsOf(FINAL, "LABEL");
  const expected = ["title", "description", "version", "revision", "source", "licenses", "base.name"];
  assert.deepEqual(Object.keys(labels), expected.map((key) => `org.opencontainers.image.${key}`));
  assert.equal(labels["org.opencontainers.image.licenses"], manifest.license);
  assert.equal(labels["org.opencontainers.image.base.name"], FINAL.base);
  assert.equal(labels["org.opencontainers.image.version"], "$VERSION");
});

test("both stages are of the program's version, unless told another one", () => {
  for (const stage of STAGES) assert.equal(pairsOf(stage, "ARG")["VERSION"], manifest.version);
});

test("the build takes the locked versions, runs nobody's install script, and is for the platform that is asked for", () => {
  const runs = valuesOf(STAGES[0]!, "RUN");
  assert.ok(runs.some((run) => /npm ci --ignore-scripts/.test(run)));
  assert.ok(!runs.some((run) => /npm (install|i) /.test(run)));
  assert.ok("TARGETARCH" in pairsOf(STAGES[0]!, "ARG"));
  assert.equal(runs.at(-1), 'deploy/image_root.sh /image "$TARGETARCH"');
});

interface LockEntry {
  readonly version: string;
  readonly cpu?: string | readonly string[];
  readonly os?: string | readonly string[];
  readonly dev?: boolean;
}
const LOCK = (JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, LockEntry>>;
}).packages;
const isFor = (entry: LockEntry | undefined, cpu: string) =>
  [entry?.cpu].flat().includes(cpu) && [entry?.os].flat().includes("linux");

test("on each platform the build gets the Node of that platform, of one version", () => {
  const nodes = PINNED_NODES.map((folder) => LOCK[folder]);
  assert.deepEqual(["x64", "arm64"].map((cpu) => nodes.findIndex((entry) => isFor(entry, cpu))), [0, 1]);
  assert.equal(nodes[0]?.version, nodes[1]?.version);
  // Each platform runs its own build: nothing is copied from one to the other.
  assert.ok(!TEXT.includes("BUILDPLATFORM"));
});

test("what the build runs is locked for both architectures, and nothing that is shipped is of one", () => {
  for (const cpu of ["x64", "arm64"]) {
    const esbuild = LOCK[`node_modules/@esbuild/linux-${cpu}`];
    assert.ok(isFor(esbuild, cpu), cpu);
    assert.equal(esbuild?.version, LOCK["node_modules/esbuild"]?.version);
  }
  const nodes: readonly string[] = PINNED_NODES;
  const shipped = Object.entries(LOCK).filter(([path, { dev, cpu }]) =>
    !dev && cpu !== undefined && !nodes.includes(path)
  );
  assert.deepEqual(shipped.map(([path]) => path), [], "compiled packages in the bundle");
});

test("nothing is fetched and run, and nothing secret is built in", () => {
  for (const { name, value, line } of STAGES.flatMap(({ instructions }) => instructions)) {
    assert.doesNotMatch(value, /\b(curl|wget)\b|\|\s*(ba)?sh\b|https?:\/\//, `line ${line}`);
    if (name === "ARG" || name === "ENV") assert.doesNotMatch(value, /token|secret|password|key/i, `line ${line}`);
  }
});

test("what is copied is there, and .dockerignore lets it through", () => {
  const ignore = readFileSync(join(ROOT, ".dockerignore"), "utf8").split("\n").filter((line) => /^[^#]/.test(line));
  assert.equal(ignore[0], "*");
  const allowed = ignore.slice(1).map((line) => line.replace(/^!/, ""));
  const copied = valuesOf(STAGES[0]!, "COPY").flatMap((value) => value.split(/\s+/).slice(0, -1));
  for (const path of copied) {
    assert.ok(existsSync(join(ROOT, path)), path);
    assert.ok(allowed.includes(path), `.dockerignore keeps out ${path}`);
  }
  assert.deepEqual(allowed.filter((path) => !copied.includes(path)), [], "allowed and not copied");
});

table<{ text: string; says: RegExp }>("a Dockerfile that is not understood", {
  "an unknown word": { text: "FROM a\nRUNN x", says: /line 2: RUNN/ },
  "an open end": { text: "FROM a\nRUN x \\\n", says: /line 2: .*ends in the middle/ },
  "nothing to run": { text: "FROM a\nRUN", says: /line 2: RUN says nothing/ },
  "no base": { text: "RUN x", says: /line 1: RUN before/ },
}, ({ text, says }) => assert.throws(() => stagesOf(text), says));

test("comments and blank lines within an instruction do not end it", () => {
  const [from, run] = instructionsOf("# x\nfrom a\nRUN b \\\n# y\n\n && c\n");
  assert.deepEqual([from?.name, run?.value, run?.line], ["FROM", "b && c", 3]);
});
