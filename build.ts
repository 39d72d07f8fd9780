/**
 * Builds dist/arc.mjs (one ESM file for any Node >= 24 or Deno) and dist/arc (a single executable: Node with the program
 * in it), with what is in them: dist/sbom.json (CycloneDX) and dist/LICENSES.txt. Runs on Node and on Deno: `node build.ts`, `deno run -A build.ts`.
 *
 * --bundle-only    leaves the executable out
 * --out=FOLDER     instead of dist
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import process from "node:process";
import { build, type Plugin } from "esbuild";
import manifest from "./package.json" with { type: "json" };
import { bundledPackages, type BundleInputs, PINNED_NODES, pinnedNode } from "./scripts/bundled.ts";
import { licensesOf, sbomOf } from "./scripts/sbom.ts";

const OUT = process.argv.find((argument) => argument.startsWith("--out="))?.slice("--out=".length) || "dist";
const BUNDLE = `${OUT}/arc.mjs`;
const EXECUTABLE = `${OUT}/arc`;

/** Flags of the Node inside the executable: TypeScript lines in stacks; half the memory after a burst for 10 % of its time. */
const EXEC_ARGV = ["--enable-source-maps", "--max-semi-space-size=2"];

/** CommonJS packages ask for node's modules by `require`, which an ES module has not. */
const REQUIRE =
  'import { createRequire as arcRequire } from "node:module"; const require = arcRequire(import.meta.url);';

/**
 * What packages import and we never call. The OpenID Connect plugin of client-node: the package's whole API (4 MB) and
 * undici. prom-client: metrics of the process, push gateway, cluster and summaries, which load a third of Node. Azure's
 * login: a browser on this machine, and the signing of what we sign ourselves.
 */
const UNUSED = [
  { importer: "/@kubernetes/client-node/", filter: /^undici$|\/gen\/index\.js$/ },
  { importer: "/prom-client/index.js", filter: /\/(pushgateway|defaultMetrics|cluster|summary)$/ },
  { importer: "/@azure/identity/", filter: /^open$/ },
  { importer: "/@azure/msal-node/", filter: /^jsonwebtoken$/ },
] as const;

const withoutUnused: Plugin = {
  name: "without-unused",
  setup({ onLoad, onResolve }) {
    for (const unused of UNUSED) {
      onResolve({ filter: unused.filter }, ({ importer, path }) => {
        return importer.includes(unused.importer) ? { path, namespace: "unused" } : undefined;
      });
    }
    onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};

/**
 * Node's own modules are asked for when the module that needs them is, as `require` does it. An import of an ES module
 * would load all of them for every command, and read every export: those of node:http that are made on demand drag in
 * fetch and WebSocket, which is half of the time to the first log line.
 */
const builtinsOnDemand: Plugin = {
  name: "builtins-on-demand",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^[a-z]/ }, ({ path, kind }) => {
      const isImport = kind === "import-statement" || kind === "dynamic-import";
      return isImport && isBuiltin(path) ? { path, namespace: "builtin" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => {
      return { contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`, loader: "js" };
    });
  },
};

function commitOf(): string {
  if (process.env["ARC_COMMIT"]) return process.env["ARC_COMMIT"];
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    // No git, or no repository: a source archive.
    return "dev";
  }
}

const VERSION = process.env["ARC_VERSION"] || manifest.version;

async function bundle(): Promise<BundleInputs> {
  const { metafile } = await build({
    entryPoints: ["src/main.ts"],
    outfile: BUNDLE,
    bundle: true,
    splitting: false,
    platform: "node",
    format: "esm",
    target: "node24",
    minify: true,
    sourcemap: "inline",
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    loader: { ".yaml": "text" },
    define: {
      STAMPED_VERSION: JSON.stringify(VERSION),
      STAMPED_COMMIT: JSON.stringify(commitOf()),
    },
    banner: { js: REQUIRE },
    plugins: [withoutUnused, builtinsOnDemand],
  });
  return metafile;
}

/** What is in the bundle: for those who audit it, and for those who pass it on. */
function inventory(inputs: BundleInputs): void {
  const packages = bundledPackages(inputs);
  const node = pinnedNode();
  const { name, license } = manifest;
  const sbom = sbomOf({ name, version: VERSION, license }, packages, node);
  writeFileSync(`${OUT}/sbom.json`, `${JSON.stringify(sbom, undefined, 1)}\n`);
  writeFileSync(`${OUT}/LICENSES.txt`, licensesOf(node ? [...packages, node] : packages));
}

/** Injects the bundle into a stripped copy of Node. Stripping comes first: afterwards it would cut the program off. */
function executable(node: string): void {
  const base = `${OUT}/.node`;
  const config = `${OUT}/.sea.json`;
  copyFileSync(node, base);
  chmodSync(base, 0o755);
  try {
    execFileSync("strip", [base], { stdio: "pipe" });
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!missing) throw error;
    console.log("strip (binutils) is not installed: the executable stays larger than it need be");
  }
  const settings = {
    main: BUNDLE,
    mainFormat: "module",
    executable: base,
    output: EXECUTABLE,
    useCodeCache: true,
    disableExperimentalSEAWarning: true,
    execArgv: EXEC_ARGV,
  };
  writeFileSync(config, JSON.stringify(settings));
  rmSync(EXECUTABLE, { force: true });
  try {
    execFileSync(node, ["--build-sea", config], { stdio: ["ignore", "pipe", "inherit"] });
  } finally {
    rmSync(base);
    rmSync(config);
  }
  chmodSync(EXECUTABLE, 0o755);
}

function report(path: string): void {
  console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
}

mkdirSync(OUT, { recursive: true });
inventory(await bundle());
report(BUNDLE);
if (!process.argv.includes("--bundle-only")) {
  const node = PINNED_NODES.map((folder) => `${folder}/bin/node`).find((path) => existsSync(path));
  if (node) {
    executable(node);
    report(EXECUTABLE);
  } else {
    console.log("no executable: the Node that package.json pins has no build for this machine");
  }
}
