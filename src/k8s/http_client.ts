import { delayOf } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { call, hostOf, type HttpReply, type HttpRequest, linesOf, readText, TransportError } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { withoutCredential } from "../lib/secrets.ts";
import type {
  CallOptions,
  DeleteOptions,
  KubeClient,
  KubeServer,
  Page,
  PatchType,
  Selection,
  WatchEvent,
} from "./client.ts";
import { KubeError } from "./errors.ts";
import { type RateLimit, RateLimiter } from "./rate_limit.ts";
import { isThereAfterDelete, type KubeObject, type ObjectRef, pathOf, type Resource, type Stored } from "./resource.ts";
import { errorOfReply } from "./status.ts";
import {
  eventOf,
  jsonOf,
  type List,
  listOf,
  PATCH_CONTENT_TYPE,
  queryText,
  selectors,
  sendable,
  typed,
  withUid,
} from "./wire.ts";

/** One request that has been answered, or has not: for metrics. */
export interface RequestFact {
  /** HTTP status, or "<error>" when no answer came: as rest_client_requests_total says it. */
  readonly code: string;
  readonly method: string;
  readonly host: string;
  /** The plural of the kind that was asked for; "" for a raw path. */
  readonly kind: string;
}

/** What a {@link HttpKubeClient} is made of. */
export interface HttpKubeClientOptions {
  readonly server: KubeServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  readonly log: Log;
  readonly onRequest?: (fact: RequestFact) => void;
  /** Our own limit, one per kind. Default: none, the API server's priority and fairness is the better judge. */
  readonly rateLimit?: RateLimit;
  /** For each call with all its tries, and for the opening of a watch. Default 30,000. */
  readonly deadlineMs?: number;
  /** Who owns the fields of server-side apply. Default "arc". */
  readonly fieldManager?: string;
}

/** How often a call that may be repeated is repeated, and how long it waits where the server names no time. */
const RETRIES = 4;
/** Shorter values of Secrets are no secrets. */
const LEAST_VALUE = 8;
const RETRY_DELAY = { firstMs: 200, maxMs: 5_000, jitter: 0.5 } as const;

interface Ask {
  readonly method: string;
  readonly path: string;
  /** Plural of the kind; "" for a raw path. */
  readonly kind: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly options?: CallOptions;
}

/** {@link KubeClient} over HTTP. Reads are repeated after 429, 5xx and lost connections, writes only after 429. */
export class HttpKubeClient implements KubeClient {
  readonly #options: HttpKubeClientOptions;
  readonly #deadlineMs: number;
  readonly #host: string;
  readonly #limiters = new Map<string, RateLimiter>();

  constructor(options: HttpKubeClientOptions) {
    this.#options = options;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
    this.#host = hostOf(options.server.baseUrl);
  }

  async get<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<Stored<T>> {
    const path = pathOf(kind, ref.namespace, ref.name);
    const found = typed(kind, await this.#ask<Stored<T>>({ method: "GET", path, kind: kind.plural, options }));
    if (ref.uid === undefined || found.metadata.uid === ref.uid) return found;
    const message = `${kind.plural} "${ref.name}" with UID ${ref.uid} not found: another one has its name`;
    throw new KubeError(message, { kind: "NotFound", status: 404, reason: "NotFound", request: `GET ${path}` });
  }

  async list<T extends KubeObject>(
    kind: Resource<T>,
    options: Selection & CallOptions & { limit?: number; continue?: string; resourceVersion?: string } = {},
  ): Promise<Page<T>> {
    const path = pathOf(kind, options.namespace);
    const query = {
      ...selectors(options),
      limit: options.limit?.toString(),
      continue: options.continue,
      resourceVersion: options.resourceVersion,
    };
    const answer = await this.#ask<List<T>>({ method: "GET", path, kind: kind.plural, query, options });
    return listOf(kind, answer, `GET ${path}`);
  }

  async create<T extends KubeObject>(kind: Resource<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    const path = pathOf(kind, object.metadata?.namespace);
    const body = sendable(kind, object);
    return typed(kind, await this.#ask<Stored<T>>({ method: "POST", path, kind: kind.plural, body, options }));
  }

  async replace<T extends KubeObject>(kind: Resource<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    const path = pathOf(kind, object.metadata?.namespace, object.metadata?.name ?? "");
    const body = sendable(kind, object);
    return typed(kind, await this.#ask<Stored<T>>({ method: "PUT", path, kind: kind.plural, body, options }));
  }

  async patch<T extends KubeObject>(
    kind: Resource<T>,
    ref: ObjectRef,
    patch: unknown,
    options: CallOptions & { type?: PatchType; subresource?: "status" } = {},
  ): Promise<Stored<T>> {
    const { type = "merge", subresource } = options;
    const path = pathOf(kind, ref.namespace, ref.name, subresource);
    const query = type === "apply" ? { fieldManager: this.#options.fieldManager ?? "arc", force: "true" } : {};
    const body = ref.uid === undefined ? patch : withUid(patch, type, ref.uid);
    const contentType = PATCH_CONTENT_TYPE[type];
    return typed(
      kind,
      await this.#ask<Stored<T>>({ method: "PATCH", path, kind: kind.plural, query, body, contentType, options }),
    );
  }

  async delete<T extends KubeObject>(
    kind: Resource<T>,
    ref: ObjectRef,
    options: DeleteOptions = {},
  ): Promise<Stored<T> | undefined> {
    const { gracePeriodSeconds, propagationPolicy, resourceVersion } = options;
    const path = pathOf(kind, ref.namespace, ref.name);
    const preconditions = ref.uid ?? resourceVersion ? { uid: ref.uid, resourceVersion } : undefined;
    const body = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds, propagationPolicy, preconditions };
    const ask: Ask = { method: "DELETE", path, kind: kind.plural, body, options };
    const answer = await this.#ask<Stored<T>>(ask).catch((error) => {
      throw ref.uid !== undefined && resourceVersion === undefined ? goneIfConflict(error, ref.name) : error;
    });
    return answer.kind !== "Status" && isThereAfterDelete(answer) ? typed(kind, answer) : undefined;
  }

  async *watch<T extends KubeObject>(
    kind: Resource<T>,
    options: Selection & { resourceVersion: string; timeoutSeconds: number; signal: AbortSignal },
  ): AsyncGenerator<WatchEvent<T>> {
    const path = pathOf(kind, options.namespace);
    const query = {
      watch: "1",
      allowWatchBookmarks: "true",
      ...selectors(options),
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const ask: Ask = { method: "GET", path, kind: kind.plural, query };
    await this.#turn(ask.kind, options.signal);
    const abort = new AbortController();
    const onAbort = () => abort.abort(options.signal.reason);
    if (options.signal.aborted) onAbort();
    options.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const body = await this.#open(ask, abort);
      for await (const line of linesOf(body)) {
        if (line !== "") yield eventOf(kind, line, `watch ${path}`);
      }
    } catch (error) {
      throw abort.signal.aborted ? abort.signal.reason : error;
    } finally {
      options.signal.removeEventListener("abort", onAbort);
      abort.abort(new TransportError("aborted", "the watch is no longer wanted"));
    }
  }

  raw(path: string, options?: CallOptions): Promise<unknown> {
    return this.#ask<unknown>({ method: "GET", path, kind: "", options });
  }

  /** Sends the request of a watch and gives its body once the server has agreed. */
  async #open(ask: Ask, abort: AbortController): Promise<AsyncIterable<Uint8Array>> {
    const request = await this.#requestOf(ask);
    const timer = this.#options.clock.after(this.#deadlineMs, () => {
      const message = `no answer from ${this.#host} to a watch of ${ask.kind} within ${this.#deadlineMs} ms`;
      abort.abort(new TransportError("timeout", message));
    });
    let code = "<error>";
    try {
      const response = await this.#options.server.transport({ ...request, signal: abort.signal });
      code = String(response.status);
      if (response.status === 200) return response.body;
      const text = withoutCredential(await readText(response.body), request.headers["authorization"]);
      throw errorOfReply({ ...response, text }, `watch ${ask.path}`);
    } finally {
      timer.cancel();
      this.#count(ask, code);
    }
  }

  /** Makes a call with its tries, and reads its JSON. */
  async #ask<Answer>(ask: Ask): Promise<Answer> {
    const { signal, deadlineMs = this.#deadlineMs } = ask.options ?? {};
    const { clock, random, log } = this.#options;
    await this.#turn(ask.kind, signal);
    const endsAt = clock.monotonic() + deadlineMs;
    for (let attempt = 0;; attempt++) {
      try {
        return jsonOf<Answer>(await this.#try(ask, Math.ceil(endsAt - clock.monotonic())), ask);
      } catch (error) {
        if (attempt === RETRIES || !mayRepeat(ask.method, error)) throw error;
        const asked = error instanceof KubeError ? error.retryAfterMs : undefined;
        const delayMs = asked ?? delayOf(RETRY_DELAY, attempt, random);
        if (clock.monotonic() + delayMs >= endsAt) throw error;
        log.debug("repeating a request to the API server", {
          request: `${ask.method} ${ask.path}`,
          error: messageOf(error),
          delayMs,
        });
        await clock.sleep(delayMs, signal);
      }
    }
  }

  async #try(ask: Ask, deadlineMs: number): Promise<HttpReply> {
    const { clock, server } = this.#options;
    const beforeSend = ask.options?.beforeTry;
    const request = { ...await this.#requestOf(ask), ...(beforeSend && { beforeSend }) };
    beforeSend?.();
    let code = "<error>";
    try {
      const reply = await call(server.transport, request, { clock, deadlineMs, signal: ask.options?.signal });
      code = String(reply.status);
      if (reply.status >= 200 && reply.status <= 299) return reply;
      const text = withoutCredential(withoutValues(reply.text, ask.body), request.headers["authorization"]);
      throw errorOfReply({ ...reply, text }, `${ask.method} ${ask.path}`);
    } finally {
      this.#count(ask, code);
    }
  }

  async #requestOf(ask: Ask): Promise<Omit<HttpRequest, "signal">> {
    const { server, userAgent } = this.#options;
    const authorization = await server.authorization();
    const headers: Record<string, string> = { accept: "application/json", "user-agent": userAgent };
    if (authorization !== undefined) headers.authorization = authorization;
    const url = server.baseUrl + ask.path + queryText(ask.query ?? {});
    if (ask.body === undefined) return { method: ask.method, url, headers };
    headers["content-type"] = ask.contentType ?? "application/json";
    return { method: ask.method, url, headers, body: JSON.stringify(ask.body) };
  }

  async #turn(kind: string, signal?: AbortSignal): Promise<void> {
    const { rateLimit, clock } = this.#options;
    if (!rateLimit) return;
    let limiter = this.#limiters.get(kind);
    if (!limiter) this.#limiters.set(kind, limiter = new RateLimiter(rateLimit, clock));
    await limiter.turn(signal);
  }

  #count(ask: Ask, code: string): void {
    this.#options.onRequest?.({ code, method: ask.method, host: this.#host, kind: ask.kind });
  }
}

/** A refusal may quote what was to be written: the values of a Secret are not told. */
function withoutValues(text: string, body: unknown): string {
  const { data, stringData } = (body ?? {}) as { readonly data?: unknown; readonly stringData?: unknown };
  const values = [data, stringData].flatMap((fields) => Object.values(fields ?? {}));
  return values.filter((value) => typeof value === "string" && value.length >= LEAST_VALUE)
    .reduce<string>((rest, value) => rest.replaceAll(value, "***").replaceAll(decoded(value), "***"), text);
}

function decoded(value: string): string {
  const text = Buffer.from(value, "base64").toString("utf8");
  return text.length >= LEAST_VALUE ? text : value;
}

/** Whether a call that ended so may be made again: reads when time may heal it, writes when nothing was done. */
function mayRepeat(method: string, error: unknown): boolean {
  if (KubeError.is(error, "TooManyRequests")) return true;
  if (method !== "GET") return false;
  if (error instanceof TransportError) return error.kind !== "aborted" && error.kind !== "tls";
  return KubeError.is(error, "Unavailable");
}

/** A delete with no precondition but a UID conflicts only with another object of that name: the one meant is gone. */
function goneIfConflict(error: unknown, name: string): unknown {
  if (!KubeError.is(error, "Conflict")) return error;
  const { status, reason, request } = error;
  return new KubeError(`"${name}" is gone: ${error.message}`, { kind: "NotFound", status, reason, request });
}
