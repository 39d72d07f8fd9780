/**
 * A certificate and its key out of a PKCS #12 file (.pfx, .p12) without a password, as key vaults export them. RFC 7292;
 * of its ciphers those that such files have: 3DES and 40-bit RC2 with SHA-1 (Windows, OpenSSL 1), and PBES2 with AES.
 * No runtime offers this to programs. Its seal (MAC) is not checked: it would show nothing but the absence of a password.
 */
import { createDecipheriv, createHash, pbkdf2Sync } from "node:crypto";
import { rc2Decrypted } from "./rc2.ts";

/** What a file holds, in DER. The key is a secret. */
export interface Pkcs12 {
  /** Certificates, the first one first. */
  readonly certificates: readonly Uint8Array[];
  /** PKCS #8; undefined when the file has none. */
  readonly key: Uint8Array | undefined;
}

/** The file can't be read; the message holds nothing of it. */
export class Pkcs12Error extends Error {
  override readonly name = "Pkcs12Error";
}

interface Node {
  readonly tag: number;
  readonly bytes: Buffer;
}

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const KEY_BAG = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3";
const PBE_3DES = "1.2.840.113549.1.12.1.3";
const PBE_RC2_40 = "1.2.840.113549.1.12.1.6";
const PBES2 = "1.2.840.113549.1.5.13";
const AES: Readonly<Record<string, number>> = {
  "2.16.840.1.101.3.4.1.2": 16,
  "2.16.840.1.101.3.4.1.22": 24,
  "2.16.840.1.101.3.4.1.42": 32,
};
const HMAC: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.7": "sha1",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
};

/** No password is the empty text, ended by two zero bytes or by nothing: both are found. */
const NO_PASSWORD = [Buffer.alloc(2), Buffer.alloc(0)];
/** More would be an attempt to keep us busy. */
const MOST_ROUNDS = 1_000_000;

/** @throws Pkcs12Error */
export function readPkcs12(file: Uint8Array): Pkcs12 {
  const [, authSafe] = children(one(Buffer.from(file)));
  const certificates: Uint8Array[] = [];
  let key: Uint8Array | undefined;
  for (const info of children(one(contentOf(authSafe, DATA)))) {
    for (const bag of children(one(safeContents(info)))) {
      const [id, value] = children(bag);
      const kind = oidOf(id);
      const inner = one(need(value).bytes);
      if (kind === CERTIFICATE_BAG) certificates.push(one(need(children(inner)[1]).bytes).bytes);
      else if (kind === KEY_BAG) key ??= need(value).bytes;
      else if (kind === SHROUDED_KEY_BAG) {
        const [algorithm, text] = children(inner);
        key ??= decrypted(algorithm, need(text).bytes);
      }
    }
  }
  return { certificates, key };
}

/** The octets in a ContentInfo of one type. */
function contentOf(info: Node | undefined, type: string): Buffer {
  const [id, content] = children(need(info));
  if (oidOf(id) !== type) throw new Pkcs12Error("it is sealed by a certificate, not by a password");
  return one(need(content).bytes).bytes;
}

function safeContents(info: Node): Buffer {
  const [id, content] = children(info);
  if (oidOf(id) !== ENCRYPTED_DATA) return contentOf(info, DATA);
  const [, encrypted] = children(one(need(content).bytes));
  const [, algorithm, text] = children(need(encrypted));
  return decrypted(algorithm, need(text).bytes);
}

function decrypted(algorithm: Node | undefined, text: Buffer): Buffer {
  const [id, parameters] = children(need(algorithm));
  const kind = oidOf(id);
  if (![PBE_3DES, PBE_RC2_40, PBES2].includes(kind)) throw new Pkcs12Error(`its cipher ${kind} is not supported`);
  const opened = kind === PBES2
    ? [aesOf(need(parameters))]
    : NO_PASSWORD.map((password) => legacyOf(kind, need(parameters), password));
  for (const open of opened) {
    try {
      const plain = open(text);
      one(plain);
      return plain;
    } catch {
      // Another key's padding, or what it yields is no DER: the other form of "no password" may fit.
    }
  }
  throw new Pkcs12Error("it has a password: no password can be given");
}

type Open = (text: Buffer) => Buffer;

function legacyOf(kind: string, parameters: Node, password: Buffer): Open {
  const [saltNode, roundsNode] = children(parameters);
  const [salt, rounds] = [need(saltNode).bytes, roundsOf(roundsNode)];
  const of = (id: 1 | 2, length: number) => pkcs12Kdf({ password, salt, rounds, id, length });
  if (kind === PBE_RC2_40) return (text) => rc2Decrypted(of(1, 5), of(2, 8), text);
  return (text) => openedBy(createDecipheriv("des-ede3-cbc", of(1, 24), of(2, 8)), text);
}

function openedBy(decipher: ReturnType<typeof createDecipheriv>, text: Buffer): Buffer {
  return Buffer.concat([decipher.update(text), decipher.final()]);
}

function aesOf(parameters: Node): Open {
  const [derivation, cipher] = children(parameters);
  const [salt, rounds, ...rest] = children(need(children(need(derivation))[1]));
  const prf = rest.find(({ tag }) => tag === 0x30);
  const hash = prf ? HMAC[oidOf(children(prf)[0])] : "sha1";
  const [id, iv] = children(need(cipher));
  const length = AES[oidOf(id)];
  if (hash === undefined || length === undefined) throw new Pkcs12Error(`its cipher ${oidOf(id)} is not supported`);
  const key = pbkdf2Sync("", need(salt).bytes, roundsOf(rounds), length, hash);
  return (text) => openedBy(createDecipheriv(`aes-${length * 8}-cbc`, key, need(iv).bytes), text);
}

function roundsOf(node: Node | undefined): number {
  const rounds = Number.parseInt(need(node).bytes.toString("hex"), 16);
  if (!(rounds > 0 && rounds <= MOST_ROUNDS)) throw new Pkcs12Error("its number of rounds is not supported");
  return rounds;
}

/** Key derivation of RFC 7292, appendix B.2, with SHA-1. `id`: 1 is a key, 2 an initialization vector. */
export function pkcs12Kdf(
  { password, salt, rounds, id, length }: {
    readonly password: Uint8Array;
    readonly salt: Uint8Array;
    readonly rounds: number;
    readonly id: 1 | 2;
    /** In bytes. */
    readonly length: number;
  },
): Buffer {
  const filled = (from: Uint8Array) => Buffer.alloc(Math.ceil(from.length / 64) * 64, from.length > 0 ? from : 0);
  const input = Buffer.concat([filled(salt), filled(password)]);
  const parts: Buffer[] = [];
  for (let made = 0; made < length; made += 20) {
    let hash = createHash("sha1").update(Buffer.alloc(64, id)).update(input).digest();
    for (let round = 1; round < rounds; round++) hash = createHash("sha1").update(hash).digest();
    parts.push(hash);
    const added = Buffer.alloc(64, hash);
    for (let block = 0; block < input.length; block += 64) {
      let carry = 1;
      for (let at = 63; at >= 0; at--) {
        carry += input[block + at]! + added[at]!;
        input[block + at] = carry & 0xff;
        carry >>= 8;
      }
    }
  }
  return Buffer.concat(parts).subarray(0, length);
}

function need(node: Node | undefined): Node {
  if (!node) throw new Pkcs12Error("a part of it is missing");
  return node;
}

/** The first node of some DER. */
function one(bytes: Buffer): Node {
  return need(nodes(bytes)[0]);
}

function children(node: Node): Node[] {
  return nodes(node.bytes);
}

function nodes(bytes: Buffer): Node[] {
  const found: Node[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at]!;
    const first = bytes[at + 1] ?? 0xff;
    const wide = first & 0x80 ? first & 0x7f : 0;
    if (first === 0x80 || wide > 4 || at + 2 + wide > bytes.length) throw new Pkcs12Error("it is not DER");
    const length = wide === 0 ? first : bytes.readUIntBE(at + 2, wide);
    const start = at + 2 + wide;
    if (start + length > bytes.length) throw new Pkcs12Error("it is cut off");
    found.push({ tag, bytes: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

function oidOf(node: Node | undefined): string {
  const { tag, bytes } = need(node);
  if (tag !== 6 || bytes.length === 0) throw new Pkcs12Error("a part of it is of another kind");
  const parts: number[] = [];
  let value = 0;
  for (const byte of bytes) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (parts.length === 0) {
      parts.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)));
    } else parts.push(value);
    value = 0;
  }
  return parts.join(".");
}
