import { FileError } from "../lib/runtime.ts";
import { messageOf } from "../lib/errors.ts";
import { type FileVaultSettings, type Vault, VaultError } from "./vault.ts";

/** One step of a path: no slash, and no dot at its beginning, so that no name leads out of its folder. */
const STEP = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** Secrets in files, read anew each time: whoever mounts them may replace them at any moment. */
export function fileVault(settings: FileVaultSettings, readText: (path: string) => Promise<string>): Vault {
  return {
    async secret(name) {
      const path = filled(settings.path, { name });
      try {
        return await readText(path);
      } catch (error) {
        if (error instanceof FileError && error.missing) {
          throw new VaultError("NotFound", `the secret ${name}: there is no file ${path}`);
        }
        throw new VaultError("Unreachable", `the secret ${name}: ${messageOf(error)}`);
      }
    },
  };
}

/**
 * A path with its placeholders filled in; those without a value stay.
 * @throws VaultError Settings when a value can't be a step of a path
 */
export function filled(path: string, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (placeholder, key: string) => {
    const value = values[key];
    if (value === undefined) return placeholder;
    if (STEP.test(value)) return value;
    throw new VaultError("Settings", `${JSON.stringify(value)} can't be the ${key} of a secret in a file`);
  });
}
