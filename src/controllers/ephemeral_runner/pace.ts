/** When something may be tried again. Pure; milliseconds from now, 0 = now. */
import type { Instant } from "../../lib/clock.ts";
import { delayOf } from "../../lib/backoff.ts";
import type { Waits } from "../shared/waits.ts";
import type { Call } from "./memory.ts";
import type { Seen } from "./observe.ts";

/** Until a call of this kind may be made, after those that failed. */
export function soon({ memory: { failure } }: Seen, call: Call["do"], now: Instant): number {
  return failure?.call === call ? Math.max(0, failure.retryAt - now) : 0;
}

/** Until a pod may be made once more after `times` pods were rejected, the last one at `at`. */
export function again(times: number, at: Instant | undefined, waits: Waits, now: Instant): number {
  if (times === 0 || at === undefined) return 0;
  return Math.max(0, at + delayOf({ firstMs: waits.quotaFirst, maxMs: waits.quotaMost }, times - 1) - now);
}
