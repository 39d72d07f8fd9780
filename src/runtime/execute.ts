/** Carries steps out; the rules about what an API server's answer means are said here, once. */
import type { Log } from "../lib/log.ts";
import type { KubeClient } from "../k8s/client.ts";
import { KubeError } from "../k8s/errors.ts";
import { controllerOf, type KubeObject, refOf, type Resource, type Stored } from "../k8s/resource.ts";
import type { Overlay } from "../k8s/store.ts";
import type { CreateStep, DeleteStep, EventStep, PatchStep, Step } from "./plan.ts";

/** Where events for people go. */
export interface EventRecorder {
  record(kind: Resource, about: KubeObject, event: Pick<EventStep, "type" | "reason" | "message">): void;
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

/** What became of a list of steps. */
export interface ExecutionResult {
  /** Whether the world has changed, as far as we know. */
  readonly changed: boolean;
  readonly errors: unknown[];
}

/** Carries out the steps of plans: independent ones in parallel; failures are collected, the rest goes on. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** "perform" steps are the controller's business and passed over here. */
  async execute(steps: readonly Step<unknown>[]): Promise<ExecutionResult> {
    const errors: unknown[] = [];
    let changed = false;
    const queue = steps.filter((step) => step.do !== "perform");
    let next = 0;
    const work = async () => {
      while (next < queue.length) {
        const step = queue[next++]!;
        try {
          if (await this.#carryOut(step)) changed = true;
        } catch (error) {
          errors.push(error);
        }
      }
    };
    const { parallel = 50 } = this.#options;
    await Promise.all(Array.from({ length: Math.min(parallel, queue.length) }, work));
    return { changed, errors };
  }

  /** @returns whether the step changed anything */
  async #carryOut(step: Exclude<Step<unknown>, { do: "perform" }>): Promise<boolean> {
    switch (step.do) {
      case "create":
        return await this.#create(step);
      case "patch":
        return await this.#patch(step);
      case "delete":
        return await this.#delete(step);
      case "event":
        this.#options.events.record(step.kind, step.about, step);
        return false;
    }
  }

  async #create(step: CreateStep): Promise<boolean> {
    const { kube, overlayOf } = this.#options;
    try {
      overlayOf(step.kind)?.wrote(await kube.create(step.kind, step.object));
    } catch (error) {
      if (!KubeError.is(error, "AlreadyExists")) throw error;
      overlayOf(step.kind)?.wrote(await this.#ours(step, error));
    }
    return true;
  }

  /** The object that is there already, if it is the one that we wanted to make: ours, and not on its way out. */
  async #ours(step: CreateStep, refused: KubeError): Promise<Stored<KubeObject>> {
    const { namespace, name } = refOf(step.object);
    const there = await this.#options.kube.get(step.kind, { namespace, name });
    const owner = controllerOf(step.object)?.uid;
    if (controllerOf(there)?.uid !== owner || there.metadata.deletionTimestamp !== undefined) throw refused;
    return there;
  }

  async #patch(step: PatchStep): Promise<boolean> {
    const { kube, overlayOf } = this.#options;
    try {
      const { type, subresource } = step;
      const before = overlayOf(step.kind)?.versionOf?.(step.ref);
      const after = await kube.patch(step.kind, step.ref, withPrecondition(step), { type, subresource });
      overlayOf(step.kind)?.wrote(after);
      return before !== after.metadata.resourceVersion;
    } catch (error) {
      if (step.goneIsDone && KubeError.is(error, "NotFound")) return this.#gone(step.kind, step.ref.uid);
      throw error;
    }
  }

  async #delete(step: DeleteStep): Promise<boolean> {
    const { kube, overlayOf } = this.#options;
    try {
      const left = await kube.delete(step.kind, step.ref, { gracePeriodSeconds: step.gracePeriodSeconds });
      overlayOf(step.kind)?.deleted(step.ref.uid, left);
      return true;
    } catch (error) {
      // A conflict on a UID precondition means that the one we meant has gone and another has its name.
      if (KubeError.is(error, "NotFound", "Conflict")) return this.#gone(step.kind, step.ref.uid);
      throw error;
    }
  }

  #gone(kind: Resource, uid: string | undefined): true {
    if (uid !== undefined) this.#options.overlayOf(kind)?.deleted(uid);
    return true;
  }
}

/** A merge patch can carry the UID that it is meant for: the API server answers 409 when another object has the name. */
function withPrecondition(step: PatchStep): unknown {
  const { ref, type = "merge", patch } = step;
  if (ref.uid === undefined || type !== "merge") return patch;
  const body = patch as { metadata?: Record<string, unknown> };
  return { ...body, metadata: { ...body.metadata, uid: ref.uid } };
}
