/** Where secrets are when they are not in a Secret of the cluster. */
import type { ProxySettings } from "../lib/http.ts";

/** A store of secrets outside the cluster. */
export interface Vault {
  /**
   * The text of a secret, as it is now.
   * @throws VaultError
   */
  secret(name: string): Promise<string>;
}

/** An Azure Key Vault and the application that may read it. */
export interface AzureVaultSettings {
  readonly type: "azure_key_vault";
  /** As in "https://NAME.vault.azure.net". */
  readonly url: string;
  readonly tenantId: string;
  readonly clientId: string;
  /** A file (PEM, PKCS #12) with the application's certificate and private key; read at each login: it can be renewed. */
  readonly certificatePath: string;
  /** Between us and Azure; the URLs may carry user info. */
  readonly proxy?: ProxySettings;
}

/** Files that something else mounts: a CSI driver, an agent, a volume. */
export interface FileVaultSettings {
  readonly type: "file";
  /** Where the secret is: a path in which `{name}` stands for the secret's name. */
  readonly path: string;
}

export type VaultSettings = AzureVaultSettings | FileVaultSettings;

/**
 * Why a vault gives no secret.
 *
 * - Settings: what we were told can't work: a field is missing, the certificate can't be read
 * - NotFound: the vault has no such secret
 * - Invalid: the secret is there, but is not what it should be
 * - Refused: the vault, or the login before it, says that we may not
 * - Unreachable: no answer, or one that says "later": time can heal it
 */
export type VaultProblem = "Settings" | "NotFound" | "Invalid" | "Refused" | "Unreachable";

/** A vault gives no secret. The message says which vault, which secret and why; it never shows a value. */
export class VaultError extends Error {
  override readonly name = "VaultError";
  readonly kind: VaultProblem;

  constructor(kind: VaultProblem, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }

  /** Whether `error` is one of these kinds; any, when none is given. */
  static is(error: unknown, ...kinds: readonly VaultProblem[]): error is VaultError {
    return error instanceof VaultError && (kinds.length === 0 || kinds.includes(error.kind));
  }
}
