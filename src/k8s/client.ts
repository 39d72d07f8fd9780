import type { Transport } from "../lib/http.ts";
import type { KubeObject, ObjectRef, Resource, Stored } from "./resource.ts";

/** An API server, and how this process is known to it. */
export interface KubeServer {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly transport: Transport;
  /** The value of the Authorization header, read anew for each call (tokens rotate); undefined with client certificates. */
  authorization(): Promise<string | undefined>;
  /** The namespace of the service account or of the kubeconfig's context. */
  readonly namespace: string;
}

/** How a patch is to be read. */
export type PatchType = "merge" | "json" | "strategic" | "apply";

/** What a list or watch is limited to. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** A page of a list. */
export interface Page<T extends KubeObject> {
  readonly items: Stored<T>[];
  readonly resourceVersion: string;
  /** Where the next page starts; undefined on the last one. */
  readonly continue?: string;
}

/** What a watch sends. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Stored<T> }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** A call's own limits; the client has defaults. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  /** Called right before each try is sent; what it throws ends the call: nothing is sent after leadership is lost. */
  readonly beforeTry?: () => void;
}

/** How an object is to be deleted. The UID of the reference, when given, is a precondition. */
export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
}

/**
 * The calls to the API server that the program makes. All of them throw a KubeError for an answer that is an error and
 * a TransportError when there is no answer. A deadline and retries of what is safe to repeat (reads after 429, 5xx or
 * a lost connection) are the client's own; writes it repeats only after 429, which says that nothing was done.
 */
export interface KubeClient {
  get<T extends KubeObject>(kind: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<Stored<T>>;
  list<T extends KubeObject>(
    kind: Resource<T>,
    options?: Selection & CallOptions & {
      readonly limit?: number;
      readonly continue?: string;
      readonly resourceVersion?: string;
    },
  ): Promise<Page<T>>;
  /** The namespace is the object's own. */
  create<T extends KubeObject>(kind: Resource<T>, object: T, options?: CallOptions): Promise<Stored<T>>;
  /** Replaces the whole object; its resourceVersion, when set, is a precondition. */
  replace<T extends KubeObject>(kind: Resource<T>, object: T, options?: CallOptions): Promise<Stored<T>>;
  patch<T extends KubeObject>(
    kind: Resource<T>,
    ref: ObjectRef,
    patch: unknown,
    options?: CallOptions & { readonly type?: PatchType; readonly subresource?: "status" },
  ): Promise<Stored<T>>;
  /** Resolves to what the API server still holds after the call (finalizers, a grace period), or undefined when it is gone. */
  delete<T extends KubeObject>(
    kind: Resource<T>,
    ref: ObjectRef,
    options?: DeleteOptions,
  ): Promise<Stored<T> | undefined>;
  /**
   * One watch request, from its first event to its end. An ERROR event throws a KubeError (410 = kind "Gone"). The
   * signal ends it. Opening has a deadline; the caller watches over silence.
   */
  watch<T extends KubeObject>(
    kind: Resource<T>,
    options: Selection & {
      readonly resourceVersion: string;
      readonly timeoutSeconds: number;
      readonly signal: AbortSignal;
    },
  ): AsyncIterable<WatchEvent<T>>;
  /** The body of a raw GET, parsed: /version, /openapi, discovery. */
  raw(path: string, options?: CallOptions): Promise<unknown>;
}
