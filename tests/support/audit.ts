/** What an API server has written down of its requests: the only count of them that nobody can get wrong. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { KubeObject } from "../../src/k8s/resource.ts";

/** One request. A watch is one request, however long it lasts. */
export interface Audited {
  readonly user: string;
  readonly verb: string;
  /** `pods`, `pods/status`; empty for requests that are for no resource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
  /** RBAC said no: a quota or a namespace that ends answers 403 too. */
  readonly forbidden: boolean;
  /** The role by which RBAC said yes; empty without one. */
  readonly role: string;
  /** The User-Agent. */
  readonly agent: string;
  readonly uri: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface Line {
  readonly auditID: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly user: { readonly username?: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly responseObject?: unknown;
}

/** An object as a write has left it. */
export interface Written {
  readonly user: string;
  readonly object: KubeObject;
}

/** Reads a growing audit log. */
export class AuditLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Where the log ends now. */
  mark(): number {
    return readAt(this.#path, (file) => fstatSync(file).size);
  }

  /** The requests that were begun to be answered from `mark` on. */
  since(mark: number): Audited[] {
    const seen = new Set<string>();
    const found: Audited[] = [];
    for (const text of linesFrom(this.#path, mark)) {
      const line = JSON.parse(text) as Line;
      if (seen.has(line.auditID) || line.stage === "RequestReceived") continue;
      seen.add(line.auditID);
      // the end of a watch that began before the mark is no request of this time
      if (line.verb === "watch" && line.stage !== "ResponseStarted") continue;
      found.push(auditedOf(line));
    }
    return found;
  }

  /** What each write to a kind made of the object, in their order; of the kinds whose answers are in the log. */
  written(plural: string): Written[] {
    const lines = linesFrom(this.#path, 0).filter((text) => text.includes('"responseObject"'));
    return lines.map((text) => JSON.parse(text) as Line).flatMap(
      ({ objectRef, responseStatus, user, responseObject }) => {
        const isIt = objectRef?.resource === plural && (responseStatus?.code ?? 500) < 300 && responseObject;
        return isIt ? [{ user: user.username ?? "", object: responseObject as KubeObject }] : [];
      },
    );
  }
}

function auditedOf(line: Line): Audited {
  const { resource = "", subresource, namespace = "", name = "" } = line.objectRef ?? {};
  return {
    user: line.user.username ?? "",
    verb: line.verb,
    resource: subresource ? `${resource}/${subresource}` : resource,
    namespace,
    name,
    status: line.responseStatus?.code ?? 0,
    role: / of (\w+ "[^"]+") to /.exec(line.annotations?.["authorization.k8s.io/reason"] ?? "")?.[1] ?? "",
    agent: line.userAgent ?? "",
    forbidden: line.annotations?.["authorization.k8s.io/decision"] === "forbid",
    uri: line.requestURI,
    at: Date.parse(line.requestReceivedTimestamp),
  };
}

/** How many requests there are of each kind, `verb resource`, the most frequent first. */
export function countByKind(requests: readonly Audited[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { verb, resource } of requests) {
    const kind = `${verb} ${resource}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return new Map([...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])));
}

function linesFrom(path: string, offset: number): string[] {
  return readAt(path, (file) => {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - offset));
    let read = 0;
    while (read < bytes.length) {
      const got = readSync(file, bytes, read, bytes.length - read, offset + read);
      if (got === 0) break;
      read += got;
    }
    const text = bytes.toString("utf8", 0, read);
    // a line that is being written does not count yet
    return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "");
  });
}

function readAt<T>(path: string, read: (file: number) => T): T {
  const file = openSync(path, "r");
  try {
    return read(file);
  } finally {
    closeSync(file);
  }
}
