import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes a mounted volume as the kubelet does: the files are links into a folder that is exchanged as a whole, so that
 * a reader sees either the old contents or the new ones.
 */
export async function writeMount(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  const before = await readlink(join(folder, "..data")).catch(() => undefined); // the first time there is none
  const generation = `..${Number(before?.slice(2) ?? 0) + 1}`;
  await mkdir(join(folder, generation), { recursive: true });
  for (const [name, text] of files) await writeFile(join(folder, generation, name), text, { mode: 0o600 });
  await symlink(generation, join(folder, "..data_new"));
  await rename(join(folder, "..data_new"), join(folder, "..data"));
  const there = new Set(await readdir(folder));
  for (const name of files.keys()) if (!there.has(name)) await symlink(join("..data", name), join(folder, name));
  if (before !== undefined) await rm(join(folder, before), { recursive: true, force: true });
}

/** A kubeconfig with a token that is read from a file. */
export function kubeconfigText(server: string, tokenFile: string, namespace: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "sim", cluster: { server } }],
    users: [{ name: "pod", user: { tokenFile } }],
    contexts: [{ name: "pod", context: { cluster: "sim", user: "pod", namespace } }],
    "current-context": "pod",
  });
}
