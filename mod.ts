/** The public face of the program as a library: the parts that stand by themselves. */
export { type Clock, systemClock } from "./src/lib/clock.ts";
export { VirtualClock } from "./src/lib/virtual_clock.ts";
