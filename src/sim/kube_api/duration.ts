import { instantOf } from "../../lib/clock.ts";
import type { Obj } from "./types.ts";

/** A span as kubectl shows it: `5s`, `3m20s`, `4h`, `12d`. */
export type Duration = string;

/** How long ago an object was made, or a time was. */
export function ageOf(from: Obj | string, now: number): Duration {
  const at = instantOf(typeof from === "string" ? from : from.metadata.creationTimestamp);
  return at === undefined ? "<unknown>" : humanDuration(now - at);
}

/** Two units at most, the smaller only while it tells something. */
export function humanDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 120) return `${Math.max(seconds, 0)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return withRest(days, "d", hours % 24, "h");
  if (days < 2 * 365) return `${days}d`;
  return withRest(Math.floor(days / 365), "y", days % 365, "d");
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): Duration {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`;
}
