/**
 * How an application shows Microsoft Entra ID that it holds the key of its certificate: a signed statement (JWT) in
 * place of a password, as Microsoft's page "certificate credentials" says. It is signed here and not by the SDK, whose
 * reader of PEM files does not work on Deno, and so that a renewed file counts at the next login.
 */
import { constants, createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { VaultError } from "./vault.ts";

/** An application's certificate. Holds a secret. */
export interface ClientCertificate {
  readonly key: KeyObject;
  /** SHA-256 of the certificate, in base64url: how Entra ID finds it. */
  readonly thumbprint: string;
}

/** Clocks differ by some minutes; a statement is good for ten. */
const SKEW_SECONDS = 120;
const LIFE_SECONDS = 600;

const BLOCKS = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

/**
 * The first certificate and the private key of a PEM file, in any order.
 * @throws VaultError Settings; the message holds nothing of the file
 */
export function clientCertificateOf(pem: string, path: string): ClientCertificate {
  const blocks = [...pem.matchAll(BLOCKS)].map(([text, label = ""]) => ({ text: `${text}\n`, label }));
  const refuse = (what: string) => new VaultError("Settings", `certificatePath ${path}: ${what}`);
  const certificate = blocks.find(({ label }) => label === "CERTIFICATE");
  const key = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (blocks.length === 0) throw refuse("the file is not PEM (a PKCS #12 file must be converted)");
  if (!certificate) throw refuse("the file has no certificate");
  if (!key) throw refuse("the file has no private key beside the certificate");
  if (key.label === "ENCRYPTED PRIVATE KEY") throw refuse("the private key is encrypted: no password can be given");
  let read: { readonly key: KeyObject; readonly x509: X509Certificate };
  try {
    read = { key: createPrivateKey(key.text), x509: new X509Certificate(certificate.text) };
  } catch {
    // What the parser says can quote the key.
    throw refuse("the certificate or the private key can't be read");
  }
  if (read.key.asymmetricKeyType !== "rsa") throw refuse("the private key is no RSA key, which Entra ID asks for");
  const thumbprint = Buffer.from(read.x509.fingerprint256.replaceAll(":", ""), "hex").toString("base64url");
  return { key: read.key, thumbprint };
}

/** The statement that `clientId` is the caller. `now` in milliseconds since the epoch; `id` is used once. */
export function clientAssertion(
  { key, thumbprint }: ClientCertificate,
  claims: { readonly clientId: string; readonly audience: string; readonly now: number; readonly id: string },
): string {
  const now = Math.floor(claims.now / 1000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = part({ alg: "PS256", typ: "JWT", "x5t#S256": thumbprint });
  const body = part({
    aud: claims.audience,
    iss: claims.clientId,
    sub: claims.clientId,
    jti: claims.id,
    iat: now,
    nbf: now - SKEW_SECONDS,
    exp: now + LIFE_SECONDS,
  });
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
  return `${head}.${body}.${signature.toString("base64url")}`;
}
