/** Runner groups and scale sets at the Actions Service. */
import * as z from "zod";
import type { AdminCalls } from "./calls.ts";
import { ServiceError } from "./errors.ts";
import { looseCount, looseText, statisticsSchema } from "./parse.ts";
import type { RunnerGroup, ScaleSet, ScaleSetSpec, ServiceCallOptions } from "./service.ts";

const PATH = "_apis/runtime/runnerscalesets";
const NOT_THERE = { notFound: "ScaleSetNotFound" } as const;
/** A time that was never set, as the service writes it. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

export const scaleSetSchema = z.looseObject({
  id: z.number().int(),
  name: looseText,
  runnerGroupId: looseCount,
  runnerGroupName: looseText,
  labels: z.array(z.looseObject({ name: z.string() })).nullish(),
  statistics: statisticsSchema,
}).transform((wire): ScaleSet => ({
  id: wire.id,
  name: wire.name,
  runnerGroupId: wire.runnerGroupId,
  runnerGroupName: wire.runnerGroupName,
  labels: [...new Set((wire.labels ?? []).map((label) => label.name))],
  ...(wire.statistics ? { statistics: wire.statistics } : {}),
}));

const scaleSetList = z.looseObject({ value: z.array(scaleSetSchema).nullish() });
const groupList = z.looseObject({
  value: z.array(
    z.looseObject({ id: z.number().int(), name: looseText, isDefaultGroup: z.boolean().nullish() }),
  ).nullish(),
});

export async function runnerGroup(
  calls: AdminCalls,
  name: string,
  options?: ServiceCallOptions,
): Promise<RunnerGroup | undefined> {
  const call = { method: "GET", path: "_apis/runtime/runnergroups/", query: { groupName: name } } as const;
  const { value } = await calls.json(call, groupList, options);
  const found = sameName(value, name);
  return found && { id: found.id, name: found.name, isDefaultGroup: found.isDefaultGroup ?? false };
}

export async function findScaleSet(
  calls: AdminCalls,
  runnerGroupId: number,
  name: string,
  options?: ServiceCallOptions,
): Promise<ScaleSet | undefined> {
  const { value } = await calls.json(
    { method: "GET", path: PATH, query: { runnerGroupId, name } },
    scaleSetList,
    options,
  );
  return sameName(value, name);
}

export function getScaleSet(calls: AdminCalls, id: number, options?: ServiceCallOptions): Promise<ScaleSet> {
  const call = { method: "GET", path: `${PATH}/${id}`, meaning: NOT_THERE, scaleSetId: id } as const;
  return calls.json(call, scaleSetSchema, options);
}

export function createScaleSet(
  calls: AdminCalls,
  spec: ScaleSetSpec,
  options?: ServiceCallOptions,
): Promise<ScaleSet> {
  const meaning = { conflict: "ScaleSetExists" } as const;
  return calls.json({ method: "POST", path: PATH, body: bodyOf(spec), meaning }, scaleSetSchema, options);
}

export function updateScaleSet(
  calls: AdminCalls,
  id: number,
  changes: Partial<ScaleSetSpec>,
  options?: ServiceCallOptions,
): Promise<ScaleSet> {
  const meaning = { ...NOT_THERE, conflict: "ScaleSetExists" } as const;
  const call = { method: "PATCH", path: `${PATH}/${id}`, body: bodyOf(changes), meaning, scaleSetId: id } as const;
  return calls.json(call, scaleSetSchema, options);
}

export async function deleteScaleSet(calls: AdminCalls, id: number, options?: ServiceCallOptions): Promise<void> {
  try {
    await calls.send({ method: "DELETE", path: `${PATH}/${id}`, meaning: NOT_THERE, scaleSetId: id }, options);
  } catch (error) {
    if (!ServiceError.is(error, "ScaleSetNotFound")) throw error;
  }
}

/** The body of a POST or PATCH: the given fields, and the two that the service wants each time. */
function bodyOf(spec: Partial<ScaleSetSpec>): unknown {
  const { name, runnerGroupId, labels } = spec;
  return {
    ...(name === undefined ? {} : { name }),
    ...(runnerGroupId === undefined ? {} : { runnerGroupId }),
    ...(labels === undefined ? {} : { labels: [...new Set(labels)].map((label) => ({ type: "System", name: label })) }),
    RunnerSetting: { disableUpdate: true },
    createdOn: ZERO_TIME,
  };
}

/** The one that was asked for: names at GitHub do not differ by case alone. */
export function sameName<T extends { readonly name: string }>(
  list: readonly T[] | null | undefined,
  name: string,
): T | undefined {
  return list?.find((one) => one.name === name) ??
    list?.find((one) => one.name.toLowerCase() === name.toLowerCase());
}
