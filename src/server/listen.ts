/** An app on a real port. */
import type { Server } from "node:http";
import { quoted } from "../lib/errors.ts";

/** What is served: a fetch handler, as a hono app has one. */
export interface Served {
  fetch(request: Request): Response | Promise<Response>;
}

/** A listening server. */
export interface Listening {
  readonly port: number;
  /** Ends all connections and gives the port back. */
  close(): Promise<void>;
}

/** Host and port to listen at; no host means all interfaces. */
export interface ListenAddress {
  readonly host?: string;
  readonly port: number;
}

/**
 * An address as Go's net.Listen takes it: ":8080", "0.0.0.0:8080", "[::1]:8080", "localhost:8080"; "" and "0" mean off
 * (undefined). Port 0 takes any free one.
 * @throws RangeError when it is none
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text === "" || text === "0") return undefined;
  const parts = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (!parts || port > 65_535) {
    throw new RangeError(
      `${quoted(text)} is no address to listen at: write :8080 or 127.0.0.1:8080, or 0 for off`,
    );
  }
  const host = parts[1] ?? parts[2];
  return host ? { host, port } : { port };
}

/**
 * Serves `app` at an address.
 * @throws Error in one line when the address can't be had
 */
export async function listen(app: Served, { host, port }: ListenAddress): Promise<Listening> {
  // It loads fetch, which is much: not before the first log line.
  const { createAdaptorServer } = await import("@hono/node-server");
  const server = createAdaptorServer({ fetch: (request) => app.fetch(request) }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, host, port)));
    server.listen({ port, ...(host ? { host } : {}) }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { port: address.port, close: () => close(server) };
}

function listenError(error: Error, host: string | undefined, port: number): Error {
  const where = `${host ?? ""}:${port}`;
  const code = "code" in error ? error.code : "";
  if (code === "EADDRINUSE") return new Error(`can't listen at ${where}: another program does`);
  if (code === "EACCES") {
    return new Error(`can't listen at ${where}: not permitted (ports below 1024 are special)`);
  }
  return new Error(`can't listen at ${where}`, { cause: error });
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
