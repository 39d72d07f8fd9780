/**
 * How an application shows Microsoft Entra ID that it holds the key of its certificate: a signed statement (JWT) in
 * place of a password, as Microsoft's page "certificate credentials" says. It is signed here and not by the SDK, whose
 * reader of PEM files does not work on Deno, and so that a renewed file counts at the next login.
 */
import { constants, createPrivateKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import { Pkcs12Error, readPkcs12 } from "./pkcs12.ts";
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

/** The first byte of a PKCS #12 file. */
const DER_SEQUENCE = 0x30;

const BLOCKS = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

/**
 * The first certificate and the private key of a file: PEM in any order, or PKCS #12 without a password (also in base64,
 * as drivers mount it).
 * @throws VaultError Settings; the message holds nothing of the file
 */
export function clientCertificateOf(file: Uint8Array, path: string): ClientCertificate {
  const refuse = (what: string) => new VaultError("Settings", `certificatePath ${path}: ${what}`);
  const { certificate, key } = partsOf(file, refuse);
  if (!certificate) throw refuse("the file has no certificate");
  if (!key) throw refuse("the file has no private key beside the certificate");
  let read: { readonly key: KeyObject; readonly x509: X509Certificate };
  try {
    read = { key: createPrivateKey(key), x509: new X509Certificate(certificate) };
  } catch {
    // What the parser says can quote the key.
    throw refuse("the certificate or the private key can't be read");
  }
  if (read.key.asymmetricKeyType !== "rsa") throw refuse("the private key is no RSA key, which Entra ID asks for");
  const thumbprint = Buffer.from(read.x509.fingerprint256.replaceAll(":", ""), "hex").toString("base64url");
  return { key: read.key, thumbprint };
}

interface Parts {
  readonly certificate: string | Buffer | undefined;
  readonly key: Parameters<typeof createPrivateKey>[0] | undefined;
}

function partsOf(file: Uint8Array, refuse: (what: string) => Error): Parts {
  const text = Buffer.from(file).toString("latin1");
  const blocks = [...text.matchAll(BLOCKS)].map(([block, label = ""]) => ({ text: `${block}\n`, label }));
  if (blocks.length === 0) return partsOfPkcs12(file, text, refuse);
  const key = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (key?.label === "ENCRYPTED PRIVATE KEY") throw refuse("the private key is encrypted: no password can be given");
  return { certificate: blocks.find(({ label }) => label === "CERTIFICATE")?.text, key: key?.text };
}

function partsOfPkcs12(file: Uint8Array, text: string, refuse: (what: string) => Error): Parts {
  const bytes = file[0] === DER_SEQUENCE ? file : Buffer.from(text, "base64");
  if (bytes[0] !== DER_SEQUENCE) throw refuse("the file is neither PEM nor PKCS #12");
  try {
    const { certificates: [certificate], key } = readPkcs12(bytes);
    return {
      certificate: certificate && Buffer.from(certificate),
      key: key && { key: Buffer.from(key), format: "der", type: "pkcs8" },
    };
  } catch (error) {
    if (!(error instanceof Pkcs12Error)) throw error;
    throw refuse(`the file is taken for PKCS #12, and ${error.message}`);
  }
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
