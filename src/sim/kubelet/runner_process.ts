import type { Clock } from "../../lib/clock.ts";
import type { ActionsServiceSim } from "../actions_service/service.ts";
import type { RunnerJob, RunnerLink } from "../actions_service/runner_link.ts";
import { type Exit, exitOf, type PodFate } from "./fate.ts";
import { first, timeout, until } from "./signals.ts";

/** What happens around a container. */
export interface ProcessSignals {
  /** SIGTERM. */
  readonly term: AbortSignal;
  /** SIGKILL, or the node's end. */
  readonly kill: AbortSignal;
}

/** What a runner's process works with. */
export interface RunnerContext extends ProcessSignals {
  readonly clock: Clock;
  readonly service: ActionsServiceSim;
  readonly jitConfig: string;
  readonly fate: PodFate;
  /** Between the container's start and the runner's first word to the service. */
  readonly connectDelayMs: number;
  /** Between the report of the job's end and the container's end. */
  readonly exitDelayMs: number;
  /** The registration it has connected as. */
  connected(link: RunnerLink): void;
  /** It has got a job. */
  took(job: RunnerJob): void;
}

const KILLED = exitOf(137);

/** The actions runner in a container: registers, takes one job, ends. It exits 0 whatever became of its job. */
export async function runRunner(context: RunnerContext): Promise<Exit> {
  const { clock, service, fate, term, kill } = context;
  const crash = fate.kind === "exit" ? timeout(clock, fate.afterMs) : undefined;
  try {
    const startup = timeout(clock, context.connectDelayMs);
    const before = await first({
      startup: startup.passed,
      crash: crash?.passed,
      term: until(term),
      kill: until(kill),
    });
    startup.cancel();
    if (before !== "startup") return endedBy(before, fate);
    if (fate.kind === "deaf") return endedBy(await first({ term: until(term), kill: until(kill) }), fate);
    const connection = service.connectRunner(context.jitConfig);
    if (connection.kind === "deprecated") return exitOf(7);
    if (connection.kind === "refused") return exitOf(0); // the runner's script takes it as "nothing to do here"
    context.connected(connection.link);
    return await serve(context, connection.link, crash?.passed);
  } finally {
    crash?.cancel();
  }
}

async function serve(context: RunnerContext, link: RunnerLink, crash: Promise<void> | undefined): Promise<Exit> {
  const { term, kill, fate } = context;
  const next = await first({ job: link.job, crash, term: until(term), kill: until(kill) });
  if (next !== "job") {
    link.leave(next === "term");
    return endedBy(next, fate);
  }
  const job = await link.job;
  if (!job) {
    link.leave(true);
    return exitOf(0);
  }
  context.took(job);
  return await work(context, link, job, crash);
}

async function work(
  context: RunnerContext,
  link: RunnerLink,
  job: RunnerJob,
  crash: Promise<void> | undefined,
): Promise<Exit> {
  const { clock, term, kill, fate } = context;
  const duration = timeout(clock, job.durationMs);
  const late = fate.kind === "exit-with-job" ? timeout(clock, fate.afterMs) : undefined;
  const end = await first({
    done: duration.passed,
    cancelled: until(job.cancelled),
    crash: crash ?? late?.passed,
    kill: until(kill),
  });
  duration.cancel();
  late?.cancel();
  if (end === "crash" || end === "kill") {
    link.leave(term.aborted); // a runner that was asked to stop has told the service; one that is killed has not
    return endedBy(end, fate);
  }
  link.finish(end === "cancelled" ? "canceled" : job.result);
  const exit = timeout(clock, context.exitDelayMs);
  const after = fate.kind === "zombie"
    ? await first({ term: until(term), kill: until(kill) })
    : await first({ exit: exit.passed, kill: until(kill) });
  exit.cancel();
  return after === "kill" ? KILLED : exitOf(0);
}

function endedBy(what: string, fate: PodFate): Exit {
  if (what === "crash" && (fate.kind === "exit" || fate.kind === "exit-with-job")) {
    return exitOf(fate.code, fate.reason);
  }
  return what === "kill" ? KILLED : exitOf(0);
}
