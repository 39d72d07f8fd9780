import type { Clock } from "../../lib/clock.ts";
import type { ActionsServiceSim } from "../actions_service/service.ts";
import type { Timers } from "../timers.ts";
import type { ListenerProgram } from "./listener_program.ts";

/** The options that workers use, and what they share. Delays may be changed at any time. */
export interface KubeletSettings {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly service: ActionsServiceSim;
  readonly listener: ListenerProgram | undefined;
  bindDelayMs: number;
  startDelayMs: number;
  connectDelayMs: number;
  exitDelayMs: number;
  volumeRefreshMs: number;
  nextNode(): string;
}
