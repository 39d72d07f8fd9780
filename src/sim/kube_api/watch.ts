/** Watches: what a table tells, as a stream of lines. */
import type { Clock, Timer } from "../../lib/clock.ts";
import { TransportError } from "../../lib/http.ts";
import type { Matcher } from "./selectors.ts";
import type { StatusError } from "./status.ts";
import type { Entry, StoredChange, Table } from "./storage.ts";

export type EventType = "ADDED" | "MODIFIED" | "DELETED";

export interface WatchOptions {
  readonly prefix: string;
  readonly match: Matcher | undefined;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** How late events are, in milliseconds; asked for at each event. */
  readonly lag: () => number;
  /** The JSON of an event's object. */
  readonly show: (entry: Entry) => string;
  /** The JSON of a bookmark's object. */
  readonly bookmark: (version: number, initialEnd: boolean) => string;
}

/** The server sends a bookmark this often. */
const BOOKMARK_MS = 60_000;
/** And one so long before the end. */
const LAST_BOOKMARK_MS = 2_000;
const ENCODER = new TextEncoder();

/** One open watch: a body that can be read once. */
export class Watch implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #clock: Clock;
  readonly #table: Table;
  readonly #options: WatchOptions;
  readonly #closed: (watch: Watch) => void;
  readonly #timers = new Set<Timer>();
  readonly #onAbort: () => void;
  #queue = "";
  #waiting: { resolve: (result: IteratorResult<Uint8Array>) => void; reject: (error: unknown) => void } | undefined;
  #end: { readonly error?: unknown } | undefined;
  /** When the last held event is due: order is kept. */
  #due = 0;
  #sent: number;

  constructor(clock: Clock, table: Table, start: number, options: WatchOptions, closed: (watch: Watch) => void) {
    this.#clock = clock;
    this.#table = table;
    this.#options = options;
    this.#closed = closed;
    this.#sent = start;
    this.#onAbort = () => this.#finish({ error: options.signal.reason });
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    table.listeners.add(this.#onChange);
    this.#after(options.timeoutMs, () => this.#finish({}));
    if (options.bookmarks) this.#scheduleBookmarks();
  }

  /** The plural of what is watched. */
  get plural(): string {
    return this.#table.kind.plural;
  }

  /** Sends what is there already. */
  initial(entries: readonly Entry[], endMark: boolean): void {
    for (const entry of entries) {
      if (!this.#options.match || this.#options.match(entry.object)) this.#push("ADDED", this.#options.show(entry));
    }
    if (endMark) this.#push("BOOKMARK", this.#options.bookmark(this.#sent, true));
  }

  /** Sends what has happened since. */
  replay(changes: readonly StoredChange[]): void {
    for (const change of changes) this.#deliver(change);
  }

  /** Says why the watch cannot go on, and ends it. */
  fail(error: StatusError): void {
    this.#push("ERROR", JSON.stringify(error.toJson()));
    this.#finish({});
  }

  /** Ends it as a lost connection does. */
  cut(): void {
    this.#finish({ error: new TransportError("reset", "the connection was cut") });
  }

  /** Ends it in good order. */
  close(): void {
    this.#finish({});
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#queue !== "") {
      const value = ENCODER.encode(this.#queue);
      this.#queue = "";
      return Promise.resolve({ done: false, value });
    }
    if (this.#end) {
      return "error" in this.#end ? Promise.reject(this.#end.error) : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => this.#waiting = { resolve, reject });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#queue = "";
    this.#finish({});
    return Promise.resolve({ done: true, value: undefined });
  }

  readonly #onChange = (change: StoredChange): void => {
    const lag = this.#options.lag();
    const now = this.#clock.monotonic();
    if (lag <= 0 && this.#due <= now) return this.#deliver(change);
    this.#due = Math.max(this.#due, now + lag);
    this.#after(this.#due - now, () => this.#deliver(change));
  };

  #deliver(change: StoredChange): void {
    if (this.#end || change.version <= this.#sent) return;
    this.#sent = change.version;
    if (!change.key.startsWith(this.#options.prefix)) return;
    const { match, show } = this.#options;
    const { before, after, last } = change;
    const was = before !== undefined && (!match || match(before.object));
    const is = after !== undefined && (!match || match(after.object));
    if (is) this.#push(was ? "MODIFIED" : "ADDED", show(after));
    else if (was) this.#push("DELETED", after ? withVersion(show(before), before, change.version) : show(last));
  }

  #push(type: EventType | "BOOKMARK" | "ERROR", object: string): void {
    if (this.#end) return;
    this.#queue += `{"type":"${type}","object":${object}}\n`;
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    const value = ENCODER.encode(this.#queue);
    this.#queue = "";
    waiting.resolve({ done: false, value });
  }

  #scheduleBookmarks(): void {
    const { timeoutMs } = this.#options;
    const started = this.#clock.monotonic();
    const next = () => {
      const left = started + timeoutMs - this.#clock.monotonic();
      const wait = Math.min(BOOKMARK_MS, left - LAST_BOOKMARK_MS);
      if (wait <= 0) return;
      this.#after(wait, () => {
        this.#push("BOOKMARK", this.#options.bookmark(this.#sent, false));
        next();
      });
    };
    next();
  }

  #after(ms: number, action: () => void): void {
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    this.#table.listeners.delete(this.#onChange);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#closed(this);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) return;
    if ("error" in end) waiting.reject(end.error);
    else waiting.resolve({ done: true, value: undefined });
  }
}

/** An object that a selector no longer takes is told with its old content and the new version. */
function withVersion(text: string, entry: Entry, version: number): string {
  return text.replace(`"resourceVersion":"${entry.version}"`, `"resourceVersion":"${version}"`);
}
