/**
 * The transport seam: everything that the program says over HTTP goes through a {@link Transport}. A real one is made
 * in http_node.ts; a simulated one is a function call into src/sim.
 */
import type { Clock } from "./clock.ts";
import type { TellsCause } from "./errors.ts";

/** A request. Headers have lower-case names. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute: scheme, host, path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the request, and the stream of its response, when aborted. */
  readonly signal: AbortSignal;
  /** Called when the connection stands, right before the first byte: when it throws, nothing is sent. */
  readonly beforeSend?: () => void;
}

/** A response whose body is still to be read. Headers have lower-case names; repeated ones are joined by ", ". */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it comes. Leaving the loop early ends the request. It throws when the connection or the signal ends it. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Sends a request and resolves when the response's headers are there.
 * @throws TransportError when no response comes, or the signal's reason when it is aborted
 */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

/** Why no response came (or the rest of one): what may heal, and what to tell a person. */
export type TransportFailure = "refused" | "dns" | "tls" | "reset" | "timeout" | "proxy" | "aborted" | "other";

/** No response, or not the whole of it. */
export class TransportError extends Error implements TellsCause {
  override readonly name = "TransportError";
  readonly kind: TransportFailure;
  readonly tellsCause: boolean;

  constructor(kind: TransportFailure, message: string, cause?: unknown, tellsCause = false) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.tellsCause = tellsCause;
  }
}

/** Which proxy a transport uses; the URLs may carry user info. */
export interface ProxySettings {
  /** For http:// targets. */
  readonly http?: string;
  /** For https:// targets (CONNECT). */
  readonly https?: string;
  /** Comma-separated, by Go's rules: suffixes, `.suffix`, `*`, IPs, CIDR, port. */
  readonly noProxy?: string;
}

/** How a transport reaches its targets. */
export interface TransportOptions {
  /** PEM: trusted in addition to the runtime's own authorities. */
  readonly ca?: string;
  /** Trust `ca` alone, not the runtime's own authorities besides: what a cluster's CA means. */
  readonly caOnly?: boolean;
  /** PEM, for a server that wants a client certificate. */
  readonly cert?: string;
  readonly key?: string;
  /** Trust any certificate: only what a kubeconfig asks for. */
  readonly insecure?: boolean;
  /** The name to expect in the server's certificate, when it differs from the URL's host. */
  readonly serverName?: string;
  readonly proxy?: ProxySettings;
}

/** Makes transports: the real ones, or those of a simulated network. */
export type TransportFactory = (options: TransportOptions) => Transport;

/** A response with its whole body. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A call's limits. */
export interface CallLimits {
  readonly clock: Clock;
  /** From the first byte sent to the last byte read, in milliseconds. */
  readonly deadlineMs: number;
  /** Ends the call early. */
  readonly signal?: AbortSignal;
}

/**
 * Sends a request and reads the whole response within a deadline.
 * @throws TransportError kind "timeout" when the deadline passes first, and what {@link Transport} throws
 */
export async function call(
  transport: Transport,
  request: Omit<HttpRequest, "signal">,
  limits: CallLimits,
): Promise<HttpReply> {
  const { clock, deadlineMs, signal } = limits;
  if (signal?.aborted) throw signal.reason;
  const abort = new AbortController();
  const onAbort = () => abort.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = clock.after(
    deadlineMs,
    () => abort.abort(new TransportError("timeout", `no answer from ${hostOf(request.url)} within ${deadlineMs} ms`)),
  );
  try {
    const response = await transport({ ...request, signal: abort.signal });
    return { status: response.status, headers: response.headers, text: await readText(response.body) };
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** The whole of a body as text; a leading byte order mark is dropped. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** The lines of a body as they come, without their line ends; a last line without one counts. */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  rest += decoder.decode();
  if (rest) yield rest;
}

/** Host and port of a URL, for messages: never the user info, path or query. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "an invalid URL";
}
