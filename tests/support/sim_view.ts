/** What a story asks a simulated system: its objects, its books, its requests. */
import assert from "node:assert/strict";
import {
  AUTOSCALING_LISTENERS,
  AUTOSCALING_RUNNER_SETS,
  type AutoscalingListener,
  type AutoscalingRunnerSet,
  EPHEMERAL_RUNNER_SETS,
  EPHEMERAL_RUNNERS,
  type EphemeralRunner,
  type EphemeralRunnerSet,
} from "../../src/api/kinds.ts";
import { LABELS } from "../../src/api/names.ts";
import { type KubeObject, type Pod, PODS, type Resource, resource, type Stored } from "../../src/k8s/resource.ts";
import type { World } from "../../src/sim/world.ts";
import { countRequests, requestsOf, type TimelineRequest } from "./sim_requests.ts";

/** Where controllers and listeners are. */
export const CONTROLLER_NAMESPACE = "arc-systems";

interface Event extends KubeObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}
const EVENTS = resource<Event>("", "v1", "Event", "events");

/** Looks at a world. */
export class SimView {
  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** A scale set as the service has it. */
  service(name: string) {
    return this.world.service.scaleSets().find((set) => set.name === name);
  }

  /** All objects of a kind. */
  objects<T extends KubeObject>(kind: Resource<T>): Stored<T>[] {
    return (this.world.kube.snapshot()[kind.plural] ?? []) as unknown as Stored<T>[];
  }

  object<T extends KubeObject>(kind: Resource<T>, name: string): Stored<T> | undefined {
    return this.objects(kind).find(({ metadata }) => metadata.name === name);
  }

  ars(name: string): Stored<AutoscalingRunnerSet> | undefined {
    return this.object(AUTOSCALING_RUNNER_SETS, name);
  }

  runnerSet(name: string): Stored<EphemeralRunnerSet> | undefined {
    return this.object(EPHEMERAL_RUNNER_SETS, name);
  }

  listenerOf(name: string): Stored<AutoscalingListener> | undefined {
    return this.objects(AUTOSCALING_LISTENERS).find(({ spec }) => spec?.autoscalingRunnerSetName === name);
  }

  runners(): Stored<EphemeralRunner>[] {
    return this.objects(EPHEMERAL_RUNNERS);
  }

  runnerPods(): Stored<Pod>[] {
    return this.objects(PODS).filter(({ metadata }) => metadata.labels?.[LABELS.ephemeralRunner] === "True");
  }

  listenerPods(): Stored<Pod>[] {
    return this.objects(PODS).filter(({ metadata }) => metadata.namespace === CONTROLLER_NAMESPACE);
  }

  /** `status reason` of a scale set's condition. */
  condition(name: string, type: string): string | undefined {
    const found = this.ars(name)?.status?.conditions?.find((condition) => condition.type === type);
    return found && `${found.status} ${found.reason}`;
  }

  /** What was told of objects, oldest first. */
  events(): { readonly type?: string; readonly reason?: string; readonly message?: string; readonly object: string }[] {
    return this.objects(EVENTS).map(({ type, reason, message, involvedObject: { kind, name } = {} }) => ({
      type,
      reason,
      message,
      object: `${kind} ${name}`,
    }));
  }

  /** How many runners were registered at the service so far. */
  get made(): number {
    return this.world.service.ledger.jits.size;
  }

  /** Requests since a mark, which is an earlier `world.timeline.count`. */
  requests(mark = 0): TimelineRequest[] {
    return requestsOf(this.world.timeline.lines().slice(mark));
  }

  /** How many requests of controllers and listeners since a mark, by client and kind. */
  spent(mark = 0): Record<string, number> {
    return countRequests(this.requests(mark).filter(({ client }) => client !== "kubelet" && client !== "kubectl"));
  }

  /** Nothing that must never happen has happened, by the books. */
  assertSound(): void {
    const { violations, problems, jobs } = this.world.report();
    assert.deepEqual(violations, []);
    assert.deepEqual(problems, []);
    assert.equal(jobs.ranOnce + jobs.cancelled + jobs.lost, jobs.done, "every job that is done ran once");
  }

  /** Every job ran to its end on exactly one runner. */
  assertEachJobOnce(): void {
    this.assertSound();
    const { jobs } = this.world.report();
    assert.equal(jobs.ranOnce, jobs.total);
  }
}
