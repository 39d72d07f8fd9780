/** Connections: one keep-alive agent per target, straight or through a proxy. */
import { X509Certificate } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { isIP } from "node:net";
import { TransportError, type TransportOptions } from "./http.ts";
import { transportError } from "./http_errors.ts";
import { proxyAuthorization } from "./proxy.ts";

/** What every agent has: a call never waits for another one's connection, and idle ones end before servers close them. */
const KEEP_ALIVE = {
  keepAlive: true,
  keepAliveMsecs: 30_000,
  maxSockets: Infinity,
  maxFreeSockets: 256,
  timeout: 50_000,
  // Of several addresses each but the last is given up after this time; Node's own 250 ms are too few for far hosts.
  autoSelectFamilyAttemptTimeout: 1000,
} as const;

/** How long a proxy may take to open a tunnel, and the target behind it for its handshake, in milliseconds. */
const TUNNEL_TIMEOUT_MS = 30_000;

/** The TLS settings of a transport, made once: parsing the authorities is the dear part of it. */
export function tlsSettings(options: TransportOptions): tls.ConnectionOptions {
  const { ca, caOnly, cert, key, insecure, serverName } = options;
  if (ca !== undefined) checkCertificates(ca, "the CA");
  if (cert !== undefined) checkCertificates(cert, "the client certificate");
  const authorities = ca === undefined ? undefined : caOnly ? ca : [...tls.getCACertificates("default"), ca];
  return {
    ...(authorities || cert || key ? { secureContext: contextOf(authorities, cert, key) } : {}),
    ...(insecure ? { rejectUnauthorized: false } : {}),
    ...(serverName ? { servername: serverName } : {}),
  };
}

function contextOf(ca: string | string[] | undefined, cert: string | undefined, key: string | undefined) {
  try {
    return tls.createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new TransportError("tls", "the client certificate or its key can't be read: both must be PEM", error);
  }
}

/** OpenSSL passes over what it can't read: then every connection would fail with a riddle instead of this message. */
function checkCertificates(pem: string, what: string): void {
  const blocks = pem.match(/-----BEGIN [A-Z ]*CERTIFICATE-----[^-]*-----END [A-Z ]*CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TransportError("tls", `${what} holds no certificate: it must be PEM`);
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (error) {
    throw new TransportError("tls", `${what} can't be read: it must be PEM`, error);
  }
}

/**
 * The TLS settings of a connection to the proxy itself. It is another server: our client certificate and the target's
 * name are not for it, and its own name must be said, or Node takes the one of the Host header.
 */
export function proxyTlsSettings(options: TransportOptions, proxy: URL): tls.ConnectionOptions {
  const host = unbracketed(proxy.hostname);
  const { ca, caOnly, insecure } = options;
  return { ...tlsSettings({ ca, caOnly, insecure }), servername: isIP(host) ? "" : host };
}

/** An agent for http:// targets, and for http:// proxies of such. */
export function plainAgent(): http.Agent {
  return new http.Agent(KEEP_ALIVE);
}

/** An agent for https:// targets. */
export function secureAgent(settings: tls.ConnectionOptions): https.Agent {
  return new https.Agent({ ...KEEP_ALIVE, ...settings });
}

/** An agent whose connections to an https:// target are tunnels through a proxy (CONNECT). */
export class TunnelAgent extends https.Agent {
  readonly #proxy: URL;
  readonly #target: URL;
  readonly #settings: tls.ConnectionOptions;
  readonly #proxySettings: tls.ConnectionOptions;

  constructor(proxy: URL, target: URL, settings: tls.ConnectionOptions, proxySettings: tls.ConnectionOptions) {
    super(KEEP_ALIVE);
    this.#proxy = proxy;
    this.#target = target;
    this.#settings = settings;
    this.#proxySettings = proxySettings;
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // On failure Node passes no stream, which the type can't say.
    const fail = done as ((error: Error) => void) | undefined;
    this.#open().then((socket) => done?.(null, socket), (error) => fail?.(error));
  }

  async #open(): Promise<tls.TLSSocket> {
    const tunnel = await this.#connect();
    const host = unbracketed(this.#target.hostname);
    return await new Promise((resolve, reject) => {
      const name = isIP(host) ? {} : { servername: host };
      const socket = tls.connect({ host, ...name, ...this.#settings, socket: tunnel });
      const fail = (error: unknown) => {
        tunnel.destroy();
        reject(transportError(error, this.#target.host));
      };
      socket.once("error", fail);
      socket.setTimeout(TUNNEL_TIMEOUT_MS, () => socket.destroy(timeoutOf(this.#target.host)));
      socket.once("secureConnect", () => {
        socket.setTimeout(0);
        socket.removeAllListeners("timeout");
        socket.off("error", fail);
        resolve(socket);
      });
    });
  }

  #connect(): Promise<Duplex> {
    const proxy = this.#proxy;
    const authority = `${this.#target.hostname}:${this.#target.port || 443}`;
    const authorization = proxyAuthorization(proxy);
    const headers = { host: authority, ...(authorization ? { "proxy-authorization": authorization } : {}) };
    const request = requestOf(proxy)({
      ...addressOf(proxy),
      ...this.#proxySettings,
      method: "CONNECT",
      path: authority,
      headers,
      agent: false,
    });
    return new Promise((resolve, reject) => {
      request.once("connect", (response, socket) => {
        request.setTimeout(0);
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) return resolve(socket);
        socket.destroy();
        reject(refusedByProxy(status, proxy.host, authority));
      });
      request.once("response", (response) => {
        response.destroy();
        reject(refusedByProxy(response.statusCode ?? 0, proxy.host, authority));
      });
      request.on("error", (error) => reject(transportError(error, proxy.host, "proxy")));
      request.setTimeout(TUNNEL_TIMEOUT_MS, () => request.destroy(timeoutOf(proxy.host)));
      request.end();
    });
  }
}

/** What a proxy's refusal means. */
export function refusedByProxy(status: number, proxyHost: string, target: string): TransportError {
  const why = status === 407
    ? "it wants credentials (407): give a user and a password"
    : `it answered ${status}: is that target allowed?`;
  return new TransportError("proxy", `the proxy ${proxyHost} opens no way to ${target}: ${why}`);
}

/** Host and port to connect to. */
export function addressOf(url: URL): { host: string; port: number } {
  const fallback = url.protocol === "https:" ? 443 : 80;
  return { host: unbracketed(url.hostname), port: url.port ? Number(url.port) : fallback };
}

/** The function that sends requests of a URL's scheme. */
export function requestOf(url: URL): typeof https.request {
  return url.protocol === "https:" ? https.request : http.request;
}

function timeoutOf(host: string): TransportError {
  return new TransportError("timeout", `${host} did not open the connection within ${TUNNEL_TIMEOUT_MS / 1000} s`);
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
