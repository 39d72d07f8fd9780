/** Facts of a healthy system as the doctor gathers them, changed by what a test is about. */
import type { AutoscalingListener, AutoscalingRunnerSet } from "../../src/api/kinds.ts";
import { ANNOTATIONS, FINALIZERS } from "../../src/api/names.ts";
import type { ControllerFacts, Facts, GithubFacts, Objects, Outcome, Trouble } from "../../src/doctor/checks/facts.ts";
import { known } from "../../src/doctor/checks/finding.ts";
import { LEASES, type ObjectMeta, type Pod, type Stored } from "../../src/k8s/resource.ts";
import { at, NOON } from "./builders.ts";
import { scaleSet, stored } from "./builders_set.ts";
import { controllerDeployment } from "./doctor.ts";

/** Noon, 11 minutes later: what was made at noon has settled. */
export const NOW = NOON + 660_000;

export const well = <T>(value: T): Outcome<T> => ({ went: "well", value });
export const wrong = (reason: string, message: string, at?: Trouble["at"]): Outcome<never> => ({
  went: "wrong",
  trouble: at === undefined ? { reason, message } : { reason, message, at },
});

/** The scale set arc-runners/linux, taken up and registered as 7. */
export function linux(
  spec: Partial<NonNullable<AutoscalingRunnerSet["spec"]>> = {},
  status: AutoscalingRunnerSet["status"] = {},
  metadata: Partial<ObjectMeta> = {},
): Stored<AutoscalingRunnerSet> {
  const base = scaleSet();
  return {
    ...base,
    metadata: {
      ...base.metadata,
      ...{ name: "linux", namespace: "arc-runners", uid: "ars-1", resourceVersion: "1" },
      creationTimestamp: at(0),
      finalizers: [FINALIZERS.autoscalingRunnerSet],
      annotations: { [ANNOTATIONS.scaleSetId]: "7" },
      ...metadata,
    },
    spec: {
      ...base.spec,
      runnerScaleSetName: undefined,
      runnerGroup: undefined,
      runnerScaleSetLabels: undefined,
      ...spec,
    },
    status,
  };
}

export function listener(status: AutoscalingListener["status"] = {}): Stored<AutoscalingListener> {
  return stored<AutoscalingListener>({
    metadata: { name: "linux-listener", namespace: "arc-systems" },
    spec: {
      autoscalingRunnerSetNamespace: "arc-runners",
      autoscalingRunnerSetName: "linux",
    } as AutoscalingListener["spec"],
    status,
  }, { uid: "al-1", creationTimestamp: at(0) });
}

/** The listener's pod, its container as given; default: it runs and is ready. */
export function listenerPod(container: Record<string, unknown> = { state: { running: {} }, ready: true }): Stored<Pod> {
  return stored<Pod>({
    metadata: { name: "linux-listener", namespace: "arc-systems" },
    status: {
      containerStatuses: [{ name: "listener", image: "", imageID: "", ready: false, restartCount: 0, ...container }],
    },
  } as Pod, { uid: "pod-1", creationTimestamp: at(0) });
}

export function objects(changes: Partial<Objects> = {}): Objects {
  const sets = known([linux()]);
  const none = known([]);
  return {
    ...{ scaleSets: sets, allScaleSets: changes.scaleSets ?? sets, runnerSets: none, runners: none, runnerPods: none },
    ...{ listeners: known([listener()]), listenerPods: known([listenerPod()]) },
    ...{ roles: none, roleBindings: none, serviceAccounts: none, secrets: none },
    ...changes,
  };
}

export function github(changes: Partial<GithubFacts> = {}): GithubFacts {
  const there = { id: 7, name: "linux", runnerGroupId: 1, runnerGroupName: "Default", labels: ["linux"] };
  return {
    ...{ set: linux(), host: "api.github.com", scope: "organization", account: "acme" },
    ...{ secret: well("a token"), proxy: well("used"), certificate: well("read"), reached: well(200) },
    access: well({ kind: "pat", scopes: ["admin:org"] }),
    group: well({ id: 1, name: "Default" }),
    ...{ byId: well(there), byName: well(there), strays: well([]) },
    ...changes,
  };
}

/** A controller; `renewed` is how many seconds ago its lease was, null for one that elects no leader. */
export function controller(
  deployment: Parameters<typeof controllerDeployment>[0] = {},
  renewed: number | null = 2,
  holder = "arc-gha-rs-controller-1_x",
): ControllerFacts {
  const pods = known([stored<Pod>({ metadata: { name: "arc-gha-rs-controller-1" } } as Pod)]);
  const made = stored(controllerDeployment(deployment));
  if (renewed === null) return { deployment: made, pods };
  const renewTime = new Date(NOW - renewed * 1000).toISOString();
  const spec = { holderIdentity: holder, leaseDurationSeconds: 15, renewTime };
  return {
    deployment: made,
    pods,
    lease: { name: "lease", found: known(stored({ kind: LEASES.kind, metadata: { name: "lease" }, spec })) },
  };
}

export function facts(changes: Partial<Facts> = {}): Facts {
  return {
    ...{ now: NOW, inPod: false, version: "0.14.2", crds: [], rights: [], missing: [] },
    api: { host: "kube", version: known("v1.35.0") },
    controllers: known([controller()]),
    clocks: [],
    objects: objects(),
    github: [github()],
    ...changes,
  };
}
