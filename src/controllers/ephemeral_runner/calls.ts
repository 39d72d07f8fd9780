/** The calls of a runner that hold no worker: to GitHub, and the few reads of what is not watched. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import { LABELS } from "../../api/names.ts";
import { ServiceError } from "../../github/errors.ts";
import type { ActionsService, JitConfig } from "../../github/service.ts";
import type { KubeClient } from "../../k8s/client.ts";
import { KubeError } from "../../k8s/errors.ts";
import {
  isDeleting,
  type KubeObject,
  type Pod,
  PODS,
  refOf,
  type Resource,
  SECRETS,
  type Stored,
} from "../../k8s/resource.ts";
import type { Overlay } from "../../k8s/store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import { setKeyOf } from "../shared/runner_state.ts";
import type { ScaleSetGone } from "../shared/scale_set_gone.ts";
import { type GithubSource, type Services, SourceError } from "../shared/services.ts";
import { runnerIdOf, workFolderOf } from "./build.ts";
import type { Answer, Call } from "./memory.ts";

export interface CallDeps {
  readonly kube: KubeClient;
  readonly pods: Overlay<Pod>;
  readonly services: Services;
  readonly book: RunnerBook;
  readonly clock: Clock;
  readonly scaleSetGone: ScaleSetGone;
  /** Checks of registrations are at least this far apart, in milliseconds. */
  readonly checkPaceMs: number;
}

/** The name is taken at the service by a runner that is not ours to remove: this runner object can't be used. */
export class NameTakenError extends Error {
  override readonly name = "NameTakenError";
}

/** Pods or secrets of container hooks are still there. */
export class HooksLeftError extends Error {
  override readonly name = "HooksLeftError";
}

/** Where GitHub is, for a runner. */
export function sourceOf(runner: EphemeralRunner): GithubSource {
  const { githubConfigUrl, githubConfigSecret, proxy, githubServerTLS, vaultConfig } = runner.spec ?? {};
  const namespace = runner.metadata?.namespace ?? "";
  return { namespace, githubConfigUrl, githubConfigSecret, proxy, githubServerTLS, vaultConfig };
}

/** Makes the calls. Errors that a decision must tell apart are ServiceError, NameTakenError, HooksLeftError. */
export class Calls {
  readonly #deps: CallDeps;
  /** On the monotonic clock: when the next check of a registration may be made. */
  #nextCheck = 0;

  constructor(deps: CallDeps) {
    this.#deps = deps;
  }

  async run(runner: Stored<EphemeralRunner>, call: Call): Promise<Answer> {
    switch (call.do) {
      case "register":
        return { of: "register", jit: await this.#register(runner) };
      case "readSecret":
        return await this.#readSecret(runner);
      case "readPod":
        return await this.#readPod(runner, call.uid);
      case "checkRegistration":
        return await this.#check(runner, call);
      case "release":
        return await this.#release(runner, call);
    }
  }

  /** The service of the runner; a refusal of its credentials has them read again at the next use. */
  async #withService<T>(runner: EphemeralRunner, use: (service: ActionsService) => Promise<T>): Promise<T> {
    const source = sourceOf(runner);
    try {
      return await use(await this.#deps.services.of(source));
    } catch (error) {
      if (ServiceError.is(error, "Unauthorized", "Forbidden")) this.#deps.services.refresh(source);
      throw error;
    }
  }

  async #register(runner: Stored<EphemeralRunner>): Promise<JitConfig> {
    const { book, scaleSetGone } = this.#deps;
    const { uid, name } = runner.metadata;
    const scaleSetId = runner.spec?.runnerScaleSetId ?? 0;
    try {
      const jit = await this.#withService(runner, async (service) => {
        book.registered(uid);
        const ask = () => service.generateJitConfig(scaleSetId, { name, workFolder: workFolderOf(runner) });
        try {
          return await ask();
        } catch (error) {
          if (!ServiceError.is(error, "RunnerExists")) throw error;
          await removeOurs(service, name, scaleSetId);
          return await ask();
        }
      });
      book.registered(uid, jit.runnerId);
      return jit;
    } catch (error) {
      const setKey = setKeyOf(runner);
      if (isOfScaleSet(error) && setKey) scaleSetGone.report(setKey, scaleSetId);
      throw error;
    }
  }

  async #readSecret(runner: Stored<EphemeralRunner>): Promise<Answer> {
    try {
      const secret = await this.#deps.kube.get(SECRETS, placeOf(runner));
      return { of: "readSecret", runnerId: runnerIdOf(secret), found: true };
    } catch (error) {
      if (!KubeError.is(error, "NotFound")) throw error;
      return { of: "readSecret", runnerId: undefined, found: false };
    }
  }

  async #readPod(runner: Stored<EphemeralRunner>, uid: string): Promise<Answer> {
    try {
      const pod = await this.#deps.kube.get(PODS, placeOf(runner));
      const gone = pod.metadata.uid !== uid;
      if (!gone) this.#deps.pods.wrote(pod);
      return { of: "readPod", uid, gone };
    } catch (error) {
      if (!KubeError.is(error, "NotFound")) throw error;
      return { of: "readPod", uid, gone: true };
    }
  }

  /** Nobody waits here for a turn: a runner that is to go meanwhile must be free to. */
  async #check(runner: Stored<EphemeralRunner>, call: Call & { do: "checkRegistration" }): Promise<Answer> {
    const { clock, checkPaceMs } = this.#deps;
    if (call.mayWait) {
      const now = clock.monotonic();
      const turn = Math.max(now, this.#nextCheck);
      this.#nextCheck = turn + checkPaceMs;
      if (turn > now) return { of: "turn", inMs: turn - now };
    }
    const { runnerId } = call;
    const known = await this.#withService(
      runner,
      (service) => runnerId === undefined ? findOurs(service, runner) : service.getRunner(runnerId),
    );
    return { of: "checkRegistration", known: known !== undefined };
  }

  /** Both parts are tried, whatever becomes of the other. */
  async #release(runner: Stored<EphemeralRunner>, call: Call & { do: "release" }): Promise<Answer> {
    const parts = await Promise.allSettled([
      call.registration ? this.#deregister(runner, call.runnerId) : undefined,
      call.hooks ? this.#removeHookObjects(runner) : undefined,
    ]);
    for (const part of parts) if (part.status === "rejected") throw part.reason;
    return { of: "release", registration: call.registration, hooks: call.hooks };
  }

  async #deregister(runner: Stored<EphemeralRunner>, runnerId: number | undefined): Promise<void> {
    await this.#withService(runner, async (service) => {
      const id = runnerId ?? (await findOurs(service, runner))?.id;
      if (id !== undefined) await service.removeRunner(id);
    });
    this.#deps.book.released(runner.metadata.uid, setKeyOf(runner));
  }

  async #removeHookObjects(runner: Stored<EphemeralRunner>): Promise<void> {
    const left = await Promise.all([this.#removeLabelled(PODS, runner), this.#removeLabelled(SECRETS, runner)]);
    if (left.some(Boolean)) throw new HooksLeftError("pods or secrets of container hooks are still there");
  }

  /** Deletes what container hooks have labelled with the runner's name. @returns whether anything is left */
  async #removeLabelled<T extends KubeObject>(kind: Resource<T>, runner: Stored<EphemeralRunner>): Promise<boolean> {
    const { kube } = this.#deps;
    const { namespace, name } = runner.metadata;
    const { items } = await kube.list(kind, { namespace, labelSelector: `${LABELS.hookPod}=${name}` });
    const left = await Promise.all(items.map(async (item) => {
      if (isDeleting(item)) return true;
      try {
        return await kube.delete(kind, refOf(item)) !== undefined;
      } catch (error) {
        if (KubeError.is(error, "NotFound", "Conflict")) return false;
        throw error;
      }
    }));
    return left.some(Boolean);
  }
}

/** Whether a refusal is about the whole scale set: the scale set's own controller finds out, and says so on the object. */
function isOfScaleSet(error: unknown): boolean {
  return error instanceof SourceError || ServiceError.is(error, "ScaleSetNotFound", "Unauthorized", "Forbidden");
}

/** A registration under our name in our scale set is a leftover of a try whose answer got lost. */
async function removeOurs(service: ActionsService, name: string, scaleSetId: number): Promise<void> {
  const there = await service.findRunner(name);
  if (!there) return;
  if (there.scaleSetId !== scaleSetId) {
    throw new NameTakenError(`runner ${name} belongs to scale set ${there.scaleSetId} and not to ${scaleSetId}`);
  }
  try {
    await service.removeRunner(there.id);
  } catch (error) {
    if (!ServiceError.is(error, "JobStillRunning")) throw error;
    throw new NameTakenError(`runner ${name} is registered already and has a job`, { cause: error });
  }
}

async function findOurs(service: ActionsService, runner: Stored<EphemeralRunner>) {
  const there = await service.findRunner(runner.metadata.name);
  return there?.scaleSetId === runner.spec?.runnerScaleSetId ? there : undefined;
}

function placeOf({ metadata: { namespace, name } }: Stored<EphemeralRunner>) {
  return { namespace, name };
}
