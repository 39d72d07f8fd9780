/** Real servers on loopback ports, for tests of what speaks to the network. */
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import type { Identity } from "./pki.ts";

/** Servers that whoever opened them closes. */
export interface OpenServers extends Servers {
  /** Ends all of them, and their connections. */
  close(): Promise<void>;
}

/** Starts servers that live as long as the test. */
export interface Servers {
  /** @returns the server's origin */
  http(handler: http.RequestListener): Promise<string>;
  https(identity: Identity & { readonly ca?: string }, handler: http.RequestListener): Promise<string>;
  proxy(options?: ProxyOptions): Promise<TestProxy>;
  /** A server that is no HTTP server. */
  tcp(handler: (socket: net.Socket) => void): Promise<number>;
}

export interface ProxyOptions {
  /** The Proxy-Authorization that it wants. */
  readonly authorization?: string;
  /** Serves TLS itself. */
  readonly identity?: Identity;
  /** The port behind a name's well-known one, by name. */
  readonly ports?: Readonly<Record<string, number>>;
}

/**
 * A forward proxy that writes down what it was asked for: "CONNECT host:port" or "GET http://...". All names mean this
 * machine to it, so that a target need not have a name of loopback, which is never proxied.
 */
export interface TestProxy {
  readonly port: number;
  readonly asked: string[];
}

/** Runs `body` and ends all servers and connections that it started. */
export async function withServers(body: (servers: Servers) => Promise<void>): Promise<void> {
  const servers = openServers();
  try {
    await body(servers);
  } finally {
    await servers.close();
  }
}

/** For tests of which several share the servers. */
export function openServers(): OpenServers {
  const open: net.Server[] = [];
  const sockets = new Set<net.Socket>();
  const start = async (server: net.Server): Promise<number> => {
    open.push(server);
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  };
  return {
    http: async (handler) => `http://127.0.0.1:${await start(http.createServer(handler))}`,
    async https({ cert, key, ca }, handler) {
      const clients = ca ? { ca, requestCert: true, rejectUnauthorized: false } : {};
      return `https://127.0.0.1:${await start(https.createServer({ cert, key, ...clients }, handler))}`;
    },
    async proxy(options = {}) {
      const asked: string[] = [];
      return { asked, port: await start(proxyServer(options, asked, sockets)) };
    },
    tcp: (handler) => start(net.createServer(handler)),
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(open.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function proxyServer(options: ProxyOptions, asked: string[], sockets: Set<net.Socket>): net.Server {
  const { authorization, identity, ports = {} } = options;
  const server = identity ? https.createServer(identity) : http.createServer();
  server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
    asked.push(`${request.method} ${request.url}`);
    if (authorization && request.headers["proxy-authorization"] !== authorization) return response.writeHead(407).end();
    const { "proxy-authorization": _, ...headers } = request.headers;
    const { port, pathname, search } = new URL(request.url ?? "");
    const target = { host: "127.0.0.1", port, path: pathname + search, method: request.method, headers, agent: false };
    const onward = http.request(target, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on("connect", (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    asked.push(`${request.method} ${request.url}`);
    socket.on("error", () => {});
    if (authorization && request.headers["proxy-authorization"] !== authorization) {
      return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    }
    const { hostname, port } = new URL(`tunnel://${request.url}`);
    const onward = net.connect(ports[hostname] ?? Number(port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      onward.pipe(socket);
      socket.pipe(onward);
    });
    sockets.add(onward);
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    onward.on("error", () => socket.destroy());
  });
  return server;
}
