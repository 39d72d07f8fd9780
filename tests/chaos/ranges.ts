/** Ranges of seeds that have passed, kept in a file, so that a long run can be done in parts. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

type Range = readonly [from: number, to: number];

/** The ranges of a file, each with both its ends; none when there is no file. */
export function readRanges(path: string): Range[] {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) as Range[] : [];
}

export function writeRanges(path: string, ranges: readonly Range[]): void {
  writeFileSync(path, `${JSON.stringify(ranges)}\n`);
}

export function covers(ranges: readonly Range[], seed: number): boolean {
  return ranges.some(([from, to]) => seed >= from && seed <= to);
}

/** The ranges with one more, those that touch made one. */
export function joined(ranges: readonly Range[], more: Range): Range[] {
  const sorted = [...ranges, more].sort(([a], [b]) => a - b);
  const result: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = result.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}
