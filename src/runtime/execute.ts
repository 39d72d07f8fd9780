/** Carries steps out; the rules about what an API server's answer means are said here, once. */
import { createHash } from "node:crypto";
import type { Log } from "../lib/log.ts";
import type { KubeClient } from "../k8s/client.ts";
import { KubeError } from "../k8s/errors.ts";
import {
  controllerOf,
  isDeleting,
  isThereAfterDelete,
  type KubeObject,
  refOf,
  type Resource,
  type Stored,
} from "../k8s/resource.ts";
import type { Overlay } from "../k8s/store.ts";
import type { CreateStep, DeleteStep, EventStep, PatchStep, Step } from "./plan.ts";

/** Where events for people go. */
export interface EventRecorder {
  record(kind: Resource, about: KubeObject, event: Pick<EventStep, "type" | "reason" | "message" | "gist">): void;
}

export interface ExecutorOptions {
  readonly kube: KubeClient;
  readonly log: Log;
  readonly events: EventRecorder;
  /** Where answers to writes of a kind go; kinds that are not there are not kept. */
  readonly overlayOf: (kind: Resource) => Overlay<KubeObject> | undefined;
  /** Requests in flight at the same time for one plan. Default 50. */
  readonly parallel?: number;
}

/** What became of one step. */
export type StepResult =
  | { readonly step: Step<unknown>; readonly ok: true; readonly object?: Stored<KubeObject> }
  | { readonly step: Step<unknown>; readonly ok: false; readonly error: unknown };

/** What became of a list of steps. */
export interface ExecutionResult {
  /** Whether the world has changed, as far as we know. */
  readonly changed: boolean;
  readonly errors: unknown[];
  /** One for each step, in the order in which they ended; `object` is what the API server returned, where it did. */
  readonly results?: readonly StepResult[];
}

/** What carrying a step out came to. */
interface Done {
  readonly changed: boolean;
  readonly object?: Stored<KubeObject>;
}

/** Carries out the steps of plans: independent ones in parallel; failures are collected, the rest goes on. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #answered = new Answered();

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Objects whose last patch is remembered. */
  get remembered(): number {
    return this.#answered.size;
  }

  /** "perform" steps are the controller's business and passed over here. */
  async execute(steps: readonly Step<unknown>[]): Promise<ExecutionResult> {
    const errors: unknown[] = [];
    const results: StepResult[] = [];
    let changed = false;
    const queue = steps.filter((step) => step.do !== "perform");
    let next = 0;
    const work = async () => {
      while (next < queue.length) {
        const step = queue[next++]!;
        try {
          const done = await this.#carryOut(step);
          if (done.changed) changed = true;
          results.push({ step, ok: true, ...(done.object && { object: done.object }) });
        } catch (error) {
          errors.push(error);
          results.push({ step, ok: false, error });
        }
      }
    };
    const { parallel = 50 } = this.#options;
    await Promise.all(Array.from({ length: Math.min(parallel, queue.length) }, work));
    return { changed, errors, results };
  }

  async #carryOut(step: Exclude<Step<unknown>, { do: "perform" }>): Promise<Done> {
    switch (step.do) {
      case "create":
        return await this.#create(step);
      case "patch":
        return await this.#patch(step);
      case "delete":
        return await this.#delete(step);
      case "event":
        this.#tell(step);
        return { changed: false };
    }
  }

  /** Where events can't be written (rights, a lost API server) the log still says what happened. */
  #tell(step: EventStep): void {
    const { namespace, name } = refOf(step.about);
    const { type, reason, message } = step;
    const fields = { kind: step.kind.kind, namespace, name, reason, what: message };
    if (type === "Warning") this.#options.log.warn("event", fields);
    else this.#options.log.info("event", fields);
    this.#options.events.record(step.kind, step.about, step);
  }

  async #create(step: CreateStep): Promise<Done> {
    const { kube, overlayOf } = this.#options;
    const object = await kube.create(step.kind, step.object).catch((error) => {
      if (!KubeError.is(error, "AlreadyExists")) throw error;
      return this.#ours(step, error);
    });
    overlayOf(step.kind)?.wrote(object);
    return { changed: true, object };
  }

  /** The object that is there already, if it is the one that we wanted to make: ours, and not on its way out. */
  async #ours(step: CreateStep, refused: KubeError): Promise<Stored<KubeObject>> {
    const { namespace, name } = refOf(step.object);
    const there = await this.#options.kube.get(step.kind, { namespace, name });
    const owner = controllerOf(step.object)?.uid;
    if (controllerOf(there)?.uid !== owner || there.metadata.deletionTimestamp !== undefined) throw refused;
    return there;
  }

  async #patch(step: PatchStep): Promise<Done> {
    const { kube, overlayOf } = this.#options;
    try {
      const { type, subresource } = step;
      const before = overlayOf(step.kind)?.versionOf?.(step.ref);
      if (this.#answered.knows(step, before)) return { changed: false };
      const after = await kube.patch(step.kind, step.ref, withPrecondition(step), { type, subresource });
      overlayOf(step.kind)?.wrote(after);
      this.#answered.remember(step, after.metadata.resourceVersion);
      // the patch that takes the last finalizer off ends a deleted object, whose version then stays what it was
      const ended = isDeleting(after) && !isThereAfterDelete(after);
      if (ended) this.#answered.forget(step);
      return { changed: ended || before !== after.metadata.resourceVersion, object: after };
    } catch (error) {
      if (step.goneIsDone && KubeError.is(error, "NotFound")) return this.#gone(step);
      throw error;
    }
  }

  async #delete(step: DeleteStep): Promise<Done> {
    const { kube, overlayOf } = this.#options;
    try {
      const { gracePeriodSeconds, resourceVersion } = step;
      const left = await kube.delete(step.kind, step.ref, { gracePeriodSeconds, resourceVersion });
      overlayOf(step.kind)?.deleted(step.ref.uid, left);
      if (!left) this.#answered.forget(step);
      return { changed: true, ...(left && { object: left }) };
    } catch (error) {
      // A conflict on a UID precondition means that the one we meant has gone and another has its name.
      const isGone = step.resourceVersion === undefined && KubeError.is(error, "Conflict");
      if (isGone || KubeError.is(error, "NotFound")) return this.#gone(step);
      throw error;
    }
  }

  #gone(step: PatchStep | DeleteStep): Done {
    const { kind, ref: { uid } } = step;
    if (uid !== undefined) this.#options.overlayOf(kind)?.deleted(uid);
    this.#answered.forget(step);
    return { changed: true };
  }
}

/** Objects whose patches' answers are remembered; the oldest are forgotten. Most are forgotten when they go. */
const REMEMBERED = 10_000;

/**
 * Merge patches and the versions that they led to. The same patch onto the version that it gave would change nothing:
 * it is not sent, so that a field which the API server drops (custom resource definitions older than ours) makes no
 * loop of patches. Times of conditions do not count as a difference.
 */
class Answered {
  /** By object, then by subresource. */
  readonly #last = new Map<string, Map<string, string>>();

  get size(): number {
    return this.#last.size;
  }

  knows(step: PatchStep, version: string | undefined): boolean {
    return version !== undefined &&
      this.#last.get(placeOf(step))?.get(step.subresource ?? "") === sayingOf(step, version);
  }

  remember(step: PatchStep, version: string): void {
    if (step.type !== undefined && step.type !== "merge") return;
    const place = placeOf(step);
    const sayings = this.#last.get(place) ?? new Map<string, string>();
    this.#last.delete(place);
    this.#last.set(place, sayings.set(step.subresource ?? "", sayingOf(step, version)));
    if (this.#last.size > REMEMBERED) this.#last.delete(this.#last.keys().next().value!);
  }

  /** The object has gone. */
  forget(step: PatchStep | DeleteStep): void {
    this.#last.delete(placeOf(step));
  }
}

function placeOf({ kind, ref }: PatchStep | DeleteStep): string {
  return `${kind.plural}/${ref.namespace ?? ""}/${ref.name}`;
}

function sayingOf(step: PatchStep, version: string): string {
  const body = JSON.stringify(step.patch, (key, value) => key === "lastTransitionTime" ? undefined : value);
  return `${version} ${createHash("sha1").update(body).digest("base64")}`;
}

/** A merge patch can carry the UID that it is meant for: the API server answers 409 when another object has the name. */
function withPrecondition(step: PatchStep): unknown {
  const { ref, type = "merge", patch } = step;
  if (ref.uid === undefined || type !== "merge") return patch;
  const body = patch as { metadata?: Record<string, unknown> };
  return { ...body, metadata: { ...body.metadata, uid: ref.uid } };
}
