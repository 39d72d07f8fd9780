/**
 * Certificates for tests, made on the spot: a certificate authority and what it signs, by a few lines of DER over
 * node:crypto. No key lies in the repository, and no openssl is needed.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority. */
export interface Authority {
  /** PEM. */
  readonly ca: string;
  /** A certificate for DNS names and IPv4 addresses; the first one is the subject's common name too. */
  issue(...names: string[]): Identity;
  /** A certificate with an RSA key, as applications of Entra ID have. */
  issueRsa(name: string): Identity;
}

interface Subject {
  readonly name: string;
  readonly key: KeyObject;
}

/** Makes an authority; its certificates are valid from 2020 to 2049. */
export function authority(name = "test authority"): Authority {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer: Subject = { name, key: pair.privateKey };
  const constraints = [
    extension("2.5.29.19", true, sequence(boolean(true))),
    extension("2.5.29.15", true, Buffer.from([3, 2, 1, 6])),
    keyIdentifier(pair.publicKey),
  ];
  return {
    ca: certificate(issuer, { name, key: pair.publicKey }, constraints),
    issue(...names) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const alternatives = sequence(...names.map(alternativeName));
      const usages = sequence(identifier("1.3.6.1.5.5.7.3.1"), identifier("1.3.6.1.5.5.7.3.2"));
      const subject = { name: names[0]!, key: own.publicKey };
      return {
        cert: certificate(issuer, subject, [
          extension("2.5.29.17", false, alternatives),
          extension("2.5.29.37", false, usages),
          authorityKeyIdentifier(pair.publicKey),
        ]),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
    issueRsa(name) {
      const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
      return {
        cert: certificate(issuer, { name, key: own.publicKey }, [authorityKeyIdentifier(pair.publicKey)]),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

function certificate(issuer: Subject, subject: Subject, extensions: readonly Buffer[]): string {
  const algorithm = sequence(identifier("1.2.840.10045.4.3.2"));
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer.name),
    sequence(utcTime("200101000000Z"), utcTime("491231235959Z")),
    distinguishedName(subject.name),
    subject.key.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, issuer.key);
  const der = sequence(body, algorithm, tagged(0x03, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${
    der.toString("base64").replace(/(.{64})/g, "$1\n").trim()
  }\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(identifier("2.5.4.3"), tagged(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(identifier(id), ...(critical ? [boolean(true)] : []), tagged(0x04, value));
}

function keyHash(key: KeyObject): Buffer {
  return createHash("sha1").update(key.export({ type: "spki", format: "der" })).digest();
}

function keyIdentifier(key: KeyObject): Buffer {
  return extension("2.5.29.14", false, tagged(0x04, keyHash(key)));
}

function authorityKeyIdentifier(key: KeyObject): Buffer {
  return extension("2.5.29.35", false, sequence(tagged(0x80, keyHash(key))));
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 4 ? tagged(0x87, Buffer.from(name.split(".").map(Number))) : tagged(0x82, Buffer.from(name));
}

export function identifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tagged(0x06, Buffer.from(bytes));
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

export function integer(value: Buffer): Buffer {
  return tagged(0x02, value);
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

function utcTime(text: string): Buffer {
  return tagged(0x17, Buffer.from(text));
}

export function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  const header = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
