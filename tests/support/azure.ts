/**
 * Entra ID and Key Vaults behind a transport. It checks who logs in as the real one does: signature, certificate,
 * audience and time of the client's statement; it knows one tenant and no rights but "may read". It does not page, and
 * knows only the current version of a secret.
 */
import { constants, createHash, verify, X509Certificate } from "node:crypto";
import type { HttpRequest, HttpResponse, Transport } from "../../src/lib/http.ts";

export const TENANT = "11111111-2222-3333-4444-555555555555";
export const CLIENT = "66666666-7777-8888-9999-aaaaaaaaaaaa";
export const VAULT_URL = "https://team.vault.azure.net";

export interface SimAzure {
  readonly transport: Transport;
  /** What was asked for: "GET host/path", without queries. */
  readonly asked: string[];
  readonly secrets: Map<string, string>;
  /** PEM: the certificate that the application is registered with. */
  certificate: string;
  /** What stands in the way: an answer to each request that it gives one to. @throws for no answer at all */
  trouble: (url: URL) => { readonly status: number; readonly body: string } | undefined;
  /** The clock of the servers, in milliseconds since the epoch. */
  now: () => number;
}

export function simAzure(certificate: string, now: () => number): SimAzure {
  const azure: SimAzure = {
    asked: [],
    secrets: new Map(),
    certificate,
    now,
    trouble: () => undefined,
    transport: (request) => Promise.resolve().then(() => answer(azure, request)),
  };
  return azure;
}

function answer(azure: SimAzure, request: HttpRequest): HttpResponse {
  const url = new URL(request.url);
  azure.asked.push(`${request.method} ${url.host}${url.pathname}`);
  const trouble = azure.trouble(url);
  if (trouble) return reply(trouble.status, trouble.body);
  const login = `${url.protocol}//${url.host}/${TENANT}`;
  switch (url.pathname) {
    case "/common/discovery/instance":
      return json(200, { tenant_discovery_endpoint: `${login}/v2.0/.well-known/openid-configuration`, metadata: [] });
    case `/${TENANT}/v2.0/.well-known/openid-configuration`:
      return json(200, {
        issuer: `${login}/v2.0`,
        authorization_endpoint: `${login}/oauth2/v2.0/authorize`,
        token_endpoint: `${login}/oauth2/v2.0/token`,
        jwks_uri: `${login}/discovery/v2.0/keys`,
      });
    case `/${TENANT}/oauth2/v2.0/token`:
      return token(azure, `${login}/oauth2/v2.0/token`, new URLSearchParams(request.body));
    default:
      return secret(azure, request, url);
  }
}

function token(azure: SimAzure, audience: string, form: URLSearchParams): HttpResponse {
  const wrong = whatIsWrong(azure, audience, form);
  if (wrong) return json(401, { error: "invalid_client", error_description: `AADSTS700027: ${wrong}\r\nTrace ID: 1` });
  if (form.get("scope") !== "https://vault.azure.net/.default") return json(400, { error: "invalid_scope" });
  return json(200, { token_type: "Bearer", expires_in: 3600, access_token: "azure-token" });
}

function whatIsWrong(azure: SimAzure, audience: string, form: URLSearchParams): string | undefined {
  const [head = "", body = "", signature = ""] = (form.get("client_assertion") ?? "").split(".");
  const parsed = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
  const { alg, "x5t#S256": thumbprint } = parsed(head);
  const { aud, iss, sub, exp, nbf, jti } = parsed(body);
  const known = new X509Certificate(azure.certificate);
  const seconds = azure.now() / 1000;
  if (form.get("client_id") !== CLIENT || iss !== CLIENT || sub !== CLIENT) return "another application";
  if (thumbprint !== createHash("sha256").update(known.raw).digest("base64url")) return "the certificate is not known";
  if (alg !== "PS256" || aud !== audience || !jti) return "not a statement for this place";
  if (!(Number(nbf) <= seconds && seconds < Number(exp))) return "not at this time";
  const key = { key: known.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const isSigned = verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"));
  return isSigned ? undefined : "the signature is wrong";
}

function secret(azure: SimAzure, request: HttpRequest, url: URL): HttpResponse {
  const name = /^\/secrets\/([^/]+)\/?$/.exec(url.pathname)?.[1];
  if (`https://${url.host}` !== VAULT_URL || !name) return json(404, {});
  if (request.headers["authorization"] !== "Bearer azure-token") {
    const question = `Bearer authorization="https://login.windows.net/${TENANT}", resource="https://vault.azure.net"`;
    return json(401, { error: { code: "Unauthorized", message: "no token" } }, { "www-authenticate": question });
  }
  const value = azure.secrets.get(name);
  if (value !== undefined) return json(200, { value, id: `${VAULT_URL}/secrets/${name}/1`, attributes: {} });
  const message = `A secret with (name/id) ${name} was not found in this key vault.`;
  return json(404, { error: { code: "SecretNotFound", message } });
}

function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpResponse {
  return reply(status, JSON.stringify(value), headers);
}

function reply(status: number, body: string, headers: Record<string, string> = {}): HttpResponse {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: (async function* () {
      yield new TextEncoder().encode(body);
    })(),
  };
}
