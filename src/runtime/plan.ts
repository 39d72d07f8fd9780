/** Decisions are values: what a `decide` returns and execute.ts carries out. */
import type { KubeObject, ObjectRef, Resource } from "../k8s/resource.ts";
import type { PatchType } from "../k8s/client.ts";

/** Creates an object. "Already exists" counts as done when the one there has the same controller (or `sameAs` says so). */
export interface CreateStep {
  readonly do: "create";
  readonly kind: Resource;
  readonly object: KubeObject;
}

/** Patches an object; a UID in `ref` makes sure that it is still the same one. */
export interface PatchStep {
  readonly do: "patch";
  readonly kind: Resource;
  readonly ref: ObjectRef;
  readonly patch: unknown;
  /** Default "merge". */
  readonly type?: PatchType;
  readonly subresource?: "status";
  /** "Not found" counts as done: there is nothing left to change. */
  readonly goneIsDone?: boolean;
}

/** Deletes an object; "not found" counts as done. */
export interface DeleteStep {
  readonly do: "delete";
  readonly kind: Resource;
  readonly ref: ObjectRef & { readonly uid: string };
  readonly gracePeriodSeconds?: number;
  /** Holds only while the object is as it was seen: a conflict is an error then. */
  readonly resourceVersion?: string;
}

/** Tells people what happened; "forbidden" is logged once and never retried. */
export interface EventStep {
  readonly do: "event";
  readonly kind: Resource;
  readonly about: KubeObject;
  readonly type: "Normal" | "Warning";
  /** One word. */
  readonly reason: string;
  /** What happened, why, and what comes next. */
  readonly message: string;
  /** What makes two of them the same, where messages differ by the ids of a request. Default: the message. */
  readonly gist?: string;
  /** What it came from, in one word: counted, and written nowhere. */
  readonly cause?: string;
}

/** Starts work that holds no worker: a call to GitHub or a slow read. Its result is in the next observation. */
export interface PerformStep<Call> {
  readonly do: "perform";
  readonly call: Call;
}

export type Step<Call = never> = CreateStep | PatchStep | DeleteStep | EventStep | PerformStep<Call>;

/** What to do about one object now, and when to look again if nothing changes. */
export interface Plan<Call = never> {
  /** One constant word: used in log, event and metric. */
  readonly why: string;
  /** They are independent of each other: what has an order stands in successive plans. */
  readonly steps: readonly Step<Call>[];
  /** Milliseconds. */
  readonly requeueAfter?: number;
}

/** A plan with steps. */
export function act<Call = never>(
  why: string,
  steps: Step<Call> | readonly Step<Call>[],
  requeueAfter?: number,
): Plan<Call> {
  const list = Array.isArray(steps) ? steps as readonly Step<Call>[] : [steps as Step<Call>];
  return requeueAfter === undefined ? { why, steps: list } : { why, steps: list, requeueAfter };
}

/** A plan with nothing to do until something changes, or until `requeueAfter` milliseconds have passed. */
export function rest(why: string, requeueAfter?: number): Plan<never> {
  return requeueAfter === undefined ? { why, steps: [] } : { why, steps: [], requeueAfter };
}

export function create<T extends KubeObject>(kind: Resource<T>, object: T): CreateStep {
  return { do: "create", kind, object };
}

export function patch<T extends KubeObject>(
  kind: Resource<T>,
  ref: ObjectRef,
  body: unknown,
  options: Pick<PatchStep, "type" | "subresource" | "goneIsDone"> = {},
): PatchStep {
  return { do: "patch", kind, ref, patch: body, ...options };
}

export function remove<T extends KubeObject>(
  kind: Resource<T>,
  ref: ObjectRef & { readonly uid: string },
  gracePeriodSeconds?: number,
): DeleteStep {
  return gracePeriodSeconds === undefined
    ? { do: "delete", kind, ref }
    : { do: "delete", kind, ref, gracePeriodSeconds };
}

export function perform<Call>(call: Call): PerformStep<Call> {
  return { do: "perform", call };
}
