/**
 * Which rights the program has used, by the audit logs of clusters: each test's cluster leaves a note in the folder that
 * ARC_RIGHTS names, and tests/rights compares the notes with what the charts grant.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Audited, AuditLog } from "./audit.ts";

/** A kind of request that was made, at least once. */
export interface UsedRight {
  readonly who: "controller" | "listener";
  readonly verb: string;
  /** API group, "" for the core. */
  readonly group: string;
  /** With its subresource: `pods/status`. */
  readonly resource: string;
  /** In the controller's own namespace, in that of scale sets, or in all at once. */
  readonly where: "own" | "sets" | "all";
  /** RBAC said no. */
  readonly forbidden: boolean;
  /** Where it was seen. */
  readonly test: string;
}

const OWN_NAMESPACE = "arc-systems";
const ACCOUNT = /^system:serviceaccount:arc-systems:(.+)$/;

/** Notes what a cluster has seen, when somebody asks for it. */
export function noteRights(audit: AuditLog): void {
  const folder = process.env.ARC_RIGHTS;
  if (!folder) return;
  const used = new Map<string, UsedRight>();
  for (const request of audit.since(0)) {
    const right = rightOf(request);
    if (right) used.set(JSON.stringify(right), right);
  }
  const name = `${process.pid}-${Math.random().toString(36).slice(2)}.json`;
  writeFileSync(join(folder, name), JSON.stringify([...used.values()]));
}

/** All notes of a folder. */
export function notedRights(folder: string): UsedRight[] {
  return readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as UsedRight[]);
}

function rightOf({ user, verb, resource, namespace, uri, forbidden }: Audited): UsedRight | undefined {
  const account = ACCOUNT.exec(user)?.[1];
  if (account === undefined || resource === "") return undefined;
  return {
    who: account.endsWith("-listener") ? "listener" : "controller",
    verb,
    group: /^\/apis\/([^/]+)\//.exec(uri)?.[1] ?? "",
    resource,
    where: namespace === "" ? "all" : namespace === OWN_NAMESPACE ? "own" : "sets",
    forbidden,
    test: process.argv[1]?.split("/").slice(-2).join("/") ?? "",
  };
}
