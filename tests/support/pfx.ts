/** PKCS #12 files for tests, made on the spot, in the forms that are met in life; without the seal, which nobody checks. */
import { createCipheriv, createPrivateKey, pbkdf2Sync, randomBytes } from "node:crypto";
import { pkcs12Kdf } from "../../src/vault/pkcs12.ts";
import { identifier, type Identity, integer, sequence, tagged } from "./pki.ts";

export interface PfxForm {
  readonly cipher: "3des" | "aes" | "none";
  /** As a program that knows no password has it: two zero bytes, or nothing at all. */
  readonly password?: Uint8Array;
}

interface Sealed {
  readonly algorithm: Buffer;
  readonly text: Buffer;
}

const ROUNDS = 1000;
const octets = (bytes: Uint8Array) => tagged(0x04, Buffer.from(bytes));
const wrapped = (...parts: readonly Buffer[]) => tagged(0xa0, ...parts);
const number = (value: number) => integer(Buffer.from([value >> 8, value & 0xff]));

/** A file with a certificate and its key. */
export function pfxOf({ cert, key }: Identity, form: PfxForm): Buffer {
  const der = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const pkcs8 = createPrivateKey(key).export({ type: "pkcs8", format: "der" });
  const certificate = sequence(identifier("1.2.840.113549.1.9.22.1"), wrapped(octets(der)));
  const certificates = sequence(sequence(identifier("1.2.840.113549.1.12.10.1.3"), wrapped(certificate)));
  const keys = sequence(keyBag(pkcs8, form));
  const safe = sequence(
    form.cipher === "none" ? data(certificates) : encryptedData(sealed(certificates, form)),
    data(keys),
  );
  return sequence(number(3), data(safe));
}

function keyBag(pkcs8: Buffer, form: PfxForm): Buffer {
  if (form.cipher === "none") return sequence(identifier("1.2.840.113549.1.12.10.1.1"), wrapped(pkcs8));
  const { algorithm, text } = sealed(pkcs8, form);
  return sequence(identifier("1.2.840.113549.1.12.10.1.2"), wrapped(sequence(algorithm, octets(text))));
}

function data(content: Buffer): Buffer {
  return sequence(identifier("1.2.840.113549.1.7.1"), wrapped(octets(content)));
}

function encryptedData({ algorithm, text }: Sealed): Buffer {
  const content = sequence(identifier("1.2.840.113549.1.7.1"), algorithm, tagged(0x80, text));
  return sequence(identifier("1.2.840.113549.1.7.6"), wrapped(sequence(number(0), content)));
}

function sealed(plain: Buffer, { cipher, password = Buffer.alloc(2) }: PfxForm): Sealed {
  const salt = randomBytes(8);
  if (cipher === "3des") {
    const of = (id: 1 | 2, length: number) => pkcs12Kdf({ password, salt, rounds: ROUNDS, id, length });
    const made = createCipheriv("des-ede3-cbc", of(1, 24), of(2, 8));
    const parameters = sequence(octets(salt), number(ROUNDS));
    return {
      algorithm: sequence(identifier("1.2.840.113549.1.12.1.3"), parameters),
      text: Buffer.concat([made.update(plain), made.final()]),
    };
  }
  const iv = randomBytes(16);
  const made = createCipheriv("aes-256-cbc", pbkdf2Sync(password, salt, ROUNDS, 32, "sha256"), iv);
  const prf = sequence(identifier("1.2.840.113549.2.9"), tagged(0x05));
  const derivation = sequence(identifier("1.2.840.113549.1.5.12"), sequence(octets(salt), number(ROUNDS), prf));
  const scheme = sequence(identifier("2.16.840.1.101.3.4.1.42"), octets(iv));
  return {
    algorithm: sequence(identifier("1.2.840.113549.1.5.13"), sequence(derivation, scheme)),
    text: Buffer.concat([made.update(plain), made.final()]),
  };
}
