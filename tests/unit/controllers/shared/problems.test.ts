import assert from "node:assert/strict";
import { test } from "node:test";
import { problemOf } from "../../../../src/controllers/shared/problems.ts";
import { ServiceError, type ServiceErrorKind } from "../../../../src/github/errors.ts";
import { TransportError } from "../../../../src/lib/http.ts";
import { table } from "../../../support/table.ts";

const answer = (kind: ServiceErrorKind, status: number, requestId: string) =>
  new ServiceError(`GET x answered ${status} (${requestId})`, { kind, status, call: "GET x", requestId });

test("refusals that differ by the ids of a request are one problem, told each with its own", () => {
  const [one, two] = [problemOf(answer("Unauthorized", 401, "a")), problemOf(answer("Unauthorized", 401, "b"))];
  assert.notEqual(one.message, two.message);
  assert.equal(one.gist, two.gist);
  assert.notEqual(one.gist, problemOf(answer("Forbidden", 403, "a")).gist);
});

const noAnswer = (cause: TransportError) =>
  new ServiceError("no answer", { kind: "Unavailable", status: 0, call: "GET x" }, cause);

table<{ readonly error: unknown; readonly reason: string }>("what an error means", {
  "refused": { error: answer("Unauthorized", 401, ""), reason: "Unauthorized" },
  "not allowed": { error: answer("Forbidden", 403, ""), reason: "Unauthorized" },
  "nothing is there, or nothing to be seen": { error: answer("NotFound", 404, ""), reason: "InvalidConfigURL" },
  "too much at once": { error: answer("RateLimited", 429, ""), reason: "ServiceUnavailable" },
  "an authority that nobody trusts": { error: noAnswer(new TransportError("tls", "x")), reason: "CertificateInvalid" },
  "a proxy that refuses": { error: noAnswer(new TransportError("proxy", "x")), reason: "ProxyInvalid" },
  "nobody there": { error: noAnswer(new TransportError("refused", "x")), reason: "ServiceUnavailable" },
  "the API server is not there": { error: new TransportError("refused", "x"), reason: "KubernetesUnavailable" },
}, ({ error, reason }) => assert.equal(problemOf(error).reason, reason));

test("what GitHub refuses or does not know names the field and the way out", () => {
  assert.match(problemOf(answer("Unauthorized", 401, "")).message, /^githubConfigSecret: .*renew them/);
  assert.match(problemOf(answer("NotFound", 404, "")).message, /^githubConfigUrl: .*correct the URL/);
});
