/** What the Dockerfile promises, read off its text. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import manifest from "../../package.json" with { type: "json" };
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
