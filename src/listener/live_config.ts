import { isDeepStrictEqual } from "node:util";
import type { ActionsService } from "../github/service.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { ListenerConfig } from "./config.ts";
import type { Limits } from "./scale.ts";

/** What a config is made into. */
export interface LiveConfigOptions {
  /** @throws when the text is no usable config; the message is one line and holds no secret */
  readonly parse: (text: string) => ListenerConfig;
  /** The service of a config's credentials. @throws alike */
  readonly connect: (config: ListenerConfig) => ActionsService;
}

/**
 * A config that can change while it is used. Limits, credentials and authorities are taken up by whoever is at work; a
 * change of anything else is told as a new {@link LiveConfig.era}, in which the work begins anew.
 */
export class LiveConfig {
  readonly #options: LiveConfigOptions;
  readonly #listeners = new Set<() => void>();
  #text: string;
  #config: ListenerConfig;
  #service: ActionsService;
  #era = new AbortController();

  /** @throws when the first config can't be used */
  constructor(text: string, options: LiveConfigOptions) {
    this.#options = options;
    this.#text = text;
    this.#config = options.parse(text);
    this.#service = options.connect(this.#config);
  }

  get config(): ListenerConfig {
    return this.#config;
  }

  get limits(): Limits {
    return this.#config.limits;
  }

  get service(): ActionsService {
    return this.#service;
  }

  /** Aborted when more has changed than can be taken up on the way. */
  get era(): AbortSignal {
    return this.#era.signal;
  }

  /** Calls `listener` after each change that is to be taken up on the way; returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a new text; one that can't be used changes nothing. */
  take(text: string, log: Log): void {
    if (text === this.#text) return;
    this.#text = text;
    const before = this.#config;
    let after: ListenerConfig;
    try {
      after = this.#options.parse(text);
      if (!isDeepStrictEqual(wayIn(before), wayIn(after))) this.#service = this.#options.connect(after);
    } catch (error) {
      log.error("the changed config can't be used: the one before stays in force", { error: messageOf(error) });
      return;
    }
    if (isDeepStrictEqual(before, after)) return;
    this.#config = after;
    log.info("the config has changed", { ...after.limits });
    if (isDeepStrictEqual(identity(before), identity(after))) {
      for (const listener of this.#listeners) listener();
    } else {
      const era = this.#era;
      this.#era = new AbortController();
      era.abort(new Error("the config is another one"));
    }
  }
}

/** What the way to GitHub depends on. */
function wayIn({ configUrl, credentials, rootCa }: ListenerConfig): unknown {
  return { url: configUrl.href, credentials, rootCa };
}

/** What can't change under a listener at work. */
function identity({ limits: _limits, credentials: _credentials, rootCa: _rootCa, ...rest }: ListenerConfig): unknown {
  return rest;
}
