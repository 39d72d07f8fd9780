/** Runners at the Actions Service: JIT configurations and registrations (agents of pool 0). */
import * as z from "zod";
import type { AdminCalls } from "./calls.ts";
import { ServiceError } from "./errors.ts";
import { looseCount, looseText } from "./parse.ts";
import { sameName } from "./scale_sets.ts";
import type { JitConfig, Registration, ServiceCallOptions } from "./service.ts";

const AGENTS = "_apis/distributedtask/pools/0/agents";

const agentSchema = z.looseObject({ id: z.number().int(), name: looseText, runnerScaleSetId: looseCount })
  .transform((wire): Registration => ({ id: wire.id, name: wire.name, scaleSetId: wire.runnerScaleSetId }));
const agentList = z.looseObject({ value: z.array(agentSchema).nullish() });
const jitSchema = z.looseObject({ runner: agentSchema, encodedJITConfig: z.string().min(1) });

export async function generateJitConfig(
  calls: AdminCalls,
  scaleSetId: number,
  runner: { readonly name: string; readonly workFolder: string },
  options?: ServiceCallOptions,
): Promise<JitConfig> {
  const reply = await calls.json(
    {
      method: "POST",
      path: `_apis/runtime/runnerscalesets/${scaleSetId}/generatejitconfig`,
      body: { name: runner.name, workFolder: runner.workFolder },
      meaning: { notFound: "ScaleSetNotFound", conflict: "RunnerExists" },
      scaleSetId,
    },
    jitSchema,
    options,
  );
  return {
    runnerId: reply.runner.id,
    runnerName: reply.runner.name || runner.name,
    scaleSetId: reply.runner.scaleSetId || scaleSetId,
    encoded: reply.encodedJITConfig,
  };
}

/** Only the service's own word counts: a 404 of a router or proxy is an error, not the end of a registration. */
export async function getRunner(
  calls: AdminCalls,
  id: number,
  options?: ServiceCallOptions,
): Promise<Registration | undefined> {
  try {
    return await calls.json({ method: "GET", path: `${AGENTS}/${id}` }, agentSchema, options);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export async function findRunner(
  calls: AdminCalls,
  name: string,
  options?: ServiceCallOptions,
): Promise<Registration | undefined> {
  const { value } = await calls.json({ method: "GET", path: AGENTS, query: { agentName: name } }, agentList, options);
  return sameName(value, name);
}

export async function removeRunner(calls: AdminCalls, id: number, options?: ServiceCallOptions): Promise<void> {
  try {
    await calls.send({ method: "DELETE", path: `${AGENTS}/${id}` }, options);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return ServiceError.is(error, "NotFound") && (error.fields.typeName ?? "").includes("AgentNotFoundException");
}
