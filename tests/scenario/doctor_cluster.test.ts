/** Each of the doctor's checks of a cluster, failing in a simulated system. */
import { customResourceDefinitions } from "../../src/api/crd.ts";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { FINALIZERS, LABELS } from "../../src/api/names.ts";
import { DEFINITIONS, DEPLOYMENTS } from "../../src/doctor/kinds.ts";
import { PODS, ROLES } from "../../src/k8s/resource.ts";
import { assertSaid, cut, type Failing, killControllers, ref } from "../support/doctor_story.ts";
import { NORMAL, type PodFate } from "../../src/sim/kubelet/fate.ts";
import { RUNNER_NAMESPACE, type SimSystem } from "../support/sim_system.ts";
import { CONTROLLER_NAMESPACE } from "../support/sim_view.ts";
import { table } from "../support/table.ts";

/** What befalls runners' pods from now on. */
function befalls(system: SimSystem, fate: PodFate): void {
  system.world.kubelet.fateOf = (_pod, role) => role === "runner" ? fate : NORMAL;
}

const failing: Record<string, Failing> = {
  "the API server is not there": {
    break: (system) => cut(system, "kube", "refused"),
    check: "api-server",
    says: /can't be reached/,
    wayOut: /kubectl config view/,
  },
  "a definition is missing": {
    break: async (system) => {
      killControllers(system);
      for (const { metadata } of system.runners()) {
        await system.done(
          system.kubectl.patch(EPHEMERAL_RUNNERS, ref(metadata.name), { metadata: { finalizers: null } }),
        );
      }
      await system.done(system.kubectl.delete(DEFINITIONS, { name: "ephemeralrunners.actions.github.com" }));
      await system.run(5_000);
    },
    check: "crds",
    object: "ephemeralrunners.",
    says: /no such definition/,
    wayOut: /kubectl apply .*-f crds\//,
  },
  "a definition is being deleted": {
    break: async (system) => {
      killControllers(system);
      await system.done(system.kubectl.delete(DEFINITIONS, { name: "ephemeralrunners.actions.github.com" }));
      await system.run(5_000);
    },
    check: "crds",
    object: "ephemeralrunners.",
    says: /being deleted, and with it every object/,
  },
  "definitions are ARC's": {
    options: {
      crds: customResourceDefinitions().map((crd) => {
        const [version] = structuredClone(crd.spec.versions);
        const schema = version!.schema.openAPIV3Schema;
        delete schema.properties!.spec!.properties!.paused;
        delete schema.properties!.spec!.properties!.runningJobs;
        return { ...crd, spec: { ...crd.spec, versions: [version] } };
      }),
    },
    break: () => {},
    check: "crds",
    object: "autoscalingrunnersets",
    state: "note",
    says: /it drops spec\.paused/,
  },
  "the controller lacks a right in a namespace": {
    break: (system) => {
      system.world.kube.denies = ({ verb, resource, namespace }) =>
        verb === "create" && resource === "pods" && namespace === RUNNER_NAMESPACE;
    },
    check: "rights",
    says: /system:serviceaccount:arc-systems:arc-gha-rs-controller may not: create pods \(in arc-runners\)/,
    wayOut: /controllerServiceAccount/,
  },
  "the controller lacks a right, seen from its own pod": {
    break: (system) => {
      system.world.kube.denies = ({ verb, resource }, user) =>
        user === undefined && verb === "watch" && resource === "pods";
    },
    visit: { inPod: true },
    check: "rights",
    says: /may not: watch pods \(in all namespaces\)/,
  },
  "the controller is scaled to 0": {
    options: { leaderElection: true },
    break: async (system) => {
      const where = { namespace: CONTROLLER_NAMESPACE, name: "arc-gha-rs-controller" };
      await system.done(system.kubectl.patch(DEPLOYMENTS, where, { spec: { replicas: 0 } }));
    },
    check: "controller",
    says: /scaled to 0/,
    wayOut: /kubectl -n arc-systems scale deployment\/arc-gha-rs-controller --replicas=1/,
  },
  "the leader is gone and nobody follows": {
    options: { leaderElection: true },
    break: async (system) => {
      killControllers(system);
      await system.run(60_000);
    },
    check: "lease",
    says: /renewed it last 1m\w* ago: nobody leads/,
    wayOut: /kubectl -n arc-systems logs/,
  },
  "the pod's clock is ahead": {
    break: () => {},
    visit: { inPod: true, aheadMs: 150_000 },
    check: "clock",
    object: "api.github.com",
    says: /clock of this pod is 2m30s ahead of that of api\.github\.com/,
    wayOut: /NTP/,
  },
  "this laptop's clock is behind, which is its owner's matter": {
    break: () => {},
    visit: { aheadMs: -150_000 },
    check: "clock",
    object: "kube.sim",
    state: "note",
    says: /clock of this machine is 2m30s behind/,
  },
  "a scale set that is not there": {
    break: () => {},
    visit: { args: ["--scale-set=linus"] },
    check: "scale-sets",
    says: /no scale set of that name/,
  },
  "the listener's pod is gone": {
    break: async (system) => {
      killControllers(system);
      const { name, namespace } = system.listenerPods()[0]!.metadata;
      await system.done(system.kubectl.delete(PODS, { name, namespace }, { gracePeriodSeconds: 0 }));
      await system.run(2_000);
    },
    check: "listener",
    says: /its pod arc-systems\/linux-\w+-listener is not there/,
  },
  "two scale sets of one name": {
    break: async (system) => {
      await system.createScaleSet("other", { runnerScaleSetName: "linux" });
      await system.run(5_000);
    },
    check: "session",
    object: "other",
    says: /arc-runners\/linux registers the same name linux/,
  },
  "what the controller says": {
    break: async (system) => {
      await system.patchScaleSet("linux", { spec: { runnerGroup: "gpu" } });
      await system.until("it is said", () => system.condition("linux", "Ready") === "False RunnerGroupNotFound");
    },
    check: "conditions",
    says: /Ready=False RunnerGroupNotFound/,
    wayOut: /troubleshoot\.md#runnergroupnotfound/,
  },
  "runners that failed": {
    break: async (system) => {
      befalls(system, { kind: "waiting", reason: "InvalidImageName", message: "what image?" });
      await system.patchScaleSet("linux", { spec: { minRunners: 2 } });
      await system.until(
        "one has failed",
        () => system.runners().some(({ status }) => status?.phase === "Failed"),
        120_000,
      );
    },
    check: "runners",
    state: "note",
    says: /have failed, one of them: InvalidImageName/,
    wayOut: /get ephemeralrunners/,
  },
  "a runner that fits onto no node": {
    break: async (system) => {
      befalls(system, { kind: "unschedulable" });
      await system.patchScaleSet("linux", { spec: { minRunners: 2 } });
      await system.run(11 * 60_000);
    },
    check: "runners",
    state: "note",
    says: /1 have been waiting for a node or an image for 10 minutes/,
    wayOut: /kubectl -n arc-runners describe pod linux-runner-/,
  },
  "a finalizer that nobody takes away": {
    break: async (system) => {
      killControllers(system);
      const { name } = system.runners()[0]!.metadata;
      await system.done(system.kubectl.delete(EPHEMERAL_RUNNERS, ref(name)));
      await system.run(11 * 60_000);
    },
    check: "finalizers",
    says: new RegExp(`deleted 11m ago and hangs on .*${FINALIZERS.ephemeralRunner}`),
    wayOut:
      /kubectl -n arc-runners patch ephemeralrunners\.actions\.github\.com linux-runner-\w+ --type=merge -p '\{"metadata":\{"finalizers":null\}\}'/,
  },
  "a runner's pod that nobody owns": {
    break: async (system) => {
      const pod = {
        metadata: { ...ref("stray"), labels: { [LABELS.ephemeralRunner]: "True" } },
        spec: { containers: [{ name: "runner", image: "x" }] },
      };
      await system.done(system.kubectl.create(PODS, pod));
      await system.run(180_000);
    },
    check: "orphans",
    object: "pod arc-runners/stray",
    says: /nobody owns it/,
    wayOut: /kubectl -n arc-runners delete pod stray/,
  },
  "a role of a listener that is gone": {
    break: async (system) => {
      const labels = {
        [LABELS.listenerName]: "old-listener",
        [LABELS.listenerNamespace]: CONTROLLER_NAMESPACE,
        [LABELS.scaleSetName]: "old",
      };
      await system.done(system.kubectl.create(ROLES, { metadata: { ...ref("old-listener"), labels }, rules: [] }));
      await system.run(180_000);
    },
    check: "orphans",
    object: "role arc-runners/old-listener",
    says: /its listener arc-systems\/old-listener is gone/,
  },
  "a listener whose scale set is gone": {
    break: async (system) => {
      killControllers(system);
      await system.run(180_000);
      await system.patchScaleSet("linux", { metadata: { finalizers: null } });
      await system.deleteScaleSet("linux");
    },
    check: "orphans",
    object: "autoscalinglistener arc-systems/linux-",
    says: /its scale set arc-runners\/linux is gone/,
  },
  "a registration that no runner accounts for": {
    break: (system) => system.world.service.controls.registerRunner(1, "linux-runner-stray"),
    check: "orphans",
    object: "registrations of arc-runners/linux",
    says: /no runner here accounts for: linux-runner-stray \(offline\)/,
  },
};

table("a check fails", failing, assertSaid);
