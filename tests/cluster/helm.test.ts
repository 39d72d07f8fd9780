/**
 * The charts, from `helm install` to `helm uninstall`, on a real control plane: the controller runs with the command
 * line of the chart's Deployment, as the chart's service account, with the chart's rights.
 */
import assert from "node:assert/strict";
import { AUTOSCALING_RUNNER_SETS } from "../../src/api/kinds.ts";
import { type Pod, SECRETS, SERVICE_ACCOUNTS } from "../../src/k8s/resource.ts";
import { CONTROLLER_CHART, SET_CHART } from "../support/charts.ts";
import { eventually } from "../support/eventually.ts";
import { type ChartController, SET_NAMESPACE } from "../support/helm_cluster.ts";
import { HelmStories, IN_SET, IN_SYSTEMS, isOfController, variable } from "../support/helm_story.ts";
import { ask, type Reply } from "../support/http.ts";

/** Generous: what is asserted is that it ends. What it takes is printed. */
const FIRST_JOB_LIMIT_SECONDS = 120;

const stories = new HelmStories({ seed: Number(process.env.SEED ?? 6) });

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

stories.story("the READMEs' commands, an upgrade, a rollback, an uninstall", async () => {
  const { world } = stories;
  const { helm, cluster } = world;
  const began = performance.now();
  await helm.run(helm.readme(CONTROLLER_CHART, { "YOUR-REGISTRY": "registry.example.com" }));
  const controller = await world.startController();
  await helm.run(helm.readme(SET_CHART, { "https://github.com/YOUR-ORGANIZATION": cluster.configUrl }));
  await world.listening();
  const listening = (performance.now() - began) / 1000;
  await stories.runJob();
  const seconds = (performance.now() - began) / 1000;
  console.log(`helm install to a listener: ${listening.toFixed(1)} s, to a job's end: ${seconds.toFixed(1)} s`);
  assert.ok(seconds < FIRST_JOB_LIMIT_SECONDS, `${seconds} s`);
  await world.collectGarbage();

  const upgrade = ["upgrade", "linux", helm.chart(SET_CHART), ...IN_SET, "--reuse-values"];
  await helm.run([...upgrade, ...helm.values({ ...stamped("two"), maxRunners: 2 })]);
  await world.maxRunners(2);
  assert.equal(variable(await stories.runJob(), "STAMP"), "two");
  await helm.run([...upgrade, ...helm.values({ ...stamped("three"), maxRunners: 3 })]);
  await world.maxRunners(3);
  assert.equal(variable(await stories.runJob(), "STAMP"), "three");
  await helm.run(["rollback", "linux", "2", ...IN_SET]);
  await world.maxRunners(2);
  assert.equal(variable(await stories.runJob(), "STAMP"), "two");
  await stories.uninstall([controller]);
});

stories.story("another container mode, another secret: what the chart made before goes", async () => {
  const { world } = stories;
  const { helm, cluster } = world;
  const controller = await stories.installController({});
  await stories.installSet({ githubConfigSecret: { github_token: "ghp_simulated" }, minRunners: 1 });
  await world.listening();
  await stories.runJob();
  await world.collectGarbage();
  const change = { githubConfigSecret: "github", containerMode: { type: "kubernetes" } };
  const upgrade = ["upgrade", "linux", helm.chart(SET_CHART), ...IN_SET, "--reuse-values"];
  await helm.run([...upgrade, ...helm.values(change)]);
  await eventually("the former account and secret are gone", async () => {
    cluster.failOnDead();
    const objects = [...await cluster.list(SERVICE_ACCOUNTS), ...await cluster.list(SECRETS)];
    const names = objects.map(({ metadata }) => metadata.name);
    return !names.includes("linux-gha-rs-no-permission") && !names.includes("linux-gha-rs-github-secret");
  }, 90_000);
  assert.match((await stories.runJob()).spec?.serviceAccountName ?? "", /kube-mode/);
  await stories.uninstall([controller]);
});

const namesOf = (containers: readonly { readonly name: string }[] = []) => containers.map(({ name }) => name);

/** One kind of scale set; all of them are served by one controller, at the same time. */
interface Kind {
  /** Of the scale set's chart. */
  values(): object;
  /** What is true while its job runs. */
  check(facts: { readonly name: string; readonly listener: Pod; readonly runner: Pod }): void | Promise<void>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "token": {
    values: () => ({ githubConfigSecret: { github_token: "ghp_simulated" } }),
    async check({ runner }) {
      const { status } = await asRunner(runner, "GET", "/api/v1/namespaces/arc-runners/secrets");
      assert.equal(status, 403, "the runner's account has no rights");
    },
  },
  "app": {
    values: () => ({ githubConfigSecret: stories.world.app }),
    check() {
      assert.ok(stories.world.cluster.service.ledger.callsOf("app-token") > 0, "the App's key was used");
    },
  },
  "listener-template": {
    values: () => ({
      listenerTemplate: {
        metadata: { labels: { cost: "ci" } },
        spec: {
          nodeSelector: { disk: "ssd" },
          containers: [
            { name: "side", image: "example.com/side:1", command: ["/side"] },
            { name: "listener", env: [{ name: "OWN", value: "yes" }], resources: { requests: { cpu: "50m" } } },
          ],
        },
      },
    }),
    check({ listener }) {
      const { containers = [], nodeSelector } = listener.spec ?? {};
      assert.deepEqual(namesOf(containers).sort(), ["listener", "side"]);
      const own = containers.find(({ name }) => name === "listener");
      assert.equal(own?.env?.find(({ name }) => name === "OWN")?.value, "yes");
      assert.deepEqual(own?.resources?.requests, { cpu: "50m" });
      assert.equal(nodeSelector?.disk, "ssd");
      assert.equal(listener.metadata?.labels?.cost, "ci");
    },
  },
  "dind": {
    values: () => ({ containerMode: { type: "dind" } }),
    check({ runner }) {
      const { initContainers = [], volumes = [] } = runner.spec ?? {};
      assert.deepEqual(namesOf(initContainers), ["init-dind-externals", "dind"]);
      assert.deepEqual(namesOf(volumes).slice(0, 3), ["dind-sock", "dind-externals", "work"]);
      assert.equal(variable(runner, "DOCKER_HOST"), "unix:///var/run/docker.sock");
    },
  },
  "kubernetes": {
    values: () => ({ containerMode: { type: "kubernetes" } }),
    async check({ runner }) {
      assert.equal(variable(runner, "ACTIONS_RUNNER_CONTAINER_HOOKS"), "/home/runner/k8s/index.js");
      await asHooks(runner);
    },
  },
  "novolume": {
    values: () => ({ containerMode: { type: "kubernetes-novolume" } }),
    async check({ runner }) {
      assert.equal(variable(runner, "ACTIONS_RUNNER_CONTAINER_HOOKS"), "/home/runner/k8s-novolume/index.js");
      assert.ok(!namesOf(runner.spec?.volumes).includes("work"));
      await asHooks(runner);
    },
  },
};

/** A request with the rights of a runner's own account. */
async function asRunner(runner: Pod, method: string, path: string, body?: unknown): Promise<Reply> {
  const { plane } = stories.world.cluster;
  const token = await plane.serviceAccountToken(SET_NAMESPACE, runner.spec?.serviceAccountName ?? "");
  return await ask(`${plane.url}${path}`, { method, token, ca: plane.ca, body });
}

/** What the runner's container hooks do for a job, and then leave behind. */
async function asHooks(runner: Pod): Promise<void> {
  const name = runner.metadata?.name ?? "";
  const metadata = { name: `${name}-workflow`, labels: { "runner-pod": name } };
  const spec = { containers: [{ name: "job", image: "example.com/job:1" }] };
  for (const [plural, object] of Object.entries({ pods: { metadata, spec }, secrets: { metadata } })) {
    const { status, text } = await asRunner(runner, "POST", `/api/v1/namespaces/${SET_NAMESPACE}/${plural}`, object);
    assert.equal(status, 201, text);
  }
}

stories.story("each kind of scale set runs a job, all under one controller", async () => {
  const { world } = stories;
  const controller = await stories.installController({});
  for (const [name, { values }] of Object.entries(KINDS)) await stories.installSet(values(), name);
  await Promise.all(
    Object.entries(KINDS).map(async ([name, { check }]) => {
      const listener = await world.listening(name);
      await stories.runJob(name, async (runner) => await check({ name, listener, runner }));
    }),
  );
  await world.collectGarbage();
  await stories.uninstall([controller], Object.keys(KINDS));
});

/** One way to run the controller. */
interface Variant {
  /** Of the controller's chart. */
  readonly controller: Readonly<Record<string, unknown>>;
  /** Of the scale set's chart. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** There are no listener pods. */
  readonly embedded?: boolean;
  /** What is true after a job. */
  check?(facts: VariantFacts): void | Promise<void>;
}

interface VariantFacts {
  readonly controller: ChartController;
  readonly listener: Pod | undefined;
}

const METRICS = { controllerManagerAddr: ":8080", listenerAddr: ":8080", listenerEndpoint: "/metrics" };

async function scrape(url: string): Promise<string> {
  const { status, text } = await ask(url, { method: "GET" });
  assert.equal(status, 200, url);
  return text;
}

/** The values of series, by name; of several of one name the sum. */
function seriesOf(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name = "", value] of text.matchAll(/^([a-z_]+)(?:\{[^}]*\})? (\S+)$/gm)) {
    found.set(name, (found.get(name) ?? 0) + Number(value));
  }
  return found;
}

async function counts(url: string, wanted: Readonly<Record<string, number>>): Promise<void> {
  await eventually(`${url} counts the job`, async () => {
    const found = seriesOf(await scrape(url));
    return Object.entries(wanted).every(([name, value]) => found.get(name) === value);
  });
}

const OF_A_JOB = {
  gha_started_jobs_total: 1,
  gha_completed_jobs_total: 1,
  gha_job_startup_duration_seconds_count: 1,
  gha_job_execution_duration_seconds_count: 1,
  gha_assigned_jobs: 0,
  gha_min_runners: 0,
  gha_max_runners: 7,
};

const VARIANTS: Readonly<Record<string, Variant>> = {
  "in one namespace alone": { controller: { flags: { watchSingleNamespace: SET_NAMESPACE } } },
  "with metrics": {
    controller: { metrics: METRICS },
    set: { maxRunners: 7 },
    async check({ controller, listener }) {
      await counts(`${controller.metricsUrl}/metrics`, {
        gha_controller_running_listeners: 1,
        gha_controller_pending_ephemeral_runners: 0,
        gha_controller_failed_ephemeral_runners: 0,
      });
      const text = await scrape(`${controller.metricsUrl}/metrics`);
      assert.match(text, /^controller_runtime_reconcile_total\{.*controller="autoscalingrunnerset".*\} \d+$/m);
      assert.match(text, /^rest_client_requests_total\{.*code="20[01]".*\} \d+$/m);
      const { containerPort, name } = listener?.spec?.containers[0]?.ports?.[0] ?? {};
      assert.equal(name, "metrics");
      await counts(`http://127.0.0.1:${containerPort}/metrics`, OF_A_JOB);
    },
  },
  "hardened, with two replicas and probes": {
    controller: { hardened: true, replicaCount: 2 },
    set: { hardenedListener: true },
    async check({ controller, listener }) {
      assert.equal((await ask(`${controller.healthUrl}/readyz`, { method: "GET" })).status, 200);
      assert.equal(listener?.spec?.containers[0]?.securityContext?.readOnlyRootFilesystem, true);
    },
  },
  "with embedded listeners": {
    controller: { flags: { listenerMode: "embedded" }, metrics: METRICS },
    set: { maxRunners: 7, listenerMetrics: { gauges: { gha_assigned_jobs: { labels: ["name"] } } } },
    embedded: true,
    async check({ controller }) {
      const { cluster } = stories.world;
      const accounts = await cluster.list(SERVICE_ACCOUNTS);
      assert.deepEqual(accounts.filter(({ metadata }) => metadata.name.endsWith("-listener")), []);
      await counts(`${controller.metricsUrl}/metrics`, { ...OF_A_JOB, gha_controller_running_listeners: 1 });
      const [set] = await cluster.list(AUTOSCALING_RUNNER_SETS);
      const ignored = set?.status?.conditions?.find(({ type }) => type === "ListenerSettingsIgnored");
      assert.match(ignored?.message ?? "", /^spec\.listenerMetrics: no effect/);
    },
  },
};

for (const [name, { controller: values, set = {}, embedded, check }] of Object.entries(VARIANTS)) {
  stories.story(`a controller ${name}`, async () => {
    const { world } = stories;
    const controller = await stories.installController(values);
    await stories.installSet(set);
    const listener = embedded ? await world.listeningItself() : await world.listening();
    await stories.runJob();
    await world.collectGarbage();
    await check?.({ controller, listener });
    await stories.uninstall([controller]);
  });
}

stories.story("uninstalled in the wrong order, the next controller cleans up", async () => {
  const { world } = stories;
  const first = await stories.installController({});
  await stories.installSet({ minRunners: 1 });
  await world.listening();
  await stories.runJob();
  await world.collectGarbage();
  // the pod of a deleted Deployment lives on for a moment, without rights
  await world.helm.run(["uninstall", "arc", ...IN_SYSTEMS]);
  await world.helm.run(["uninstall", "linux", ...IN_SET]);
  assert.equal((await first.stop("SIGTERM")).code, 0, first.logTail());
  const stuck = await world.leftovers();
  assert.ok(stuck.some((path) => path.includes("autoscalingrunnersets")), stuck.join("\n"));
  const second = await stories.installController({});
  await world.onlyLeft(isOfController);
  await world.helm.run(["uninstall", "arc", ...IN_SYSTEMS]);
  assert.equal((await second.stop("SIGTERM")).code, 0, second.logTail());
  await world.onlyLeft(() => false);
});

stories.noSecrets();
