/**
 * Builds dist/arc.mjs (one ESM file for any Node >= 24 or Deno) and dist/arc (a single executable: Node with the program
 * in it), with what is in them: dist/sbom.json (CycloneDX) and dist/LICENSES.txt. Runs on Node and on Deno: `node build.ts`, `deno run -A build.ts`.
 *
 * --bundle-only    leaves the executable out
 * --out=FOLDER     instead of dist
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { build, type Plugin } from "esbuild";
import manifest from "./package.json" with { type: "json" };
import { bundledPackages, type BundleInputs, PINNED_NODES, pinnedNode } from "./scripts/bundled.ts";
import { licensesOf, sbomOf } from "./scripts/sbom.ts";

const OUT = process.argv.find((argument) => argument.startsWith("--out="))?.slice("--out=".length) || "dist";
/** What is made, in the order in which it takes its place. */
const FILES = { sbom: "sbom.json", licenses: "LICENSES.txt", bundle: "arc.mjs", executable: "arc" } as const;

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

/** @param work the folder to write to; paths in the source map are right where the bundle will be in the end */
async function bundle(work: string): Promise<BundleInputs> {
  const { metafile, outputFiles } = await build({
    entryPoints: ["src/main.ts"],
    outfile: join(OUT, FILES.bundle),
    write: false,
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
  writeFileSync(join(work, FILES.bundle), outputFiles[0]!.contents);
  return metafile;
}

/** What is in the bundle: for those who audit it, and for those who pass it on. */
function inventory(work: string, inputs: BundleInputs): void {
  const packages = bundledPackages(inputs);
  const node = pinnedNode();
  const { name, license } = manifest;
  const sbom = sbomOf({ name, version: VERSION, license }, packages, node);
  writeFileSync(join(work, FILES.sbom), `${JSON.stringify(sbom, undefined, 1)}\n`);
  writeFileSync(join(work, FILES.licenses), licensesOf(node ? [...packages, node] : packages));
}

/** Injects the bundle into a stripped copy of Node. Stripping comes first: afterwards it would cut the program off. */
function executable(work: string, node: string): void {
  const base = join(work, "node");
  const config = join(work, "sea.json");
  const output = join(work, FILES.executable);
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
    main: join(work, FILES.bundle),
    mainFormat: "module",
    executable: base,
    output,
    useCodeCache: true,
    disableExperimentalSEAWarning: true,
    execArgv: EXEC_ARGV,
  };
  writeFileSync(config, JSON.stringify(settings));
  execFileSync(node, ["--build-sea", config], { stdio: ["ignore", "pipe", "inherit"] });
  chmodSync(output, 0o755);
}

/** Puts in its place what has been made: whoever runs what was there before goes on with that. */
function place(work: string): void {
  for (const name of Object.values(FILES)) {
    if (!existsSync(join(work, name))) continue;
    const path = join(OUT, name);
    renameSync(join(work, name), path);
    if (name === FILES.bundle || name === FILES.executable) {
      console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
    }
  }
}

mkdirSync(OUT, { recursive: true });
// A folder of its own: two builds at a time don't meet, and nobody sees half an executable.
const work = mkdtempSync(join(OUT, ".build-"));
try {
  inventory(work, await bundle(work));
  if (!process.argv.includes("--bundle-only")) {
    const node = PINNED_NODES.map((folder) => `${folder}/bin/node`).find((path) => existsSync(path));
    if (node) executable(work, node);
    else console.log("no executable: the Node that package.json pins has no build for this machine");
  }
  place(work);
} finally {
  rmSync(work, { recursive: true, force: true });
}
