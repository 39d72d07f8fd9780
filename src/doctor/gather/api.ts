/** The API server's first answer: is it there, who does it say that it is, and what time does it have? */
import type { KubeServer } from "../../k8s/client.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { call, hostOf, TransportError, type TransportFailure } from "../../lib/http.ts";
import type { ApiFacts, ClockFacts } from "../checks/facts.ts";
import { known, type Seen, unknown } from "../checks/finding.ts";

const WAYS_OUT: Readonly<Partial<Record<TransportFailure, string>>> = {
  refused: "is the cluster up, and its address right? kubectl config view --minify",
  dns: "is the address of the cluster right? kubectl config view --minify",
  tls: "is certificate-authority of the kubeconfig the cluster's own? kubectl config view --minify",
  timeout: "is the cluster up, and reachable from here?",
  proxy: "is proxy-url of the kubeconfig right? kubectl config view --minify",
};

/** How far a server's clock is ahead of ours, when its answer of `date` came between two moments of ours. */
export function aheadOf(date: number | undefined, sentAt: number, receivedAt: number): Seen<number> {
  if (date === undefined || Number.isNaN(date)) return unknown("its answers have no Date header");
  // The header has whole seconds, cut: on average half a second has passed since.
  return known(date + 500 - (sentAt + receivedAt) / 2);
}

/** Asks for /version, which everybody may read. */
export async function gatherApi(
  server: KubeServer,
  { clock, timeoutMs, signal, userAgent }: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly userAgent: string;
  },
): Promise<{ readonly api: ApiFacts; readonly clock: ClockFacts }> {
  const host = hostOf(server.baseUrl);
  const of = "api-server";
  const failed = (why: string, wayOut?: string) => ({
    api: { host, version: unknown(why), ...(wayOut === undefined ? {} : { wayOut }) },
    clock: { host, of, aheadMs: unknown(why) } as const,
  });
  try {
    const authorization = await server.authorization();
    const headers: Record<string, string> = { accept: "application/json", "user-agent": userAgent };
    if (authorization) headers.authorization = authorization;
    const sentAt = clock.now();
    const url = `${server.baseUrl}/version`;
    const reply = await call(server.transport, { method: "GET", url, headers }, {
      clock,
      deadlineMs: timeoutMs,
      signal,
    });
    const aheadMs = aheadOf(Date.parse(reply.headers["date"] ?? ""), sentAt, clock.now());
    if (reply.status === 401) {
      return failed("it refuses our credentials (401)", "is the token or certificate still valid? kubectl auth whoami");
    }
    const version = versionIn(reply.text);
    if (version === undefined) return failed(`it does not answer as an API server (HTTP ${reply.status})`);
    return { api: { host, version: known(version) }, clock: { host, of, aheadMs } };
  } catch (error) {
    signal.throwIfAborted();
    const wayOut = error instanceof TransportError ? WAYS_OUT[error.kind] : undefined;
    return failed(`it can't be reached: ${messageOf(error)}`, wayOut);
  }
}

function versionIn(text: string): string | undefined {
  try {
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    return typeof gitVersion === "string" ? gitVersion : undefined;
  } catch {
    return undefined; // no JSON: told by the caller
  }
}
