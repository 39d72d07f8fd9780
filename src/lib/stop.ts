/** How the program is asked to end. */
import type { StopSignal } from "./runtime.ts";

/** As shells say it: 128 + the number of the signal. */
const EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** The first signal asks the program to end, the second one ends it at once. */
export class Stop {
  readonly #abort = new AbortController();
  readonly #exit: (code: number) => void;

  /** @param exit ends the process */
  constructor(exit: (code: number) => void) {
    this.#exit = exit;
  }

  /** Aborted by the first signal; its reason names it. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Takes a signal of the operating system. */
  take(signal: StopSignal): void {
    if (this.#abort.signal.aborted) this.#exit(EXIT_CODES[signal]);
    else this.#abort.abort(new Error(`asked to end by ${signal}`));
  }
}
