/** GitHub's REST calls: how a client gets in. */
import type { HttpRequest, HttpResponse } from "../../lib/http.ts";
import { credentialsOf, jsonReply, parsedBody, textField } from "../http.ts";
import type { SimHost } from "./hosts.ts";
import type { Realm } from "./realm.ts";
import { appTokenProblem } from "./tokens.ts";

/** A call that was understood: its kind for the ledger, and the answer. */
export interface Served {
  readonly kind: string;
  readonly response: HttpResponse | Promise<HttpResponse>;
}

const OWNERS = String.raw`(orgs/[^/]+|repos/[^/]+/[^/]+|enterprises/[^/]+)`;
const INSTALLATION = /^\/app\/installations\/(\d+)\/access_tokens$/;
const REGISTRATION_TOKEN = new RegExp(`^/${OWNERS}/actions/runners/registration-token$`, "i");
const RUNNER_REGISTRATION = "/actions/runner-registration";

/** Answers a REST call. @param path below the API's base */
export function serveGithub(realm: Realm, host: SimHost, path: string, request: HttpRequest): Served {
  if (request.method === "GET") return serveRead(realm, host, path, request);
  if (request.method !== "POST") return { kind: "unknown", response: refusal(404, "Not Found") };
  const installation = INSTALLATION.exec(path);
  if (installation) return { kind: "app-token", response: installationToken(realm, Number(installation[1]), request) };
  const registration = REGISTRATION_TOKEN.exec(path);
  if (registration) {
    return { kind: "registration-token", response: registrationToken(realm, registration[1]!, request) };
  }
  if (path === RUNNER_REGISTRATION) {
    return { kind: "runner-registration", response: runnerRegistration(realm, host, request) };
  }
  return { kind: "unknown", response: refusal(404, "Not Found") };
}

const PERMISSIONS = { organization_self_hosted_runners: "write", administration: "write" };
const INSTALLED = /^\/app\/installations\/(\d+)$/;
const RUNNERS = new RegExp(`^/${OWNERS}/actions/runners$`, "i");

/** Calls that change nothing: the root, an app's installation, and the list of runners. */
function serveRead(realm: Realm, host: SimHost, path: string, request: HttpRequest): Served {
  const installed = INSTALLED.exec(path);
  if (installed) return { kind: "app-installation", response: installation(realm, Number(installed[1]), request) };
  const token = credentialsOf(request, "Bearer");
  if (!isGood(realm, token)) return { kind: "rest-read", response: refusal(401, "Bad credentials") };
  const scopes = realm.credentials.scopes?.[token ?? ""];
  const headers: Record<string, string> = scopes ? { "x-oauth-scopes": scopes.join(", ") } : {};
  if (path === "/") {
    return { kind: "root", response: jsonReply(200, { current_user_url: `${host.apiUrl}/user` }, { headers }) };
  }
  const owner = RUNNERS.exec(path)?.[1];
  if (owner === undefined) return { kind: "unknown", response: refusal(404, "Not Found") };
  const tenant = realm.tenantOf(host, owner.toLowerCase());
  const runners = realm.agentsOf(tenant).map(({ id, name, state, job }) => ({
    id,
    name,
    status: state === "idle" || state === "busy" ? "online" : "offline",
    busy: job !== undefined,
  }));
  const query = new URL(request.url).searchParams;
  const size = Number(query.get("per_page") ?? 30);
  const from = (Number(query.get("page") ?? 1) - 1) * size;
  const body = { total_count: runners.length, runners: runners.slice(from, from + size) };
  return { kind: "runners.list", response: jsonReply(200, body, { headers }) };
}

function installation(realm: Realm, id: number, request: HttpRequest): HttpResponse {
  const token = credentialsOf(request, "Bearer") ?? "";
  const app = realm.credentials.apps?.find((candidate) => appTokenProblem(token, candidate, now(realm)) === undefined);
  if (!app) return refusal(401, "A JSON web token could not be decoded");
  if (app.installationId !== id) return refusal(404, "Not Found");
  const { account = "acme", permissions = PERMISSIONS, suspended } = app;
  const suspendedAt = suspended ? new Date(now(realm)).toISOString() : null;
  return jsonReply(200, { id, account: { login: account }, permissions, suspended_at: suspendedAt });
}

/** Whether a bearer is a token of a person or of an installation. */
function isGood(realm: Realm, token: string | undefined): boolean {
  const isPat = token !== undefined && realm.credentials.pats?.includes(token) && !realm.revokedPats.has(token);
  return isPat || realm.tokens.subjectOf("installation", token) !== undefined;
}

function installationToken(realm: Realm, id: number, request: HttpRequest): HttpResponse {
  const app = realm.credentials.apps?.find((candidate) => candidate.installationId === id);
  const token = credentialsOf(request, "Bearer");
  if (!app) return refusal(404, "Integration not found");
  const problem = token === undefined
    ? "A JSON web token could not be decoded"
    : appTokenProblem(token, app, now(realm));
  if (problem !== undefined) return refusal(401, problem);
  const lifetime = 3_600_000;
  return jsonReply(201, {
    token: realm.tokens.issue("installation", String(id), lifetime),
    expires_at: timeIn(realm, lifetime),
    permissions: app.permissions ?? PERMISSIONS,
  });
}

function registrationToken(realm: Realm, owner: string, request: HttpRequest): HttpResponse {
  const token = credentialsOf(request, "Bearer");
  if (!isGood(realm, token)) return refusal(401, "Bad credentials");
  const { registrationTokenMs, registrationDelayMs } = realm.behaviour;
  return jsonReply(201, {
    token: realm.tokens.issue("registration", owner.toLowerCase(), registrationTokenMs, registrationDelayMs),
    expires_at: timeIn(realm, registrationTokenMs),
  });
}

function runnerRegistration(realm: Realm, host: SimHost, request: HttpRequest): HttpResponse {
  const subject = realm.tokens.subjectOf("registration", credentialsOf(request, "RemoteAuth"));
  if (subject === undefined) return refusal(401, "Bad credentials");
  const body = parsedBody(request);
  const scope = scopeOf(textField(body, "url") ?? "");
  if (textField(body, "runner_event") !== "register" || scope === undefined) return refusal(422, "Invalid request");
  if (scope !== subject) return refusal(404, "Not Found");
  const tenant = realm.tenantOf(host, scope);
  const { adminTokenMs, adminTokenDiesAfterMs } = realm.behaviour;
  return jsonReply(200, {
    url: tenant.serviceUrl,
    token: realm.tokens.issueAdmin(tenant.serviceUrl, adminTokenMs, Math.min(adminTokenMs, adminTokenDiesAfterMs)),
    token_schema: "OAuthAccessToken",
  });
}

/** `https://HOST/acme/api` -> `repos/acme/api`. */
function scopeOf(configUrl: string): string | undefined {
  if (!URL.canParse(configUrl)) return undefined;
  const parts = new URL(configUrl).pathname.toLowerCase().split("/").filter((part) => part !== "");
  if (parts.length === 1) return `orgs/${parts[0]}`;
  if (parts.length !== 2) return undefined;
  return parts[0] === "enterprises" ? `enterprises/${parts[1]}` : `repos/${parts[0]}/${parts[1]}`;
}

function refusal(status: number, message: string): HttpResponse {
  return jsonReply(status, { message, documentation_url: "https://docs.github.com/rest", status: String(status) });
}

function now(realm: Realm): number {
  return realm.clock.now();
}

function timeIn(realm: Realm, ms: number): string {
  return new Date(now(realm) + ms).toISOString();
}
