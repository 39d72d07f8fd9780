/** From the text of an answer to a value: what does not fit is one kind of error. */
import * as z from "zod";
import { ServiceError } from "./errors.ts";
import type { WireReply } from "./http.ts";

/**
 * The value of a reply.
 * @throws ServiceError kind "BadReply", naming the field; never the text, which may hold a secret
 */
export function parsed<T>(reply: WireReply, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(reply.text);
  } catch {
    // The parser's message quotes the text.
    throw badReply(reply, "it is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.length ? `field ${issue.path.map(String).join(".")}: ` : "";
  throw badReply(reply, `${field}${issue?.message ?? "it has another shape"}`);
}

function badReply(reply: WireReply, wrong: string): ServiceError {
  const activityId = reply.headers["activityid"];
  const requestId = reply.headers["x-github-request-id"];
  const ids = [activityId && `ActivityId ${activityId}`, requestId && `X-GitHub-Request-Id ${requestId}`].filter(
    Boolean,
  );
  return new ServiceError(
    `${reply.label} answered ${reply.status} with something that can't be understood: ${wrong}` +
      (ids.length ? ` (${ids.join(", ")})` : ""),
    { kind: "BadReply", status: reply.status, call: reply.label, activityId, requestId },
  );
}

/** A text that may be absent or null: "" then. */
export const looseText: z.ZodType<string> = z.string().nullish().transform((text) => text ?? "");

/** A whole number that may be absent or null: 0 then. */
export const looseCount: z.ZodType<number> = z.number().nullish().transform((count) => count ?? 0);

/** Counters of a scale set; undefined when the service sent null or none. Other fields are dropped. */
export const statisticsSchema = z.object({
  totalAvailableJobs: looseCount,
  totalAcquiredJobs: looseCount,
  totalAssignedJobs: looseCount,
  totalRunningJobs: looseCount,
  totalRegisteredRunners: looseCount,
  totalBusyRunners: looseCount,
  totalIdleRunners: looseCount,
}).nullish().transform((value) => value ?? undefined);
