import { VaultError } from "./vault.ts";

/**
 * The keys of a secret in a vault, which is JSON text: `{"github_token": "..."}`. White space around values does not
 * count. Numbers become text: an installation id is one in most vaults.
 * @throws VaultError Invalid; the message holds nothing of the text
 */
export function valuesOf(text: string, where: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    // The parser's message quotes the text, which is the secret.
    throw new VaultError("Invalid", `${where} is not JSON text: it must be an object such as {"github_token": "..."}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new VaultError("Invalid", `${where} is JSON, but no object such as {"github_token": "..."}`);
  }
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => {
    if (typeof one !== "string" && typeof one !== "number") {
      throw new VaultError("Invalid", `${where} has a ${key} that is neither text nor a number`);
    }
    return [key, String(one).trim()];
  }));
}
