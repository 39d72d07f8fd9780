/**
 * A door in front of an API server: one program's requests go through it, and a test may hold each of them, before the
 * API server sees it and before the program sees the answer. So a program can be killed exactly between two steps.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HttpRequest } from "../../src/lib/http.ts";
import { nodeTransports } from "../../src/lib/http_node.ts";
import { listen } from "../../src/sim/server.ts";
import type { ControlPlane } from "./control_plane.ts";

/** What a test sees of a request. */
export interface Passing {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

export interface Gate {
  /** Runs before the API server sees a request; when it throws, the connection breaks and the request never was. */
  arriving: (request: Passing) => Promise<void>;
  /** Runs when the API server has answered; when it throws, the connection breaks and the answer is lost. */
  answered: (request: Passing, status: number) => Promise<void>;
  /** A kubeconfig that leads through the door. */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

/** They belong to one connection, not to the request. */
const OF_CONNECTION = ["host", "connection", "keep-alive", "transfer-encoding", "content-length"];

/** @param token of the user as whom the program goes through */
export async function gateTo(plane: ControlPlane, token: string, namespace: string): Promise<Gate> {
  const transport = nodeTransports({ ca: plane.ca, caOnly: true });
  const server = await listen(async (request) => {
    const { pathname, search } = new URL(request.url);
    const passing = { method: request.method, path: pathname };
    await gate.arriving(passing);
    const response = await transport({
      ...request,
      url: `${plane.url}${pathname}${search}`,
      headers: withoutConnection(request.headers),
    });
    await gate.answered(passing, response.status);
    return { ...response, headers: withoutConnection(response.headers) };
  });
  const path = join(plane.directory, "gate.kubeconfig");
  const config = {
    clusters: [{ name: "gate", cluster: { server: server.url } }],
    users: [{ name: "gate", user: { token } }],
    contexts: [{ name: "gate", context: { cluster: "gate", user: "gate", namespace } }],
    "current-context": "gate",
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  const gate: Gate = {
    arriving: () => Promise.resolve(),
    answered: () => Promise.resolve(),
    kubeconfig: path,
    close: () => server.close(),
  };
  return gate;
}

function withoutConnection(headers: HttpRequest["headers"]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_CONNECTION.includes(name)));
}
