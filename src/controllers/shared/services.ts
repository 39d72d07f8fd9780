import type { ProxyConfig, ServerTLS, VaultConfig } from "../../api/kinds.ts";
import type { ActionsService } from "../../github/service.ts";

/** The fields of an object's spec that say which GitHub is meant and how to get in. */
export interface GithubSource {
  /** Where its secrets and config maps are. */
  readonly namespace: string;
  readonly githubConfigUrl?: string;
  readonly githubConfigSecret?: string;
  readonly proxy?: ProxyConfig;
  readonly githubServerTLS?: ServerTLS;
  readonly vaultConfig?: VaultConfig;
}

/** Why no client can be made of a {@link GithubSource}: reasons that stand in conditions. */
export type SourceProblem =
  | "InvalidConfigURL"
  | "SecretNotFound"
  | "SecretInvalid"
  | "CertificateInvalid"
  | "ProxyInvalid"
  | "VaultUnavailable";

/** The source can't be used; the message names the field or key and the way out. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly reason: SourceProblem;

  constructor(reason: SourceProblem, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** Clients of the Actions Service, shared by all objects with the same source; secrets are read once and cached. */
export interface Services {
  /** @throws SourceError, or KubeError when the API server can't be asked */
  of(source: GithubSource): Promise<ActionsService>;
  /** Reads the source's secrets again at the next use: after a 401 or 403, on a secret-related error, at a resync. */
  refresh(source: GithubSource): void;
}
