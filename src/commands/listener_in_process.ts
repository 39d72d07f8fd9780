/** A listener inside another process: what a simulated kubelet runs in a listener pod's container. */
import { HttpKubeClient } from "../k8s/http_client.ts";
import type { Clock } from "../lib/clock.ts";
import { type Transport, TransportError, type TransportFactory } from "../lib/http.ts";
import type { Log } from "../lib/log.ts";
import { proxyFromEnv } from "../lib/proxy.ts";
import type { Random } from "../lib/random.ts";
import type { Version } from "../lib/version.ts";
import type { LoopWaits } from "../listener/loop_deps.ts";
import type { ListenerContext, ListenerProgram, MountedFiles } from "../sim/kubelet/listener_program.ts";
import { type ListenerDeps, runListener } from "./listener.ts";

/** What such listeners share. */
export interface InProcessListeners {
  readonly transports: TransportFactory;
  /** How the API server is reached. */
  readonly kubeTransport: Transport;
  /** Where the API server is; default: where the kubelet has it. */
  readonly kubeUrl?: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: Version;
  readonly waits?: Partial<LoopWaits>;
  /** See {@link ListenerDeps}. */
  readonly serve?: ListenerDeps["serve"];
}

/** The program that runs in listener pods. */
export function listenerProgram(shared: InProcessListeners): ListenerProgram {
  return async (context) => {
    const { clock, random, version, waits, serve } = shared;
    const log = shared.log.with({ pod: context.pod.metadata?.name });
    const token = await context.serviceAccountToken();
    const path = context.env["LISTENER_CONFIG_PATH"] ?? "";
    return await runListener({
      configText: () => configText(context, path),
      configChanges: (known, signal) => changesOf(context.files, path, known, signal),
      kube: () =>
        Promise.resolve(
          new HttpKubeClient({
            server: {
              baseUrl: shared.kubeUrl?.() ?? context.kubeUrl,
              transport: until(context.kill, shared.kubeTransport),
              authorization: () => Promise.resolve(`Bearer ${token}`),
              namespace: context.pod.metadata?.namespace ?? "",
            },
            clock,
            random,
            log,
            userAgent: `arc-listener/${version.version}`,
          }),
        ),
      transports: (options) => until(context.kill, shared.transports(options)),
      proxy: proxyFromEnv(context.env),
      clock,
      random,
      log: () => log,
      complain: (line) => log.error(line),
      version,
      hostname: context.pod.metadata?.name ?? "listener",
      waits,
      serve,
    }, AbortSignal.any([context.term, context.kill]));
  };
}

function configText(context: ListenerContext, path: string): Promise<string> {
  const text = context.files.read(path);
  return text === undefined ? Promise.reject(new Error(`there is no ${path}`)) : Promise.resolve(text);
}

/** A process that was killed says nothing more to anybody. */
function until(kill: AbortSignal, transport: Transport): Transport {
  const dead = () => new TransportError("aborted", "the container was killed");
  return async (request) => {
    if (kill.aborted) throw dead();
    return await transport({ ...request, signal: AbortSignal.any([request.signal, kill]) });
  };
}

/** The texts of a mounted file that differ from the one before. */
async function* changesOf(
  files: MountedFiles,
  path: string,
  known: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let wake = () => {};
  const end = files.onChange(() => wake());
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (let last = known; !signal.aborted;) {
      const text = files.read(path);
      if (text !== undefined && text !== last) yield last = text;
      else await new Promise<void>((resolve) => wake = resolve);
    }
  } finally {
    end();
    signal.removeEventListener("abort", onAbort);
  }
}
