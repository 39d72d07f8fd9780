/**
 * The way out for Azure's SDK: our own transport, so that proxies, authorities and deadlines are those of all calls.
 * What goes wrong is judged here, on the wire: the SDK's errors lose what the server said.
 */
import type { SecretClientOptions } from "@azure/keyvault-secrets";
import { messageOf, readableLine } from "../lib/errors.ts";
import { call, type CallLimits, type HttpReply, type Transport } from "../lib/http.ts";
import type { VaultProblem } from "./vault.ts";

/** What the SDK sends its requests through. */
export type AzureHttpClient = NonNullable<SecretClientOptions["httpClient"]>;
type AzureRequest = Parameters<AzureHttpClient["sendRequest"]>[0];
type AzureHeaders = AzureRequest["headers"];

/** What went wrong with a request. */
export interface AzureFailure {
  readonly kind: VaultProblem;
  /** HTTP status and the server's words, or why no answer came. */
  readonly said: string;
}

/** Sends the SDK's requests and remembers how the last one failed. */
export class AzureWire implements AzureHttpClient {
  readonly #transport: Transport;
  readonly #limits: CallLimits;
  #failure: AzureFailure | undefined;

  constructor(transport: Transport, limits: CallLimits) {
    this.#transport = transport;
    this.#limits = limits;
  }

  /** Undefined when the last request did not fail. A vault's question for a token is no failure. */
  get failure(): AzureFailure | undefined {
    return this.#failure;
  }

  /** @throws what `call` throws */
  async sendRequest(request: AzureRequest): ReturnType<AzureHttpClient["sendRequest"]> {
    const { method, url, headers } = request;
    let reply: HttpReply;
    try {
      reply = await call(
        this.#transport,
        { method, url, headers: headers.toJSON(), body: bodyOf(request) },
        this.#limits,
      );
    } catch (error) {
      this.#failure = { kind: "Unreachable", said: messageOf(error) };
      throw error;
    }
    const isQuestion = reply.status === 401 && !headers.has("authorization") && "www-authenticate" in reply.headers;
    this.#failure = reply.status < 400 || isQuestion ? undefined : failureOf(reply);
    return { request, status: reply.status, headers: headersOf(reply.headers), bodyAsText: reply.text };
  }
}

function failureOf(reply: HttpReply): AzureFailure {
  const { status } = reply;
  const said = `HTTP ${status}${wordsOf(reply)}`;
  if (status === 404) return { kind: "NotFound", said };
  return { kind: status === 429 || status === 408 || status >= 500 ? "Unreachable" : "Refused", said };
}

/** A vault says {error: {code, message}}, a login {error, error_description}. */
function wordsOf({ text }: HttpReply): string {
  try {
    const { error, error_description: description } = JSON.parse(text) as {
      readonly error?: string | { readonly message?: string };
      readonly error_description?: string;
    };
    const words = description ?? (typeof error === "string" ? error : error?.message);
    return words ? `: ${readableLine(words)}` : "";
  } catch {
    // Not JSON: a page of something in between, whose words help nobody.
    return "";
  }
}

/** The SDK writes JSON and forms as text; of what we call nothing sends a stream. */
function bodyOf({ body }: AzureRequest): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return body;
  throw new TypeError("a request to Azure has a body that is not text");
}

/** Names are compared in lower case, which is how a transport gives them. */
function headersOf(given: Readonly<Record<string, string>>): AzureHeaders {
  const values = new Map(Object.entries(given));
  return {
    get: (name) => values.get(name.toLowerCase()),
    has: (name) => values.has(name.toLowerCase()),
    set: (name, value) => void values.set(name.toLowerCase(), String(value)),
    delete: (name) => void values.delete(name.toLowerCase()),
    toJSON: () => Object.fromEntries(values),
    [Symbol.iterator]: () => values[Symbol.iterator](),
  };
}
