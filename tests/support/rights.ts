/**
 * Which rights the program has used, by the audit logs of clusters: each test's cluster leaves a note in the folder that
 * ARC_RIGHTS names, and tests/rights compares the notes with what the charts grant.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Audited, AuditLog } from "./audit.ts";
import { EXTRA_RULES, LEADER_RULES, OWN_EXTRA_RULES, type Rule } from "./rbac.ts";

/** A kind of request that was made, at least once. */
export interface UsedRight {
  readonly who: "controller" | "listener";
  readonly verb: string;
  /** API group, "" for the core. */
  readonly group: string;
  /** With its subresource: `pods/status`. */
  readonly resource: string;
  /** In the controller's own namespace, in that of scale sets, or in all at once. */
  readonly where: Where;
  /** Whether the controller watched all namespaces or a single one; undefined while nothing has told. */
  readonly mode?: Mode;
  /** RBAC said no. */
  readonly forbidden: boolean;
  /** Why it had to be refused; undefined: nobody wanted that. */
  readonly wanted?: string;
  /** Where it was seen. */
  readonly test: string;
}

export type Where = "own" | "sets" | "all";
export type Mode = "cluster" | "single";

export interface NoteOptions {
  /** Of a cluster whose namespaces have ARC's own rights alone, unless the test gives more. */
  readonly arcsAlone?: boolean;
}

const OWN_NAMESPACE = "arc-systems";
const ACCOUNT = /^system:serviceaccount:arc-systems:(.+)$/;
/** `arc doctor` in the controller's pod, and the original's listener, have these accounts too. */
const PROGRAM = /^arc-(controller|listener)\//;

/** Notes what a cluster has seen, when somebody asks for it. */
export function noteRights(audit: AuditLog, options: NoteOptions = {}): void {
  const folder = process.env.ARC_RIGHTS;
  if (!folder) return;
  const name = `${process.pid}-${Math.random().toString(36).slice(2)}.json`;
  writeFileSync(join(folder, name), JSON.stringify(rightsOf(audit.since(0), options)));
}

/** The kinds of requests in a log, in its order. */
export function rightsOf(requests: readonly Audited[], options: NoteOptions = {}): UsedRight[] {
  const used = new Map<string, UsedRight>();
  const wanted = refusalsWanted(requests, options);
  let mode: Mode | undefined;
  for (const request of requests) {
    const account = ACCOUNT.exec(request.user)?.[1];
    if (account === undefined || request.resource === "" || !PROGRAM.test(request.agent)) continue;
    if (request.role.startsWith("ClusterRole ")) mode = "cluster";
    else if (/-single-namespace(-watch)?"$/.test(request.role)) mode = "single";
    const right: UsedRight = {
      who: account.endsWith("-listener") ? "listener" : "controller",
      verb: request.verb,
      group: groupOf(request),
      resource: request.resource,
      where: whereOf(request),
      mode,
      forbidden: request.forbidden,
      wanted: request.forbidden ? wanted(request) : undefined,
      test: process.argv[1]?.split("/").slice(-2).join("/") ?? "",
    };
    used.set(JSON.stringify(right), right);
  }
  return [...used.values()];
}

/** All notes of a folder; none when there is no such folder. */
export function notedRights(folder: string): UsedRight[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as UsedRight[]);
}

/** Roles that nothing protects: helm takes them away under a program that runs. */
const UNPROTECTED: Readonly<Record<string, (request: Audited) => readonly Rule[]>> = {
  "-extra": (request) => whereOf(request) === "own" ? OWN_EXTRA_RULES : EXTRA_RULES,
  "-leader-election": () => LEADER_RULES,
};

function refusalsWanted(
  requests: readonly Audited[],
  { arcsAlone }: NoteOptions,
): (request: Audited) => string | undefined {
  const allowed = Map.groupBy(requests.filter(({ forbidden }) => !forbidden), keyOf);
  const roles = requests.filter(({ resource, status, name }) => resource === "roles" && status < 300 && name !== "");
  const bindings = requests.filter(({ resource, verb, status }) =>
    resource === "clusterrolebindings" && status < 300 && !["get", "list", "watch"].includes(verb)
  );
  return (request) => {
    const bound = bindings.findLast(({ at }) => at <= request.at);
    if (bound?.verb === "delete") return "the controller's chart is being uninstalled";
    for (const [end, rules] of Object.entries(UNPROTECTED)) {
      if (!grants(rules(request), request)) continue;
      const last = roles.findLast(({ verb, namespace, name, at }) =>
        ["create", "delete"].includes(verb) && namespace === request.namespace && name.endsWith(end) && at <= request.at
      );
      if (last?.verb === "delete") return "its role has been taken away";
      if (last === undefined && arcsAlone && end === "-extra") return "the original's rights alone";
    }
    const times = (allowed.get(keyOf(request)) ?? []).map(({ at }) => at);
    const isOfAMoment = times.some((at) => at < request.at) && times.some((at) => at > request.at);
    return isOfAMoment ? "an API server that has just started and has not read its roles" : undefined;
  };
}

function grants(rules: readonly Rule[], request: Audited): boolean {
  return rules.some(({ apiGroups, resources, verbs }) =>
    apiGroups.includes(groupOf(request)) && resources.includes(request.resource) && verbs.includes(request.verb)
  );
}

const keyOf = ({ user, verb, resource, namespace }: Audited) => `${user} ${verb} ${resource} ${namespace}`;
const groupOf = ({ uri }: Audited) => /^\/apis\/([^/]+)\//.exec(uri)?.[1] ?? "";

function whereOf({ namespace }: Audited): Where {
  return namespace === "" ? "all" : namespace === OWN_NAMESPACE ? "own" : "sets";
}
