import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "../../../src/lib/errors.ts";
import { TransportError, type TransportFailure } from "../../../src/lib/http.ts";
import { transportError } from "../../../src/lib/http_errors.ts";
import { table } from "../../support/table.ts";

function failure(code: string, message = "it failed"): Error {
  return Object.assign(new Error(message), { code });
}

table<{ error: unknown; kind: TransportFailure; says: RegExp }>("transportError", {
  "refused": { error: failure("ECONNREFUSED"), kind: "refused", says: /^api:443 refused the connection/ },
  "no route": { error: failure("ENETUNREACH"), kind: "refused", says: /no route to it/ },
  "no such name": { error: failure("ENOTFOUND"), kind: "dns", says: /^the name of api:443 can't be resolved/ },
  "DNS out of order": { error: failure("EAI_AGAIN"), kind: "dns", says: /check its spelling and the DNS/ },
  "reset": { error: failure("ECONNRESET"), kind: "reset", says: /^the connection to api:443 broke/ },
  "broken pipe": { error: failure("EPIPE"), kind: "reset", says: /broke/ },
  "hung up without a code": { error: new Error("socket hang up"), kind: "reset", says: /broke/ },
  "timed out": { error: failure("ETIMEDOUT"), kind: "timeout", says: /a firewall may drop it, or a proxy/ },
  "unknown authority": { error: failure("SELF_SIGNED_CERT_IN_CHAIN"), kind: "tls", says: /give the CA certificate$/ },
  "unknown issuer": { error: failure("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"), kind: "tls", says: /give the CA/ },
  "expired": { error: failure("CERT_HAS_EXPIRED"), kind: "tls", says: /has expired/ },
  "not valid yet": { error: failure("CERT_NOT_YET_VALID"), kind: "tls", says: /clock is wrong/ },
  "another name": { error: failure("ERR_TLS_CERT_ALTNAME_INVALID"), kind: "tls", says: /for another name$/ },
  "no TLS on Node": { error: failure("EPROTO", "SSL: wrong version number"), kind: "tls", says: /is http:\/\/ meant/ },
  "no TLS on Deno": { error: failure("ERR_SSL_WRONG_VERSION_NUMBER"), kind: "tls", says: /is http:\/\/ meant/ },
  "another handshake": { error: failure("ERR_SSL_NO_CIPHER"), kind: "tls", says: /handshake failed \(ERR_SSL_NO/ },
  "of several tries the last": {
    error: new AggregateError([failure("ENETUNREACH"), failure("ECONNREFUSED")]),
    kind: "refused",
    says: /refused the connection/,
  },
  "none of these": { error: failure("EMFILE"), kind: "other", says: /^the request to api:443 failed \(EMFILE\)$/ },
  "no error at all": { error: "what", kind: "other", says: /^the request to api:443 failed$/ },
}, ({ error, kind, says }) => {
  const result = transportError(error, "api:443");
  assert.equal(result.kind, kind);
  assert.match(result.message, says);
  assert.equal(result.cause, error);
});

table<{ error: Error; says: string }>("a failure is told once, without the runtime's own advice", {
  "refused": {
    error: failure("ECONNREFUSED", "connect ECONNREFUSED 10.0.0.1:443"),
    says: "api:443 refused the connection: nothing listens there, or a firewall says no",
  },
  "unknown authority": {
    error: failure(
      "SELF_SIGNED_CERT_IN_CHAIN",
      "self-signed certificate in certificate chain; if the root CA is installed locally, try running Node.js with " +
        "--use-system-ca",
    ),
    says: "no trust between us and api:443: its certificate is signed by an authority that is not trusted here " +
      "(SELF_SIGNED_CERT_IN_CHAIN): give the CA certificate",
  },
  "what we have no words for": {
    error: failure("EMFILE", "too many open files"),
    says: "the request to api:443 failed (EMFILE): too many open files",
  },
}, ({ error, says }) => {
  assert.equal(messageOf(transportError(error, "api:443")), says);
  assert.equal(messageOf(new Error(`GET x: ${says}`, { cause: transportError(error, "api:443") })), `GET x: ${says}`);
});

test("a proxy's failure is one of the proxy, whatever it was; one that has been told is told once", () => {
  const proxy = transportError(failure("ENOTFOUND"), "proxy:3128", "proxy");
  assert.equal(proxy.kind, "proxy");
  assert.match(proxy.message, /^the name of the proxy proxy:3128 can't be resolved/);
  const told = new TransportError("timeout", "too late");
  assert.equal(transportError(told, "api:443"), told);
});
