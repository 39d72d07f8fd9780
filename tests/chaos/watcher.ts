/** What must always hold, looked at after each step: each look costs next to nothing. */
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  type Condition,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
  type EphemeralRunnerSetSpec,
} from "../../src/api/kinds.ts";
import { ANNOTATIONS, FINALIZERS } from "../../src/api/names.ts";
import { LEASES, PODS } from "../../src/k8s/resource.ts";
import type { ObjectChange } from "../../src/sim/kube_api/kube_api.ts";
import { isDeath } from "./plan.ts";
import { type ChaosSystem, LEASE, type Running, SECOND_PAT } from "./chaos_system.ts";
import { SIMULATED_PAT } from "../../src/sim/world.ts";

type Obj = NonNullable<ObjectChange["after"]>;

const CUSTOM = [AUTOSCALING_RUNNER_SETS, EPHEMERAL_RUNNER_SETS, EPHEMERAL_RUNNERS, AUTOSCALING_LISTENERS]
  .map(({ plural }) => plural);
/** Keys that only we know: on an EphemeralRunnerSet a controller of the reference would take them for a new spec. */
const OURS: readonly string[] = [
  ANNOTATIONS.jobCompleted,
  ANNOTATIONS.listenerSpec,
  ANNOTATIONS.listenerConfig,
  ANNOTATIONS.sessionId,
];
/** The fault "statistics too high" counts so many jobs too many at most. */
const MOST_PHANTOMS = 3;
/** For so long clean-up at GitHub is tried. */
const TIME_BOX_MS = 300_000;
/** What happens while a scale set is read may be in the figures and told again, until they have been read some more. */
const BLURRED_MS = 15_000;
/** A listener reads its scale set when the queue has been quiet; a controller that begins may do so at once. */
const FIRST_READ_MS = 1_000;
/** So long after a job's end it may still be counted: its end has to be told first. */
const TOLD_WITHIN_MS = 30_000;
/** How every base64 of JSON begins: JIT configurations and tokens do. */
const SECRETS_LOOK_LIKE = [SIMULATED_PAT, SECOND_PAT, "eyJ"];

export class Watcher {
  /** The first thing that was broken. */
  violation: string | undefined;
  /** Requests by `client METHOD path`, while somebody counts. */
  counted: Map<string, number> | undefined;
  /** Since when (monotonic) objects have been going or failed, by UID. */
  readonly #goingSince = new Map<string, number>();
  /** When a process sent its first request (monotonic). */
  readonly #begun = new Map<Running, number>();
  /** When a scale set was last read, by its id. */
  readonly #readAt = new Map<number, number>();
  readonly #system: ChaosSystem;

  constructor(system: ChaosSystem) {
    this.#system = system;
    system.world.kube.onChange((change) => this.#changed(change));
  }

  /** Called after each step of the clock. @returns whether something is broken */
  look(): boolean {
    const { world, problems } = this.#system;
    const { service, kubelet } = world;
    this.violation ??= service.ledger.violations[0] ?? kubelet.ledger.violations[0] ??
      kubelet.ledger.problems[0] ?? problems[0];
    return this.violation !== undefined;
  }

  /** A process sends a request. */
  sent(running: Running, method: string, url: string): void {
    this.#count(running, method, url);
    if (!this.#begun.has(running)) this.#begun.set(running, this.#system.clock.monotonic());
    const read = method === "GET" ? /\/runnerscalesets\/(\d+)(\?|$)/.exec(url)?.[1] : undefined;
    if (read !== undefined) this.#readAt.set(Number(read), this.#system.world.books().now);
    if (running.role !== "controller" || method === "GET" || !url.startsWith("https://kube.sim/")) return;
    const lease = url.includes("/leases") ? undefined : this.#leader();
    if (lease !== undefined && !lease.startsWith(`${running.name}_`)) {
      this.#broken(`${running.name} sends ${method} ${url}, but ${lease || "nobody"} leads`);
    }
  }

  /** Runners of whose loss or failure somebody was told. */
  readonly reported = new Set<string>();
  /** Runners that may still be registered, as somebody was told. */
  readonly #givenUp = new Set<string>();

  /** Jobs whose runner was lost, and nobody was told why. One that exits 0 says by that that its job is done. */
  unreported(): string[] {
    const { service, kubelet } = this.#system.world;
    const { jobs, jits } = service.ledger;
    const pods = [...kubelet.ledger.pods.values()];
    return [...jobs.values()].filter(({ lost }) => lost).flatMap(({ id, runners }) => {
      if (pods.some(({ agentId, exitCode }) => agentId === runners[0] && exitCode === 0)) return [];
      const name = jits.get(runners[0] ?? 0)?.name ?? "";
      return this.reported.has(name) ? [] : [`job ${id} was lost with ${name}, and nobody was told`];
    });
  }

  /** Somebody has written a line into a log. */
  line(text: string): void {
    const [, name, reason] = /WARN event .*kind=EphemeralRunner .*name=(\S+) reason=(\S+)/.exec(text) ?? [];
    if (name !== undefined) (reason === "CleanupIncomplete" ? this.#givenUp : this.reported).add(name);
    if (SECRETS_LOOK_LIKE.some((secret) => text.includes(secret))) this.#broken(`a log line holds a secret: ${text}`);
  }

  #broken(what: string): void {
    this.violation ??= what;
  }

  /** The holder of the lease; undefined when there is no lease to be held. */
  #leader(): string | undefined {
    const lease = this.#system.objects(LEASES).find(({ metadata }) => metadata.name === LEASE);
    return lease && (lease.spec?.holderIdentity ?? "");
  }

  #count({ name }: Running, method: string, url: string): void {
    if (!this.counted) return;
    const { pathname, searchParams } = new URL(url);
    const watch = searchParams.has("watch") ? "WATCH" : method;
    const key = `${name} ${watch} ${pathname}`;
    this.counted.set(key, (this.counted.get(key) ?? 0) + 1);
  }

  #changed({ plural, before, after }: ObjectChange): void {
    if (plural === "events") return this.#secretFree(after);
    if (plural === PODS.plural && after) return this.#podChanged(before, after);
    if (!CUSTOM.includes(plural)) return;
    if (after) {
      const { phase } = (after.status ?? {}) as { phase?: string };
      const isGoing = after.metadata.deletionTimestamp !== undefined || /^(Failed|Outdated)$/.test(phase ?? "");
      const { uid } = after.metadata;
      if (isGoing && !this.#goingSince.has(uid)) this.#goingSince.set(uid, this.#system.clock.monotonic());
      this.#conditions(before, after);
      this.#secretFree(after);
    }
    if (plural === EPHEMERAL_RUNNER_SETS.plural && after) {
      this.#keysOf(after);
      this.#figures(before, after);
    }
    if (plural === EPHEMERAL_RUNNERS.plural) this.#finalizers(before, after);
  }

  #keysOf({ metadata }: Obj): void {
    const keys = [...Object.keys(metadata.annotations ?? {}), ...Object.keys(metadata.labels ?? {})];
    const ours = keys.find((key) => OURS.includes(key));
    if (ours !== undefined) this.#broken(`the EphemeralRunnerSet ${metadata.name} carries ${ours}`);
  }

  /** Where nothing disturbs what is told, no job is counted twice: not by a listener that has just begun either. */
  #figures(before: Obj | undefined, { metadata, spec }: Obj): void {
    const { plan, wanted, world } = this.#system;
    const told = (spec ?? {}) as EphemeralRunnerSetSpec;
    const former = (before?.spec ?? {}) as EphemeralRunnerSetSpec;
    if (told.replicas === former.replicas && told.runningJobs === former.runningJobs) return;
    if (!plan.faults.every(({ name }) => isDeath(name))) return;
    const set = plan.sets.find(({ name }) => wanted.has(name) && metadata.name.startsWith(name));
    const id = world.service.scaleSets().find(({ name }) => name === set?.name)?.id;
    if (!set || id === undefined) return;
    const { now } = world.books();
    const opened = world.service.ledger.sessions.findLast(({ scaleSetId }) => scaleSetId === id)?.openedAt ?? 0;
    const read = this.#readAt.get(id) ?? 0;
    if (read > opened + FIRST_READ_MS && now - read < BLURRED_MS) return;
    const jobs = [...world.service.ledger.jobs.values()].filter(({ scaleSetId, completedAt = Infinity }) =>
      scaleSetId === id && completedAt > now - TOLD_WITHIN_MS
    );
    const most = Math.min(set.minRunners + jobs.length, set.maxRunners);
    const running = jobs.filter(({ startedAt }) => startedAt !== undefined).length;
    const { replicas = 0, runningJobs = 0 } = told;
    if (replicas > most || runningJobs > running) {
      this.#broken(
        `${metadata.name} is told of ${replicas} runners and ${runningJobs} running jobs, there are ${most} and ${running}`,
      );
    }
  }

  /** A condition's time changes with its status, and only with that. */
  #conditions(before: Obj | undefined, after: Obj): void {
    const former = conditionsOf(before);
    if (former.length === 0) return;
    for (const { type, status, lastTransitionTime } of conditionsOf(after)) {
      const known = former.find((candidate) => candidate.type === type);
      if (!known || known.status !== status || known.lastTransitionTime === lastTransitionTime) continue;
      this.#broken(`condition ${type} of ${after.metadata.name} stays ${status}, but its time has changed`);
    }
  }

  /** A registration may outlive its runner's object only when the service is about to end it with its job. */
  #finalizers(before: Obj | undefined, after: Obj | undefined): void {
    const had = (object: Obj | undefined) => object?.metadata.finalizers?.includes(FINALIZERS.runnerRegistration);
    if (!had(before) || had(after)) return;
    const name = before!.metadata.name;
    const left = this.#system.world.service.registrations().find((one) => one.name === name);
    if (left && !left.busy && !this.reported.has(name) && !(this.#givenUp.has(name) && this.#hasWaited(before!))) {
      this.#broken(`runner ${name} lost its finalizer while its registration was there`);
    }
  }

  /** GitHub is given up after five minutes of a set's going, or of trying for a runner, which a process does itself. */
  #hasWaited({ metadata: { uid, ownerReferences = [] } }: Obj): boolean {
    const since = (one: string) => this.#goingSince.get(one) ?? Infinity;
    const ofSet = Math.min(...ownerReferences.map((owner) => since(owner.uid)));
    const tried = Math.max(since(uid), this.#begunLeading());
    return this.#system.clock.monotonic() - Math.min(ofSet, tried) >= TIME_BOX_MS - 1_000;
  }

  /** When the controller that may write began. */
  #begunLeading(): number {
    const lease = this.#leader();
    const leader = [...this.#system.running].find(({ role, name }) =>
      role === "controller" && (lease === undefined || lease.startsWith(`${name}_`))
    );
    return (leader && this.#begun.get(leader)) ?? Infinity;
  }

  #podChanged(before: Obj | undefined, after: Obj): void {
    if (phaseOf(after) !== "Running" || phaseOf(before) === "Running") return;
    for (const { name, highestMax } of this.#system.wanted.values()) {
      if (!after.metadata.name.startsWith(`${name}-`)) continue;
      const holders = this.#holders(name);
      if (holders > this.#limit(name, highestMax)) {
        this.#broken(`${name} has ${holders} runners at once, its limit is ${highestMax}`);
      }
    }
  }

  /**
   * Jobs that are assigned have their runners where none is allowed, and then GitHub's count of them is all there is: it
   * may be too high, and it holds lost jobs until GitHub finds out.
   */
  #limit(set: string, highestMax: number): number {
    const { plan: { faults }, world } = this.#system;
    const has = (...names: string[]) => faults.some(({ name }) => names.includes(name));
    if (!has("nothing allowed for a while", "paused for a while")) return highestMax;
    const assigned = world.service.scaleSets().find(({ name }) => name === set)?.statistics.totalAssignedJobs ?? 0;
    return Math.max(assigned, highestMax) + (has("statistics too high") ? MOST_PHANTOMS : 0);
  }

  /**
   * Runners that hold a slot: until the end of their job, their container, or their stay. Those of a scale set that is
   * gone at GitHub finish their jobs besides: the new one knows nothing of them. One without a job that is being deleted
   * holds none: its pod may stay until GitHub has said that it has no job.
   */
  #holders(set: string): number {
    const { service, kubelet, kube } = this.#system.world;
    const leaving = new Set(
      kube.objects("ephemeralrunners").flatMap(({ metadata }) => metadata.deletionTimestamp ? [metadata.name] : []),
    );
    const living = service.controls.scaleSetIds();
    return kubelet.ledger.running().filter((pod) => {
      if (pod.role !== "runner" || !pod.name.startsWith(`${set}-`)) return false;
      const registration = service.ledger.jits.get(pod.agentId ?? 0);
      if (registration && !living.includes(registration.scaleSetId)) return false;
      if (pod.jobId === undefined) return pod.toldToEndAt === undefined && !leaving.has(pod.name);
      return service.ledger.jobs.get(pod.jobId)?.completedAt === undefined;
    }).length;
  }

  #secretFree(object: Obj | undefined): void {
    if (!object) return;
    const { message, status } = object as unknown as { message?: string; status?: unknown };
    const text = message ?? JSON.stringify(status) ?? "";
    if (SECRETS_LOOK_LIKE.some((secret) => text.includes(secret))) {
      this.#broken(`${object.kind} ${object.metadata.name} holds a secret`);
    }
  }
}

function conditionsOf(object: Obj | undefined): readonly Condition[] {
  return (object as { status?: { conditions?: Condition[] } } | undefined)?.status?.conditions ?? [];
}

function phaseOf(object: Obj | undefined): string | undefined {
  return (object as { status?: { phase?: string } } | undefined)?.status?.phase;
}
