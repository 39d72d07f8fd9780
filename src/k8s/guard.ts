import { TransportError, type TransportFactory } from "../lib/http.ts";
import type { CallOptions, KubeClient } from "./client.ts";

/** A write was not sent, because this process is not the leader, or can no longer be sure of it. */
export class NotLeaderError extends Error {
  override readonly name = "NotLeaderError";

  constructor(message = "not the leader: nothing was sent") {
    super(message);
  }
}

/**
 * `client`, whose writes are only sent while `mayWrite` says so: it is asked right before each try, so neither our own
 * rate limit nor a wait after 429 can carry a write over the end of a lease, and again when its connection stands, for
 * that may take longer than a lease lasts. Reads pass.
 * Writes throw NotLeaderError otherwise.
 */
export function guarded(client: KubeClient, mayWrite: () => boolean): KubeClient {
  const check = () => {
    if (!mayWrite()) throw new NotLeaderError();
  };
  const checked = <Options extends CallOptions>(options?: Options): Options & CallOptions => {
    check();
    const { beforeTry } = options ?? {};
    return {
      ...options as Options,
      beforeTry: () => {
        check();
        beforeTry?.();
      },
    };
  };
  return {
    get: (kind, ref, options) => client.get(kind, ref, options),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options) => client.watch(kind, options),
    raw: (path, options) => client.raw(path, options),
    create: async (kind, object, options) => await client.create(kind, object, checked(options)),
    replace: async (kind, object, options) => await client.replace(kind, object, checked(options)),
    patch: async (kind, ref, patch, options) => await client.patch(kind, ref, patch, checked(options)),
    delete: async (kind, ref, options) => await client.delete(kind, ref, checked(options)),
  };
}

/**
 * `transports`, over which nothing is sent while `mayWrite` does not say so: what a stopped and continued leader had in
 * mind may undo at GitHub what the next one has done. Requests under way go on.
 */
export function guardedTransports(transports: TransportFactory, mayWrite: () => boolean): TransportFactory {
  return (options) => {
    const transport = transports(options);
    const check = () => {
      if (!mayWrite()) throw new TransportError("refused", "not the leader: nothing was sent");
    };
    return async (request) => {
      check();
      return await transport({ ...request, beforeSend: check });
    };
  };
}
