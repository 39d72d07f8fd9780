import type { Settings } from "../controllers/shared/settings.ts";
import { serverOf } from "../k8s/config.ts";
import type { KubeServer } from "../k8s/client.ts";
import { HttpKubeClient } from "../k8s/http_client.ts";
import { messageOf } from "../lib/errors.ts";
import { hostOf } from "../lib/http.ts";
import { nodeTransports } from "../lib/http_node.ts";
import type { Log } from "../lib/log.ts";
import { createLog } from "../lib/logtape.ts";
import { Metrics } from "../lib/metrics.ts";
import type { Values } from "../lib/options.ts";
import type { Runtime } from "../lib/runtime.ts";
import { Secrets } from "../lib/secrets.ts";
import { type AppParts, createApp } from "../server/app.ts";
import { listen, type Listening, parseListenAddress } from "../server/listen.ts";
import { ControllerApp } from "./controller_app.ts";
import { CONTROLLER_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";
import { reach } from "./reach.ts";

type Options = Values<typeof CONTROLLER_OPTIONS>;

/** The charts of the reference always pass this number: it means that nobody has chosen one. */
const NOT_CHOSEN = 2;
const DEFAULT_CONCURRENCY = 50;

/** `arc controller`. Exit codes: 0 asked to end, 1 it could not start or lost its lease, 2 bad options. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc controller", "The controller.", CONTROLLER_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { values, given, warnings } = start;
  const secrets = new Secrets();
  const log = createLog({
    name: "controller",
    level: values.logLevel,
    format: values.logFormat,
    clock: io.clock,
    secrets,
    write: (line) => io.stderr.write(line),
  });
  log.info("arc controller", { ...io.version, namespace: values.podNamespace, listenerMode: values.listenerMode });
  for (const warning of warnings) log.warn(warning);
  try {
    const server = await serverOf(values, { machine: io, transports: nodeTransports, secrets });
    const client = new HttpKubeClient({ ...io, server, log, userAgent: `arc-controller/${io.version.version}` });
    await reach(client, hostOf(server.baseUrl), { clock: io.clock, log, signal: io.stop });
    return await work(server, values, given, io, log);
  } catch (error) {
    if (io.stop.aborted) return 0;
    io.stderr.write(`arc controller: ${secrets.hide(messageOf(error))}\n`);
    return 1;
  }
}

async function work(
  server: KubeServer,
  values: Options,
  given: ReadonlySet<keyof Options>,
  io: Runtime,
  log: Log,
): Promise<number> {
  const { clock, random, version } = io;
  const metrics = new Metrics();
  const rateLimit = given.has("clientQps") || given.has("clientBurst")
    ? { qps: values.clientQps, burst: values.clientBurst }
    : undefined;
  const chosen = values.runnerMaxConcurrentReconciles;
  const app = new ControllerApp({
    server,
    transports: nodeTransports,
    clock,
    random,
    log,
    metrics,
    version,
    settings: settingsOf(values, io),
    watchNamespace: values.watchSingleNamespace || values.watchNamespace || undefined,
    concurrency: chosen === NOT_CHOSEN ? DEFAULT_CONCURRENCY : chosen,
    leaseName: values.enableLeaderElection ? values.leaderElectionId : undefined,
    hostname: io.hostname(),
    rateLimit,
    forceServer: io.env["GITHUB_ACTIONS_FORCE_GHES"] !== undefined,
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
