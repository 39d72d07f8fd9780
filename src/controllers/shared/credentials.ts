/** What the secrets and config maps that a source names must hold. Messages name keys, never values. */
import type { ProxyConfig, ProxyServer } from "../../api/kinds.ts";
import type { Credentials } from "../../github/auth.ts";
import type { ConfigMap, Secret } from "../../k8s/resource.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseProxy } from "../../lib/proxy.ts";
import { createPrivateKey, X509Certificate } from "node:crypto";
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
 * The credentials in a GitHub secret: `github_token`, or the three keys of an app.
 * @throws SourceError SecretInvalid that says which key is wrong
 */
export function credentialsOf(secret: Secret): Credentials {
  const values = valuesOf(secret);
  const refuse = (what: string): never => {
    throw new SourceError("SecretInvalid", `secret ${secret.metadata?.namespace}/${secret.metadata?.name} ${what}`);
  };
  const token = values.github_token ?? "";
  const app = {
    github_app_id: values.github_app_id ?? "",
    github_app_installation_id: values.github_app_installation_id ?? "",
    github_app_private_key: values.github_app_private_key ?? "",
  };
  const given = Object.entries(app).filter(([, value]) => value !== "").map(([key]) => key);
  const absent = Object.keys(app).filter((key) => !given.includes(key));
  if (token !== "" && absent.length === 0) {
    refuse("has both github_token and the keys of a GitHub App: keep one of the two");
  }
  if (token !== "") return { kind: "pat", token };
  if (given.length === 0) {
    refuse(
      "has no credentials: it needs github_token, or github_app_id, github_app_installation_id and " +
        "github_app_private_key",
    );
  }
  if (absent.length > 0) refuse(`lacks ${absent.join(" and ")}`);
  const installationId = Number(app.github_app_installation_id);
  if (!/^\d+$/.test(app.github_app_installation_id) || !(installationId > 0 && Number.isSafeInteger(installationId))) {
    refuse("has a github_app_installation_id that is no number above 0");
  }
  try {
    createPrivateKey(app.github_app_private_key);
  } catch {
    // What the parser says can quote the key.
    refuse("has a github_app_private_key that can't be read: it must be the whole PEM file that GitHub gave");
  }
  return {
    kind: "app",
    appId: app.github_app_id,
    installationId,
    privateKey: app.github_app_private_key,
  };
}

/**
 * The URL of a proxy with the user info of its secret, percent-encoded.
 * @throws SourceError ProxyInvalid
 */
export function proxyUrlOf(server: ProxyServer | undefined, field: string, secret: Secret | undefined): string {
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
  const values = secret ? valuesOf(secret) : undefined;
  const name = server.credentialSecretRef;
  if (!values) throw new SourceError("ProxyInvalid", `${field}.credentialSecretRef: there is no secret ${name}`);
  if (!values.username) throw new SourceError("ProxyInvalid", `secret ${name} of ${field} lacks the key username`);
  const user = `${encodeURIComponent(values.username)}:${encodeURIComponent(values.password ?? "")}`;
  const path = `${url.pathname === "/" ? "" : url.pathname}${url.search}`;
  return `${url.protocol}//${user}@${url.host}${path}`;
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
