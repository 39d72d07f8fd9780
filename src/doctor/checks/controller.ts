/** Is there a controller, is it one, does it lead, and does it know the time? Pure. */
import { FINALIZERS, LABELS } from "../../api/names.ts";
import { instantOf } from "../../lib/clock.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { ApiFacts, ControllerFacts, Facts } from "./facts.ts";
import { type Finding, fix, notChecked, note, ok, placeText, some } from "./finding.ts";

/** A lease that was renewed this long ago, beyond its own duration, is nobody's: clocks differ by so much. */
const LEASE_SLACK_MS = 5_000;
/** A GitHub App's token is issued a minute in the past: a clock that is off by more is refused. */
export const CLOCK_LIMIT_MS = 60_000;
/** How long a scale set that is new may wait for its controller. */
const UNSEEN_MS = 60_000;

export function judgeApi({ host, version, wayOut }: ApiFacts): Finding {
  if (version.known) return ok("api-server", host, `Kubernetes ${version.value}`);
  return fix("api-server", host, version.why, wayOut ?? "kubectl cluster-info");
}

export function judgeControllers(facts: Facts): Finding[] {
  const { controllers } = facts;
  if (!controllers.known) return [notChecked("controller", "Deployment", controllers.why)];
  const unseen = unseenSets(facts);
  if (controllers.value.length === 0) return [withoutDeployment(facts, unseen)];
  return controllers.value.flatMap((
    controller,
  ) => [judgeController(controller, facts), ...judgeLease(controller, facts)]);
}

/** Scale sets that no controller has ever taken up. */
function unseenSets({ objects: { scaleSets }, now }: Facts): string[] {
  if (!scaleSets.known) return [];
  return scaleSets.value.filter(({ metadata }) => {
    const age = now - (instantOf(metadata.creationTimestamp) ?? now);
    return age > UNSEEN_MS && !metadata.finalizers?.includes(FINALIZERS.autoscalingRunnerSet) &&
      metadata.deletionTimestamp === undefined;
  }).map(placeText);
}

function withoutDeployment({ objects: { scaleSets } }: Facts, unseen: readonly string[]): Finding {
  const wayOut = "install the controller: docs/install.md";
  if (unseen.length > 0) {
    return fix(
      "controller",
      "Deployment",
      `no controller has taken up ${some(unseen)}, and there is no Deployment of one`,
      wayOut,
    );
  }
  const served = scaleSets.known && scaleSets.value.length > 0;
  const message = served
    ? "there is no Deployment of a controller here; scale sets are looked after from elsewhere"
    : "there is no Deployment of a controller here";
  return note("controller", "Deployment", message, served ? undefined : wayOut);
}

function judgeController({ deployment, pods }: ControllerFacts, facts: Facts): Finding {
  const place = placeText(deployment);
  const { namespace = "", name, labels } = deployment.metadata;
  const { replicas = 1 } = deployment.spec ?? {};
  const ready = deployment.status?.readyReplicas ?? 0;
  const logs = `kubectl -n ${namespace} logs deployment/${name} --all-containers --tail=50`;
  if (replicas === 0) {
    return fix(
      "controller",
      place,
      "it is scaled to 0: nobody looks after scale sets",
      `kubectl -n ${namespace} scale deployment/${name} --replicas=1`,
    );
  }
  if (ready === 0) {
    const why = pods.known ? podTrouble(pods.value, name) : "";
    return fix(
      "controller",
      place,
      `none of its ${replicas} pods is ready${why}`,
      `kubectl -n ${namespace} describe pods; ${logs}`,
    );
  }
  const unseen = unseenSets(facts);
  const watched = labels?.["actions.github.com/controller-watch-single-namespace"];
  const forgotten = watched ? unseen.filter((set) => set.startsWith(`${watched}/`)) : unseen;
  if (forgotten.length > 0) {
    return fix("controller", place, `it is ready, and has not taken up ${some(forgotten)}`, logs);
  }
  if (ready < replicas) return note("controller", place, `${ready} of ${replicas} pods are ready`, logs);
  return judgeVersion(place, labels?.[LABELS.version], facts);
}

function podTrouble(
  pods: readonly { readonly metadata: { name: string }; readonly status?: unknown }[],
  name: string,
): string {
  for (const pod of pods) {
    if (!pod.metadata.name.startsWith(`${name}-`)) continue;
    const { containerStatuses = [] } = (pod.status ?? {}) as {
      containerStatuses?: { state?: { waiting?: { reason?: string; message?: string } } }[];
    };
    const waiting = containerStatuses.find(({ state }) => state?.waiting?.reason)?.state?.waiting;
    if (waiting) return `: ${pod.metadata.name} waits, ${[waiting.reason, waiting.message].filter(Boolean).join(": ")}`;
  }
  return "";
}

/** The versions of the charts should be one; another version is served all the same. */
function judgeVersion(
  place: string,
  version: string | undefined,
  { objects: { scaleSets }, crds, version: own }: Facts,
): Finding {
  const others = (scaleSets.known ? scaleSets.value : []).filter(({ metadata: { labels } }) => {
    const said = labels?.[LABELS.version];
    return version !== undefined && said !== undefined && said !== version;
  });
  if (others.length > 0) {
    return note(
      "controller",
      place,
      `it is ${version}, and these scale sets are of another chart: ${some(others.map(placeText))}`,
      "upgrade the older of the two charts",
    );
  }
  const crd = crds.find(({ installed }) => {
    const said = installed.known ? installed.value?.metadata?.labels?.[LABELS.version] : undefined;
    return said !== undefined && version !== undefined && said !== version;
  });
  if (crd) {
    return note(
      "controller",
      place,
      `it is ${version}, and ${crd.name} is of another version`,
      "kubectl apply --server-side --force-conflicts -f crds/",
    );
  }
  if (version !== undefined && version !== own) {
    return note("controller", place, `it runs; it is ${version}, this program ${own}`);
  }
  return ok("controller", place, `it runs${version === undefined ? "" : `, version ${version}`}`);
}

function judgeLease({ deployment, lease, pods }: ControllerFacts, { now }: Facts): Finding[] {
  if (!lease) return [];
  const { namespace = "", name } = deployment.metadata;
  const object = `${namespace}/${lease.name}`;
  const logs = `kubectl -n ${namespace} logs deployment/${name} | grep lease`;
  if (!lease.found.known) return [notChecked("lease", object, lease.found.why)];
  const { holderIdentity = "", renewTime, leaseDurationSeconds = 15 } = lease.found.value?.spec ?? {};
  if (!lease.found.value) return [fix("lease", object, "there is no such lease: nobody leads", logs)];
  if (!holderIdentity) return [fix("lease", object, "nobody holds it: nobody leads", logs)];
  const age = now - (instantOf(renewTime) ?? -Infinity);
  if (age > leaseDurationSeconds * 1000 + LEASE_SLACK_MS) {
    const since = Number.isFinite(age) ? `${formatDuration(Math.round(age / 1000) * 1000)} ago` : "never";
    return [fix("lease", object, `${holderIdentity} holds it and renewed it last ${since}: nobody leads`, logs)];
  }
  const pod = holderIdentity.split("_", 1)[0];
  if (pods.known && !pods.value.some(({ metadata }) => metadata.name === pod)) {
    return [
      note(
        "lease",
        object,
        `${holderIdentity} holds it, and there is no pod ${pod}: does another controller run elsewhere?`,
      ),
    ];
  }
  return [ok("lease", object, `${pod} leads`)];
}

/** Clocks that matter are those of the cluster and of GitHub; a laptop's own is its owner's. */
export function judgeClocks({ clocks, inPod }: Facts): Finding[] {
  const server = clocks.find(({ of }) => of === "api-server");
  const serverAhead = server?.aheadMs.known ? server.aheadMs.value : undefined;
  return clocks.map((clock) => {
    if (!clock.aheadMs.known) return notChecked("clock", clock.host, clock.aheadMs.why);
    const ahead = clock.aheadMs.value;
    if (clock.of === "api-server") return judgeClock(clock.host, -ahead, inPod ? "this pod" : "this machine", inPod);
    // What counts is how far GitHub is from the cluster, which a laptop knows by way of the API server.
    if (inPod || serverAhead === undefined) {
      return judgeClock(clock.host, -ahead, inPod ? "this pod" : "this machine", inPod);
    }
    return judgeClock(clock.host, serverAhead - ahead, "the cluster (its API server)", true);
  });
}

function judgeClock(host: string, offMs: number, whose: string, matters: boolean): Finding {
  const off = Math.round(Math.abs(offMs) / 1000) * 1000;
  if (off <= CLOCK_LIMIT_MS) {
    return ok("clock", host, `${whose} and ${host} agree to ${formatDuration(Math.max(off, 1000))}`);
  }
  const message = `the clock of ${whose} is ${formatDuration(off)} ${
    offMs > 0 ? "ahead of" : "behind"
  } that of ${host}`;
  const wayOut =
    "set the clock by NTP on the nodes (timedatectl status): GitHub refuses an app's token that is more than a minute off";
  return matters ? fix("clock", host, message, wayOut) : note("clock", host, message, "set this machine's clock");
}
