/** A scale set from GitHub's side: its secrets, the way there, what the credentials may do, what GitHub has of it. */
import { type AutoscalingRunnerSet, EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { annotatedId, sourceOf, wantedScaleSet } from "../../controllers/autoscaling_runner_set/build.ts";
import { problemOf } from "../../controllers/shared/problems.ts";
import { type GithubSource, SourceError } from "../../controllers/shared/services.ts";
import { transportOf } from "../../controllers/shared/services_pool.ts";
import type { ResolvedSource, SourceReader } from "../../controllers/shared/source_reader.ts";
import { type FirstWord, firstWord, listRunners } from "../../github/access.ts";
import { connect, type Connection } from "../../github/client.ts";
import { ServiceError } from "../../github/errors.ts";
import type { ActionsService } from "../../github/service.ts";
import { KubeError } from "../../k8s/errors.ts";
import { controllerOf, type Stored } from "../../k8s/resource.ts";
import type { Clock } from "../../lib/clock.ts";
import { type ConfigUrl, ConfigUrlError, parseConfigUrl } from "../../lib/config_url.ts";
import { messageOf } from "../../lib/errors.ts";
import { TransportError, type TransportFactory, type TransportFailure } from "../../lib/http.ts";
import { silentLog } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import type { Secrets } from "../../lib/secrets.ts";
import type { Version } from "../../lib/version.ts";
import type {
  AccessFacts,
  ClockFacts,
  GithubFacts,
  Objects,
  Outcome,
  StrayRegistration,
  Trouble,
} from "../checks/facts.ts";
import type { Seen } from "../checks/finding.ts";
import { strayNames } from "../checks/orphans.ts";
import { aheadOf } from "./api.ts";
import type { Reader } from "./reader.ts";

export interface GithubDeps {
  readonly reader: Reader;
  readonly sources: SourceReader;
  readonly transports: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: Version;
  /** Learns every secret that is read. */
  readonly secrets: Secrets;
  readonly timeoutMs: number;
  readonly inPod: boolean;
  readonly forceServer: boolean;
  readonly signal: AbortSignal;
}

/** What is known of a scale set, and the clock of its GitHub. */
export interface Looked {
  readonly facts: GithubFacts;
  readonly clock?: ClockFacts;
}

/** How many registrations are read, and how many strange ones looked at again. */
const MOST_REGISTRATIONS = 1_000;
const MOST_STRAYS = 20;
const DEFAULT_GROUP = { id: 1, name: "Default" };

const well = <T>(value: T): Outcome<T> => ({ went: "well", value });
const wrong = (trouble: Trouble): Outcome<never> => ({ went: "wrong", trouble });
const untried = (why: string): Outcome<never> => ({ went: "untried", why });

/** Looks at a scale set, step by step: what a step lacks the next ones say they were not tried for. */
export async function lookAt(
  set: Stored<AutoscalingRunnerSet>,
  objects: Objects,
  deps: GithubDeps,
): Promise<Looked> {
  const source = sourceOf(set);
  const url = urlOf(source, deps);
  const nothing = untriedFacts(set, url.went === "well" ? url.value : undefined);
  if (url.went !== "well") return { facts: { ...nothing, reached: url } };
  const { resolved, ...read } = await readSource(source, deps);
  if (!resolved) return { facts: { ...nothing, ...read } };
  const connection = connectionOf(resolved, deps);
  const first = await tried(() => firstWord(connection, deps.signal), deps);
  const { reached, access, aheadMs } = heard(first);
  const facts = { ...nothing, ...read, reached, access };
  const clock = aheadMs && { host: facts.host, of: "github" as const, aheadMs };
  if (access.went !== "well") return { facts, ...(clock ? { clock } : {}) };
  const service: ActionsService = connect(connection);
  const asked = await askService(set, service, access, deps);
  const strays = asked.group.went === "well" && asked.byId.went === "well" && asked.byId.value
    ? await findStrays(set, asked.byId.value.id, objects, connection, service, deps)
    : untried("GitHub gives no answer about this scale set");
  return { facts: { ...facts, ...asked, strays }, ...(clock ? { clock } : {}) };
}

function untriedFacts(set: Stored<AutoscalingRunnerSet>, url: ConfigUrl | undefined): GithubFacts {
  const none = untried("the steps before it failed");
  return {
    set,
    host: url ? new URL(url.apiBase).host : "GitHub",
    scope: url?.scope ?? "",
    account: url?.enterprise ?? url?.organization ?? "",
    ...{ secret: none, proxy: none, certificate: none, reached: none, access: none },
    ...{ group: none, byId: none, byName: none, strays: none },
  };
}

function urlOf({ githubConfigUrl }: GithubSource, { forceServer }: GithubDeps): Outcome<ConfigUrl> {
  try {
    return well(parseConfigUrl(githubConfigUrl ?? "", { forceServer }));
  } catch (error) {
    if (!(error instanceof ConfigUrlError)) throw error;
    return wrong({ reason: "InvalidConfigURL", message: `githubConfigUrl: ${error.message}` });
  }
}

interface ReadFacts extends Pick<GithubFacts, "secret" | "proxy" | "certificate"> {
  readonly resolved?: ResolvedSource;
}

/** Each part of a source by itself, so that one that is broken does not hide another. */
async function readSource(source: GithubSource, deps: GithubDeps): Promise<ReadFacts> {
  const { sources } = deps;
  const { proxy: _proxy, githubServerTLS: _tls, ...credentials } = source;
  const { githubConfigSecret: name, vaultConfig } = source;
  const where = vaultConfig?.type ? `secret ${name} of the vault` : `secret ${name}`;
  const secret = await attempt(() => sources.read(credentials), source, deps);
  if (secret.went === "well") learn(secret.value, deps.secrets);
  const proxy = await attempt(() => sources.proxy(source), source, deps);
  const facts = {
    secret: told(
      secret,
      ({ credentials }) => `${where} has ${credentials.kind === "pat" ? "a token" : "a GitHub App"}`,
    ),
    proxy: told(proxy, () => "it can be used"),
    certificate: untried("the steps before it failed"),
  };
  if (secret.went !== "well" || proxy.went !== "well") return facts;
  const whole = await attempt(() => sources.read(source), source, deps);
  const certificate = told(whole, () => "the certificates can be read");
  if (whole.went !== "well") return { ...facts, certificate };
  learn(whole.value, deps.secrets);
  return { ...facts, certificate, resolved: whole.value };
}

function told<T>(outcome: Outcome<T>, text: (value: T) => string): Outcome<string> {
  return outcome.went === "well" ? well(text(outcome.value)) : outcome;
}

async function attempt<T>(work: () => Promise<T>, source: GithubSource, deps: GithubDeps): Promise<Outcome<T>> {
  try {
    return well(await work());
  } catch (error) {
    deps.signal.throwIfAborted();
    if (error instanceof SourceError) {
      if (KubeError.is(error.cause, "Forbidden")) {
        return untried(error.message.replace("the controller may not", "no right to"));
      }
      // A vault, and a file that is mounted, may be there for the controller alone.
      if (source.vaultConfig?.type && !deps.inPod) {
        return untried(`not from here, perhaps from the pod: ${error.message}`);
      }
      return wrong({ reason: error.reason, message: error.message });
    }
    if (KubeError.is(error) || error instanceof TransportError) return untried(messageOf(error));
    throw error;
  }
}

function learn({ credentials, proxy }: ResolvedSource, secrets: Secrets): void {
  secrets.add(credentials.kind === "pat" ? credentials.token : credentials.privateKey);
  for (const text of [proxy.http, proxy.https]) {
    if (!URL.canParse(text)) continue;
    const { username, password } = new URL(text);
    for (const part of [text, password, decodeURIComponent(password), `${username}:${password}`]) secrets.add(part);
  }
}

function connectionOf(resolved: ResolvedSource, deps: GithubDeps): Connection {
  const { transports, clock, random, version, timeoutMs } = deps;
  return {
    configUrl: resolved.configUrl,
    credentials: resolved.credentials,
    transport: transportOf(resolved, transports),
    clock,
    random,
    log: silentLog,
    userAgent: { version: version.version, commit: version.commit, subsystem: "gha-scale-set-controller" },
    limits: { callMs: timeoutMs, retries: 1 },
  };
}

interface Tried<T> {
  readonly outcome: Outcome<T>;
  readonly sentAt: number;
  readonly receivedAt: number;
}

async function tried<T>(work: () => Promise<T>, { clock, signal }: GithubDeps): Promise<Tried<T>> {
  const sentAt = clock.now();
  const outcome = await work().then(well, (error: unknown) => {
    signal.throwIfAborted();
    return wrong(troubleOf(error));
  });
  return { outcome, sentAt, receivedAt: clock.now() };
}

const AT: Readonly<Record<TransportFailure, Trouble["at"]>> = {
  refused: "connect",
  dns: "dns",
  tls: "tls",
  proxy: "proxy",
  timeout: "timeout",
  reset: "broken",
  aborted: "broken",
  other: "broken",
};

function troubleOf(error: unknown): Trouble {
  const { reason, message } = problemOf(error);
  const cause = error instanceof TransportError ? error : error instanceof Error ? error.cause : undefined;
  if (error instanceof TransportError) return { reason, message: messageOf(error), at: AT[error.kind] };
  return cause instanceof TransportError ? { reason, message, at: AT[cause.kind] } : { reason, message };
}

/** What the first answer says: of the way, of the credentials, and of GitHub's clock. */
function heard(first: Tried<FirstWord>): {
  readonly reached: Outcome<number>;
  readonly access: Outcome<AccessFacts>;
  readonly aheadMs?: Seen<number>;
} {
  const { outcome, sentAt, receivedAt } = first;
  if (outcome.went !== "well") {
    return { reached: outcome, access: untried("GitHub can't be reached") };
  }
  const { status, date, kind, refused, scopes, installation } = outcome.value;
  const aheadMs = aheadOf(date, sentAt, receivedAt);
  const reached = well(status);
  if (status >= 500) return { reached, access: untried(`GitHub answers ${status}`), aheadMs };
  if (refused) return { reached, access: wrong(refusedTrouble(refused, kind)), aheadMs };
  const facts = { kind, ...(scopes ? { scopes } : {}), ...(installation ? { installation } : {}) };
  return { reached, access: well(facts), aheadMs };
}

function refusedTrouble(error: ServiceError, kind: AccessFacts["kind"]): Trouble {
  if (kind === "app" && error.fields.status === 404) {
    const message =
      `github_app_installation_id: this app has no such installation, or was uninstalled: ${error.message}`;
    return { reason: "Unauthorized", message };
  }
  if (kind === "app" && error.fields.status === 401) {
    const message = "github_app_id and github_app_private_key do not belong together, or a clock is wrong: " +
      error.message;
    return { reason: "Unauthorized", message };
  }
  return { reason: "Unauthorized", message: error.message };
}

type Asked = Pick<GithubFacts, "access" | "group" | "byId" | "byName">;

/** What the Actions Service says of the group and the scale set. */
async function askService(
  set: Stored<AutoscalingRunnerSet>,
  service: ActionsService,
  access: Outcome<AccessFacts>,
  deps: GithubDeps,
): Promise<Asked> {
  const { signal } = deps;
  const wanted = wantedScaleSet(set);
  const { outcome: found, error } = await caught(
    () => service.runnerGroup(wanted.group ?? DEFAULT_GROUP.name, { signal }),
    deps,
  );
  if (found.went !== "well") {
    const noWayIn = untried("GitHub gave no way in");
    // Registration is where it shows what the credentials may do.
    const isAboutCredentials = error instanceof ServiceError && /registration/.test(error.fields.call) &&
      !found.trouble.at;
    return isAboutCredentials
      ? { access: found, group: noWayIn, byId: noWayIn, byName: noWayIn }
      : { access, group: found, byId: noWayIn, byName: noWayIn };
  }
  const group = wanted.group === undefined ? DEFAULT_GROUP : found.value;
  if (!group) {
    const none = untried("its runner group is not there");
    return { access, group: well(undefined), byId: none, byName: none };
  }
  const id = annotatedId(set);
  const [byId, byName] = await Promise.all([
    id === undefined
      ? well(undefined)
      : caught(() => unlessGone(service, id, signal), deps).then(({ outcome }) => outcome),
    caught(() => service.findScaleSet(group.id, wanted.name, { signal }), deps).then(({ outcome }) => outcome),
  ]);
  return { access, group: well({ id: group.id, name: group.name }), byId, byName };
}

async function unlessGone(service: ActionsService, id: number, signal: AbortSignal) {
  try {
    return await service.getScaleSet(id, { signal });
  } catch (error) {
    if (ServiceError.is(error, "ScaleSetNotFound")) return undefined;
    throw error;
  }
}

async function caught<T>(
  work: () => Promise<T>,
  { signal }: GithubDeps,
): Promise<{ readonly outcome: Exclude<Outcome<T>, { went: "untried" }>; readonly error?: unknown }> {
  try {
    return { outcome: { went: "well", value: await work() } };
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: { went: "wrong", trouble: troubleOf(error) }, error };
  }
}

/** Registrations of this scale set that have no runner, neither when they were listed nor afterwards. */
async function findStrays(
  set: Stored<AutoscalingRunnerSet>,
  scaleSetId: number,
  { runnerSets, runners }: Objects,
  connection: Connection,
  service: ActionsService,
  deps: GithubDeps,
): Promise<Outcome<readonly StrayRegistration[]>> {
  if (!runners.known) return untried(runners.why);
  const { namespace, name, uid } = set.metadata;
  const own = (runnerSets.known ? runnerSets.value : []).filter((each) => controllerOf(each)?.uid === uid);
  const stems = [...new Set([name, ...own.map(({ metadata }) => metadata.name)])];
  const inNamespace = runners.value.filter(({ metadata }) => metadata.namespace === namespace);
  const { outcome } = await caught(async () => {
    const { runners: listed } = await listRunners(connection, MOST_REGISTRATIONS);
    const names = new Set(stems.flatMap((stem) => strayNames(listed, stem, inNamespace)));
    const suspects = listed.filter(({ name }) => names.has(name)).slice(0, MOST_STRAYS);
    const strays: StrayRegistration[] = [];
    for (const { id, name, busy, online } of suspects) {
      // A runner may have come since the cluster was read, and its registration may have gone.
      const runner = await deps.reader.get(EPHEMERAL_RUNNERS, { namespace, name });
      if (!runner.known || runner.value) continue;
      const registration = await service.getRunner(id, { signal: deps.signal });
      if (registration?.scaleSetId === scaleSetId) strays.push({ id, name, busy, online });
    }
    return strays;
  }, deps);
  return outcome;
}
