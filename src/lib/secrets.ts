/**
 * The last guards against a secret in what the program says: the first is that none is ever said. Values that are known
 * are hidden wherever they stand ({@link Secrets}); what looks like a secret is hidden in the words of others
 * ({@link withoutTokens}), for a gateway's error page may quote the very request that it refuses.
 */

/** Shorter texts are no secrets, and to hide each "42" would hide more than it guards. */
const SHORTEST = 8;
const HIDDEN = "***";

/** Values that must never be written, and the text that stands in their place. */
export class Secrets {
  /** How often each was added: it is hidden until it was removed as often. */
  readonly #values = new Map<string, number>();
  #longestFirst: readonly string[] = [];

  /** Hides `value` from now on; each line of it too, since a key in PEM may be written line by line. */
  add(value: string | undefined): void {
    if (!value) return;
    const before = this.#values.size;
    for (const text of formsOf(value)) {
      if (text.length >= SHORTEST) this.#values.set(text, (this.#values.get(text) ?? 0) + 1);
    }
    if (this.#values.size !== before) this.#sort();
  }

  /** Forgets a value that has been replaced: rotated tokens must not pile up. Another who has added it keeps it hidden. */
  remove(value: string | undefined): void {
    if (!value) return;
    for (const text of formsOf(value)) {
      const left = (this.#values.get(text) ?? 0) - 1;
      if (left > 0) this.#values.set(text, left);
      else this.#values.delete(text);
    }
    this.#sort();
  }

  /** The text with every secret, and all that looks like one, replaced by `***`. */
  hide(text: string): string {
    let result = text;
    for (const value of this.#longestFirst) {
      if (result.includes(value)) result = result.replaceAll(value, HIDDEN);
    }
    return withoutTokens(result);
  }

  /** A secret can begin with another one: the longer one goes first. */
  #sort(): void {
    this.#longestFirst = [...this.#values.keys()].sort((a, b) => b.length - a.length);
  }
}

/** The value, trimmed; its lines; and how it stands in JSON, in a URL and in base64. */
function formsOf(value: string): Set<string> {
  const whole = value.trim();
  const lines = whole.split("\n").map((line) => line.trim()).filter((line) => !line.startsWith("-----"));
  const base64 = Buffer.from(whole).toString("base64").replace(/=+$/, "");
  return new Set([whole, ...lines, JSON.stringify(whole).slice(1, -1), encodeURIComponent(whole), base64]);
}

/** What secrets look like that nobody has told us of. Each kind has a letter sequence that ordinary words do not have. */
const SHAPES: readonly (readonly [shape: RegExp, instead: string])[] = [
  // GitHub's own: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
  // (it may stand behind a character that a URL escapes, whose last digit is no boundary)
  [/(?<=\b|%[\da-fA-F]{2})(gh[pousr]|github_pat)_\w{6,}/g, HIDDEN],
  // base64 of `{"`: JWTs, and the configurations of runners
  [/(?<=\b|%[\da-fA-F]{2})ey[IJ][\w+/=-]{16,}(\.[\w-]+)*/g, HIDDEN],
  // a header that somebody has quoted
  [/\b(Bearer|RemoteAuth|Basic) [\w.~+/=-]{16,}/gi, `$1 ${HIDDEN}`],
  [/-----BEGIN ([A-Z ]*)PRIVATE KEY-----[^"]*?(?:-----END \1PRIVATE KEY-----|(?=")|$)/g, HIDDEN],
  // user info of a URL
  [/:\/\/[^/\s@:"]{0,200}:[^/\s@"]{1,200}@/g, `://${HIDDEN}@`],
];

/** The text without what looks like a token, a key, or a password in a URL. */
export function withoutTokens(text: string): string {
  let result = text;
  for (const [shape, instead] of SHAPES) result = result.replace(shape, instead);
  return result;
}

/**
 * What a server has answered, without the credential that it was sent (a header that an error page quotes) and without
 * all that looks like one.
 * @param authorization the header's value: its scheme is no secret
 */
export function withoutCredential(text: string, authorization: string | undefined): string {
  const credential = authorization?.replace(/^\w+ +/, "") ?? "";
  return withoutTokens(credential.length >= SHORTEST ? text.replaceAll(credential, HIDDEN) : text);
}
