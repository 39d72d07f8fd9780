/**
 * The real transport: node:https and node:http, the one path that is alike on Node, on Deno and in the single
 * executable. Connections are kept alive per target; a call never waits behind another one.
 */
import { Buffer } from "node:buffer";
import type * as http from "node:http";
import type * as https from "node:https";
import {
  hostOf,
  type HttpRequest,
  type HttpResponse,
  TransportError,
  type TransportFactory,
  type TransportOptions,
} from "./http.ts";
import {
  addressOf,
  plainAgent,
  proxyTlsSettings,
  refusedByProxy,
  requestOf,
  secureAgent,
  tlsSettings,
  TunnelAgent,
} from "./http_agents.ts";
import { transportError } from "./http_errors.ts";
import { proxyAuthorization, proxyFor } from "./proxy.ts";

/** Makes real transports. @throws TransportError kind "tls" when a certificate or key can't be read */
export const nodeTransports: TransportFactory = (options) => {
  const routes = routesOf(options);
  return (request) => send(request, routes);
};

/** How one target is reached. */
interface Route {
  readonly agent: http.Agent | https.Agent;
  /** Where the connection goes: the target, or the proxy that takes requests in absolute form. */
  readonly server: URL;
  /** Headers for that proxy. */
  readonly headers: Readonly<Record<string, string>>;
  readonly forward: boolean;
}

function routesOf(options: TransportOptions): (url: URL) => Route {
  const settings = tlsSettings(options);
  const routes = new Map<string, Route>();
  const routeOf = (url: URL): Route => {
    const proxy = proxyOf(url, options);
    if (!proxy) return { agent: agentOf(url, settings), server: url, headers: {}, forward: false };
    const proxySettings = proxy.protocol === "https:" ? proxyTlsSettings(options, proxy) : {};
    if (url.protocol === "https:") {
      const agent = new TunnelAgent(proxy, url, settings, proxySettings);
      return { agent, server: url, headers: {}, forward: false };
    }
    const authorization = proxyAuthorization(proxy);
    const headers = { host: url.host, ...(authorization ? { "proxy-authorization": authorization } : {}) };
    return { agent: agentOf(proxy, proxySettings), server: proxy, headers, forward: true };
  };
  return (url) => {
    const key = `${url.protocol}//${url.host}`;
    const known = routes.get(key);
    if (known) return known;
    const route = routeOf(url);
    routes.set(key, route);
    return route;
  };
}

function agentOf(server: URL, settings: Parameters<typeof secureAgent>[0]): http.Agent | https.Agent {
  return server.protocol === "https:" ? secureAgent(settings) : plainAgent();
}

function proxyOf(url: URL, options: TransportOptions): URL | undefined {
  try {
    return proxyFor(url, options.proxy);
  } catch (error) {
    throw new TransportError("proxy", error instanceof Error ? error.message : "the proxy can't be used", error);
  }
}

function send(request: HttpRequest, routes: (url: URL) => Route): Promise<HttpResponse> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const url = new URL(request.url);
    const { agent, server, headers, forward } = routes(url);
    const outgoing = requestOf(server)({
      ...addressOf(server),
      method: request.method,
      path: forward ? `${url.origin}${url.pathname}${url.search}` : `${url.pathname}${url.search}`,
      headers: { ...request.headers, ...lengthOf(request.body), ...headers },
      agent,
    });
    // A request that waits for its tunnel has no socket to destroy yet: the promise must not wait for one.
    const onAbort = () => {
      reject(signal.reason);
      outgoing.destroy();
    };
    const failed = (error: unknown) => transportError(error, server.host, forward ? "proxy" : undefined);
    const release = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    outgoing.on("error", (error) => {
      release();
      reject(signal.aborted ? signal.reason : failed(error));
    });
    outgoing.once("response", (incoming) => {
      incoming.once("close", release);
      // The error is thrown to whoever reads the body; without a listener it would end the process.
      incoming.on("error", () => {});
      if (forward && incoming.statusCode === 407) {
        incoming.destroy();
        return reject(refusedByProxy(407, server.host, url.host));
      }
      resolve({
        status: incoming.statusCode ?? 0,
        headers: headersOf(incoming.headers),
        body: bodyOf(incoming, signal, hostOf(request.url)),
      });
    });
    const { body, beforeSend } = request;
    if (!beforeSend) return outgoing.end(body);
    whenConnected(outgoing, server.protocol === "https:", () => {
      try {
        beforeSend();
        outgoing.end(body);
      } catch (error) {
        release();
        reject(error);
        outgoing.destroy();
      }
    });
  });
}

/** A connection may take its time, or a process stand still meanwhile. */
function whenConnected(outgoing: http.ClientRequest, secure: boolean, then: () => void): void {
  outgoing.once("socket", (socket) => {
    if (!socket.connecting) then();
    else socket.once(secure ? "secureConnect" : "connect", then);
  });
}

/** node:http frames the body of a DELETE by nothing unless it is told its length. */
function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

async function* bodyOf(
  incoming: http.IncomingMessage,
  signal: AbortSignal,
  host: string,
): AsyncGenerator<Uint8Array> {
  try {
    // Leaving this loop early destroys the message, and with it the connection.
    for await (const chunk of incoming) yield chunk;
  } catch (error) {
    throw signal.aborted ? signal.reason : transportError(error, host);
  }
  if (signal.aborted) throw signal.reason;
  if (!incoming.complete) throw new TransportError("reset", `the connection to ${host} broke before the end`);
}

function headersOf(headers: http.IncomingHttpHeaders): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return result;
}
