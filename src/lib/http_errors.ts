/** What went wrong on a connection, in words for a person: which host, what, and the way out. */
import { TransportError, type TransportFailure } from "./http.ts";

const KIND_BY_CODE: Readonly<Record<string, TransportFailure>> = {
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "refused",
  ENETUNREACH: "refused",
  EADDRNOTAVAIL: "refused",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  EAI_NODATA: "dns",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ERR_STREAM_PREMATURE_CLOSE: "reset",
  ETIMEDOUT: "timeout",
  EPROTO: "tls",
};

const TLS_CODE = /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA)/;

/**
 * The failure of a connection to `host` (host and port, never user info) as a TransportError.
 * @param through set when `host` is a proxy: the kind is then "proxy"
 */
export function transportError(error: unknown, host: string, through?: "proxy"): TransportError {
  if (error instanceof TransportError) return error;
  const code = codeOf(error);
  const kind = kindOf(code);
  const message = sentenceOf(kind, through ? `the proxy ${host}` : host, code, error);
  // The runtime's own words would say it again, with advice for those who start node by hand.
  return new TransportError(through ?? kind, message, error, kind !== "other");
}

function kindOf(code: string): TransportFailure {
  return KIND_BY_CODE[code] ?? (TLS_CODE.test(code) ? "tls" : "other");
}

function sentenceOf(kind: TransportFailure, host: string, code: string, error: unknown): string {
  switch (kind) {
    case "refused":
      return code === "ECONNREFUSED"
        ? `${host} refused the connection: nothing listens there, or a firewall says no`
        : `${host} can't be reached (${code}): there is no route to it from here`;
    case "dns":
      return `the name of ${host} can't be resolved (${code}): check its spelling and the DNS`;
    case "tls":
      return `no trust between us and ${host}: ${tlsSentence(code, error)}`;
    case "reset":
      return `the connection to ${host} broke (${code})`;
    case "timeout":
      return `the connection to ${host} timed out: a firewall may drop it, or a proxy may be needed`;
    default:
      return `the request to ${host} failed${code ? ` (${code})` : ""}`;
  }
}

function tlsSentence(code: string, error: unknown): string {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH") {
    return "its certificate is for another name";
  }
  if (code === "CERT_HAS_EXPIRED") return "its certificate has expired (or this machine's clock is wrong)";
  if (code === "CERT_NOT_YET_VALID") return "its certificate is not valid yet (or this machine's clock is wrong)";
  if (/^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE)/.test(code)) {
    return `its certificate is signed by an authority that is not trusted here (${code}): give the CA certificate`;
  }
  const message = error instanceof Error ? error.message : "";
  if (/wrong.version.number|packet length too long/i.test(`${code} ${message}`)) {
    return "it does not speak TLS on that port: is http:// meant?";
  }
  return `the handshake failed (${code})`;
}

/** The code of a system or TLS error; of several tries the last one's, which alone had all the time that it wanted. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors.at(-1));
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "string") return code;
  return error instanceof Error && /socket hang up|aborted/i.test(error.message) ? "ECONNRESET" : "";
}
