/** GitHub's side of scale sets, as small as unit tests of controllers need. */
import { ServiceError, type ServiceErrorKind } from "../../src/github/errors.ts";
import type { ActionsService, ScaleSet, ScaleSetSpec } from "../../src/github/service.ts";
import type { GithubSource, Services } from "../../src/controllers/shared/services.ts";

export function serviceError(kind: ServiceErrorKind, status = 400): ServiceError {
  return new ServiceError(`GitHub says ${kind} (${status})`, { kind, status, call: "test" });
}

/** One service for all sources; what it does is written to `calls`. */
export class MemoryService implements Services {
  readonly calls: string[] = [];
  readonly scaleSets = new Map<number, ScaleSet>();
  readonly groups = new Map([["gpu", 5]]);
  /** Sources that were to be read again. */
  readonly refreshed: GithubSource[] = [];
  /** Refuses a call, or the source, by throwing. */
  refuse: (call: string) => void = () => {};
  #nextId = 7;

  of(_source: GithubSource): Promise<ActionsService> {
    return this.#answer("source", () => this.#client() as ActionsService);
  }

  refresh(source: GithubSource): void {
    this.refreshed.push(source);
  }

  #client(): Partial<ActionsService> {
    return {
      runnerGroup: (name) =>
        this.#answer(`group ${name}`, () => {
          const id = this.groups.get(name);
          return id === undefined ? undefined : { id, name, isDefaultGroup: false };
        }),
      findScaleSet: (group, name) =>
        this.#answer(
          `find ${name}`,
          () => [...this.scaleSets.values()].find((set) => set.name === name && set.runnerGroupId === group),
        ),
      getScaleSet: (id) =>
        this.#answer(`get ${id}`, () => {
          const set = this.scaleSets.get(id);
          if (!set) throw serviceError("ScaleSetNotFound", 404);
          return set;
        }),
      createScaleSet: (spec) => this.#answer(`create ${spec.name}`, () => this.#save(this.#nextId++, spec)),
      updateScaleSet: (id, changes) =>
        this.#answer(`update ${id}`, () => this.#save(id, { ...this.scaleSets.get(id)!, ...changes })),
      deleteScaleSet: (id) =>
        this.#answer(`delete ${id}`, () => {
          this.scaleSets.delete(id);
        }),
    };
  }

  #save(id: number, spec: ScaleSetSpec): ScaleSet {
    const group = [...this.groups].find(([, groupId]) => groupId === spec.runnerGroupId)?.[0] ?? "Default";
    const { name, runnerGroupId, labels } = spec;
    const saved = { id, name, runnerGroupId, labels, runnerGroupName: group };
    this.scaleSets.set(id, saved);
    return saved;
  }

  async #answer<T>(call: string, work: () => T): Promise<T> {
    await Promise.resolve();
    if (call !== "source") this.calls.push(call);
    this.refuse(call);
    return work();
  }
}
