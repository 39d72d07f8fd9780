/** Where helm is, and how it is called. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface HelmResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of helm, or one line that says why there is none: HELM, then KUBEBUILDER_ASSETS, then PATH. */
export function findHelm(env: Readonly<Record<string, string | undefined>>): { path: string } | { why: string } {
  if (env.HELM) return runs(env.HELM) ? { path: env.HELM } : { why: `HELM is ${env.HELM}, which can't be run` };
  const folders = [env.KUBEBUILDER_ASSETS ?? "", ...(env.PATH ?? "").split(delimiter)].filter((folder) => folder);
  const path = folders.map((folder) => join(folder, "helm")).find(runs);
  return path
    ? { path }
    : { why: "there is no helm in HELM, in KUBEBUILDER_ASSETS or on the PATH: https://helm.sh/docs/intro/install" };
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not to be executed: the next place is tried
  }
}

/** @throws Error with what helm wrote when it fails */
export function helm(path: string, args: readonly string[]): HelmResult {
  const { status, stdout, stderr, error } = spawnSync(path, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`helm ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return { stdout, stderr };
}
