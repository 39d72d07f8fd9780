/** Figures as Markdown. */
import type { Figures, Run } from "./measure.ts";

/** A row of a table: what was done, and its runs. */
export interface Row {
  readonly title: string;
  readonly runs: readonly Run[];
}

/** The median of each figure over the runs. */
export function medians(runs: readonly Run[]): Figures {
  const names = Object.keys(runs[0]?.figures ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map(({ figures }) => figures[name] ?? NaN))]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** One table of rows that have the same figures. */
export function table(head: string, rows: readonly Row[]): string {
  const names = Object.keys(rows[0]?.runs[0]?.figures ?? {});
  const lines = rows.map(({ title, runs }) => {
    const figures = medians(runs);
    return `| ${title} | ${names.map((name) => rounded(figures[name] ?? NaN)).join(" | ")} |`;
  });
  return [`| ${head} | ${names.join(" | ")} |`, `|---|${"---|".repeat(names.length)}`, ...lines].join("\n");
}

/** The requests and calls of a row's last run: per runner, if it made any. */
export function kinds({ title, runs }: Row): string {
  const { spent } = runs.at(-1)!;
  const runners = Math.max(1, spent.runners);
  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([kind, count]) => `${kind} ${rounded(count / runners)}`).join(", ") || "none";
  const cpu = [...spent.cpuSeconds].map(([name, seconds]) => `${name} ${rounded(seconds)}`).join(", ");
  const unit = spent.runners > 0 ? " per runner" : "";
  return `- ${title}: requests${unit}: ${list(spent.requests)}; calls: ${list(spent.calls)}; CPU s: ${cpu}`;
}

function rounded(value: number): string {
  if (Number.isNaN(value)) return "-";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
