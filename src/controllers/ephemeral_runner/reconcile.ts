/**
 * The controller of EphemeralRunners.
 *
 * It wants: the stores of runners, sets and pods (shared/stores.ts says how they are made), the book that it shares with
 * the runner sets' controller, and to be woken by {@link keysOfRunner} and {@link keysOfPod}.
 */
import type { EphemeralRunner, EphemeralRunnerSet } from "../../api/kinds.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import { isWantOfRights } from "../../k8s/status.ts";
import { controllerOf, isDeleting, keyOf, type Pod, PODS, refOfKey, SECRETS, type Stored } from "../../k8s/resource.ts";
import type { Change, Overlay, Reader } from "../../k8s/store.ts";
import { delayOf } from "../../lib/backoff.ts";
import { type Clock, type Instant, instantOf } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Reconciler } from "../../runtime/controller.ts";
import type { StepResult } from "../../runtime/execute.ts";
import { Performer } from "../../runtime/performer.ts";
import type { Plan } from "../../runtime/plan.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import { setKeyOf, setUidOf } from "../shared/runner_state.ts";
import type { ScaleSetGone } from "../shared/scale_set_gone.ts";
import type { Services } from "../shared/services.ts";
import { runnerKeyOfPod } from "../shared/stores.ts";
import type { Waits } from "../shared/waits.ts";
import { runnerIdOf } from "./build.ts";
import { Calls } from "./calls.ts";
import { decide } from "./decide.ts";
import { type Answer, type Call, Memories, type Memory } from "./memory.ts";
import { digest, remember, type Seen, seenPod, witness } from "./observe.ts";

/**
 * An API server that has just started may refuse everything for want of rights: that pods may not be patched is believed
 * when it has been said so often, each time after a longer wait.
 */
const SURE_REFUSALS = 6;

export interface EphemeralRunnerDeps {
  readonly kube: KubeClient;
  readonly stores: {
    readonly runners: Reader<EphemeralRunner>;
    readonly sets: Reader<EphemeralRunnerSet>;
    readonly pods: Reader<Pod> & Overlay<Pod>;
  };
  readonly services: Services;
  readonly scaleSetGone: ScaleSetGone;
  readonly book: RunnerBook;
  readonly clock: Clock;
  readonly log: Log;
  readonly waits: Waits;
  /** The program's version, for the user agent of runners. */
  readonly version: string;
  /** Whether pods are told of their runner's job. */
  readonly annotatePods: boolean;
  /** Whether runners of a set that have a job may not be evicted. */
  readonly protectsBusy?: (set: Stored<EphemeralRunnerSet>) => boolean;
  /** A runner has ended otherwise than well: the reason of the event that says so, and what it came from. */
  readonly onEnd?: (runner: EphemeralRunner, reason: string, cause: string) => void;
  /** Has this controller look at a key. */
  readonly wake: (key: string) => void;
}

export function ephemeralRunnerController(deps: EphemeralRunnerDeps): EphemeralRunnerReconciler {
  return new EphemeralRunnerReconciler(deps);
}

/** The runner itself. */
export function keysOfRunner({ before, after }: Change<EphemeralRunner>): string[] {
  const runner = after ?? before;
  return runner ? [keyOf(runner)] : [];
}

/** The runner that a pod belongs to. */
export function keysOfPod({ before, after }: Change<Pod>): string[] {
  const pod = after ?? before;
  const key = pod && runnerKeyOfPod(pod);
  return key === undefined ? [] : [key];
}

export class EphemeralRunnerReconciler implements Reconciler<Seen, Call> {
  readonly name = "ephemeralrunner";
  readonly performer: Performer<Call, Answer>;
  readonly #deps: EphemeralRunnerDeps;
  readonly #log: Log;
  readonly #memories = new Memories();
  /** Keys of runners whose pod a quota refuses, by namespace, longest first. */
  readonly #overQuota = new Map<string, Set<string>>();
  /** Keys of runners that could not be registered for want of credentials. */
  readonly #unauthorized = new Set<string>();
  /** On the monotonic clock, when all of those may be tried again: of very many sources one may look new that is not. */
  #nextTrial = 0;
  /** When it was last said of a namespace that its pods may not be patched. */
  readonly #toldForbidden = new Map<string, Instant>();

  constructor(deps: EphemeralRunnerDeps) {
    const { kube, stores: { pods }, services, book, clock, scaleSetGone, waits, wake } = deps;
    this.#deps = deps;
    this.#log = deps.log.with({ controller: this.name });
    const calls = new Calls({ kube, pods, services, book, clock, scaleSetGone, checkPaceMs: waits.checkPace });
    this.performer = new Performer({
      clock,
      wake,
      // The waits between calls depend on what they are: observe.ts has them.
      backoff: { firstMs: 0, maxMs: 0 },
      run: (key, call) => {
        const { namespace, name } = refOfKey(key);
        const runner = deps.stores.runners.get(namespace, name);
        return runner ? calls.run(runner, call) : Promise.reject(new Error("the runner has gone"));
      },
    });
    pods.subscribe((change) => {
      const { before, after } = change;
      for (const key of keysOfPod(change)) {
        const memory = this.#memories.get(key);
        if (memory) witness(memory, change);
        if (before && !isDeleting(before) && (!after || isDeleting(after))) this.#givesSlotBack(key);
      }
      if (before && !after) this.#givenBack(before.metadata.namespace ?? "");
    });
  }

  observe(key: string): Promise<Seen | undefined> {
    return Promise.resolve(this.#see(key));
  }

  decide(seen: Seen, now: Instant): Plan<Call> {
    return decide(seen, now);
  }

  #see(key: string): Seen | undefined {
    const { stores, book, clock, waits, version, annotatePods } = this.#deps;
    const { namespace, name } = refOfKey(key);
    const runner = stores.runners.get(namespace, name);
    if (!runner) return undefined;
    const { uid } = runner.metadata;
    const memory = this.#memories.of(key, uid, { here: book.wasBornHere(key), setUid: setUidOf(runner) });
    const performance = this.performer.of(key);
    if (digest(memory, performance, waits)) {
      if (performance.last?.ok === false) {
        this.#log.warn("a call for a runner failed", {
          key,
          call: performance.last.call.do,
          error: memory.failure?.message,
        });
      }
      if (isForCredentials(memory)) this.#unauthorized.add(key);
      else if (this.#unauthorized.delete(key) && memory.failure === undefined) this.credentialsWork(memory.setUid);
      if (performance.running === undefined) this.performer.forget(key);
    }
    const there = stores.pods.get(namespace, name);
    const pod = seenPod(there, runner);
    remember(memory, runner, pod, { now: clock.now(), waits });
    this.#share(memory, runner);
    const set = this.#setOf(runner);
    const protectsBusy = set !== undefined && (this.#deps.protectsBusy?.(set) ?? false);
    const patchPodsAt = this.#patchPodsAt(namespace, protectsBusy);
    const mayPatchPods = patchPodsAt !== undefined && patchPodsAt <= clock.now();
    const setSince = instantOf(set?.metadata.deletionTimestamp);
    return {
      runner,
      pod,
      nameTaken: there !== undefined && pod === undefined && controllerOf(there)?.uid !== uid,
      ...(set && {
        set: {
          deletingSince: setSince,
          scaleSetId: set.spec?.ephemeralRunnerSpec?.runnerScaleSetId,
          pendingTimeout: timeoutOf(set),
          protectsBusy,
        },
      }),
      ...(memory.goingSince === undefined ? {} : { deletingSince: Math.min(memory.goingSince, setSince ?? Infinity) }),
      memory,
      calling: performance.running?.do,
      mayBeRegistered: !book.wasBornHere(key) || book.wasRegistered(uid),
      released: book.isReleased(uid),
      asked: book.isAsked(uid),
      settings: { version, waits, annotatePods, mayPatchPods, ...(patchPodsAt !== undefined && { patchPodsAt }) },
    };
  }

  /** When pods may be patched; undefined: not again. What only informs is given up where it stays forbidden. */
  #patchPodsAt(namespace: string, protectsBusy: boolean): Instant | undefined {
    const { book, waits } = this.#deps;
    const refused = book.podsForbidden(namespace);
    if (!refused) return 0;
    if (refused.times >= SURE_REFUSALS && !protectsBusy) return undefined;
    return refused.at + delayOf({ firstMs: waits.podRights, maxMs: waits.resync }, refused.times - 1);
  }

  /** The set that owns the runner, unless another has taken its name. */
  #setOf(runner: EphemeralRunner) {
    const owner = controllerOf(runner);
    const set = owner && this.#deps.stores.sets.get(runner.metadata?.namespace ?? "", owner.name);
    return set?.metadata.uid === owner?.uid ? set : undefined;
  }

  /** What the runner set's controller has to know: ids, and whose container has ended. */
  #share(memory: Memory, runner: EphemeralRunner): void {
    const { book } = this.#deps;
    if (memory.runnerId !== undefined) book.registered(memory.uid, memory.runnerId);
    const owner = controllerOf(runner);
    if (memory.endedAt !== undefined && owner) {
      book.ended({ uid: owner.uid, key: `${runner.metadata?.namespace ?? ""}/${owner.name}` }, memory.uid);
    }
  }

  told(key: string, result: StepResult): boolean {
    const { step } = result;
    if (step.do === "event" && step.cause !== undefined) this.#deps.onEnd?.(step.about, step.reason, step.cause);
    const memory = this.#memories.get(key);
    if (!memory) return false;
    if (step.do === "event" && /^Runner(Lost|Vanished)$/.test(step.reason)) memory.toldLoss = true;
    if (step.do === "create" && step.kind === SECRETS && result.ok) {
      // "Already there" may mean that another process made it, for another registration.
      const isOurs = result.object === undefined || runnerIdOf(result.object) === memory.jit?.runnerId;
      memory.secret = isOurs ? "made" : "found";
      memory.jit = undefined;
    }
    if (step.do === "create" && step.kind === PODS && !result.ok) return this.#refused(key, memory, result.error);
    return step.do === "patch" && step.kind === PODS && this.#patched(key, result);
  }

  /** A pod was told of its runner's job, or may not be. */
  #patched(key: string, result: StepResult): boolean {
    const { stores, book, clock } = this.#deps;
    const { namespace, name } = refOfKey(key);
    const runner = stores.runners.get(namespace, name);
    const set = { namespace, key: (runner && setKeyOf(runner)) ?? "" };
    if (result.ok) book.podPatched(set, undefined);
    if (result.ok || !KubeError.is(result.error, "Forbidden", "Invalid", "BadRequest")) return false;
    const now = clock.now();
    const { times } = book.podsForbidden(namespace) ?? { times: 0 };
    // What was under way when the first was refused is refused as well.
    if (now < (this.#patchPodsAt(namespace, true) ?? 0)) return true;
    book.podPatched(set, { times: times + 1, at: now });
    const told = this.#toldForbidden.get(namespace);
    if (times > 0 || (told !== undefined && now - told < this.#deps.waits.resync)) return true;
    this.#toldForbidden.set(namespace, now);
    const error = messageOf(result.error);
    this.#log.info("pods are not told of their jobs: the API server forbids to patch them", { namespace, error });
    return true;
  }

  /** The API server would not have the pod: whether that is a fact to decide on. */
  #refused(key: string, memory: Memory, error: unknown): boolean {
    const { clock, waits } = this.#deps;
    if (!KubeError.is(error, "QuotaExceeded", "Invalid", "Forbidden", "BadRequest")) return false;
    const isQuota = error.kind === "QuotaExceeded";
    const now = clock.now();
    const reason = isQuota ? "QuotaExceeded" : isWantOfRights(error.message) ? "NotAllowed" : "InvalidPod";
    const before = memory.refusal?.reason === reason ? memory.refusal : undefined;
    const tries = (before?.tries ?? 0) + 1;
    memory.refusal = {
      reason,
      message: error.message,
      since: before?.since ?? now,
      retryAt: now + delayOf({ firstMs: waits.quotaFirst, maxMs: waits.quotaMost }, tries - 1),
      tries,
    };
    if (isQuota) {
      const { namespace } = refOfKey(key);
      const waiting = this.#overQuota.get(namespace) ?? new Set();
      this.#overQuota.set(namespace, waiting.add(key));
    }
    return true;
  }

  /**
   * GitHub can be reached with other credentials than a moment ago: runners that failed for them are tried again at once.
   * @param setUid those of one set; absent: all
   */
  credentialsWork(setUid?: string): void {
    const now = this.#deps.clock.monotonic();
    if (setUid === undefined) {
      if (now < this.#nextTrial) return;
      this.#nextTrial = now + this.#deps.waits.deniedFirst;
    }
    for (const key of this.#unauthorized) {
      const memory = this.#memories.get(key);
      if (!memory?.failure || (setUid !== undefined && memory.setUid !== setUid)) continue;
      memory.failure = { ...memory.failure, retryAt: 0 };
      this.#deps.wake(key);
    }
  }

  /** The pod of a runner that is being deleted goes: its set may have waited for that with another runner. */
  #givesSlotBack(key: string): void {
    const { namespace, name } = refOfKey(key);
    const runner = this.#deps.stores.runners.get(namespace, name);
    const setKey = runner && isDeleting(runner) ? setKeyOf(runner) : undefined;
    if (setKey !== undefined) this.#deps.book.stirred(setKey);
  }

  /** A pod has gone: the runner that has waited longest for the quota tries again at once. */
  #givenBack(namespace: string): void {
    const waiting = this.#overQuota.get(namespace);
    for (const key of waiting ?? []) {
      waiting?.delete(key);
      const memory = this.#memories.get(key);
      if (!memory?.refusal) continue;
      memory.refusal = { ...memory.refusal, retryAt: 0, tries: 0 };
      this.#deps.wake(key);
      break;
    }
    if (waiting?.size === 0) this.#overQuota.delete(namespace);
  }

  gone(key: string): void {
    const memory = this.#memories.get(key);
    this.performer.forget(key);
    this.#memories.forget(key);
    this.#unauthorized.delete(key);
    const { namespace } = refOfKey(key);
    this.#overQuota.get(namespace)?.delete(key);
    if (memory) this.#deps.book.forget({ key, uid: memory.uid, setUid: memory.setUid });
  }
}

/** Whether the last call was a registration that credentials alone kept from being made. */
function isForCredentials({ failure }: Memory): boolean {
  return failure?.call === "register" && (failure.problem === "Unauthorized" || failure.problem === "Source");
}

function timeoutOf({ spec }: EphemeralRunnerSet): number | undefined {
  const { pendingTimeoutSeconds } = spec?.runnerPolicy ?? {};
  return pendingTimeoutSeconds === undefined ? undefined : pendingTimeoutSeconds * 1000;
}
