import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeError, type KubeErrorKind } from "../../../src/k8s/errors.ts";
import { errorOfReply, errorOfStatus, type Status } from "../../../src/k8s/status.ts";
import { table } from "../../support/table.ts";

const cause = (reason: string, field?: string) => ({ details: { causes: [{ reason, field }] } });

table<{ readonly code: number; readonly status?: Status; readonly kind: KubeErrorKind }>("a refusal", {
  "400": { code: 400, status: { reason: "BadRequest" }, kind: "BadRequest" },
  "401": { code: 401, status: { reason: "Unauthorized" }, kind: "Unauthorized" },
  "403 by RBAC": { code: 403, status: { reason: "Forbidden", message: "pods is forbidden" }, kind: "Forbidden" },
  "403 by a full quota": {
    code: 403,
    status: { reason: "Forbidden", message: 'pods "p" is forbidden: exceeded quota: q, requested: pods=1' },
    kind: "QuotaExceeded",
  },
  "403 by a quota that wants limits": {
    code: 403,
    status: { reason: "Forbidden", message: 'pods "p" is forbidden: failed quota: q: must specify limits.cpu' },
    kind: "Forbidden",
  },
  "403 in a dying namespace": {
    code: 403,
    status: { reason: "Forbidden", ...cause("NamespaceTerminating") },
    kind: "NamespaceTerminating",
  },
  "404": { code: 404, status: { reason: "NotFound" }, kind: "NotFound" },
  "409 of a create": { code: 409, status: { reason: "AlreadyExists" }, kind: "AlreadyExists" },
  "409 of an update": { code: 409, status: { reason: "Conflict" }, kind: "Conflict" },
  "410 Gone": { code: 410, status: { reason: "Gone" }, kind: "Gone" },
  "410 Expired": { code: 410, status: { reason: "Expired" }, kind: "Gone" },
  "422": { code: 422, status: { reason: "Invalid", ...cause("FieldValueRequired", "spec.a") }, kind: "Invalid" },
  "422 over the UID": { code: 422, status: cause("FieldValueInvalid", "metadata.uid"), kind: "NotFound" },
  "429": { code: 429, status: { reason: "TooManyRequests" }, kind: "TooManyRequests" },
  "500": { code: 500, status: { reason: "InternalError" }, kind: "Unavailable" },
  "504 of a version that lies ahead": { code: 504, status: { reason: "Timeout" }, kind: "Unavailable" },
  "415, which nobody expects": { code: 415, status: { reason: "UnsupportedMediaType" }, kind: "Other" },
  "no Status at all": { code: 502, kind: "Unavailable" },
}, ({ code, status, kind }) => {
  const text = status ? JSON.stringify({ kind: "Status", ...status }) : "<html>Bad Gateway</html>";
  const error = errorOfReply({ status: code, headers: {}, text }, "GET /x");
  assert.equal(error.kind, kind);
  assert.deepEqual([error.status, error.reason, error.request], [code, status?.reason ?? "", "GET /x"]);
});

table<{ readonly headers?: Record<string, string>; readonly seconds?: number; readonly ms: number | undefined }>(
  "the wait that is asked for",
  {
    "is none by default": { ms: undefined },
    "stands in the details": { seconds: 2, ms: 2_000 },
    "or in the header": { headers: { "retry-after": "7" }, ms: 7_000 },
    "the details go first": { headers: { "retry-after": "7" }, seconds: 2, ms: 2_000 },
    "a date is not believed": { headers: { "retry-after": "Thu, 01 Jan 2026 00:00:00 GMT" }, ms: undefined },
  },
  ({ headers = {}, seconds, ms }) => {
    const text = JSON.stringify({ kind: "Status", details: { retryAfterSeconds: seconds } });
    assert.equal(errorOfReply({ status: 429, headers, text }, "GET /x").retryAfterMs, ms);
  },
);

test("the message is the server's, and a foreign page's beginning", () => {
  const status = JSON.stringify({ kind: "Status", message: "no" });
  assert.equal(errorOfReply({ status: 403, headers: {}, text: status }, "GET /x").message, "no");
  assert.equal(errorOfReply({ status: 502, headers: {}, text: "x".repeat(1_000) }, "GET /x").message, "x".repeat(300));
  assert.equal(errorOfReply({ status: 502, headers: {}, text: "" }, "GET /x").message, "HTTP status 502");
});

test("a watch's ERROR event says its own code", () => {
  assert.equal(errorOfStatus({ code: 410, reason: "Expired", message: "too old" }, "watch /x").kind, "Gone");
  assert.equal(errorOfStatus({}, "watch /x").kind, "Unavailable");
});

table<{ readonly code: number; readonly status: Status; readonly homeless: boolean }>("a missing namespace", {
  "is not there": { code: 404, status: { reason: "NotFound", details: { kind: "namespaces" } }, homeless: true },
  "is going": { code: 403, status: { reason: "Forbidden", ...cause("NamespaceTerminating") }, homeless: true },
  "is not what a missing object lacks": {
    code: 404,
    status: { reason: "NotFound", details: { kind: "autoscalinglisteners" } },
    homeless: false,
  },
  "nor a missing kind": { code: 404, status: { reason: "NotFound", details: {} }, homeless: false },
}, ({ code, status, homeless }) => {
  const text = JSON.stringify({ kind: "Status", ...status });
  assert.equal(KubeError.isHomeless(errorOfReply({ status: code, headers: {}, text }, "POST /x")), homeless);
});
