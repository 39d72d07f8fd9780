/**
 * RC2 (RFC 2268) in CBC mode, to read with: old PKCS #12 files hide the certificate, which is no secret, by it. Runtimes
 * have it no more. Nothing is ever to be encrypted by it.
 */

const PI = Buffer.from(
  "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32" +
    "bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626" +
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a" +
    "961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731" +
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e" +
    "c5f3db47e5a59c770aa62068fe7fc1ad",
  "hex",
);
const SHIFTS = [1, 2, 3, 5];

/** The plain text, its padding taken off; all bits of the key count. @throws RangeError when the padding is wrong */
export function rc2Decrypted(key: Uint8Array, iv: Uint8Array, text: Uint8Array): Buffer {
  const words = expanded(key);
  const plain = Buffer.alloc(text.length);
  const cipher = Buffer.from(text);
  let before = Buffer.from(iv);
  for (let at = 0; at + 8 <= cipher.length; at += 8) {
    const block = cipher.subarray(at, at + 8);
    const opened = decryptedBlock(words, block);
    for (let i = 0; i < 8; i++) plain[at + i] = opened[i]! ^ before[i]!;
    before = block;
  }
  const padding = plain.at(-1) ?? 0;
  const isPadded = padding >= 1 && padding <= 8 && plain.subarray(-padding).every((byte) => byte === padding);
  if (text.length % 8 !== 0 || !isPadded) throw new RangeError("the padding is wrong");
  return plain.subarray(0, -padding);
}

function expanded(key: Uint8Array): Uint16Array {
  const size = key.length;
  const bytes = Buffer.alloc(128);
  bytes.set(key);
  for (let i = size; i < 128; i++) bytes[i] = PI[(bytes[i - 1]! + bytes[i - size]!) & 0xff]!;
  bytes[128 - size] = PI[bytes[128 - size]!]!;
  for (let i = 127 - size; i >= 0; i--) bytes[i] = PI[bytes[i + 1]! ^ bytes[i + size]!]!;
  return Uint16Array.from({ length: 64 }, (_, i) => bytes.readUInt16LE(2 * i));
}

function decryptedBlock(words: Uint16Array, block: Buffer): Buffer {
  const r = Uint16Array.from([0, 2, 4, 6], (at) => block.readUInt16LE(at));
  const at = (index: number) => r[index & 3]!;
  for (let round = 15; round >= 0; round--) {
    for (let i = 3; i >= 0; i--) {
      const turned = (at(i) >>> SHIFTS[i]!) | (at(i) << (16 - SHIFTS[i]!));
      r[i] = turned - words[4 * round + i]! - (at(i - 1) & at(i - 2)) - (~at(i - 1) & at(i - 3));
    }
    if (round === 11 || round === 5) { for (let i = 3; i >= 0; i--) r[i] = at(i) - words[at(i - 1) & 63]!; }
  }
  const plain = Buffer.alloc(8);
  r.forEach((word, index) => plain.writeUInt16LE(word, 2 * index));
  return plain;
}
