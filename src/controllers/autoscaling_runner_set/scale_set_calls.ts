/** The calls to the service that a scale set needs in its life. */
import { ServiceError } from "../../github/errors.ts";
import type { ActionsService, ScaleSet, ScaleSetSpec } from "../../github/service.ts";
import { RunnerGroupNotFound } from "../shared/problems.ts";
import type { GithubSource, Services } from "../shared/services.ts";

/** What a scale set is to be at the service. */
export interface WantedScaleSet {
  readonly name: string;
  /** Undefined: the default group. */
  readonly group?: string;
  /** Without repeats; the name is the first. */
  readonly labels: readonly string[];
}

/** What the cluster remembers of a scale set at the service. */
export interface ScaleSetFacts {
  readonly id: number;
  readonly name: string;
  readonly group: string;
}

/** Finds, adopts, makes or changes the scale set, so that it is as wanted. */
export interface RegisterCall {
  readonly do: "register";
  readonly source: GithubSource;
  readonly wanted: WantedScaleSet;
  /** The id that we know it by. */
  readonly id?: number;
  /** Read the source's secrets again first. */
  readonly fresh: boolean;
  /** Generation of the object that this was decided on. */
  readonly generation: number | undefined;
}

/** Deletes the scale set. */
export interface UnregisterCall {
  readonly do: "unregister";
  readonly source: GithubSource;
  readonly id: number;
  readonly fresh: boolean;
}

export type ScaleSetCall = RegisterCall | UnregisterCall;

/** The group that scale sets are in which name none. */
const DEFAULT_GROUP = { id: 1, name: "Default" };

/** Makes a call. @returns what the scale set is now; undefined when it is gone */
export async function makeCall(services: Services, call: ScaleSetCall): Promise<ScaleSetFacts | undefined> {
  if (call.fresh) services.refresh(call.source);
  const service = await services.of(call.source);
  if (call.do === "unregister") {
    await service.deleteScaleSet(call.id);
    return undefined;
  }
  return await register(service, call);
}

async function register(service: ActionsService, { wanted, id }: RegisterCall): Promise<ScaleSetFacts> {
  const group = wanted.group === undefined ? DEFAULT_GROUP : await service.runnerGroup(wanted.group);
  if (!group) {
    throw new RunnerGroupNotFound(
      `runnerGroup: there is no runner group ${JSON.stringify(wanted.group)}, or it is not open to this config URL`,
    );
  }
  const spec: ScaleSetSpec = { name: wanted.name, runnerGroupId: group.id, labels: wanted.labels };
  const known = (id === undefined ? undefined : await unlessGone(service, id)) ??
    await service.findScaleSet(group.id, wanted.name) ?? await made(service, spec);
  const now = isAs(known, spec) ? known : await service.updateScaleSet(known.id, spec);
  return { id: now.id, name: wanted.name, group: now.runnerGroupName || group.name };
}

async function unlessGone(service: ActionsService, id: number): Promise<ScaleSet | undefined> {
  try {
    return await service.getScaleSet(id);
  } catch (error) {
    if (ServiceError.is(error, "ScaleSetNotFound", "NotFound")) return undefined;
    throw error;
  }
}

/** A new scale set. One that somebody made in between, or whose making we never heard back of, is ours if it is alike. */
async function made(service: ActionsService, spec: ScaleSetSpec): Promise<ScaleSet> {
  try {
    return await service.createScaleSet(spec);
  } catch (error) {
    if (!ServiceError.is(error, "ScaleSetExists")) throw error;
    const there = await service.findScaleSet(spec.runnerGroupId, spec.name);
    if (!there || !sameLabels(there.labels, spec.labels)) throw error;
    return there;
  }
}

function isAs(scaleSet: ScaleSet, spec: ScaleSetSpec): boolean {
  return scaleSet.name === spec.name && scaleSet.runnerGroupId === spec.runnerGroupId &&
    sameLabels(scaleSet.labels, spec.labels);
}

function sameLabels(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label) => b.includes(label));
}
