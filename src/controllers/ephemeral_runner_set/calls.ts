/** Asks the service to let runners of a set go: whoever has a job is refused, and is kept. */
import type { EphemeralRunner } from "../../api/kinds.ts";
import { ServiceError } from "../../github/errors.ts";
import type { ActionsService } from "../../github/service.ts";
import type { Stored } from "../../k8s/resource.ts";
import { keyOf } from "../../k8s/resource.ts";
import { messageOf } from "../../lib/errors.ts";
import { sourceOf } from "../ephemeral_runner/calls.ts";
import type { RunnerBook } from "../shared/runner_book.ts";
import type { Services } from "../shared/services.ts";

/** The call of a set that holds no worker. */
export interface RetireCall {
  readonly do: "retire";
  readonly runners: readonly Stored<EphemeralRunner>[];
}

/** What became of each runner, by UID. */
export interface RetireAnswer {
  /** The service does not know them any more. */
  readonly gone: readonly string[];
  /** They have a job. */
  readonly busy: readonly string[];
  /** Nobody knows: the message of the last of them. */
  readonly failed: readonly string[];
  readonly message?: string;
}

/** Runners asked for at the same time. */
const PARALLEL = 10;

export async function retire(
  { runners }: RetireCall,
  deps: { readonly services: Services; readonly book: RunnerBook },
): Promise<RetireAnswer> {
  const gone: string[] = [];
  const busy: string[] = [];
  const failed: string[] = [];
  let message: string | undefined;
  let next = 0;
  const work = async () => {
    while (next < runners.length) {
      const runner = runners[next++]!;
      const { uid } = runner.metadata;
      try {
        await letGo(runner, deps);
        gone.push(uid);
      } catch (error) {
        (ServiceError.is(error, "JobStillRunning") ? busy : failed).push(uid);
        if (ServiceError.is(error, "Unauthorized", "Forbidden")) deps.services.refresh(sourceOf(runner));
        message = messageOf(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, runners.length) }, work));
  return { gone, busy, failed, ...(message === undefined ? {} : { message }) };
}

async function letGo(
  runner: Stored<EphemeralRunner>,
  { services, book }: { readonly services: Services; readonly book: RunnerBook },
): Promise<void> {
  const { uid } = runner.metadata;
  // Registered by nobody: there is nothing that could be given a job.
  if (book.wasBornHere(keyOf(runner)) && !book.wasRegistered(uid)) return;
  const service = await services.of(sourceOf(runner));
  const known = runner.status?.runnerId ?? book.registrationOf(uid) ?? await idByName(service, runner);
  if (known === undefined) return;
  // The runner's own controller may meanwhile have put another in the place of one whose answer had got lost.
  const another = (id: number) => book.registrationOf(uid) === id ? undefined : book.registrationOf(uid);
  try {
    for (let id: number | undefined = known; id !== undefined; id = another(id)) {
      book.asked(uid);
      await service.removeRunner(id);
    }
  } catch (error) {
    book.refused(uid);
    throw error;
  }
  book.released(uid);
}

/** Undefined while a registration is still under way: the runner's own clean-up then sees to it. */
async function idByName(service: ActionsService, runner: Stored<EphemeralRunner>): Promise<number | undefined> {
  const there = await service.findRunner(runner.metadata.name);
  return there?.scaleSetId === runner.spec?.runnerScaleSetId ? there?.id : undefined;
}
