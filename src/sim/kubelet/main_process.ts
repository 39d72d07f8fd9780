import { messageOf } from "../../lib/errors.ts";
import { type Pod, refOf } from "../../k8s/resource.ts";
import type { RunnerLink } from "../actions_service/runner_link.ts";
import type { KubeletApi } from "./api.ts";
import { environmentOf, filesOf } from "./container_env.ts";
import { type Exit, exitOf, type PodFate } from "./fate.ts";
import type { PodRecord } from "./ledger.ts";
import { type ListenerProgram, MountedFiles } from "./listener_program.ts";
import { JIT_VARIABLE, mainContainer } from "./roles.ts";
import type { KubeletSettings } from "./settings.ts";
import { type ProcessSignals, runRunner } from "./runner_process.ts";
import { until } from "./signals.ts";

/** What the process of a main container is made from. */
export interface MainContext extends ProcessSignals {
  readonly settings: KubeletSettings;
  readonly api: KubeletApi;
  readonly record: PodRecord;
  readonly fate: PodFate;
  connected(link: RunnerLink): void;
  problem(what: string): void;
}

/** The process in a pod's main container, ready to start. */
export interface MainProcess {
  start(): Promise<Exit>;
  /** What is mounted, where that matters. */
  readonly files?: MountedFiles;
}

/**
 * Reads what a pod's main container needs.
 * @throws ContainerConfigError when a secret or key is missing
 */
export async function prepareMain(context: MainContext, pod: Pod): Promise<MainProcess> {
  const { api, settings, record, term, kill } = context;
  const env = await environmentOf(api, pod, mainContainer(pod));
  if (record.role === "runner") return { start: () => runnerProcess(context, env[JIT_VARIABLE] ?? "") };
  if (record.role !== "listener" || !settings.listener) return { start: () => until(term, kill).then(() => exitOf(0)) };
  const files = new MountedFiles(await filesOf(api, pod, mainContainer(pod)));
  const program = settings.listener;
  return { files, start: () => listenerProcess(context, program, pod, env, files) };
}

/** Reads the mounted objects again. A secret that can't be read now leaves the files as they are, as a kubelet does. */
export async function refreshFiles(context: Pick<MainContext, "api">, pod: Pod, files: MountedFiles): Promise<void> {
  try {
    files.replace(await filesOf(context.api, pod, mainContainer(pod)));
  } catch {
    // tried again at the next refresh
  }
}

function runnerProcess(context: MainContext, jitConfig: string): Promise<Exit> {
  const { settings, record, fate, term, kill } = context;
  const { clock, service, connectDelayMs, exitDelayMs } = settings;
  return runRunner({
    clock,
    service,
    jitConfig,
    fate,
    connectDelayMs,
    exitDelayMs,
    term,
    kill,
    connected: (link) => {
      record.agentId = link.agentId;
      context.connected(link);
    },
    took: (job) => {
      record.jobId = job.id;
    },
  });
}

function listenerProcess(
  context: MainContext,
  program: ListenerProgram,
  pod: Pod,
  env: Record<string, string>,
  files: MountedFiles,
): Promise<Exit> {
  const { api, record, term, kill } = context;
  const main = mainContainer(pod);
  const { namespace = "" } = refOf(pod);
  const account = pod.spec?.serviceAccountName ?? "default";
  const ended = program({
    pod,
    command: [...main.command ?? [], ...main.args ?? []],
    env,
    files,
    kubeUrl: api.baseUrl,
    serviceAccountToken: () => api.serviceAccountToken(namespace, account, TOKEN_SECONDS),
    term,
    kill,
  }).then((code) => exitOf(code), (error) => {
    context.problem(`listener ${record.name}: ${messageOf(error)}`);
    return exitOf(1);
  });
  return Promise.race([ended, until(kill).then(() => exitOf(137))]);
}

/** As the kubelet's own projected tokens. */
const TOKEN_SECONDS = 3607;
