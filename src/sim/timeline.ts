import type { Clock } from "../lib/clock.ts";
import { fnv32a } from "../api/names.ts";

/** How many lines are kept; the digest covers all of them. */
const KEPT_LINES = 20_000;

/**
 * What went over a simulated network, a line each: every request, response and watch event, with the virtual time. Two
 * runs of a world with the same seed give the same text, byte for byte. Bodies are shown by length and checksum only,
 * so that no secret stands here.
 */
export class Timeline {
  readonly #clock: Clock;
  readonly #keep: number;
  #lines: string[] = [];
  #count = 0;
  #digest = 0;

  constructor(clock: Clock, keep: number = KEPT_LINES) {
    this.#clock = clock;
    this.#keep = keep;
  }

  /** Whether anything is kept. Worlds whose timeline nobody will read save the work of writing it. */
  get isKept(): boolean {
    return this.#keep > 0;
  }

  add(text: string): void {
    if (!this.isKept) return;
    const line = `${(this.#clock.monotonic() / 1000).toFixed(3).padStart(11)} ${text}`;
    this.#count++;
    this.#digest = fnv32a(`${this.#digest} ${line}`);
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#keep) this.#lines = this.#lines.slice(-this.#keep);
  }

  /** How many lines there were, also those that are no longer kept; none are counted when none are kept. */
  get count(): number {
    return this.#count;
  }

  /** A checksum of every line so far: equal for equal runs, however long. */
  get digest(): string {
    return this.#digest.toString(16).padStart(8, "0");
  }

  /** The last lines, oldest first. */
  lines(): readonly string[] {
    return this.isKept ? this.#lines.slice(-this.#keep) : [];
  }

  /** The last lines as one text. */
  text(): string {
    return this.lines().map((line) => `${line}\n`).join("");
  }
}

/** Who sent a request, from its user agent: GitHub's clients send JSON, others `name/version`. */
export function clientOf(userAgent: string | undefined): string {
  if (!userAgent) return "unknown";
  let name = NAMES.get(userAgent);
  if (name === undefined) {
    if (NAMES.size >= KNOWN_NAMES) NAMES.clear();
    NAMES.set(userAgent, name = nameIn(userAgent));
  }
  return name;
}

/** The names in user agents that have been read: the same few come with every request. */
const NAMES = new Map<string, string>();
const KNOWN_NAMES = 1_000;

function nameIn(userAgent: string): string {
  if (userAgent.startsWith("{")) {
    try {
      const { subsystem, system } = JSON.parse(userAgent) as { subsystem?: unknown; system?: unknown };
      if (typeof subsystem === "string") return subsystem;
      if (typeof system === "string") return system;
    } catch {
      return "unknown"; // it only looked like JSON
    }
  }
  return userAgent.split(/[\s/]/, 1)[0] || "unknown";
}

/** A body, without its contents: `512B a1b2c3d4`. */
export function bodyMark(text: string | undefined): string {
  return text === undefined || text === "" ? "" : ` ${text.length}B ${fnv32a(text).toString(16).padStart(8, "0")}`;
}

const SECRET_PARAMETERS = /([?&](?:token|access_token|signature|sig)=)[^&]*/gi;

/** A URL's path and query without what is secret. */
export function shownPath(url: URL): string {
  return `${url.pathname}${url.search}`.replace(SECRET_PARAMETERS, "$1***");
}
