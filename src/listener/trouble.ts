/** What an error means to a loop. */
import { ServiceError } from "../github/errors.ts";
import type { LoopProblemKind } from "./health.ts";

/** Whether another session is needed. */
export function isLost(error: unknown): boolean {
  return ServiceError.is(error, "SessionNotFound", "ScaleSetNotFound", "Unauthorized");
}

/** The word for a disturbance. */
export function problemOf(error: unknown): LoopProblemKind {
  if (!ServiceError.is(error)) return "ServiceUnavailable";
  switch (error.kind) {
    case "SessionConflict":
    case "ScaleSetNotFound":
      return error.kind;
    case "Unauthorized":
    case "Forbidden":
      return "Unauthorized";
    default:
      return "ServiceUnavailable";
  }
}
