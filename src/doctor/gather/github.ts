/** A scale set from GitHub's side: its secrets, the way there, what the credentials may do, what GitHub has of it. */
import { type AutoscalingRunnerSet, EPHEMERAL_RUNNERS } from "../../api/kinds.ts";
import { annotatedId, sourceOf, wantedScaleSet } from "../../controllers/autoscaling_runner_set/build.ts";
import { problemOf } from "../../controllers/shared/problems.ts";
import type { GithubSource } from "../../controllers/shared/services.ts";
import { transportOf } from "../../controllers/shared/services_pool.ts";
import type { ResolvedSource } from "../../controllers/shared/source_reader.ts";
import { type FirstWord, firstWord, listRunners } from "../../github/access.ts";
import { connect, type Connection } from "../../github/client.ts";
import { ServiceError } from "../../github/errors.ts";
import type { ActionsService } from "../../github/service.ts";
import { controllerOf, type Stored } from "../../k8s/resource.ts";
import type { Clock } from "../../lib/clock.ts";
import { type ConfigUrl, ConfigUrlError, parseConfigUrl } from "../../lib/config_url.ts";
import { messageOf } from "../../lib/errors.ts";
import { TransportError, type TransportFactory, type TransportFailure } from "../../lib/http.ts";
import { silentLog } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
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
import { readSource, type SourceDeps, untried, well, wrong } from "./source.ts";

export interface GithubDeps extends SourceDeps {
  readonly reader: Reader;
  readonly transports: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: Version;
  readonly timeoutMs: number;
  readonly forceServer: boolean;
  /** The ways to GitHub of this visit; scale sets with the same credentials share one. */
  readonly ways: Map<string, Way>;
}

/** A way to GitHub: its first answer, its service, and the runners that are registered there. */
export interface Way {
  readonly first: Promise<Tried<FirstWord>>;
  readonly service: ActionsService;
  /** Read once, when somebody asks. */
  readonly registered: () => ReturnType<typeof listRunners>;
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

/** Looks at a scale set. What nobody has thought of hides none of the other scale sets: it is told as not checked. */
export async function lookAt(
  set: Stored<AutoscalingRunnerSet>,
  objects: Objects,
  deps: GithubDeps,
): Promise<Looked> {
  try {
    return await stepByStep(set, objects, deps);
  } catch (error) {
    deps.signal.throwIfAborted();
    return { facts: { ...untriedFacts(set, undefined), secret: untried(messageOf(error)) } };
  }
}

/** What a step lacks the next ones say they were not tried for. */
async function stepByStep(set: Stored<AutoscalingRunnerSet>, objects: Objects, deps: GithubDeps): Promise<Looked> {
  const source = sourceOf(set);
  const url = urlOf(source, deps);
  const nothing = untriedFacts(set, url.went === "well" ? url.value : undefined);
  if (url.went !== "well") return { facts: { ...nothing, reached: url } };
  const { resolved, ...read } = await readSource(source, deps);
  if (!resolved) return { facts: { ...nothing, ...read } };
  const way = wayOf(resolved, deps);
  const { reached, access, aheadMs } = heard(await way.first);
  const facts = { ...nothing, ...read, reached, access };
  const clock = aheadMs && { host: facts.host, of: "github" as const, aheadMs };
  if (access.went !== "well") return { facts, ...(clock ? { clock } : {}) };
  const asked = await askService(set, way.service, access, deps);
  const strays = asked.group.went === "well" && asked.byId.went === "well" && asked.byId.value
    ? await findStrays(set, asked.byId.value.id, objects, way, deps)
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

/** One way for all who have the same credentials, proxy and authority. */
function wayOf(resolved: ResolvedSource, deps: GithubDeps): Way {
  const { configUrl, credentials, proxy, ca } = resolved;
  const key = JSON.stringify([configUrl.href, credentials, proxy, ca]);
  const known = deps.ways.get(key);
  if (known) return known;
  const connection = connectionOf(resolved, deps);
  let registered: ReturnType<typeof listRunners> | undefined;
  const way: Way = {
    first: tried(() => firstWord(connection, deps.signal), deps),
    service: connect(connection),
    registered: () => registered ??= listRunners(connection, MOST_REGISTRATIONS),
  };
  deps.ways.set(key, way);
  return way;
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
  { service, registered }: Way,
  deps: GithubDeps,
): Promise<Outcome<readonly StrayRegistration[]>> {
  if (!runners.known) return untried(runners.why);
  const { namespace, name, uid } = set.metadata;
  const own = (runnerSets.known ? runnerSets.value : []).filter((each) => controllerOf(each)?.uid === uid);
  const stems = [...new Set([name, ...own.map(({ metadata }) => metadata.name)])];
  const inNamespace = runners.value.filter(({ metadata }) => metadata.namespace === namespace);
  const { outcome } = await caught(async (): Promise<Outcome<readonly StrayRegistration[]>> => {
    const { runners: listed, complete } = await registered();
    const names = new Set(stems.flatMap((stem) => strayNames(listed, stem, inNamespace)));
    const suspects = listed.filter(({ name }) => names.has(name)).slice(0, MOST_STRAYS);
    const strays: StrayRegistration[] = [];
    for (const { id, name, busy, online } of suspects) {
      // A runner may have come since the cluster was read, and its registration may have gone.
      const runner = await deps.reader.get(EPHEMERAL_RUNNERS, { namespace, name });
      if (!runner.known) return untried(runner.why);
      if (runner.value) continue;
      const registration = await service.getRunner(id, { signal: deps.signal });
      if (registration?.scaleSetId === scaleSetId) strays.push({ id, name, busy, online });
    }
    if (complete || strays.length > 0) return well(strays);
    return untried(`GitHub has more than ${MOST_REGISTRATIONS} registrations there: only so many were read`);
  }, deps);
  return outcome.went === "well" ? outcome.value : outcome;
}
