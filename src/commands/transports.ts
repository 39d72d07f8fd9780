/** How a process reaches the world when nobody says otherwise. */
import type { TransportFactory } from "../lib/http.ts";
import { proxyFromEnv } from "../lib/proxy.ts";

/** The same transports; those that are given no proxy go through the environment's. */
export function throughProxyOf(
  env: Readonly<Record<string, string | undefined>>,
  transports: TransportFactory,
): TransportFactory {
  const proxy = proxyFromEnv(env);
  return (options) => transports(options.proxy ? options : { ...options, proxy });
}
