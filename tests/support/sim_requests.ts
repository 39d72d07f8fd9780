/** What a world's timeline says of its requests: who has asked for what, and when. */

/** A request. */
export interface TimelineRequest {
  /** Seconds of the world's clock. */
  readonly at: number;
  readonly client: string;
  /** `kube`, `github api.github.com`, ... */
  readonly server: string;
  /** For the API server: `list pods`, `patch ephemeralrunners/status`. For GitHub: `POST /_apis/.../generatejitconfig`. */
  readonly what: string;
  /** The object's name, where the API server was asked for one. */
  readonly name: string | undefined;
}

const LINE = /^ *([\d.]+) #\d+ (\S+) (GET|POST|PUT|PATCH|DELETE) (kube|github [^/]+)(\/\S*)/;

/** The requests of these lines, in their order. */
export function requestsOf(lines: readonly string[]): TimelineRequest[] {
  return lines.flatMap((line) => {
    const [, at, client, method, server, path] = LINE.exec(line) ?? [];
    if (at === undefined) return [];
    const asked = server === "kube"
      ? kubeRequest(method!, path!)
      : { what: githubRequest(method!, path!), name: undefined };
    return [{ at: Number(at), client: client!, server: server!, ...asked }];
  });
}

/** How many requests of each kind: `client: what`. */
export function countRequests(requests: readonly TimelineRequest[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { client, what } of requests) counts[`${client}: ${what}`] = (counts[`${client}: ${what}`] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1));
}

const VERBS: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };

function kubeRequest(method: string, path: string): { what: string; name: string | undefined } {
  const url = new URL(path, "https://kube.sim");
  const [, root, ...rest] = url.pathname.split("/");
  const parts = rest.slice(root === "api" ? 1 : 2);
  const [plural = url.pathname, name, subresource] = parts[0] === "namespaces" && parts.length > 2
    ? parts.slice(2)
    : parts;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const reads = url.searchParams.get("watch") ? "watch" : name === undefined ? "list" : "get";
  return { what: `${VERBS[method] ?? reads} ${resource}`, name };
}

/** The path without what differs from call to call: tenants, ids, queries. */
function githubRequest(method: string, path: string): string {
  const { pathname } = new URL(path, "https://github.sim");
  const inTenant = pathname.replace(/^\/[^/]+(?=\/_apis\/)/, "");
  return `${method} ${inTenant.replace(/\/(\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=\/|$)/g, "/*")}`;
}
