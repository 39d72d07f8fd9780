import { request } from "node:https";
import { request as plainRequest } from "node:http";
import { createServer } from "node:net";

export interface Reply {
  readonly status: number;
  readonly text: string;
}

export interface Question {
  readonly method: string;
  readonly ca?: string;
  readonly token?: string;
  readonly body?: unknown;
}

/** One HTTP(S) request on a connection of its own, for what tests must arrange outside of the program's client. */
export function ask(url: string, { method, ca, token, body }: Question): Promise<Reply> {
  const headers: Record<string, string> = { accept: "application/json", connection: "close" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? request : plainRequest;
    const call = send(url, { method, headers, timeout: 20_000, ...(ca === undefined ? {} : { ca }) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => text += chunk);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    call.on("timeout", () => call.destroy(new Error(`no answer from ${url}`)));
    call.on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
