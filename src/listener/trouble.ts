/** What an error means to a loop. */
import { ServiceError } from "../github/errors.ts";
import { TransportError } from "../lib/http.ts";
import type { LoopProblemKind } from "./health.ts";

/** Whether another session is needed. */
export function isLost(error: unknown): boolean {
  return ServiceError.is(error, "SessionNotFound", "ScaleSetNotFound", "Unauthorized");
}

/** Whether an answer may have been on its way when the call ended so: not after a refusal, nor without a connection. */
export function mayHaveLost(error: unknown): boolean {
  if (!ServiceError.is(error)) return true;
  if (error.kind === "BadReply") return true;
  if (error.kind !== "Unavailable") return false;
  const { cause } = error;
  return !(cause instanceof TransportError && ["refused", "dns", "tls", "proxy"].includes(cause.kind));
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
