/**
 * `arc doctor`, put together: facts are gathered by reads alone, then judged. Nothing is written, in the cluster or at
 * GitHub, and no message session is opened: that would take it from the listener.
 */
import { SourceReader } from "../controllers/shared/source_reader.ts";
import type { VaultAccess } from "../controllers/shared/vault_source.ts";
import type { KubeClient, KubeServer } from "../k8s/client.ts";
import { guarded } from "../k8s/guard.ts";
import { ReadThrough } from "../k8s/read_through.ts";
import { CONFIG_MAPS, isDeleting, SECRETS } from "../k8s/resource.ts";
import type { Clock } from "../lib/clock.ts";
import type { TransportFactory } from "../lib/http.ts";
import { eachOf } from "../lib/parallel.ts";
import type { Random } from "../lib/random.ts";
import type { Secrets } from "../lib/secrets.ts";
import type { Version } from "../lib/version.ts";
import type { ClockFacts, Facts } from "./checks/facts.ts";
import type { Finding } from "./checks/finding.ts";
import { judge } from "./checks/judge.ts";
import { gatherApi } from "./gather/api.ts";
import { gatherControllers, gatherCrds, gatherRights } from "./gather/controllers.ts";
import { lookAt, type Looked, type Way } from "./gather/github.ts";
import { gatherObjects } from "./gather/objects.ts";
import { Reader } from "./gather/reader.ts";

export interface DoctorDeps {
  readonly server: KubeServer;
  readonly kube: KubeClient;
  /** How GitHub is reached. */
  readonly transports: TransportFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: Version;
  /** Learns every secret that is read: what is printed is to be hidden by it. */
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
  readonly vaults?: VaultAccess;
  readonly forceServer?: boolean;
  readonly question: Question;
}

/** What is asked. */
export interface Question {
  /** Scale sets of this namespace only. */
  readonly namespace?: string;
  /** Scale sets of these names only. */
  readonly names: readonly string[];
  /** Where the controller is, when it can't be found out. */
  readonly controllerNamespace?: string;
  readonly leaseName?: string;
  /** One call, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether this runs in a pod of the cluster, and sees the network as the controller does. */
  readonly inPod: boolean;
  /** Whether that pod is the controller's: the rights are then its own. */
  readonly isController: boolean;
}

/** @throws the signal's reason */
export async function diagnose(deps: DoctorDeps): Promise<Finding[]> {
  return judge(await gather(deps));
}

async function gather(deps: DoctorDeps): Promise<Facts> {
  const { server, kube, clock, version, signal, question } = deps;
  const { namespace, names, controllerNamespace, leaseName, timeoutMs, inPod, isController } = question;
  const { api, clock: apiClock } = await gatherApi(server, {
    clock,
    timeoutMs,
    signal,
    userAgent: `arc-doctor/${version.version}`,
  });
  const now = clock.now() + (apiClock.aheadMs.known ? Math.round(apiClock.aheadMs.value) : 0);
  const reader = new Reader(kube, signal);
  const base = { inPod, version: version.version, api, now };
  if (!api.version.known) return { ...base, ...NOTHING, clocks: [apiClock] };
  const [crds, controllers] = await Promise.all([
    gatherCrds(reader),
    gatherControllers(reader, { namespace: controllerNamespace, leaseName }),
  ]);
  const deployed = controllers.known
    ? controllers.value.map(({ deployment }) => deployment.metadata.namespace ?? "")
    : [];
  const own = [...new Set([...(controllerNamespace ? [controllerNamespace] : []), ...deployed])];
  const objects = await gatherObjects(reader, { namespace, names, own });
  const sets = objects.scaleSets.known ? objects.scaleSets.value : [];
  const sources = sourcesOf(deps);
  const { forceServer = false } = deps;
  const ways = new Map<string, Way>();
  const [rights, looked] = await Promise.all([
    gatherRights(reader, { controllers, scaleSets: objects.allScaleSets, isController, namespace: own[0], leaseName }),
    eachOf(sets.filter((set) => !isDeleting(set)), 4, (set) => {
      return lookAt(set, objects, { ...deps, reader, sources, ways, timeoutMs, inPod, forceServer });
    }),
  ]);
  return {
    ...base,
    crds,
    rights,
    controllers,
    clocks: [apiClock, ...clocksOf(looked)],
    objects,
    github: looked.map(({ facts }) => facts),
    missing: objects.scaleSets.known
      ? names.filter((name) => !sets.some(({ metadata }) => metadata.name === name))
      : [],
  };
}

const UNSEEN = { known: false, why: "the API server does not answer" } as const;
const NOTHING: Pick<Facts, "crds" | "rights" | "controllers" | "objects" | "github" | "missing"> = {
  crds: [],
  rights: [],
  controllers: UNSEEN,
  github: [],
  missing: [],
  objects: {
    ...{ scaleSets: UNSEEN, allScaleSets: UNSEEN, runnerSets: UNSEEN, runners: UNSEEN, listeners: UNSEEN },
    ...{ runnerPods: UNSEEN, listenerPods: UNSEEN, roles: UNSEEN, roleBindings: UNSEEN, serviceAccounts: UNSEEN },
    secrets: UNSEEN,
  },
};

/** Each GitHub's clock once, however many scale sets are there. */
function clocksOf(looked: readonly Looked[]): ClockFacts[] {
  const byHost = new Map<string, ClockFacts>();
  for (const { clock } of looked) if (clock && !byHost.has(clock.host)) byHost.set(clock.host, clock);
  return [...byHost.values()];
}

/** The reader that the controller itself uses; a write of it would throw. */
function sourcesOf({ kube, clock, vaults, forceServer }: DoctorDeps): SourceReader {
  const looking = guarded(kube, () => false);
  return new SourceReader({
    secrets: new ReadThrough({ kube: looking, clock, kind: SECRETS }),
    configMaps: new ReadThrough({ kube: looking, clock, kind: CONFIG_MAPS }),
    forceServer,
    vaults,
  });
}
