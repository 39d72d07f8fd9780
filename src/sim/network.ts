/**
 * The network of a simulated world: a transport that takes requests to the servers behind their origins, with latency,
 * faults and a timeline. What it does not do: TLS, proxies, connection limits; what a program asks of its transport in
 * these matters is accepted and not looked at.
 */
import type { Clock } from "../lib/clock.ts";
import {
  type HttpRequest,
  type HttpResponse,
  type Transport,
  TransportError,
  type TransportFactory,
  type TransportFailure,
} from "../lib/http.ts";
import type { Random } from "../lib/random.ts";
import { emptyReply, follower, textReply, unlessAborted, untilAborted } from "./http.ts";
import { faultyBody, recordedBody, type StreamEffect, whenOver } from "./network_bodies.ts";
import { bodyMark, clientOf, shownPath, type Timeline } from "./timeline.ts";

/** What a fault can do to a request. Times in milliseconds. */
export type NetworkEffect =
  /** No connection: the server does not see the request. */
  | { readonly kind: "fail"; readonly failure: TransportFailure }
  /** No answer ever comes, and the server does not see the request. */
  | { readonly kind: "hang" }
  /** The server does what it was asked for, and its answer is lost. */
  | { readonly kind: "lose-answer" }
  /** Something on the way answers instead. */
  | {
    readonly kind: "status";
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly text?: string;
  }
  /** Something on the way answers instead, and quotes the request with its headers and body, as some gateways do. */
  | { readonly kind: "quote"; readonly status: number; readonly first: "headers" | "body" }
  /** The server does what it was asked for, and its answer comes so much later. */
  | { readonly kind: "late-answer"; readonly ms: number }
  /** The server sees the request later. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The answer's body breaks off after this time. */
  | { readonly kind: "cut"; readonly afterMs: number }
  /** Every part of the answer's body is this late. */
  | { readonly kind: "lag"; readonly ms: number };

/** A request as a fault's rule sees it. */
export interface SeenRequest {
  readonly client: string;
  /** The name of the server that it goes to. */
  readonly server: string;
  readonly method: string;
  readonly url: URL;
  readonly isWatch: boolean;
}

/** A fault on the network. */
export interface NetworkFault {
  readonly name: string;
  readonly effect: NetworkEffect;
  matches(request: SeenRequest): boolean;
  /** After so many requests it is over. Default: no limit. */
  readonly times?: number;
}

export interface NetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeline: Timeline;
  /** Between which times a request travels. Default 0 to 3 ms. */
  readonly latencyMs?: readonly [number, number];
}

interface Route {
  readonly name: string;
  readonly handler: Transport;
}

interface ActiveFault {
  readonly fault: NetworkFault;
  left: number;
}

/** A network; its {@link transports} are what programs under test are given. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #routes = new Map<string, Route>();
  readonly #faults = new Set<ActiveFault>();
  readonly #streams = new Set<{ readonly request: SeenRequest; readonly ended: AbortController }>();
  #count = 0;
  /** Called with the name of each fault that has hit a request. */
  onFault: (name: string) => void = () => {};

  /** A transport for everybody. */
  readonly transport: Transport = (request) => this.#send(request);
  /** As {@link transport}: whatever the options are. */
  readonly transports: TransportFactory = () => this.transport;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Puts a server behind an origin, e.g. `https://api.github.com`. */
  route(origin: string, name: string, handler: Transport): void {
    this.#routes.set(origin, { name, handler });
  }

  /** Brings a fault. @returns what ends it */
  inject(fault: NetworkFault): () => void {
    const active = { fault, left: fault.times ?? Infinity };
    this.#faults.add(active);
    return () => this.#faults.delete(active);
  }

  /** Breaks the answers that are being sent now: watches, long downloads. @returns how many */
  cut(matches: (request: SeenRequest) => boolean): number {
    const cut = [...this.#streams].filter(({ request }) => matches(request));
    for (const { ended } of cut) ended.abort(new TransportError("reset", "the connection broke"));
    return cut.length;
  }

  /** Ends every fault. */
  heal(): void {
    this.#faults.clear();
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    const { timeline } = this.#options;
    if (request.signal.aborted) throw request.signal.reason;
    const url = new URL(request.url);
    const number = ++this.#count;
    const client = clientOf(request.headers["user-agent"]);
    const route = this.#routes.get(url.origin);
    if (timeline.isKept) {
      timeline.add(
        `#${number} ${client} ${request.method} ${route?.name ?? url.host}${shownPath(url)}${bodyMark(request.body)}`,
      );
    }
    try {
      if (!route) throw new TransportError("dns", `there is no server ${url.host}`);
      const isWatch = url.search.includes("watch=") && /^(true|1)$/.test(url.searchParams.get("watch") ?? "");
      const seen: SeenRequest = { client, server: route.name, method: request.method, url, isWatch };
      const response = await this.#deliver(request, route, seen, this.#effectOn(seen, number));
      if (!timeline.isKept) return response;
      const note = (text: string) => timeline.add(`#${number} ${text}`);
      note(`<- ${response.status}`);
      return { ...response, body: recordedBody(response.body, isWatch, note) };
    } catch (error) {
      timeline.add(`#${number} xx ${error instanceof TransportError ? error.kind : "aborted"}`);
      throw error;
    }
  }

  async #deliver(
    request: HttpRequest,
    route: Route,
    seen: SeenRequest,
    effect: NetworkEffect | undefined,
  ): Promise<HttpResponse> {
    const { clock, random, latencyMs: [low, high] = [0, 3] } = this.#options;
    const latency = low + random.next() * (high - low);
    await clock.sleep(latency + (effect?.kind === "slow" ? effect.ms : 0), request.signal);
    switch (effect?.kind) {
      case "fail":
        throw new TransportError(effect.failure, `no connection to ${route.name}`);
      case "hang":
        return await untilAborted(request.signal);
      case "status":
        return effect.text === undefined
          ? emptyReply(effect.status, effect.headers)
          : textReply(effect.status, effect.text, effect.headers);
      case "quote":
        return textReply(effect.status, quoted(request, effect.first));
      case "lose-answer":
        return await this.#loseAnswer(request, route);
      case "late-answer": {
        const answer = await this.#ask(request, route);
        await clock.sleep(effect.ms, request.signal);
        return answer;
      }
      case "cut":
      case "lag":
        return await this.#stream(request, route, seen, effect);
      default:
        return seen.isWatch
          ? await this.#stream(request, route, seen, { kind: "none" })
          : await this.#ask(request, route);
    }
  }

  /** An answer that can be broken off while it is sent. */
  async #stream(
    request: HttpRequest,
    route: Route,
    seen: SeenRequest,
    effect: StreamEffect,
  ): Promise<HttpResponse> {
    const { abort: ended, close } = follower(request.signal);
    const stream = { request: seen, ended };
    const response = await this.#ask({ ...request, signal: ended.signal }, route);
    this.#streams.add(stream);
    const body = effect.kind === "none" ? response.body : faultyBody(response.body, effect, this.#options.clock, ended);
    const over = () => {
      close();
      this.#streams.delete(stream);
    };
    return { ...response, body: whenOver(body, over) };
  }

  #ask(request: HttpRequest, route: Route): Promise<HttpResponse> {
    return unlessAborted(route.handler(request), request.signal);
  }

  async #loseAnswer(request: HttpRequest, route: Route): Promise<never> {
    const { abort: ended } = follower(request.signal);
    await this.#ask({ ...request, signal: ended.signal }, route);
    ended.abort(new TransportError("reset", "the answer is lost"));
    throw new TransportError("reset", `the connection to ${route.name} broke`);
  }

  #effectOn(request: SeenRequest, number: number): NetworkEffect | undefined {
    for (const active of this.#faults) {
      const { name, effect } = active.fault;
      if (!active.fault.matches(request)) continue;
      if (--active.left <= 0) this.#faults.delete(active);
      this.#options.timeline.add(`#${number} !! ${name}`);
      this.onFault(name);
      return effect;
    }
    return undefined;
  }
}

/** An error page. Its readers take its beginning only, so it matters what comes first. */
function quoted({ method, url, headers, body = "" }: HttpRequest, first: "headers" | "body"): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const named = lines.sort((line) => line.startsWith("authorization") ? -1 : 1).join("\n");
  return ["The request was refused:", ...(first === "body" ? [body, named] : [named, body]), method, url].join("\n");
}
