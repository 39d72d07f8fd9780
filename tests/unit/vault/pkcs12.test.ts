/** Certificates in PKCS #12 files, whichever way they are written, and what is said of those that can't be read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clientCertificateOf } from "../../../src/vault/assertion.ts";
import { pkcs12Kdf } from "../../../src/vault/pkcs12.ts";
import { rc2Decrypted } from "../../../src/vault/rc2.ts";
import { VaultError } from "../../../src/vault/vault.ts";
import { type PfxForm, pfxOf } from "../../support/pfx.ts";
import { authority } from "../../support/pki.ts";
import { table } from "../../support/table.ts";

const APP = authority().issueRsa("app");
const EXPECTED = clientCertificateOf(Buffer.from(APP.cert + APP.key), "app.pem");
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

table<PfxForm>("a file", {
  "of Windows and Azure": { cipher: "3des" },
  "of programs that have nothing for no password": { cipher: "3des", password: Buffer.alloc(0) },
  "of OpenSSL 3": { cipher: "aes", password: Buffer.alloc(0) },
  "that hides nothing": { cipher: "none" },
}, (form) => {
  const file = pfxOf(APP, form);
  for (const bytes of [file, Buffer.from(file.toString("base64").replace(/(.{76})/g, "$1\n"))]) {
    const read = clientCertificateOf(bytes, "app.pfx");
    assert.equal(read.thumbprint, EXPECTED.thumbprint);
    assert.ok(read.key.equals(EXPECTED.key));
  }
});

table<{ file: Uint8Array; says: RegExp }>("a file that can't be read", {
  "with a password, 3DES": { file: pfxOf(APP, { cipher: "3des", password: Buffer.from("\0s\0\0") }), says: /password/ },
  "with a password, AES": { file: pfxOf(APP, { cipher: "aes", password: Buffer.from("s") }), says: /password/ },
  "cut off": { file: pfxOf(APP, { cipher: "aes", password: Buffer.alloc(0) }).subarray(0, 900), says: /cut off/ },
  "something else in DER": { file: hex("30 03 02 01 03"), says: /missing/ },
}, ({ file, says }) => {
  assert.throws(() => clientCertificateOf(file, "app.pfx"), (error) => {
    assert.ok(VaultError.is(error, "Settings"), String(error));
    assert.match(error.message, /^certificatePath app\.pfx: /);
    assert.match(error.message, says);
    return true;
  });
});

test("whatever a file holds, it is read or refused in a sentence", () => {
  const whole = pfxOf(APP, { cipher: "none" });
  const broken = fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => {
    const copy = Buffer.from(whole);
    copy[at] = byte;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 200 })), (file) => {
      try {
        clientCertificateOf(file, "app.pfx");
      } catch (error) {
        assert.ok(VaultError.is(error, "Settings"), String(error));
      }
    }),
    { numRuns: 300 },
  );
});

table<{ id: 1 | 2; salt: string; rounds: number; length: number; is: string }>("keys of RFC 7292, known values", {
  "a key": {
    id: 1,
    salt: "0A58CF64530D823F",
    rounds: 1,
    length: 24,
    is: "8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3",
  },
  "a vector": { id: 2, salt: "0A58CF64530D823F", rounds: 1, length: 8, is: "79993DFE048D3B76" },
}, ({ id, salt, rounds, length, is }) => {
  const password = Buffer.from("smeg\0", "utf16le").swap16();
  assert.equal(pkcs12Kdf({ password, salt: hex(salt), rounds, id, length }).toString("hex").toUpperCase(), is);
});

table<{ key: string; plain: string; cipher: string }>("RC2, the values of RFC 2268", {
  "8 bytes of ones": { key: "ffffffffffffffff", plain: "ffffffffffffffff", cipher: "278b27e42e2f0d49" },
  "8 bytes": { key: "3000000000000000", plain: "1000000000000001", cipher: "30649edf9be7d2c2" },
  "16 bytes": { key: "88bca90e90875a7f0f79c384627bafb2", plain: "0000000000000000", cipher: "2269552ab0f85ca6" },
}, ({ key, plain, cipher }) => {
  // The vector is chosen so that the block ends in the padding of five bytes of text.
  const wanted = Buffer.from("hello\x03\x03\x03");
  const iv = hex(plain).map((byte, index) => byte ^ wanted[index]!);
  assert.equal(rc2Decrypted(hex(key), iv, hex(cipher)).toString(), "hello");
  assert.throws(() => rc2Decrypted(hex(key), Buffer.alloc(8, 0xa5), hex(cipher)), RangeError);
});
