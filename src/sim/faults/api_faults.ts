/** What happens to a Kubernetes API server and to the way there. */
import { between } from "../../lib/random.ts";
import type { NetworkEffect, SeenRequest } from "../network.ts";
import { type Fault, onRequests } from "./fault.ts";

/** The nodes have faults of their own: these are for the programs under test. */
const toApi = ({ server, client }: SeenRequest) => server === "kube" && client !== "kubelet";
const toApiOnce = (request: SeenRequest) => toApi(request) && !request.isWatch;
const writes = (request: SeenRequest) => toApiOnce(request) && request.method !== "GET";
const updates = (request: SeenRequest) => toApi(request) && /^(PATCH|PUT)$/.test(request.method);
const watches = (request: SeenRequest) => toApi(request) && request.isWatch;

export const API_FAULTS: readonly Fault[] = [
  onRequests("api conflict 409", 3, updates, (random) => ({
    effect: status(409, "Conflict", "the object has been modified; please apply your changes to the latest version"),
    times: between(random, 1, 3),
    forMs: 10_000,
  })),
  onRequests("api busy 429", 2, toApi, (random) => ({
    effect: status(429, "TooManyRequests", "too many requests, please try again later", { "retry-after": "1" }),
    times: between(random, 1, 5),
    forMs: 5_000,
  })),
  onRequests("api error 500", 3, toApi, (random) => ({
    effect: status(500, "InternalError", "Internal error occurred: etcdserver: request timed out"),
    times: between(random, 1, 3),
    forMs: 5_000,
  })),
  onRequests("api hangs", 1, toApi, (random) => ({
    effect: { kind: "hang" },
    times: between(random, 1, 2),
    forMs: 10_000,
  })),
  onRequests("api connection refused", 1, toApi, (random) => ({
    effect: { kind: "fail", failure: "refused" },
    times: Infinity,
    forMs: between(random, 500, 15_000),
  })),
  onRequests("api connection reset", 2, toApiOnce, (random) => ({
    effect: { kind: "fail", failure: "reset" },
    times: between(random, 1, 3),
    forMs: 5_000,
  })),
  onRequests("api answer lost", 3, writes, (random) => ({
    effect: { kind: "lose-answer" },
    times: between(random, 1, 2),
    forMs: 5_000,
  })),
  onRequests("api slow", 2, toApiOnce, (random) => ({
    effect: { kind: "slow", ms: between(random, 200, 3_000) },
    times: between(random, 3, 20),
    forMs: 10_000,
  })),
  {
    name: "watch cut",
    weight: 3,
    apply: ({ network }) => network.cut(watches) > 0 ? undefined : "pending",
  },
  {
    name: "watch gone 410",
    weight: 2,
    apply(target) {
      target.compact();
      const cut = target.network.cut(watches);
      const end = target.network.inject({ name: "watch gone 410", matches: watches, effect: GONE, times: 2 });
      target.later(5_000, end);
      return cut > 0 ? undefined : "pending";
    },
  },
  {
    name: "watch late",
    weight: 2,
    apply(target, random) {
      const effect: NetworkEffect = { kind: "lag", ms: between(random, 200, 1_500) };
      const end = target.network.inject({ name: "watch late", matches: watches, effect });
      target.network.cut(watches);
      target.later(between(random, 5_000, 30_000), () => {
        end();
        target.network.cut(watches);
      });
      return "pending";
    },
  },
];

const GONE = status(410, "Expired", "The resourceVersion for the provided watch is too old.");

function status(
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): Extract<NetworkEffect, { kind: "status" }> {
  const body = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  return {
    kind: "status",
    status: code,
    headers: { "content-type": "application/json", ...headers },
    text: JSON.stringify(body),
  };
}
