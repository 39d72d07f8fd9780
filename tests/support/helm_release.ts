/** Helm as a user calls it, beside a simulated cluster that must go on meanwhile: nothing here blocks. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findHelm } from "../../scripts/charts/helm.ts";
import { CHART_VERSION, CONTROLLER_CHART, SET_CHART } from "./charts.ts";

const CHARTS = fileURLToPath(new URL("../../deploy/charts/", import.meta.url));
/** How long one call of helm may take. */
const LIMIT_MS = 120_000;

export class Helm {
  readonly #folder: string;
  readonly #kubeconfig: string;
  #files = 0;

  /** @param folder for helm's own files, packed charts and values */
  constructor(folder: string, kubeconfig: string) {
    this.#folder = folder;
    this.#kubeconfig = kubeconfig;
    mkdirSync(folder, { recursive: true });
  }

  /** Packs both charts, as they are shipped. */
  async pack(): Promise<void> {
    for (const chart of [CONTROLLER_CHART, SET_CHART]) {
      await this.run(["package", join(CHARTS, chart), "--destination", this.#folder]);
    }
  }

  /** The packed chart. */
  chart(name: string): string {
    return join(this.#folder, `${name}-${CHART_VERSION}.tgz`);
  }

  /** The arguments that give helm these values. */
  values(values: unknown): string[] {
    const file = join(this.#folder, `values-${++this.#files}.json`);
    writeFileSync(file, JSON.stringify(values), { mode: 0o600 });
    return ["--values", file];
  }

  /**
   * The `helm install` of a chart's README, with the words that a reader replaces replaced.
   * @throws Error when the README has no such command
   */
  readme(chart: string, words: Readonly<Record<string, string>>): string[] {
    const readme = readFileSync(join(CHARTS, chart, "README.md"), "utf8").replaceAll("\\\n", " ");
    const line = readme.split("\n").find((text) => text.startsWith("helm install "));
    if (line === undefined) throw new Error(`the README of ${chart} does not say how it is installed`);
    return line.trim().split(/\s+/).slice(1).map((word) =>
      Object.entries(words).reduce(
        (text, [from, to]) => text.replace(from, to),
        word.endsWith(".tgz") ? join(this.#folder, word) : word,
      )
    );
  }

  /** @returns what it wrote @throws Error with what it wrote when it fails */
  run(args: readonly string[]): Promise<string> {
    const found = findHelm(process.env);
    if ("why" in found) throw new Error(found.why);
    const env = { PATH: process.env.PATH ?? "", HOME: this.#folder, KUBECONFIG: this.#kubeconfig };
    const child = spawn(found.path, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: LIMIT_MS });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += String(chunk));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) resolve(output);
        else reject(new Error(`helm ${args.slice(0, 2).join(" ")} ended with ${code}: ${output.trim()}`));
      });
    });
  }
}
