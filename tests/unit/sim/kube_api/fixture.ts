/** A simulated API server on a virtual clock, and the shortest way to talk to it. */
import assert from "node:assert/strict";
import { type HttpResponse, linesOf, readText } from "../../../../src/lib/http.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { VirtualClock } from "../../../../src/lib/virtual_clock.ts";
import { KubeApi, type KubeApiOptions } from "../../../../src/sim/kube_api/kube_api.ts";

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export interface Server {
  readonly api: KubeApi;
  readonly clock: VirtualClock;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Sends and expects success. */
  ok(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Record<string, unknown>>;
  /** Opens a watch; its lines gather in the result. */
  watch(path: string, signal?: AbortSignal): Promise<Told>;
}

/** What a watch has told so far. */
export interface Told {
  readonly events: {
    readonly type: string;
    readonly object: { metadata: { name: string; resourceVersion: string } };
  }[];
  /** Undefined while it is open; then how it ended: "end", or what was thrown. */
  ended: unknown;
}

export const MAPS = "/api/v1/namespaces/default/configmaps";
export const PODS = "/api/v1/namespaces/default/pods";

export function server(options: Partial<KubeApiOptions> = {}): Server {
  const clock = new VirtualClock();
  const api = new KubeApi({ clock, random: seededRandom(1), ...options });
  const open = (
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpResponse> =>
    api.handle({
      method,
      url: `https://kubernetes${path}`,
      headers: { "content-type": "application/json", ...headers },
      signal,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  const send: Server["send"] = async (method, path, body, headers = {}) => {
    const response = await open(method, path, body, headers, new AbortController().signal);
    const text = await readText(response.body);
    return { status: response.status, text, body: text.startsWith("{") ? JSON.parse(text) : {} };
  };
  return {
    api,
    clock,
    send,
    ok: async (method, path, body, headers) => {
      const reply = await send(method, path, body, headers);
      assert.ok(reply.status < 300, reply.text);
      return reply.body;
    },
    watch: async (path, signal = new AbortController().signal) => {
      const response = await open("GET", `${path}${path.includes("?") ? "&" : "?"}watch=1`, undefined, {}, signal);
      assert.equal(response.status, 200);
      const told: Told = { events: [], ended: undefined };
      gather(response, told);
      return told;
    },
  };
}

async function gather(response: HttpResponse, told: Told): Promise<void> {
  try {
    for await (const line of linesOf(response.body)) told.events.push(JSON.parse(line));
    told.ended = "end";
  } catch (error) {
    told.ended = error;
  }
}

/** `TYPE name` of each event. */
export function lines(told: Told): string[] {
  return told.events.map(({ type, object }) => `${type} ${object.metadata.name}`);
}

export function map(name: string, data: Record<string, string> = {}, meta: object = {}): object {
  return { metadata: { name, ...meta }, data };
}
