/**
 * An API server of a few lines: objects of any kind with versions, no schema, no watch, no namespaces of their own. For
 * clients that read and write single objects (a lease, events) while the test breaks things.
 */
import type { KubeServer } from "../../src/k8s/client.ts";
import type { KubeObject } from "../../src/k8s/resource.ts";
import { applyMergePatch } from "../../src/k8s/patch.ts";
import { type Answer, refusal, scriptedApi, type Seen } from "./scripted_api.ts";

export class TinyApi {
  readonly objects = new Map<string, KubeObject>();
  readonly seen: Seen[];
  /** Decides about a request before the server does: undefined = the server answers. */
  fault: (request: Seen) => Answer | undefined = () => undefined;
  /** Whether a request whose answer is a fault is carried out all the same. */
  faultAfterwards = false;
  readonly #server: KubeServer;
  #version = 0;

  constructor() {
    const { server, seen } = scriptedApi((request) => {
      const fault = this.fault(request);
      if (fault !== undefined && !this.faultAfterwards) return fault;
      const answer = this.#answer(request);
      return fault ?? answer;
    });
    this.#server = server;
    this.seen = seen;
  }

  /** The server as `who` reaches it: `blocked` may cut the way off at any time. */
  serverFor(blocked: () => boolean = () => false): KubeServer {
    const { transport } = this.#server;
    return {
      ...this.#server,
      transport: async (request) => {
        if (!blocked()) return await transport(request);
        return await new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true });
        });
      },
    };
  }

  put(path: string, object: KubeObject): KubeObject {
    const old = this.objects.get(path)?.metadata;
    const version = String(++this.#version);
    const metadata = {
      uid: `u${version}`,
      ...object.metadata,
      ...(old ? { uid: old.uid } : {}),
      resourceVersion: version,
    };
    const stored = { ...object, metadata };
    this.objects.set(path, stored);
    return stored;
  }

  #answer({ method, path, json }: Seen): Answer {
    const body = json as KubeObject;
    const target = method === "POST" ? `${path}/${body.metadata?.name}` : path;
    const old = this.objects.get(target);
    if (method === "POST") {
      return old ? refusal(409, "AlreadyExists") : { status: 201, json: this.put(target, body) };
    }
    if (!old) return refusal(404, "NotFound");
    if (method === "GET") return { json: old };
    const version = body.metadata?.resourceVersion;
    if (version !== undefined && version !== old.metadata?.resourceVersion) return refusal(409, "Conflict");
    return { json: this.put(target, method === "PATCH" ? applyMergePatch(old, body) as KubeObject : body) };
  }
}
