/** Puts a simulated service on a real loopback port, for programs that are not in this process. */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { messageOf } from "../lib/errors.ts";
import type { HttpRequest, HttpResponse, Transport } from "../lib/http.ts";

/** Where and how to listen. */
export interface ListenOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** PEM; without it the server speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A server that listens. */
export interface Listening {
  /** Without a trailing slash. */
  readonly url: string;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** A request larger than this is refused: no simulated service takes more. Bytes. */
const LARGEST_BODY = 16 * 1024 * 1024;

/**
 * Serves `handler` over HTTP/1.1. The request's signal is aborted when its client goes away; the response's body is
 * sent as it comes.
 * @throws the operating system's error when the port cannot be had
 */
export function listen(handler: Transport, options: ListenOptions = {}): Promise<Listening> {
  const { port = 0, host = "127.0.0.1", tls } = options;
  const scheme = tls ? "https" : "http";
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    serve(handler, `${scheme}://${incoming.headers.host ?? host}${incoming.url ?? "/"}`, incoming, outgoing).catch(
      // what goes wrong after the headers can only end the connection: the client sees a broken stream, as it should
      (error) => outgoing.destroy(error instanceof Error ? error : new Error(messageOf(error))),
    );
  };
  const server: Server = tls ? createTlsServer({ cert: tls.cert, key: tls.key }, answer) : createServer(answer);
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      const address = server.address();
      const bound = typeof address === "object" && address ? address.port : port;
      resolve({
        url: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${bound}`,
        close: () => closeAll(server),
      });
    });
  });
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serve(
  handler: Transport,
  url: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort(new Error("the client has gone")));
  outgoing.on("error", () => gone.abort(new Error("the client has gone")));
  const request: HttpRequest = {
    method: incoming.method ?? "GET",
    url,
    headers: headersOf(incoming),
    signal: gone.signal,
    ...(await bodyOf(incoming, isText(incoming))),
  };
  let response: HttpResponse;
  try {
    response = await handler(request);
  } catch (error) {
    // a handler throws where a network would give no answer: so does this connection
    outgoing.destroy(error instanceof Error ? error : new Error(messageOf(error)));
    return;
  }
  outgoing.writeHead(response.status, response.headers);
  outgoing.flushHeaders();
  for await (const chunk of response.body) {
    if (gone.signal.aborted) break;
    if (!outgoing.write(chunk)) await drained(outgoing, gone.signal);
  }
  outgoing.end();
}

/** A body of bytes arrives as a text with one character for each byte. */
function isText(incoming: IncomingMessage): boolean {
  return !/protobuf|octet-stream/.test(incoming.headers["content-type"] ?? "");
}

async function bodyOf(incoming: IncomingMessage, text: boolean): Promise<{ body?: string }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Uint8Array).length;
    if (size > LARGEST_BODY) throw new RangeError(`the request's body has more than ${LARGEST_BODY} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return size === 0 ? {} : { body: Buffer.concat(chunks).toString(text ? "utf8" : "latin1") };
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

/** Resolves when the client has taken what was written, or has gone. */
function drained(outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      outgoing.removeListener("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    outgoing.once("drain", done);
    gone.addEventListener("abort", done, { once: true });
  });
}
