import type { Output } from "../../lib/runtime.ts";
import { LINE_LEGEND, lineOf, type Snapshot, tableOf } from "./view.ts";

/** Between two lines on a pipe, in milliseconds of the world's time. */
const LINE_EVERY_MS = 5_000;

/** Shows snapshots: a table that is drawn over itself on a terminal, lines now and then elsewhere. */
export class Screen {
  readonly #out: Output;
  #drawn = 0;
  #lastLineMs: number | undefined;

  constructor(out: Output) {
    this.#out = out;
  }

  show(snapshot: Snapshot): void {
    if (this.#out.isTerminal) return this.#redraw(tableOf(snapshot, this.#out.columns, this.#out.rows));
    if (this.#lastLineMs !== undefined && snapshot.elapsedMs - this.#lastLineMs < LINE_EVERY_MS) return;
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
