/** The rules of the house that a program can check. docs/architecture.md says why. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const files = (pattern: string) => globSync(pattern, { cwd: ROOT }).map((path) => path.replaceAll("\\", "/")).sort();
const textOf = (path: string) => readFileSync(join(ROOT, path), "utf8");
const SRC = files("src/**/*.ts");
const TESTS = files("tests/**/*.ts");

/** What each layer may import of the others. The composition roots (commands) may import all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  k8s: ["lib"],
  runtime: ["lib", "k8s"],
  api: ["lib", "k8s/resource.ts"],
  github: ["lib"],
  vault: ["lib"],
  listener: ["lib", "k8s", "api", "github", "vault"],
  controllers: ["lib", "k8s", "runtime", "api", "github", "listener", "vault"],
  doctor: [
    "lib",
    "k8s",
    "api",
    "github",
    // What the controller reads, and means by it: the doctor has no second opinion.
    "controllers/autoscaling_runner_set/build.ts",
    "controllers/shared/problems.ts",
    "controllers/shared/services.ts",
    "controllers/shared/services_pool.ts",
    "controllers/shared/source_reader.ts",
    "controllers/shared/vault_source.ts",
  ],
  server: ["lib"],
  sim: ["lib", "api", "k8s/resource.ts", "k8s/patch.ts"],
};

/** Paths that a pure decision may import, besides its own folder's pure files. */
const PURE = [
  ...["api/", "lib/errors.ts", "lib/clock.ts", "lib/duration.ts", "runtime/plan.ts", "k8s/resource.ts"],
  ...["github/service.ts", "doctor/kinds.ts", "controllers/autoscaling_runner_set/build.ts"],
];

/** A file's text without its comments. */
const codeOf = (path: string) => textOf(path).replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");

function importsOf(path: string): string[] {
  const text = codeOf(path);
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
  return found.filter((name) => name.startsWith("."))
    .map((name) => relative(ROOT, join(ROOT, dirname(path), name)).replaceAll("\\", "/"));
}

function violations(paths: readonly string[], check: (path: string) => string[]): string[] {
  return paths.flatMap((path) => check(path).map((problem) => `${path}: ${problem}`));
}

test("house: there is code to check", () => assert.ok(SRC.length > 50, `only ${SRC.length} files in src`));

test("house: layers import downwards only", () => {
  const bad = violations(SRC, (path) => {
    const layer = path.split("/")[1]!;
    const allowed = MAY_IMPORT[layer];
    if (!allowed) return [];
    return importsOf(path).filter((target) => {
      if (!target.startsWith("src/")) return target !== "package.json";
      const inner = target.slice(4);
      return inner.split("/")[0] !== layer &&
        !allowed.some((name) => name.includes("/") ? inner === name : inner.startsWith(`${name}/`));
    });
  });
  assert.deepEqual(bad, []);
});

test("house: every relative import ends in an existing file", () => {
  assert.deepEqual(
    violations([...SRC, ...TESTS], (path) => importsOf(path).filter((to) => !existsSync(join(ROOT, to)))),
    [],
  );
});

test("house: decisions are pure", () => {
  const pure = SRC.filter((path) => /\/(decide|build|scale|count|outcome)\.ts$|^src\/doctor\/checks\//.test(path));
  assert.ok(pure.length >= 9, `only ${pure.join()}`);
  const bad = violations(pure, (path) => [
    ...[...codeOf(path).matchAll(/\b(await|async)\b|\.random\(|\blog\.\w+\(/g)].map((match) => match[0]),
    ...importsOf(path).filter((target) => {
      const inner = target.replace(/^src\//, "");
      return !(PURE.some((name) => inner.startsWith(name)) || dirname(target) === dirname(path) ||
        inner.startsWith("controllers/shared/"));
    }),
  ]);
  assert.deepEqual(bad, []);
});

test("house: time, chance and environment come in through lib", () => {
  const pattern =
    /Date\.now\(|new Date\(\)|(?<![.\w])setTimeout\(|(?<![.\w])setInterval\(|Math\.random\(|process\.env|Deno\.env/g;
  const outside = SRC.filter((path) => !path.startsWith("src/lib/"));
  assert.deepEqual(violations(outside, (path) => [...codeOf(path).matchAll(pattern)].map((match) => match[0])), []);
});

test("house: only main ends the process", () => {
  const others = SRC.filter((path) => path !== "src/main.ts");
  assert.deepEqual(violations(others, (path) => /process\.exit\b/.test(textOf(path)) ? ["process.exit"] : []), []);
});

test("house: tests do not sleep", () => {
  // Stories on a real control plane wait for the real world, by polling with a deadline in one helper.
  const virtual = TESTS.filter((path) => !/^tests\/(cluster|stories|contract|bench|support|charts)\//.test(path));
  const pattern = /(?<![.\w])setTimeout\(|timers\/promises/g;
  const own = "tests/house/layers.test.ts";
  assert.deepEqual(
    violations(virtual.filter((path) => path !== own), (path) => [...textOf(path).matchAll(pattern)].map((m) => m[0])),
    [],
  );
});

test("house: files fit on a few screens", () => {
  const bad = violations([...SRC, ...TESTS], (path) => {
    const lines = textOf(path).split("\n").length;
    return lines > 400 ? [`${lines} lines`] : [];
  });
  assert.deepEqual(bad, []);
});

test("house: TypeScript that only needs erasing, and no type switched off", () => {
  const pattern =
    /^\s*(export )?(const )?enum \w|^\s*(export )?namespace \w|\bas any\b|: any(?=\s*[;,)=\]>|{[])|<any>|@ts-\w+|deno-lint-ignore/gm;
  const own = "tests/house/layers.test.ts";
  const all = [...SRC, ...TESTS].filter((path) => path !== own);
  const found = (path: string) => [...codeOf(path).matchAll(pattern)].map((match) => match[0].trim());
  assert.deepEqual(violations(all, found), []);
});

test("house: imports of packages are bare, of node built-ins by node:", () => {
  const packages = JSON.parse(textOf("package.json")) as Record<string, Record<string, string>>;
  const known = Object.keys({ ...packages.dependencies, ...packages.devDependencies });
  const bad = violations([...SRC, ...TESTS], (path) => {
    const names = [...textOf(path).matchAll(/^(?:import|export)[^"]*?from "([^"]+)"/gm)].map((match) => match[1]!);
    return names.filter((name) =>
      !name.startsWith(".") && !name.startsWith("node:") &&
      !known.some((pack) => name === pack || name.startsWith(`${pack}/`))
    );
  });
  assert.deepEqual(bad, []);
});

test("house: nothing is left open", () => {
  const pattern = /\b(TODO|FIXME|XXX|HACK)\b|not implemented yet/gi;
  const own = "tests/house/layers.test.ts";
  const all = [...SRC, ...TESTS].filter((path) => path !== own);
  assert.deepEqual(violations(all, (path) => [...textOf(path).matchAll(pattern)].map((match) => match[0])), []);
});

test("house: no test is skipped or focused", () => {
  const pattern = /\.(skip|only|todo)\(|\b(skip|only|todo): *true/g;
  const own = "tests/house/layers.test.ts";
  const all = TESTS.filter((path) => path !== own);
  assert.deepEqual(violations(all, (path) => [...textOf(path).matchAll(pattern)].map((match) => match[0])), []);
});

test("house: package.json and deno.json name the same tasks", () => {
  const npm = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  const deno = JSON.parse(textOf("deno.json")) as { tasks?: Record<string, string> };
  assert.deepEqual(Object.keys(deno.tasks ?? {}).sort(), Object.keys(npm.scripts).sort());
});
