/** What the secrets and config maps that a source names must hold. Messages name keys, never values. */
import type { ProxyConfig, ProxyServer } from "../../api/kinds.ts";
import { type Credentials, CredentialsError } from "../../github/auth.ts";
import { credentialsIn } from "../../github/secret.ts";
import type { ConfigMap, Secret } from "../../k8s/resource.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseProxy } from "../../lib/proxy.ts";
import { X509Certificate } from "node:crypto";
import { SourceError } from "./services.ts";

/** A proxy as the runner's and the listener's environment have it; "" where nothing is set. */
export interface ProxyTexts {
  readonly http: string;
  readonly https: string;
  readonly noProxy: string;
}

/** The values of a secret, decoded. White space around them is what `echo` and editors add: it does not count. */
export function valuesOf(secret: Secret): Readonly<Record<string, string>> {
  const entries = Object.entries(secret.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8").trim()]));
}

/**
 * The credentials among the values of a secret: `github_token`, or the three keys of an app.
 * @param where the secret, as a sentence about it begins
 * @throws SourceError SecretInvalid that says which key is wrong
 */
export function credentialsOf(values: Readonly<Record<string, string>>, where: string): Credentials {
  try {
    return credentialsIn(values);
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    throw new SourceError("SecretInvalid", `${where} ${error.message}`);
  }
}

/**
 * The URL of a proxy with the user info of its secret, percent-encoded.
 * @throws SourceError ProxyInvalid
 */
export function proxyUrlOf(
  server: ProxyServer | undefined,
  field: string,
  values: Readonly<Record<string, string>> | undefined,
): string {
  const text = server?.url?.trim() ?? "";
  if (text === "") {
    if (server?.credentialSecretRef) throw new SourceError("ProxyInvalid", `${field} has credentials and no url`);
    return "";
  }
  let url: URL;
  try {
    url = parseProxy(text);
  } catch (error) {
    throw new SourceError("ProxyInvalid", `${field}.url: ${messageOf(error)}`);
  }
  if (!server?.credentialSecretRef) return text;
  const name = server.credentialSecretRef;
  if (!values) throw new SourceError("ProxyInvalid", `${field}.credentialSecretRef: there is no secret ${name}`);
  if (!values.username) throw new SourceError("ProxyInvalid", `secret ${name} of ${field} lacks the key username`);
  const user = `${escaped(values.username)}:${escaped(values.password ?? "")}`;
  const path = `${url.pathname === "/" ? "" : url.pathname}${url.search}`;
  return `${url.protocol}//${user}@${url.host}${path}`;
}

/** A vault's JSON can hold half a character, which no URL can. */
function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** The part of a proxy that needs no secret: whom it does not serve. */
export function noProxyOf(proxy: ProxyConfig | undefined): string {
  return (proxy?.noProxy ?? []).join(",");
}

/** The data of a secret with proxy settings: all three keys, always. */
export function proxySecretData(proxy: ProxyTexts): Record<string, string> {
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  return { http_proxy: encoded(proxy.http), https_proxy: encoded(proxy.https), no_proxy: encoded(proxy.noProxy) };
}

/**
 * The certificates under a key of a config map.
 * @throws SourceError CertificateInvalid
 */
export function certificatesOf(
  map: ConfigMap | undefined,
  ref: { readonly name?: string; readonly key: string },
): string {
  const refuse = (what: string): never => {
    throw new SourceError("CertificateInvalid", `githubServerTLS: ${what}`);
  };
  if (!map) return refuse(`there is no config map ${ref.name || '""'}`);
  const pem = map.data?.[ref.key] ?? decodedBinary(map.binaryData?.[ref.key]);
  if (pem === undefined) return refuse(`config map ${ref.name} has no key ${ref.key}`);
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return refuse(`key ${ref.key} of config map ${ref.name} holds no PEM certificate`);
  for (const [at, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (error) {
      refuse(`certificate ${at + 1} in key ${ref.key} of config map ${ref.name} can't be read: ${messageOf(error)}`);
    }
  }
  return pem;
}

function decodedBinary(value: string | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}
