/**
 * Stories of the charts: each begins with a cluster in which nothing of ours is, and ends so. Several share a cluster;
 * one that fails costs the next a new one.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Pod } from "../../src/k8s/resource.ts";
import { roleOf } from "../../src/sim/kubelet/roles.ts";
import { allDone, assertEachJobOnce } from "./books.ts";
import { CONTROLLER_CHART, SET_CHART } from "./charts.ts";
import { whyNoChartCluster } from "./chart_cluster.ts";
import type { ControllerProcess } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { type ChartController, CONTROLLER_NAMESPACE, HelmCluster, SET_NAMESPACE } from "./helm_cluster.ts";

export const IN_SET = ["--namespace", SET_NAMESPACE];
export const IN_SYSTEMS = ["--namespace", CONTROLLER_NAMESPACE];

export interface HelmStoriesOptions {
  readonly seed: number;
  /** What no log may hold, besides tokens and keys. */
  readonly secrets?: readonly string[];
  /** What else a cluster of these stories has. */
  readonly prepare?: (world: HelmCluster) => Promise<void>;
}

export class HelmStories {
  #world: HelmCluster | undefined;
  readonly #options: HelmStoriesOptions;
  readonly #skip: string | false = whyNoChartCluster() ?? false;

  /** Registers what has to be done before and after the stories of a file. */
  constructor(options: HelmStoriesOptions) {
    this.#options = options;
    before(async () => {
      if (this.#skip !== false) return;
      console.log(`seed ${options.seed}`);
      await this.#start();
    });
    after(() => this.#world?.stop());
  }

  /** The cluster of the story that is told. */
  get world(): HelmCluster {
    if (!this.#world) throw new Error("there is a cluster within stories only");
    return this.#world;
  }

  async #start(): Promise<void> {
    this.#world = await HelmCluster.start(this.#options.seed);
    await this.#options.prepare?.(this.#world);
  }

  story(name: string, tell: () => Promise<void>): void {
    test(`helm: ${name}`, { skip: this.#skip }, async () => {
      const began = performance.now();
      try {
        await tell();
      } catch (error) {
        await this.world.stop();
        await this.#start();
        throw error;
      }
      console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
    });
  }

  /** The last word: what controllers and listeners wrote holds no secret. */
  noSecrets(): void {
    test("helm: nobody saw a secret", { skip: this.#skip }, () => {
      const { cluster, pods } = this.world;
      const names = new Set(
        pods.filter((pod) => roleOf(pod) === "listener").map(({ metadata }) => metadata?.name ?? ""),
      );
      const started = new Set(cluster.listeners.map(({ pod }) => pod));
      const logs = [
        ...cluster.controllers.map((one) => one.log()),
        ...[...names].filter((name) => started.has(name)).map((pod) => cluster.listenerLog(pod)),
      ].join("\n");
      assert.ok(logs.length > 1000, "there are logs");
      assert.doesNotMatch(logs, /ghp_simulated|PRIVATE KEY|encodedJITConfig|eyJ[\w-]{20}/);
      for (const secret of this.#options.secrets ?? []) assert.ok(!logs.includes(secret), "a log holds a password");
    });
  }

  async installController(values: unknown): Promise<ChartController> {
    const { helm } = this.world;
    const base = ["install", "arc", helm.chart(CONTROLLER_CHART), ...IN_SYSTEMS, "--create-namespace"];
    await helm.run([...base, ...helm.values(values)]);
    return await this.world.startController();
  }

  /** @param values over those that each scale set needs; the release's name is `name` */
  async installSet(values: object, name = "linux"): Promise<void> {
    const { helm, cluster } = this.world;
    const all = { githubConfigUrl: cluster.configUrl, githubConfigSecret: "github", ...values };
    await helm.run(["install", name, helm.chart(SET_CHART), ...IN_SET, ...helm.values(all)]);
  }

  /**
   * Runs one job to its end.
   * @param meanwhile told the pod, while the job runs
   * @returns the pod that it ran in
   */
  async runJob(scaleSetName = "linux", meanwhile?: (pod: Pod) => Promise<void>): Promise<Pod> {
    const { cluster } = this.world;
    const job = cluster.service.queueJob({ scaleSetName, durationMs: meanwhile ? 2000 : 300 });
    if (meanwhile) await meanwhile(await eventually("the job runs", () => Promise.resolve(this.#podOf(job))));
    await allDone(cluster, [job]);
    assertEachJobOnce(cluster, [job]);
    const pod = this.#podOf(job);
    assert.ok(pod, "the kubelet saw the job's pod");
    return pod;
  }

  #podOf(job: string): Pod | undefined {
    const { cluster, pods } = this.world;
    const name = cluster.kubelet.ledger.started("runner").find(({ jobId }) => jobId === job)?.name;
    return pods.find(({ metadata }) => metadata?.name === name);
  }

  /** Scale sets first, then their controllers, as the READMEs say. */
  async uninstall(controllers: readonly ControllerProcess[], sets: readonly string[] = ["linux"]): Promise<void> {
    const { world } = this;
    for (const set of sets) await world.helm.run(["uninstall", set, ...IN_SET]);
    await world.onlyLeft(isOfController);
    assert.deepEqual(world.denied(), [], "the charts give all the rights that are used");
    await world.helm.run(["uninstall", "arc", ...IN_SYSTEMS]);
    for (const controller of controllers) {
      const { code } = await controller.stop("SIGTERM");
      assert.equal(code, 0, controller.logTail());
    }
    await world.onlyLeft(() => false);
  }
}

/** What the controller's release consists of. */
export function isOfController(path: string): boolean {
  return path.includes("/arc-gha-rs-controller") || path.includes("/sh.helm.release.v1.arc.");
}

/** The value that the runner's container has of a variable. */
export function variable(pod: Pod, name: string): string | undefined {
  const runner = pod.spec?.containers.find((container) => container.name === "runner");
  return runner?.env?.find((entry) => entry.name === name)?.value;
}
