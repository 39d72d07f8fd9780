/** Which packages are in a bundle: what the SBOM and the licence texts are made of. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** What esbuild's metafile says of a bundle, as far as it is needed here. */
export interface BundleInputs {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** A package of which something is in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** Relative to the repository: the key of the lock file. */
  readonly folder: string;
  /** An SPDX expression. */
  readonly license: string;
  /** As in the lock file: "sha512-" and base64. */
  readonly integrity: string;
  /** Folders of the packages that it asks for, as far as they are in the bundle too. */
  readonly dependsOn: readonly string[];
  /** Its licence and notice files, by name. */
  readonly texts: Readonly<Record<string, string>>;
}

interface LockEntry {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

const FOLDER = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
const LEGAL = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** The folders of the packages of a bundle, in order. Modules of which nothing is left do not count. */
export function bundledFolders({ outputs }: BundleInputs): string[] {
  const used = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
  );
  return [...new Set(used.map((path) => FOLDER.exec(path)?.[0]).filter((folder) => folder !== undefined))].sort();
}

/**
 * The packages of a bundle; versions and hashes are those of the lock file.
 * @throws Error when one of them is not in the lock file, or another version is installed
 */
export function bundledPackages(bundle: BundleInputs): BundledPackage[] {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
  const folders = bundledFolders(bundle);
  return folders.map((folder) => packageOf(folder, packages, new Set(folders)));
}

/** The Nodes that package.json pins, by machine: the one that builds and the one that is built into are the same. */
export const PINNED_NODES = ["node_modules/node26", "node_modules/node26-arm64"] as const;

/** The Node in the executable, told as the package that it comes from; undefined where there is none to build with. */
export function pinnedNode(): BundledPackage | undefined {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
  const folder = PINNED_NODES.find((one) => existsSync(one));
  return folder && { ...packageOf(folder, packages, new Set()), name: "node" };
}

function packageOf(folder: string, packages: Lock["packages"], bundled: ReadonlySet<string>): BundledPackage {
  const locked = packages[folder];
  if (!locked) throw new Error(`${folder} is in the bundle and not in package-lock.json`);
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as LockEntry & { readonly name: string };
  if (manifest.version !== locked.version) {
    throw new Error(`${folder} is ${manifest.version}; package-lock.json says ${locked.version}: run npm ci`);
  }
  const dependencies = Object.keys(locked.dependencies ?? {}).map((name) => resolved(name, folder, packages));
  const texts = readdirSync(folder).filter((name) => LEGAL.test(name)).sort();
  return {
    name: manifest.name,
    version: locked.version,
    folder,
    license: locked.license ?? manifest.license ?? "",
    integrity: locked.integrity ?? "",
    dependsOn: dependencies.filter((one) => one !== undefined && bundled.has(one)) as string[],
    texts: Object.fromEntries(texts.map((name) => [basename(name), readFileSync(`${folder}/${name}`, "utf8")])),
  };
}

/** Where node finds a package from another one's folder: there, or in one of the folders above. */
function resolved(name: string, from: string, packages: Lock["packages"]): string | undefined {
  for (let at = from;; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const folder = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (packages[folder]) return folder;
    if (at === "") return undefined;
  }
}
