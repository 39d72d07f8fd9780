import { connect } from "../github/client.ts";
import { proxyFromEnv } from "../lib/proxy.ts";
import type { WireLimits } from "../github/http.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ConfigError as KubeConfigError, serverOf } from "../k8s/config.ts";
import { HttpKubeClient } from "../k8s/http_client.ts";
import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { watchText } from "../lib/file_watch.ts";
import type { ProxySettings, TransportFactory } from "../lib/http.ts";
import { nodeTransports } from "../lib/http_node.ts";
import type { Log } from "../lib/log.ts";
import { createLog } from "../lib/logtape.ts";
import { Metrics } from "../lib/metrics.ts";
import { type Random, safeText } from "../lib/random.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { Secrets } from "../lib/secrets.ts";
import type { Version } from "../lib/version.ts";
import { type ListenerConfig, parseConfig } from "../listener/config.ts";
import { LoopHealth } from "../listener/health.ts";
import { HealthReport } from "../listener/health_report.ts";
import { KeptSession } from "../listener/kept_session.ts";
import { LiveConfig } from "../listener/live_config.ts";
import { runLoop } from "../listener/loop.ts";
import { withVaultSecret } from "../listener/vaulted.ts";
import type { LoopWaits } from "../listener/loop_deps.ts";
import { MissingReport } from "../listener/missing.ts";
import { ListenerMetricFamily } from "../listener/metrics.ts";
import { type AppParts, createApp } from "../server/app.ts";
import { listen, parseListenAddress } from "../server/listen.ts";
import { LISTENER_OPTIONS } from "./options.ts";
import { startOf } from "./parse.ts";
import { readPatiently, vaultsOf } from "./vaults.ts";

const ABOUT = {
  summary: "Listens to the messages of one scale set and says how many runners are wanted. The controller starts it.",
  examples: [
    ["LISTENER_CONFIG_PATH=/etc/gha-listener/config.json arc listener", "in a pod, as the controller calls it"],
    ["arc listener --config=config.json --context=my-cluster", "from this machine, with a copy of the config"],
  ],
} as const;

/** How often the config file is looked at. */
const CONFIG_EVERY_MS = 5000;

/** What a listener process is made of; a simulated kubelet gives its own. */
export interface ListenerDeps {
  /** The text of config.json as it is now. @throws when it can't be read */
  readonly configText: () => Promise<string>;
  /** The texts that differ from the one before, until the signal is aborted. Without it the config never changes. */
  readonly configChanges?: (known: string, signal: AbortSignal) => AsyncIterable<string>;
  /** Asked for once the config is known to be good. @throws KubeConfigError when there is no way to the API server */
  readonly kube: () => Promise<KubeClient>;
  readonly transports: TransportFactory;
  readonly proxy?: ProxySettings;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the log that a config asks for. */
  readonly log: (config: Pick<ListenerConfig, "logLevel" | "logFormat">) => Log;
  /** Takes the one line that says why nothing was started. */
  readonly complain: (line: string) => void;
  readonly version: Version;
  readonly hostname: string;
  /** Every GitHub is an Enterprise Server. */
  readonly forceServer?: boolean;
  /** Learns the credentials. */
  readonly secrets?: Secrets;
  /** Serves metrics and health at an address; without it nothing is served. */
  readonly serve?: (parts: AppParts, address: string) => Promise<{ close(): Promise<void> }>;
  readonly waits?: Partial<LoopWaits>;
  readonly wire?: Partial<WireLimits>;
}

/** `arc listener`. */
export async function run(args: readonly string[], io: Runtime): Promise<number> {
  const start = startOf("arc listener", ABOUT, LISTENER_OPTIONS, args, io);
  if (!start.run) return start.exitCode;
  const { config: path, kubeconfig, context } = start.values;
  const { clock, random, version, secrets } = io;
  const complain = (line: string) => io.stderr.write(`${secrets.hide(line)}\n`);
  const log: ListenerDeps["log"] = ({ logLevel, logFormat }) =>
    createLog({
      name: "listener",
      level: logLevel,
      format: logFormat,
      clock,
      secrets,
      write: (line) => io.stderr.write(line),
    });
  const startLog = log({ logLevel: "info", logFormat: "text" });
  const vaults = vaultsOf(io, nodeTransports, startLog);
  return await runListener({
    configText: async () => await withVaultSecret(await io.readText(path), vaults, true),
    configChanges: (known, signal) =>
      watchText(path, known, {
        clock,
        readText: async () => await withVaultSecret(await io.readText(path), vaults, false),
        everyMs: CONFIG_EVERY_MS,
        signal,
        onUnreadable: (error) => startLog.warn("the config can't be read: the one before stays in force", { error }),
      }),
    kube: async () => {
      const server = await serverOf({ kubeconfig, context }, { machine: io, transports: nodeTransports, secrets });
      const userAgent = `arc-listener/${version.version}`;
      return new HttpKubeClient({ server, clock, random, userAgent, log: startLog });
    },
    transports: nodeTransports,
    proxy: proxyFromEnv(io.env),
    clock,
    random,
    log,
    complain,
    version,
    hostname: io.hostname(),
    forceServer: io.env["GITHUB_ACTIONS_FORCE_GHES"] !== undefined,
    secrets,
    serve: async (parts, address) => {
      const at = parseListenAddress(address);
      return at ? await listen(createApp(parts), at) : { close: async () => {} };
    },
  }, io.stop);
}

/**
 * Listens until `signal` is aborted.
 * @returns the exit code: 0; 2 when the config that it starts with can't be used; 1 when there is no way to a cluster
 */
export async function runListener(deps: ListenerDeps, signal: AbortSignal): Promise<number> {
  let live: LiveConfig;
  let text: string | undefined;
  try {
    const { clock, random } = deps;
    const complain = (error: Error) => deps.complain(`arc listener: waits for the vault: ${error.message}`);
    text = await readPatiently(deps.configText, { clock, random, signal, complain });
    if (text === undefined) return 0;
    live = new LiveConfig(text, {
      parse: (json) => learned(parseConfig(json, { forceServer: deps.forceServer }), deps.secrets),
      connect: (config) => serviceOf(config, deps),
    });
  } catch (error) {
    deps.complain(`arc listener: ${messageOf(error)}`);
    return 2;
  }
  let kube: KubeClient;
  try {
    kube = await deps.kube();
  } catch (error) {
    if (!(error instanceof KubeConfigError)) throw error;
    deps.complain(`arc listener: ${messageOf(error)}`);
    return 1;
  }
  const ending = new AbortController();
  const watching = follow(live, text, deps, ending.signal);
  try {
    while (!signal.aborted) await listenOnce(live, kube, deps, signal);
    return 0;
  } finally {
    ending.abort(new Error("the listener has ended"));
    await watching;
  }
}

/** Listens as one config says, until the end or until a config that says something quite different. */
async function listenOnce(
  live: LiveConfig,
  kube: KubeClient,
  deps: ListenerDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, version, waits } = deps;
  const { config, era } = live;
  const log = deps.log(config).with({ scaleSet: config.scaleSetName, namespace: config.runnerSet.namespace });
  const metrics = new Metrics();
  const family = new ListenerMetricFamily(metrics, config.metrics, log);
  const { runnerSet, scaleSetId } = config;
  const report = new HealthReport({ kube, runnerSet, clock, random, log });
  const health = new LoopHealth(clock, () => report.changed());
  const missing = new MissingReport({ kube, runnerSet, scaleSetId, clock, log });
  const server = await served(config, { metrics, health, log }, deps);
  const ending = new AbortController();
  const reporting = report.run(health, ending.signal);
  log.info("listening begins", { version: version.version, commit: version.commit, ...config.limits });
  try {
    await runLoop({
      service: () => live.service,
      kube,
      runnerSet: config.runnerSet,
      scaleSetId: config.scaleSetId,
      owner: `${deps.hostname}-${safeText(random, 5)}`,
      clock,
      random,
      log,
      metrics: family.of({ ...config.runnerSet, configUrl: config.configUrl }),
      health,
      limits: () => live.limits,
      onChange: (listener) => live.subscribe(listener),
      onRefused: () => reread(live, deps, log),
      onMissing: (signal) => missing.send(signal),
      sessions: new KeptSession(kube, runnerSet, ({ spec }) => report.stands(spec?.listenerReport)),
      waits,
    }, AbortSignal.any([signal, era]));
    log.info("listening has ended");
  } finally {
    ending.abort(new Error("listening has ended"));
    await reporting;
    await server?.close();
  }
}

/** Takes up what others write into the config, until the signal is aborted. */
async function follow(live: LiveConfig, text: string, deps: ListenerDeps, signal: AbortSignal): Promise<void> {
  if (!deps.configChanges) return;
  for await (const changed of deps.configChanges(text, signal)) live.take(changed, deps.log(live.config));
}

/** Credentials were refused: perhaps there are others by now. */
async function reread(live: LiveConfig, deps: ListenerDeps, log: Log): Promise<void> {
  try {
    live.take(await deps.configText(), log);
  } catch (error) {
    log.warn("the config could not be read again", { error });
  }
}

/** Metrics are a service to others: an address that can't be had does not stop the listening. */
async function served(
  config: ListenerConfig,
  parts: { readonly metrics: Metrics; readonly health: LoopHealth; readonly log: Log },
  deps: ListenerDeps,
): Promise<{ close(): Promise<void> } | undefined> {
  if (!deps.serve || config.metricsAddr === "") return undefined;
  const { metrics, health, log } = parts;
  try {
    return await deps.serve({
      health: { ready: [{ name: "polls", failing: () => health.failing() }] },
      metrics: { path: config.metricsEndpoint, source: metrics },
    }, config.metricsAddr);
  } catch (error) {
    log.error("metrics are not served", { address: config.metricsAddr, error });
    return undefined;
  }
}

function serviceOf(config: ListenerConfig, deps: ListenerDeps) {
  const { clock, random, version, proxy, wire } = deps;
  return connect({
    configUrl: config.configUrl,
    credentials: config.credentials,
    transport: deps.transports({ ...(config.rootCa === "" ? {} : { ca: config.rootCa }), ...(proxy ? { proxy } : {}) }),
    clock,
    random,
    log: deps.log(config),
    userAgent: { ...version, subsystem: "ghalistener", scaleSetId: config.scaleSetId },
    limits: wire,
  });
}

/** What a log must not show is known before the first line. */
function learned(config: ListenerConfig, secrets: Secrets | undefined): ListenerConfig {
  const { credentials } = config;
  secrets?.add(credentials.kind === "pat" ? credentials.token : credentials.privateKey);
  return config;
}
