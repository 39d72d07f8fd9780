/** Chance comes into the program through a {@link Random}; a seeded one makes a run repeatable. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  next(): number;
}

/** The machine's own randomness. */
export const systemRandom: Random = { next: () => Math.random() };

/** A repeatable sequence (splitmix32): the same seed gives the same numbers on every runtime. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      mixed ^= mixed >>> 15;
      return (mixed >>> 0) / 2 ** 32;
    },
  };
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random.next() * (high - low + 1));
}

/** One of `items`. @throws RangeError when there is none */
export function pick<T>(random: Random, items: readonly T[]): T {
  if (items.length === 0) throw new RangeError("pick: there is nothing to pick from");
  return items[Math.floor(random.next() * items.length)]!;
}

/** The alphabet of names that Kubernetes generates: no vowels, so that no words come out; no 0, 1 or 3. */
export const SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** `length` characters of {@link SAFE_ALPHABET}. */
export function safeText(random: Random, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += SAFE_ALPHABET[Math.floor(random.next() * SAFE_ALPHABET.length)];
  return text;
}

/** A version 4 UUID. */
export function uuid(random: Random): string {
  const hex = (length: number) => {
    let text = "";
    for (let i = 0; i < length; i++) text += Math.floor(random.next() * 16).toString(16);
    return text;
  };
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${"89ab"[Math.floor(random.next() * 4)]}${hex(3)}-${hex(12)}`;
}
