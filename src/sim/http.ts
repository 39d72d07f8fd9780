/** What the simulated servers answer with, and how they read what they are asked. */
import type { HttpRequest, HttpResponse } from "../lib/http.ts";

const ENCODER = new TextEncoder();

/** A response with a whole body. Header names are lower-case. */
export function textReply(status: number, text: string, headers: Record<string, string> = {}): HttpResponse {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
    body: bodyOf(text),
  };
}

/** A response with a JSON body, behind a byte order mark when `bom` says so. */
export function jsonReply(
  status: number,
  value: unknown,
  options: { readonly headers?: Record<string, string>; readonly bom?: boolean } = {},
): HttpResponse {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...options.headers },
    body: bodyOf((options.bom ? "\ufeff" : "") + JSON.stringify(value)),
  };
}

/** A response without a body. */
export function emptyReply(status: number, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: bodyOf("") };
}

/** A body that is one text; nothing is sent for an empty one. */
export function bodyOf(text: string): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      let left = text;
      const end = () => Promise.resolve({ done: true, value: undefined } as const);
      return {
        next() {
          if (left === "") return end();
          const value = ENCODER.encode(left);
          left = "";
          return Promise.resolve({ done: false, value });
        },
        return: end,
      };
    },
  };
}

/** The body of a request as JSON; undefined when it is absent or none. */
export function parsedBody(request: HttpRequest): unknown {
  if (request.body === undefined || request.body === "") return undefined;
  try {
    return JSON.parse(request.body);
  } catch {
    return undefined; // the caller answers 400: what was sent is no JSON
  }
}

/** A field of a parsed body that must be a text. */
export function textField(body: unknown, name: string): string | undefined {
  const value = fieldOf(body, name);
  return typeof value === "string" ? value : undefined;
}

/** A field of a parsed body that must be a number. */
export function numberField(body: unknown, name: string): number | undefined {
  const value = fieldOf(body, name);
  return typeof value === "number" ? value : undefined;
}

/** A field of a parsed body. */
export function fieldOf(body: unknown, name: string): unknown {
  return typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined;
}

/** The credentials of an Authorization header of one scheme. */
export function credentialsOf(request: HttpRequest, scheme: string): string | undefined {
  const [given, token] = (request.headers["authorization"] ?? "").split(" ", 2);
  return given?.toLowerCase() === scheme.toLowerCase() && token ? token : undefined;
}

/** What comes of `promise`, or the signal's reason when it is aborted first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** A controller that is aborted with `outer` too: AbortSignal.any, at a fraction of its price. Close what is over. */
export function follower(outer: AbortSignal): { readonly abort: AbortController; close(): void } {
  const abort = new AbortController();
  const onAbort = () => abort.abort(outer.reason);
  if (outer.aborted) onAbort();
  else outer.addEventListener("abort", onAbort, { once: true });
  return { abort, close: () => outer.removeEventListener("abort", onAbort) };
}

/** Rejects with the signal's reason when it is aborted; never resolves. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
