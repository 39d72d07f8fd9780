/** A controller's process: from its options to the controller at work, its ports and its exit code. */
import type { Settings } from "../controllers/shared/settings.ts";
import type { KubeServer } from "../k8s/client.ts";
import { serverOf } from "../k8s/config.ts";
import { HttpKubeClient } from "../k8s/http_client.ts";
import { messageOf } from "../lib/errors.ts";
import { hostOf } from "../lib/http.ts";
import { nodeTransports } from "../lib/http_node.ts";
import type { Log } from "../lib/log.ts";
import { Metrics } from "../lib/metrics.ts";
import type { Values } from "../lib/options.ts";
import { processUsage } from "../lib/process_usage.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { Secrets } from "../lib/secrets.ts";
import { declareProcessMetrics } from "../runtime/process_metrics.ts";
import { type AppParts, createApp } from "../server/app.ts";
import { listen, type Listening, parseListenAddress } from "../server/listen.ts";
import { ControllerApp } from "./controller_app.ts";
import type { CONTROLLER_OPTIONS } from "./options.ts";
import { reach } from "./reach.ts";
import { throughProxyOf } from "./transports.ts";
import { vaultsOf } from "./vaults.ts";

type Options = Values<typeof CONTROLLER_OPTIONS>;

/** What the command has made of its call. */
export interface ControllerCall {
  readonly values: Options;
  /** The options that somebody has chosen. */
  readonly given: ReadonlySet<keyof Options>;
  readonly io: Runtime;
  readonly log: Log;
  readonly secrets: Secrets;
}

/** The charts of the reference always pass this number: it means that nobody has chosen one. */
const NOT_CHOSEN = 2;
const DEFAULT_CONCURRENCY = 50;

/** Runs until the process is asked to end. @returns the exit code */
export async function controllerProcess(call: ControllerCall): Promise<number> {
  const { values, io, log, secrets } = call;
  try {
    const server = await serverOf(values, { machine: io, transports: nodeTransports, secrets });
    const client = new HttpKubeClient({ ...io, server, log, userAgent: `arc-controller/${io.version.version}` });
    await reach(client, hostOf(server.baseUrl), { clock: io.clock, log, signal: io.stop });
    return await work(server, call);
  } catch (error) {
    if (io.stop.aborted) return 0;
    io.stderr.write(`arc controller: ${secrets.hide(messageOf(error))}\n`);
    return 1;
  }
}

async function work(server: KubeServer, { values, given, io, log, secrets }: ControllerCall): Promise<number> {
  const { clock, random, version } = io;
  const metrics = new Metrics();
  declareProcessMetrics(metrics, processUsage, () => clock.now());
  const rateLimit = given.has("clientQps") || given.has("clientBurst")
    ? { qps: values.clientQps, burst: values.clientBurst }
    : undefined;
  const chosen = values.runnerMaxConcurrentReconciles;
  const app = new ControllerApp({
    server,
    transports: throughProxyOf(io.env, nodeTransports),
    clock,
    random,
    log,
    metrics,
    version,
    settings: settingsOf(values, io),
    waits: given.has("syncPeriod") && values.syncPeriod > 0 ? { resync: values.syncPeriod } : undefined,
    watchNamespace: values.watchSingleNamespace || values.watchNamespace || undefined,
    concurrency: chosen === NOT_CHOSEN ? DEFAULT_CONCURRENCY : chosen,
    leaseName: values.enableLeaderElection ? values.leaderElectionId : undefined,
    hostname: io.hostname(),
    rateLimit,
    forceServer: io.env["GITHUB_ACTIONS_FORCE_GHES"] !== undefined,
    vaults: { vaults: vaultsOf(io, nodeTransports, log), secretFiles: values.secretFiles },
    secrets,
  });
  const servers = await serve(values, metrics, app);
  try {
    const why = await app.run(io.stop);
    if (why === undefined) return 0;
    log.error("the controller ends", { why });
    return 1;
  } finally {
    await Promise.all(servers.map((each) => each.close()));
  }
}

function settingsOf(values: Options, io: Runtime): Settings {
  return {
    namespace: values.podNamespace,
    image: values.containerImage,
    imagePullSecrets: values.imagePullSecrets,
    listenerEntrypoint: values.listenerEntrypoint || undefined,
    listenerMetricsAddr: values.listenerMetricsAddr,
    listenerMetricsEndpoint: values.listenerMetricsEndpoint,
    logLevel: values.logLevel,
    logFormat: values.logFormat,
    excludedLabelPrefixes: values.excludeLabelPrefixes,
    annotateRunnerPods: values.annotateRunnerPods,
    version: io.version.version,
    commit: io.version.commit,
    updateStrategy: values.updateStrategy,
    listenerMode: values.listenerMode,
  };
}

/** Health and metrics, on one port when both have the same address. */
async function serve(values: Options, metrics: Metrics, app: ControllerApp): Promise<Listening[]> {
  const { metricsAddr, healthAddr } = values;
  const parts: [string, AppParts][] = [
    [metricsAddr, { metrics: { path: "/metrics", source: metrics } }],
    [healthAddr, { health: { ready: app.ready } }],
  ];
  const byAddress = new Map<string, AppParts>();
  for (const [address, part] of parts) byAddress.set(address, { ...byAddress.get(address), ...part });
  const servers: Listening[] = [];
  for (const [text, part] of byAddress) {
    const address = parseListenAddress(text);
    if (address) servers.push(await listen(createApp(part), address));
  }
  return servers;
}
