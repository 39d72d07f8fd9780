/** The world of a soak: a cluster with two scale sets, jobs that come all the time, and what faults act on. */
import process from "node:process";
import { EPHEMERAL_RUNNERS } from "../../src/api/kinds.ts";
import { type Pod, refOf } from "../../src/k8s/resource.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Transport } from "../../src/lib/http.ts";
import { between, pick, type Random, seededRandom } from "../../src/lib/random.ts";
import type { JobRecord } from "../../src/sim/actions_service/ledger.ts";
import { NORMAL, type PodFate } from "../../src/sim/kubelet/fate.ts";
import { Cluster, type ControllerProcess } from "../support/cluster.ts";
import { type TcpDoor, tcpDoor } from "../support/tcp_door.ts";
import type { SoakOptions } from "./options.ts";
import { PROBE_ENV } from "./probe.ts";

/** The listener of the first is left alone in the time that is judged. */
export const SETS = ["steady", "struck"] as const;
export const LISTENER_NAMESPACE = "arc-systems";

/** A job that is lost with its runner is found out by the service after this long. */
const SUDDEN_LOSS_MS = 45_000;
/** A message whose deletion a fault has prevented is sent again after this long: the end need not wait for minutes. */
const REDELIVER_MS = 30_000;

export class SoakWorld {
  readonly cluster: Cluster;
  readonly random: Random;
  readonly jobs: string[] = [];
  /** Pods that were given a fate, by UID, in words. */
  readonly fated = new Map<string, string>();
  /** Called before a process is asked to end. */
  beforeEnd: (pid: number | undefined) => void = () => {};
  readonly #fates: PodFate[] = [];
  readonly #mode: SoakOptions["mode"];
  readonly #door: TcpDoor;

  private constructor({ seed, mode }: SoakOptions, cluster: Cluster, door: TcpDoor) {
    this.cluster = cluster;
    this.random = seededRandom(seed);
    this.#mode = mode;
    this.#door = door;
    cluster.kubelet.fateOf = (pod, role) => role === "runner" ? this.#fateOf(pod) : NORMAL;
  }

  static async begin(options: SoakOptions): Promise<SoakWorld> {
    const behaviour = { suddenLossMs: SUDDEN_LOSS_MS, redeliverMs: REDELIVER_MS };
    const cluster = await Cluster.start({ seed: options.seed, behaviour, env: PROBE_ENV });
    const world = new SoakWorld(options, cluster, await tcpDoor(Number(new URL(cluster.plane.url).port)));
    try {
      await world.startController();
      for (const name of SETS) await cluster.createScaleSet({ name, min: 2, max: 40 });
      return world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  get controller(): ControllerProcess {
    return this.cluster.controllers.at(-1)!;
  }

  get door(): TcpDoor {
    return this.#door;
  }

  async startController(): Promise<void> {
    const flags = [`--listener-mode=${this.#mode}`];
    await this.cluster.ready(await this.cluster.startController({ flags, apiPort: this.#door.port }), 60_000);
  }

  queueJob(): void {
    const durationMs = between(this.random, 1_000, 12_000);
    this.jobs.push(this.cluster.service.queueJob({ scaleSetName: pick(this.random, SETS), durationMs }));
  }

  records(): JobRecord[] {
    return this.jobs.map((id) => this.cluster.service.ledger.jobs.get(id)!);
  }

  /** The running listener of a scale set, in pod mode. */
  listenerOf(set: string): { readonly pid: number; readonly pod: string } | undefined {
    const found = this.cluster.listeners.findLast(({ pod }) => pod.startsWith(`${set}-`));
    return found && isAlive(found.pid) ? found : undefined;
  }

  setId(name: string): number | undefined {
    return this.cluster.service.scaleSets().find((set) => set.name === name)?.id;
  }

  /** Lets every call to the service be answered otherwise for a while. */
  async serviceAnswers(ms: number, answer: Transport): Promise<void> {
    this.cluster.intercept = answer;
    await systemClock.sleep(ms);
    this.cluster.intercept = undefined;
  }

  /** What the next runner pods will meet. */
  doom(fates: readonly PodFate[]): void {
    this.#fates.push(...fates);
  }

  #fateOf(pod: Pod): PodFate {
    const fate = this.#fates.shift() ?? NORMAL;
    if (fate.kind !== "normal") this.fated.set(refOf(pod).uid, fate.kind);
    return fate;
  }

  async runners(): Promise<number> {
    return (await this.cluster.list(EPHEMERAL_RUNNERS).catch(() => [])).length;
  }

  async end(): Promise<void> {
    await this.#door.close();
    await this.cluster.stop();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // it has ended
  }
}
