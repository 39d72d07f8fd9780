/**
 * The charts, from `helm install` to `helm uninstall`, on a real control plane: the controller runs with the command
 * line of the chart's Deployment, as the chart's service account, with the chart's rights.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Pod } from "../../src/k8s/resource.ts";
import { roleOf } from "../../src/sim/kubelet/roles.ts";
import { allDone, assertEachJobOnce } from "../support/books.ts";
import { CONTROLLER_CHART, SET_CHART } from "../support/charts.ts";
import { whyNoChartCluster } from "../support/chart_cluster.ts";
import type { ControllerProcess } from "../support/cluster.ts";
import { CONTROLLER_NAMESPACE, HelmCluster, SET_NAMESPACE } from "../support/helm_cluster.ts";
import { eventually } from "../support/eventually.ts";
import { ask } from "../support/http.ts";

const why = whyNoChartCluster();
const skip = why ?? false;
const SEED = Number(process.env.SEED ?? 6);
/** Generous: what is asserted is that it ends. What it takes is printed. */
const FIRST_JOB_LIMIT_SECONDS = 120;

let world: HelmCluster;

before(async () => {
  if (why !== undefined) return;
  console.log(`seed ${SEED}`);
  world = await HelmCluster.start(SEED);
});
after(() => world?.stop());

/** A story begins with a cluster in which nothing of ours is, and ends so. One that fails costs the next a new cluster. */
function story(name: string, tell: () => Promise<void>): void {
  test(`helm: ${name}`, { skip }, async () => {
    const began = performance.now();
    try {
      await tell();
    } catch (error) {
      await world.stop();
      world = await HelmCluster.start(SEED);
      throw error;
    }
    console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  });
}

const inSet = ["--namespace", SET_NAMESPACE];
const inSystems = ["--namespace", CONTROLLER_NAMESPACE];

/** Runs one job to its end. @returns the pod that it ran in */
async function runJob(): Promise<Pod> {
  const { cluster } = world;
  const job = cluster.service.queueJob({ scaleSetName: "linux", durationMs: 300 });
  await allDone(cluster, [job]);
  assertEachJobOnce(cluster, [job]);
  const name = cluster.kubelet.ledger.started("runner").find(({ jobId }) => jobId === job)?.name;
  const pod = world.pods.find(({ metadata }) => metadata?.name === name);
  assert.ok(pod, "the kubelet saw the job's pod");
  return pod;
}

/** The value that the runner's container has of a variable. */
function variable(pod: Pod, name: string): string | undefined {
  const runner = pod.spec?.containers.find((container) => container.name === "runner");
  return runner?.env?.find((entry) => entry.name === name)?.value;
}

async function installController(values: unknown): Promise<ControllerProcess> {
  const { helm } = world;
  const base = ["install", "arc", helm.chart(CONTROLLER_CHART), ...inSystems, "--create-namespace"];
  await helm.run([...base, ...helm.values(values)]);
  return await world.startController();
}

async function installSet(values: object): Promise<void> {
  const { helm, cluster } = world;
  const all = { githubConfigUrl: cluster.configUrl, githubConfigSecret: "github", ...values };
  await helm.run(["install", "linux", helm.chart(SET_CHART), ...inSet, ...helm.values(all)]);
}

/** What the controller's release consists of. */
function isOfController(path: string): boolean {
  return path.includes("/arc-gha-rs-controller") || path.includes("/sh.helm.release.v1.arc.");
}

/** In the order of the README. */
async function uninstall(controller: ControllerProcess): Promise<void> {
  await world.helm.run(["uninstall", "linux", ...inSet]);
  await world.onlyLeft(isOfController);
  assert.deepEqual(world.denied(), [], "the charts give all the rights that are used");
  await world.helm.run(["uninstall", "arc", ...inSystems]);
  const { code } = await controller.stop("SIGTERM");
  assert.equal(code, 0, controller.logTail());
  await world.onlyLeft(() => false);
}

/** A template that tells one version of the values from another. */
const stamped = (stamp: string) => ({
  template: {
    spec: {
      containers: [{
        name: "runner",
        image: "ghcr.io/actions/actions-runner:latest",
        command: ["/home/runner/run.sh"],
        env: [{ name: "STAMP", value: stamp }],
      }],
    },
  },
});

story("the READMEs' commands, an upgrade, a rollback, an uninstall", async () => {
  const { helm, cluster } = world;
  const began = performance.now();
  await helm.run(helm.readme(CONTROLLER_CHART, { "YOUR-REGISTRY": "registry.example.com" }));
  const controller = await world.startController();
  await helm.run(helm.readme(SET_CHART, { "https://github.com/YOUR-ORGANIZATION": cluster.configUrl }));
  await world.listening();
  const listening = (performance.now() - began) / 1000;
  await runJob();
  const seconds = (performance.now() - began) / 1000;
  console.log(`helm install to a listener: ${listening.toFixed(1)} s, to a job's end: ${seconds.toFixed(1)} s`);
  assert.ok(seconds < FIRST_JOB_LIMIT_SECONDS, `${seconds} s`);
  await world.collectGarbage();

  const upgrade = ["upgrade", "linux", helm.chart(SET_CHART), ...inSet, "--reuse-values"];
  await helm.run([...upgrade, ...helm.values({ ...stamped("two"), maxRunners: 2 })]);
  await world.maxRunners(2);
  assert.equal(variable(await runJob(), "STAMP"), "two");
  await helm.run([...upgrade, ...helm.values({ ...stamped("three"), maxRunners: 3 })]);
  await world.maxRunners(3);
  assert.equal(variable(await runJob(), "STAMP"), "three");
  await helm.run(["rollback", "linux", "2", ...inSet]);
  await world.maxRunners(2);
  assert.equal(variable(await runJob(), "STAMP"), "two");
  await uninstall(controller);
});

interface Variant {
  /** Of the controller's chart. */
  readonly controller?: Readonly<Record<string, unknown>>;
  /** Of the scale set's chart. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** Sign in as a GitHub App, whose key is in the values. */
  readonly asApp?: boolean;
  /** What is true while it runs. */
  check?(facts: VariantFacts): void | Promise<void>;
}

interface VariantFacts {
  readonly controller: ControllerProcess & { readonly metricsUrl?: string };
  readonly listener: Pod;
  readonly runner: Pod;
}

const namesOf = (containers: readonly { readonly name: string }[] = []) => containers.map(({ name }) => name);

const VARIANTS: Readonly<Record<string, Variant>> = {
  "one namespace, a token in the values": {
    controller: { flags: { watchSingleNamespace: SET_NAMESPACE } },
    set: { githubConfigSecret: { github_token: "ghp_simulated" } },
  },
  "a GitHub App in the values": {
    asApp: true,
    check() {
      assert.ok(world.cluster.service.ledger.callsOf("app-token") > 0, "the App's key was used");
    },
  },
  "the listener has a side-car": {
    set: {
      listenerTemplate: {
        spec: {
          containers: [
            { name: "listener", env: [{ name: "OWN", value: "yes" }] },
            { name: "side", image: "example.com/side:1", command: ["/side"] },
          ],
        },
      },
    },
    check({ listener }) {
      assert.deepEqual(namesOf(listener.spec?.containers).sort(), ["listener", "side"]);
    },
  },
  "metrics are on": {
    controller: {
      metrics: { controllerManagerAddr: ":8080", listenerAddr: ":8080", listenerEndpoint: "/metrics" },
    },
    async check({ controller, listener }) {
      const own = await ask(`${controller.metricsUrl}/metrics`, { method: "GET" });
      assert.match(own.text, /^gha_controller_running_listeners\{/m);
      const port = listener.spec?.containers[0]?.ports?.[0]?.containerPort;
      await eventually("the listener counts the job", async () => {
        const theirs = await ask(`http://127.0.0.1:${port}/metrics`, { method: "GET" });
        return /^gha_completed_jobs_total\{.*\} 1$/m.test(theirs.text);
      });
    },
  },
  "hardened, two replicas, probes": {
    controller: { hardened: true, replicaCount: 2 },
    set: { hardenedListener: true },
    async check({ controller, listener }) {
      assert.equal((await ask(`${controller.healthUrl}/readyz`, { method: "GET" })).status, 200);
      assert.equal(listener.spec?.containers[0]?.securityContext?.readOnlyRootFilesystem, true);
    },
  },
  "docker in docker": {
    set: { containerMode: { type: "dind" } },
    check({ runner }) {
      assert.ok(namesOf([...runner.spec?.containers ?? [], ...runner.spec?.initContainers ?? []]).includes("dind"));
    },
  },
  "kubernetes mode": {
    set: { containerMode: { type: "kubernetes" } },
    check({ runner }) {
      assert.match(runner.spec?.serviceAccountName ?? "", /kube-mode/);
    },
  },
};

for (const [name, { controller: forController = {}, set = {}, asApp, check }] of Object.entries(VARIANTS)) {
  story(`a job with ${name}`, async () => {
    const controller = await installController(forController);
    await installSet(asApp ? { ...set, githubConfigSecret: world.app } : set);
    const listener = await world.listening();
    const runner = await runJob();
    await world.collectGarbage();
    await check?.({ controller, listener, runner });
    await uninstall(controller);
  });
}

story("uninstalled in the wrong order, the next controller cleans up", async () => {
  const first = await installController({});
  await installSet({ minRunners: 1 });
  await world.listening();
  await runJob();
  await world.collectGarbage();
  // the pod of a deleted Deployment lives on for a moment, without rights
  await world.helm.run(["uninstall", "arc", ...inSystems]);
  await world.helm.run(["uninstall", "linux", ...inSet]);
  assert.equal((await first.stop("SIGTERM")).code, 0, first.logTail());
  const stuck = await world.leftovers();
  assert.ok(stuck.some((path) => path.includes("autoscalingrunnersets")), stuck.join("\n"));
  const second = await installController({});
  await world.onlyLeft(isOfController);
  await world.helm.run(["uninstall", "arc", ...inSystems]);
  assert.equal((await second.stop("SIGTERM")).code, 0, second.logTail());
  await world.onlyLeft(() => false);
});

test("helm: nobody saw a secret", { skip }, () => {
  const { cluster } = world;
  const logs = [
    ...cluster.controllers.map((one) => one.log()),
    ...listenerPods().map((pod) => cluster.listenerLog(pod)),
  ];
  assert.doesNotMatch(logs.join("\n"), /ghp_simulated|PRIVATE KEY|encodedJITConfig|eyJ[\w-]{20}/);
});

function listenerPods(): string[] {
  const names = world.pods.filter((pod) => roleOf(pod) === "listener").map(({ metadata }) => metadata?.name ?? "");
  const started = new Set(world.cluster.listeners.map(({ pod }) => pod));
  return [...new Set(names)].filter((name) => started.has(name));
}
