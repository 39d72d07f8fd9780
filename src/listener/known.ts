/** Which events have been seen, in bounded memory: a value, like the state that it is a part of. */

/** How many keys a set holds before the next one is begun, and how many sets are kept. */
const SET_SIZE = 500;
const SETS = 60;

/** Keys seen, newest first: the last 30,000 or so. */
export type Known = readonly ReadonlySet<string>[];

export const NOTHING_KNOWN: Known = [];

export function knows(known: Known, key: string): boolean {
  return known.some((set) => set.has(key));
}

/** `known` and `keys`; what is oldest is forgotten. */
export function knowAlso(known: Known, keys: readonly string[]): Known {
  if (keys.length === 0) return known;
  const [first, ...rest] = known;
  if (first && first.size + keys.length <= SET_SIZE) return [new Set([...first, ...keys]), ...rest];
  return [new Set(keys), ...known.slice(0, SETS - 1)];
}
