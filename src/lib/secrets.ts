/** The last guard against a secret in a log line: the first is that none is ever logged. */

/** Shorter texts are no secrets, and to hide each "42" would hide more than it guards. */
const SHORTEST = 8;

/** Values that must never be written, and the text that stands in their place. */
export class Secrets {
  readonly #values = new Set<string>();
  #longestFirst: readonly string[] = [];

  /** Hides `value` from now on; each line of it too, since a key in PEM may be written line by line. */
  add(value: string | undefined): void {
    if (!value) return;
    const before = this.#values.size;
    for (const text of formsOf(value)) if (text.length >= SHORTEST) this.#values.add(text);
    if (this.#values.size !== before) this.#sort();
  }

  /** Forgets a value that has been replaced: rotated tokens must not pile up. */
  remove(value: string | undefined): void {
    if (!value) return;
    for (const text of formsOf(value)) this.#values.delete(text);
    this.#sort();
  }

  /** The text with every secret replaced by `***`. */
  hide(text: string): string {
    let result = text;
    for (const value of this.#longestFirst) {
      if (result.includes(value)) result = result.replaceAll(value, "***");
    }
    return result;
  }

  /** A secret can begin with another one: the longer one goes first. */
  #sort(): void {
    this.#longestFirst = [...this.#values].sort((a, b) => b.length - a.length);
  }
}

/** The value, trimmed; its lines; and how it stands in JSON and in a URL. */
function formsOf(value: string): string[] {
  const whole = value.trim();
  const lines = whole.split("\n").map((line) => line.trim()).filter((line) => !line.startsWith("-----"));
  return [whole, ...lines, JSON.stringify(whole).slice(1, -1), encodeURIComponent(whole)];
}
