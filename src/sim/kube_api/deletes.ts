/** Deletion: preconditions, grace, finalizers, and what becomes of dependents. */
import { rfc3339 } from "../../lib/clock.ts";
import { graceOf } from "./pods.ts";
import { forbidden, StatusError } from "./status.ts";
import type { Entry } from "./storage.ts";
import { asObject, type Kind, type Meta, type Obj, textAt } from "./types.ts";
import { existing, type World } from "./world.ts";
import { isDone, type Target } from "./writes.ts";

export type Propagation = "Background" | "Foreground" | "Orphan";

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Seconds. */
  readonly grace?: number;
  /** Default: what an earlier deletion said, or in the background. */
  readonly propagation?: Propagation;
  readonly dryRun: boolean;
}

/** Namespaces that the API server keeps. */
const PROTECTED = new Set(["default", "kube-system", "kube-public"]);

export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";

/** What a deletion has left: the object as it is now, and whether it is gone. */
export interface Deleted {
  readonly entry: Entry;
  readonly gone: boolean;
}

/** Deletes an object, or begins to. @throws StatusError 404, 409 */
export function remove(world: World, target: Omit<Target, "subresource">, options: DeleteOptions): Deleted {
  const { kind, namespace, name } = target;
  if (kind.kind === "Namespace" && PROTECTED.has(name)) {
    throw forbidden(kind, name, "this namespace may not be deleted");
  }
  const old = existing(world, kind, namespace, name);
  refuseOther(kind, old.object, options);
  if (options.dryRun) return { entry: old, gone: true };
  const after = marked(kind, old.object, options, rfc3339(world.clock.now()), world.clock.now());
  if (!isDone(after)) return { entry: after === old.object ? old : world.storage.put(kind, after), gone: false };
  // a pod's signs of deletion are stored, and told, even when nothing holds it; other kinds just go
  const last = kind.kind === "Pod" && after !== old.object ? world.storage.put(kind, after) : old;
  return { entry: world.storage.remove(kind, last), gone: true };
}

/** The object with the signs of deletion: a time, a grace, and the finalizers that the propagation policy adds. */
function marked(kind: Kind, object: Obj, options: DeleteOptions, now: string, nowMs: number): Obj {
  const { metadata } = object;
  const grace = kind.kind === "Pod" ? graceOf(object, options.grace) : 0;
  const finalizers = [...withPolicy(metadata.finalizers ?? [], options.propagation)];
  const begun = metadata.deletionTimestamp !== undefined;
  const shorter = grace < (metadata.deletionGracePeriodSeconds ?? 0);
  const samePolicy = finalizers.length === (metadata.finalizers ?? []).length;
  if (begun && !shorter && samePolicy) return object;
  const { finalizers: _, ...rest } = metadata;
  const next: Meta = {
    ...rest,
    deletionTimestamp: begun && !shorter
      ? metadata.deletionTimestamp!
      : grace === 0
      ? now
      : rfc3339(nowMs + grace * 1000),
    deletionGracePeriodSeconds: begun && !shorter ? metadata.deletionGracePeriodSeconds ?? 0 : grace,
    ...(metadata.generation !== undefined && !begun ? { generation: metadata.generation + 1 } : {}),
    ...(finalizers.length > 0 ? { finalizers } : {}),
  };
  if (kind.kind !== "Namespace") return { ...object, metadata: next };
  return { ...object, metadata: next, status: { ...asObject(object.status), phase: "Terminating" } };
}

function withPolicy(finalizers: readonly string[], propagation: Propagation | undefined): readonly string[] {
  if (propagation === undefined) return finalizers;
  const others = finalizers.filter((name) => name !== FOREGROUND && name !== ORPHAN);
  if (propagation === "Foreground") return finalizers.includes(FOREGROUND) ? finalizers : [...others, FOREGROUND];
  if (propagation === "Orphan") return finalizers.includes(ORPHAN) ? finalizers : [...others, ORPHAN];
  return others;
}

function refuseOther(kind: Kind, object: Obj, { uid, resourceVersion }: DeleteOptions): void {
  const { metadata } = object;
  const refuse = (why: string) => {
    const title = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
    const message = `Operation cannot be fulfilled on ${title} "${metadata.name}": ${why}`;
    const details = { name: metadata.name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.kind };
    throw new StatusError(409, "Conflict", message, details);
  };
  if (uid !== undefined && uid !== metadata.uid) {
    refuse(
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). ` +
        "The object might have been deleted and then recreated",
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    refuse(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record ` +
        `(${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** Reads what a DELETE says in its body and its query. */
export function deleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  const preconditions = asObject(asObject(body)?.preconditions);
  const uid = textAt(preconditions, "uid");
  const resourceVersion = textAt(preconditions, "resourceVersion");
  const grace = asObject(body)?.gracePeriodSeconds ?? numberOf(query.get("gracePeriodSeconds"));
  const policy = textAt(body, "propagationPolicy") || query.get("propagationPolicy") || "";
  const orphans = asObject(body)?.orphanDependents === true || query.get("orphanDependents") === "true";
  return {
    ...(uid === "" ? {} : { uid }),
    ...(resourceVersion === "" ? {} : { resourceVersion }),
    ...(typeof grace === "number" ? { grace } : {}),
    ...(orphans ? { propagation: "Orphan" } : policy === "" ? {} : { propagation: propagationOf(policy) }),
    dryRun: query.get("dryRun") === "All" || JSON.stringify(asObject(body)?.dryRun) === '["All"]',
  };
}

function numberOf(text: string | null): number | undefined {
  return text === null || text === "" ? undefined : Number(text);
}

function propagationOf(policy: string): Propagation {
  if (policy === "Background" || policy === "Foreground" || policy === "Orphan") return policy;
  const cause = {
    field: "propagationPolicy",
    reason: "FieldValueNotSupported",
    message: `Unsupported value: ${
      JSON.stringify(policy)
    }: supported values: "Foreground", "Background", "Orphan", "nil"`,
  };
  const message = `DeleteOptions.meta.k8s.io "" is invalid: ${cause.field}: ${cause.message}`;
  throw new StatusError(422, "Invalid", message, { group: "meta.k8s.io", kind: "DeleteOptions", causes: [cause] });
}
