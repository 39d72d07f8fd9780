/** Secrets that a test has put into a world, and whether a text holds one of them in any form that it may take. */
import { Buffer } from "node:buffer";
import type { Secret } from "../../src/k8s/resource.ts";

/** Texts that share so many first characters with a form are looked at more closely. */
const PREFIX = 8;
/** A part of base64 that is shorter could be chance. */
const SHORTEST = 10;

interface Form {
  readonly text: string;
  /** What it is a form of, for messages: never the secret itself. */
  readonly of: string;
}

/** What must not be told. */
export class Marked {
  readonly #known = new Set<string>();
  readonly #forms = new Map<string, Form[]>();

  /** How many secrets there are. */
  get size(): number {
    return this.#known.size;
  }

  /** @param name what the secret is, for messages */
  add(name: string, value: string | undefined): void {
    if (!value || value.length < PREFIX || this.#known.has(value)) return;
    this.#known.add(value);
    for (const text of formsOf(value)) {
      const prefix = text.slice(0, PREFIX);
      const forms = this.#forms.get(prefix);
      if (forms) forms.push({ text, of: name });
      else this.#forms.set(prefix, [{ text, of: name }]);
    }
  }

  /** Which secrets stand in `text`, each with what stands around it. One pass, however many secrets there are. */
  in(text: string): string[] {
    const found: string[] = [];
    for (let at = 0; at + PREFIX <= text.length; at++) {
      for (const { text: form, of } of this.#forms.get(text.slice(at, at + PREFIX)) ?? []) {
        if (!text.startsWith(form, at)) continue;
        const before = text.slice(Math.max(0, at - 80), at);
        found.push(`${of} after ${JSON.stringify(before)}`);
        at += form.length - 1;
        break;
      }
    }
    return found;
  }
}

/** Marks what a world has made of secrets by itself: the service's tokens, and what stands in the cluster's Secrets. */
export function markWorld(marked: Marked, tokens: Iterable<string>, secrets: readonly Secret[]): void {
  for (const token of tokens) marked.add("a token of the service", token);
  for (const { data = {} } of secrets) {
    for (const key of ["jitToken", "http_proxy", "https_proxy"]) {
      const value = Buffer.from(data[key] ?? "", "base64").toString();
      marked.add(key, value);
      if (key === "jitToken") marked.add("what a JIT configuration says", Buffer.from(value, "base64").toString());
    }
  }
}

/** As it is, its lines, in JSON, in a URL, and in base64: alone, or as a part of a longer text. */
function formsOf(value: string): Set<string> {
  const forms = new Set<string>([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  for (const line of value.split("\n")) if (line.length >= PREFIX && !line.startsWith("-----")) forms.add(line);
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.from("\0".repeat(shift) + value).toString("base64").replace(/=+$/, "");
    // The first and the last characters hold bits of what stands before and behind it.
    const core = encoded.slice(shift === 0 ? 0 : shift + 1, -2);
    if (core.length < SHORTEST) continue;
    forms.add(core);
    forms.add(core.replaceAll("+", "-").replaceAll("/", "_"));
    forms.add(encodeURIComponent(core));
  }
  return forms;
}
