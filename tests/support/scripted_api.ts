/** A transport whose answers a test writes down: for clients, where a whole simulated API server would say too much. */
import type { HttpRequest, HttpResponse, Transport } from "../../src/lib/http.ts";
import type { KubeServer } from "../../src/k8s/client.ts";

/** What a script answers: a response, an error to throw, or "hang" = nothing until the request is aborted. */
export type Answer =
  | {
    readonly status?: number;
    readonly headers?: Record<string, string>;
    readonly json?: unknown;
    readonly text?: string;
  }
  | { readonly stream: Stream }
  | Error
  | "hang";

/** A response body that the test writes as it goes. */
export class Stream {
  readonly #chunks: Uint8Array[] = [];
  #end: "open" | "ended" | Error = "open";
  #wake: () => void = () => {};

  /** Sends one JSON line. */
  send(value: unknown): this {
    return this.sendText(`${JSON.stringify(value)}\n`);
  }

  sendText(text: string): this {
    this.#chunks.push(new TextEncoder().encode(text));
    this.#wake();
    return this;
  }

  /** Ends the body in good order, or by an error. */
  end(error?: Error): this {
    this.#end = error ?? "ended";
    this.#wake();
    return this;
  }

  async *body(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) yield chunk;
      else if (signal.aborted) throw signal.reason;
      else if (this.#end === "ended") return;
      else if (this.#end !== "open") throw this.#end;
      else await this.#change(signal);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

/** A request as a test looks at it. */
export interface Seen extends HttpRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly json: unknown;
}

/** An API server that answers by a script, and what it was asked. */
export function scriptedApi(script: (request: Seen, number: number) => Answer): { server: KubeServer; seen: Seen[] } {
  const seen: Seen[] = [];
  const transport: Transport = async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const json = request.body === undefined ? undefined : JSON.parse(request.body);
    const asked: Seen = { ...request, path: pathname, query: Object.fromEntries(searchParams), json };
    seen.push(asked);
    return await responseOf(script(asked, seen.length), request.signal);
  };
  const server = { baseUrl: "https://api.test:6443", transport, namespace: "default", authorization };
  return { server, seen };
}

async function authorization(): Promise<string> {
  return "Bearer t";
}

async function responseOf(answer: Answer, signal: AbortSignal): Promise<HttpResponse> {
  if (answer === "hang") {
    return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }
  if (answer instanceof Error) throw answer;
  if ("stream" in answer) return { status: 200, headers: {}, body: answer.stream.body(signal) };
  const { status = 200, headers = {}, json, text = json === undefined ? "" : JSON.stringify(json) } = answer;
  const isJson = json !== undefined;
  return {
    status,
    headers: { "content-type": isJson ? "application/json" : "text/plain", ...headers },
    body: new Stream().sendText(text).end().body(signal),
  };
}

/** A refusal as the API server words it. */
export function refusal(status: number, reason: string, more: Record<string, unknown> = {}): Answer {
  return {
    status,
    json: { kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason, message: reason, ...more },
  };
}
