import type { Output } from "../../lib/runtime.ts";
import { LINE_LEGEND, lineOf, type Snapshot, tableOf } from "./view.ts";

/** Between two lines on a pipe at least, in milliseconds of the world's time. */
const LINE_EVERY_MS = 5_000;
/** How many lines a long load may have: an hour on a virtual clock would have hundreds otherwise. */
const MOST_LINES = 60;

/** Shows snapshots: a table that is drawn over itself on a terminal, lines now and then elsewhere. */
export class Screen {
  readonly #out: Output;
  readonly #lineEveryMs: number;
  #drawn = 0;
  #lastLineMs: number | undefined;

  /** @param loadMs how long jobs are queued, in milliseconds of the world's time */
  constructor(out: Output, loadMs = 0) {
    this.#out = out;
    this.#lineEveryMs = Math.max(LINE_EVERY_MS, loadMs / MOST_LINES);
  }

  show(snapshot: Snapshot): void {
    if (this.#out.isTerminal) return this.#redraw(tableOf(snapshot, this.#out.columns, this.#out.rows));
    if (this.#lastLineMs !== undefined && snapshot.elapsedMs - this.#lastLineMs < this.#lineEveryMs) return;
    if (this.#lastLineMs === undefined) this.#out.write(`${LINE_LEGEND}\n`);
    this.#lastLineMs = snapshot.elapsedMs;
    this.#out.write(`${lineOf(snapshot)}\n`);
  }

  /** The last state, and then lines that stay. */
  end(snapshot: Snapshot): void {
    this.#lastLineMs = undefined;
    if (this.#out.isTerminal) this.#redraw(tableOf(snapshot, this.#out.columns, this.#out.rows));
    else this.#out.write(`${lineOf(snapshot)}\n`);
    this.#drawn = 0;
  }

  /** Lines that stay above the table. */
  say(lines: readonly string[]): void {
    this.#erase();
    for (const line of lines) this.#out.write(`${line}\n`);
  }

  #redraw(lines: readonly string[]): void {
    this.#erase();
    this.#out.write(`${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }
}
