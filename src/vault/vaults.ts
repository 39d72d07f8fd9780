import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { type AzureDeps, azureVault } from "./azure.ts";
import { fileVault } from "./file.ts";
import { type Vault, VaultError, type VaultSettings } from "./vault.ts";

export interface VaultsOptions extends AzureDeps {
  readonly log: Log;
  readonly readText: (path: string) => Promise<string>;
  /** How long a secret of a vault is believed. In milliseconds; default 10 minutes, which is how long a Secret is. */
  readonly ttlMs?: number;
  /** For tests: what opens a vault. */
  readonly open?: (settings: VaultSettings) => Vault;
}

/** How long a failure is believed: all who need a secret ask at about the same time, and again when they fail. */
const FAILURE_MS = 5000;
/** How long a file is believed. */
const FILE_MS = 5000;
/** More are not remembered: the one that was read first is forgotten. */
const KEPT = 1000;

interface Entry {
  readonly value: string | undefined;
  readonly error: VaultError | undefined;
  /** The vault could not be reached when the value was to be read anew. */
  readonly isOld?: boolean;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * Secrets of vaults, for all who have the same vault. One request answers all who ask within the time to live. While a
 * vault can't be reached, what it said before holds: running scale sets do not depend on it.
 */
export class Vaults {
  readonly #options: VaultsOptions;
  readonly #clock: Clock;
  readonly #vaults = new Map<string, Vault>();
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Map<string, Promise<string>>();

  constructor(options: VaultsOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** The text of a secret. @throws VaultError */
  async secret(settings: VaultSettings, name: string): Promise<string> {
    const key = keyOf(settings, name);
    const entry = this.#entries.get(key);
    if (entry && entry.until > this.#clock.monotonic()) {
      if (entry.error) throw entry.error;
      if (entry.value !== undefined) return entry.value;
    }
    const flying = this.#flights.get(key);
    if (flying) return await flying;
    const flight = this.#fetch(settings, name, key).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return await flight;
  }

  /** The next {@link secret} of one of these names asks its vault, unless that has failed a moment ago. */
  forget(names: readonly string[]): void {
    const ends = names.map((name) => `\n${name}`);
    for (const [key, entry] of this.#entries) {
      const isNamed = ends.some((end) => key.endsWith(end));
      if (isNamed && !entry.error && !entry.isOld) this.#entries.set(key, { ...entry, until: -Infinity });
    }
  }

  async #fetch(settings: VaultSettings, name: string, key: string): Promise<string> {
    const { ttlMs = 600_000, log } = this.#options;
    const before = this.#entries.get(key);
    try {
      const value = await this.#vault(settings).secret(name);
      const life = settings.type === "file" ? Math.min(FILE_MS, ttlMs) : ttlMs;
      this.#keep(key, { value, error: undefined }, life);
      return value;
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      const value = before?.value;
      if (value === undefined || error.kind !== "Unreachable") {
        this.#keep(key, { value, error }, FAILURE_MS);
        throw error;
      }
      if (!before?.isOld) log.warn("a vault can't be reached: what it said before holds", { error: error.message });
      this.#keep(key, { value, error: undefined, isOld: true }, FAILURE_MS);
      return value;
    }
  }

  #keep(key: string, entry: Omit<Entry, "until">, life: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { ...entry, until: this.#clock.monotonic() + life });
    if (this.#entries.size > KEPT) this.#entries.delete(this.#entries.keys().next().value!);
  }

  #vault(settings: VaultSettings): Vault {
    const key = keyOf(settings, "");
    const known = this.#vaults.get(key);
    if (known) return known;
    const { open = (given) => opened(given, this.#options) } = this.#options;
    const vault = open(settings);
    this.#vaults.set(key, vault);
    return vault;
  }
}

function opened(settings: VaultSettings, deps: VaultsOptions): Vault {
  return settings.type === "file" ? fileVault(settings, deps.readText) : azureVault(settings, deps);
}

function keyOf(settings: VaultSettings, name: string): string {
  const of = (value: object) => JSON.stringify(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
  return `${of(settings)}\n${name}`;
}
