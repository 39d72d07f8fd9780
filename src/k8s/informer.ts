import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { KubeClient, Selection } from "./client.ts";
import type { KubeObject, Resource, Stored } from "./resource.ts";
import { Store, withoutManagedFields } from "./store.ts";
import type { IndexDeclarations } from "./indexes.ts";
import { watchAll, type WatchCause, type WatchOptions, type WatchOutput } from "./watch.ts";

/** What an {@link Informer} is made of: how to watch, and what to keep. */
export interface InformerOptions<T extends KubeObject> extends Omit<WatchOptions<T>, "signal" | "project"> {
  readonly client: KubeClient;
  readonly kind: Resource<T>;
  /** Default: all namespaces, everything. */
  readonly selection?: Selection;
  readonly log: Log;
  readonly indexes?: IndexDeclarations<T>;
  /** What a person can do when the API server does not know the kind. */
  readonly ifUnknown?: string;
  /** See StoreOptions. */
  readonly project?: (object: Stored<T>) => Stored<T>;
}

/** How an informer fares, for metrics and readiness. */
export interface InformerState {
  readonly kind: string;
  readonly synced: boolean;
  /** Failures since the last sign of life; 0 = all is well. */
  readonly failures: number;
  /** Milliseconds since the server last said anything, a bookmark included; undefined = never. */
  readonly lastEventAgeMs: number | undefined;
  /** How often the watch had to be taken up again, by cause. */
  readonly restarts: Readonly<Partial<Record<WatchCause, number>>>;
  /** The last failure, until the next sign of life. */
  readonly lastError: string | undefined;
  /** Its cause. */
  readonly lastCause: WatchCause | undefined;
}

/** Keeps a {@link Store} as the API server has the kind's objects, for as long as it runs. */
export class Informer<T extends KubeObject> {
  readonly store: Store<T>;
  /** Resolves after the first complete list; it never rejects. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T>;
  readonly #log: Log;
  readonly #restarts: Partial<Record<WatchCause, number>> = {};
  /** Causes that have been told since the last sign of life. */
  readonly #told = new Set<WatchCause>();
  #announce: () => void = () => {};
  #failures = 0;
  #heardAt: number | undefined;
  #lastError: string | undefined;
  #lastCause: WatchCause | undefined;

  constructor(options: InformerOptions<T>) {
    const { clock, indexes, project, log, kind, selection = {} } = options;
    this.#options = options;
    this.#log = log.with({ kind: kind.plural, ...selection });
    this.store = new Store<T>({ clock, indexes, project });
    this.synced = new Promise((resolve) => this.#announce = resolve);
  }

  get state(): InformerState {
    const { clock, kind } = this.#options;
    return {
      kind: kind.plural,
      synced: this.store.synced,
      failures: this.#failures,
      lastEventAgeMs: this.#heardAt === undefined ? undefined : clock.monotonic() - this.#heardAt,
      restarts: { ...this.#restarts },
      lastError: this.#lastError,
      lastCause: this.#lastCause,
    };
  }

  /** Watches until the signal is aborted. Nothing else ends it, and it never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, kind, selection = {}, clock, project = withoutManagedFields } = this.#options;
    const options = { ...this.#options, project, signal };
    while (!signal.aborted) {
      try {
        for await (const output of watchAll(client, kind, selection, options)) this.#take(output);
      } catch (error) {
        // Only a listener of the store, an index or a projection can throw here: a bug. A new list mends what it broke.
        this.#failed("other", error);
        await clock.sleep(BUG_DELAY_MS, signal).catch(() => {}); // rejects only on abort, which ends the loop
      }
    }
  }

  #take(output: WatchOutput<T>): void {
    if (output.type === "failure") return this.#failed(output.cause, output.error, output.delayMs);
    this.#alive();
    if (output.type === "reset") {
      this.store.reset(output.items, output.resourceVersion);
      this.#announce();
    } else if (output.type === "progress") this.store.progress(output.resourceVersion);
    else if (output.type === "delete") this.store.delete(output.object);
    else this.store.apply(output.object);
  }

  #alive(): void {
    this.#heardAt = this.#options.clock.monotonic();
    if (this.#failures === 0) return;
    if (this.#told.size > 0) this.#log.info("the watch works again", { failures: this.#failures });
    this.#told.clear();
    this.#failures = 0;
    this.#lastError = undefined;
    this.#lastCause = undefined;
  }

  /** A watch that breaks is daily life; one that does not come back, or never will by itself, is news: told once. */
  #failed(cause: WatchCause, error: unknown, delayMs: number = BUG_DELAY_MS): void {
    this.#failures++;
    this.#restarts[cause] = (this.#restarts[cause] ?? 0) + 1;
    const { kind: { group, plural }, ifUnknown } = this.#options;
    const said = HINTS[cause]?.(group === "" ? plural : `${plural}.${group}`);
    const hint = cause === "not-found" && ifUnknown ? `${said}; ${ifUnknown}` : said;
    this.#lastCause = cause;
    this.#lastError = hint ? `${hint}: ${messageOf(error)}` : messageOf(error);
    const fields = { cause, error: this.#lastError, failures: this.#failures, delayMs };
    const isNews = this.#failures >= LOUD_FROM || hint !== undefined || cause === "other";
    if (isNews && !this.#told.has(cause)) {
      this.#told.add(cause);
      this.#log.warn("the watch does not come back; trying on", fields);
    } else this.#log.debug("the watch ended; taking it up again", fields);
  }
}

const BUG_DELAY_MS = 5_000;
/** Failures in a row from which on it is told: about four seconds without sight. A restarting API server is daily life. */
const LOUD_FROM = 3;

/** What a person can do about it. */
const HINTS: Readonly<Partial<Record<WatchCause, (kind: string) => string>>> = {
  "not-found": (kind) => `the API server does not know ${kind}: its custom resource definition is missing`,
  unauthorized: () => "the API server does not accept our credentials",
  forbidden: (kind) => `the service account may not list and watch ${kind}; is its role bound?`,
};
