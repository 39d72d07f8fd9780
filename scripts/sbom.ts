/** The bill of materials of a build (CycloneDX 1.6, JSON), and the licences of what is in it. */
import { createHash } from "node:crypto";
import type { BundledPackage } from "./bundled.ts";

/** What the bill is of. */
export interface Product {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** A part of the product, as CycloneDX has it. */
export interface SbomComponent {
  readonly type: "library" | "platform" | "application";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly { readonly expression: string }[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

/** A CycloneDX document. */
export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly component: SbomComponent };
  readonly components: readonly SbomComponent[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * The bill of a build: every package of which something is in the bundle, and Node. The same parts give the same
 * document: it bears no time, and its serial number is made of its content.
 */
export function sbomOf(product: Product, packages: readonly BundledPackage[], node?: BundledPackage): Sbom {
  const own: SbomComponent = {
    type: "application",
    "bom-ref": product.name,
    name: product.name,
    version: product.version,
    purl: `pkg:generic/${product.name}@${product.version}`,
    licenses: [{ expression: product.license }],
  };
  const libraries = packages.map(componentOf);
  const refOf = new Map(packages.map((one, index) => [one.folder, libraries[index]!["bom-ref"]]));
  const components = [...(node ? [runtimeOf(node)] : []), ...libraries];
  const dependencies = [
    { ref: own["bom-ref"], dependsOn: components.map((one) => one["bom-ref"]).sort() },
    ...packages.map((one) => ({
      ref: refOf.get(one.folder)!,
      dependsOn: one.dependsOn.map((folder) => refOf.get(folder)!).sort(),
    })),
  ];
  const content = { metadata: { component: own }, components, dependencies };
  return { bomFormat: "CycloneDX", specVersion: "1.6", serialNumber: serialOf(content), version: 1, ...content };
}

function runtimeOf({ name, version, license }: BundledPackage): SbomComponent {
  const purl = `pkg:generic/${name}@${version}`;
  return { type: "platform", "bom-ref": purl, name, version, purl, licenses: [{ expression: license }] };
}

/** A version of a package can lie in two folders: the folder tells them apart. */
function componentOf({ name, version, license, integrity, folder }: BundledPackage): SbomComponent {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const isNested = folder.lastIndexOf("node_modules/") > 0;
  return {
    type: "library",
    "bom-ref": isNested ? `${purl}#${folder}` : purl,
    name,
    version,
    purl,
    licenses: [{ expression: license }],
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex") }],
  };
}

function serialOf(content: unknown): string {
  const hex = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${
    hex.slice(20, 32)
  }`;
}

/**
 * The licence texts of packages, one after the other; Node's own holds those of its parts.
 * @throws Error when a package has no licence text or does not name its licence
 */
export function licensesOf(packages: readonly BundledPackage[]): string {
  const parts = packages.map(({ name, version, license, texts, folder }) => {
    const text = Object.values(texts).map((one) => one.trim().replaceAll("\r\n", "\n")).join("\n\n");
    if (text === "" || license === "") throw new Error(`${folder} has no licence, or no text of it`);
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  const rule = `${"-".repeat(80)}\n\n`;
  return `This program contains the following packages, under the licences that follow them.\n\n${rule}${
    parts.join(`\n${rule}`)
  }`;
}
