import type { Clock } from "../../lib/clock.ts";
import { call, type HttpReply, linesOf, type Transport } from "../../lib/http.ts";
import { type KubeObject, pathOf, type Pod, PODS, refOf, type Resource, SERVICE_ACCOUNTS } from "../../k8s/resource.ts";

/** How a kubelet reaches its API server, simulated or real. */
export interface KubeletServer {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly transport: Transport;
  /** The Authorization header; undefined where the transport has a client certificate. */
  authorization?(): Promise<string | undefined>;
}

/** An answer of the API server that is an error. */
export class KubeletApiError extends Error {
  override readonly name = "KubeletApiError";
  readonly status: number;

  constructor(what: string, reply: HttpReply) {
    super(`${what}: HTTP ${reply.status} ${reply.text.slice(0, 200)}`);
    this.status = reply.status;
  }
}

const DEADLINE_MS = 30_000;
const WATCH_SECONDS = 300;

/** The calls that a kubelet makes. They throw a KubeletApiError for an error and a TransportError for no answer. */
export class KubeletApi {
  readonly #server: KubeletServer;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  /** @param signal ends every call */
  constructor(server: KubeletServer, clock: Clock, signal: AbortSignal) {
    this.#server = server;
    this.#clock = clock;
    this.#signal = signal;
  }

  get baseUrl(): string {
    return this.#server.baseUrl;
  }

  get<T extends KubeObject>(kind: Resource<T>, namespace: string, name: string): Promise<T> {
    return this.#send("GET", pathOf(kind, namespace, name)) as Promise<T>;
  }

  async listPods(): Promise<{ items: Pod[]; resourceVersion: string }> {
    const list = await this.#send("GET", pathOf(PODS)) as { items: Pod[]; metadata: { resourceVersion: string } };
    return { items: list.items, resourceVersion: list.metadata.resourceVersion };
  }

  /** One watch request, line by line, until it ends. */
  async *watchPods(resourceVersion: string): AsyncGenerator<{ type: string; object: Pod & { code?: number } }> {
    const query =
      `watch=true&resourceVersion=${resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}`;
    const response = await this.#server.transport({
      method: "GET",
      url: `${this.#server.baseUrl}${pathOf(PODS)}?${query}`,
      headers: await this.#headers(),
      signal: this.#signal,
    });
    if (response.status !== 200) {
      let text = "";
      for await (const line of linesOf(response.body)) text += line;
      throw new KubeletApiError("watch pods", { status: response.status, headers: response.headers, text });
    }
    for await (const line of linesOf(response.body)) {
      if (line.trim() !== "") yield JSON.parse(line) as { type: string; object: Pod };
    }
  }

  /** Binds a pod to a node. */
  async bind(pod: Pod, node: string): Promise<void> {
    const { namespace, name, uid } = refOf(pod);
    await this.#send("POST", pathOf(PODS, namespace, name, "binding"), {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid },
      target: { apiVersion: "v1", kind: "Node", name: node },
    });
  }

  /** Writes a pod's status. The UID makes sure that it is this pod. */
  async writeStatus(pod: Pod, status: unknown): Promise<void> {
    const { namespace, name, uid } = refOf(pod);
    await this.#send("PATCH", pathOf(PODS, namespace, name, "status"), { metadata: { uid }, status });
  }

  /** Removes the pod from the API server at once: nothing of it runs any more. */
  async remove(pod: Pod): Promise<void> {
    const { namespace, name, uid } = refOf(pod);
    const options = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid } };
    await this.#send("DELETE", pathOf(PODS, namespace, name), options);
  }

  /** A token of a service account. */
  async serviceAccountToken(namespace: string, name: string, seconds: number): Promise<string> {
    const request = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: seconds },
    };
    const reply = await this.#send("POST", pathOf(SERVICE_ACCOUNTS, namespace, name, "token"), request);
    return (reply as { status: { token: string } }).status.token;
  }

  async #send(method: string, path: string, body?: unknown): Promise<unknown> {
    const request = {
      method,
      url: `${this.#server.baseUrl}${path}`,
      headers: {
        ...await this.#headers(),
        ...(body === undefined ? {} : {
          "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
        }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
    const limits = { clock: this.#clock, deadlineMs: DEADLINE_MS, signal: this.#signal };
    const reply = await call(this.#server.transport, request, limits);
    if (reply.status >= 400) throw new KubeletApiError(`${method} ${path}`, reply);
    return reply.text === "" ? undefined : JSON.parse(reply.text);
  }

  async #headers(): Promise<Record<string, string>> {
    const authorization = await this.#server.authorization?.();
    return {
      accept: "application/json",
      "user-agent": "kubelet/sim",
      ...(authorization === undefined ? {} : { authorization }),
    };
  }
}
