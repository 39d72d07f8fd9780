/** Errors, told as conditions: a reason for programs and a message for people. Decided on kinds, never on texts. */
import { KubeError } from "../../k8s/errors.ts";
import { ServiceError } from "../../github/errors.ts";
import { messageOf } from "../../lib/errors.ts";
import { TransportError } from "../../lib/http.ts";
import { SourceError } from "./services.ts";

/** What stands in the way. */
export interface Problem {
  /** One word. */
  readonly reason: string;
  readonly message: string;
  /** The same for problems whose messages differ by the ids of a request alone. */
  readonly gist?: string;
}

/** The runner group that a scale set names is not there. */
export class RunnerGroupNotFound extends Error {
  override readonly name = "RunnerGroupNotFound";
}

/** What an error of a call to the service, or of what comes before it, means to the user of a scale set. */
export function problemOf(error: unknown): Problem {
  const message = messageOf(error);
  if (error instanceof SourceError) return { reason: error.reason, message };
  if (error instanceof RunnerGroupNotFound) return { reason: "RunnerGroupNotFound", message };
  if (ServiceError.is(error)) {
    const reason = reasonOfService(error);
    const wayOut = WAYS_OUT[reason];
    return { reason, message: wayOut ? `${wayOut}: ${message}` : message, gist: gistOf(error) };
  }
  // The API server's client is the one whose connection errors come as they are.
  if (KubeError.is(error) || error instanceof TransportError) return { reason: "KubernetesUnavailable", message };
  return { reason: "ServiceUnavailable", message };
}

/** Which field an answer of GitHub is about, and what a person can do. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  Unauthorized:
    "githubConfigSecret: GitHub refuses the credentials of this secret; renew them, or give them the rights that they lack",
  InvalidConfigURL:
    "githubConfigUrl: GitHub knows nothing there that these credentials may see; correct the URL, or give them access",
};

function gistOf({ fields: { call, status, typeName = "" } }: ServiceError): string {
  return `${call} ${status} ${typeName}`;
}

function reasonOfService(error: ServiceError): string {
  switch (error.kind) {
    case "Unauthorized":
    case "Forbidden":
      return "Unauthorized";
    case "NotFound":
      // GitHub answers so for what is not there and for what the credentials may not see.
      return "InvalidConfigURL";
    case "ScaleSetExists":
      return "ScaleSetExists";
    default:
      return reasonOfTransport(error.cause);
  }
}

function reasonOfTransport(cause: unknown): string {
  if (!(cause instanceof TransportError)) return "ServiceUnavailable";
  if (cause.kind === "tls") return "CertificateInvalid";
  return cause.kind === "proxy" ? "ProxyInvalid" : "ServiceUnavailable";
}

/** Reasons that a change of a secret, a vault or a config map can heal, which nobody tells us of: they are read again regularly. */
const SECRET_RELATED = new Set([
  "SecretNotFound",
  "SecretInvalid",
  "CertificateInvalid",
  "ProxyInvalid",
  "VaultUnavailable",
]);

/** Whether the sources are worth reading again soon. */
export function isSecretRelated(reason: string): boolean {
  return SECRET_RELATED.has(reason);
}

/** Whether the sources are to be read again before the next try. */
export function wantsFreshSecrets(reason: string): boolean {
  return isSecretRelated(reason) || reason === "Unauthorized";
}
