/** A process of a simulated system: what it was given of the world can be taken away from it at one stroke. */
import type { Clock, Timer } from "../../src/lib/clock.ts";
import { sleepOn } from "../../src/lib/clock.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../src/lib/http.ts";

/**
 * Clock and transports of one process. Once it is killed none of its timers fires, none of its requests is sent, and
 * what was under way is never answered: the program stands still where it was, as a killed one does.
 */
export class SimProcess {
  readonly clock: Clock;
  readonly #kill = new AbortController();
  readonly #timers = new Set<Timer>();

  constructor(world: Clock) {
    this.clock = {
      now: () => world.now(),
      monotonic: () => world.monotonic(),
      after: (ms, action) => this.#after(world, ms, action),
      sleep: (ms, signal) => sleepOn(this.clock, ms, signal),
    };
  }

  get killed(): boolean {
    return this.#kill.signal.aborted;
  }

  kill(): void {
    this.#kill.abort(new Error("the process was killed"));
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** `transport`, as far as this process can use it. */
  over(transport: Transport): Transport {
    return async (request) => {
      if (this.killed) return await never();
      return await this.#frozenAfterKill(() => this.#send(transport, request));
    };
  }

  async #send(transport: Transport, request: HttpRequest): Promise<HttpResponse> {
    const signal = AbortSignal.any([request.signal, this.#kill.signal]);
    const response = await transport({ ...request, signal });
    return { ...response, body: this.#body(response.body) };
  }

  async *#body(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const source = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const part = await this.#frozenAfterKill(() => source.next());
        if (part.done) return;
        yield part.value;
      }
    } finally {
      // Not awaited: a server that waits for its next event sees the signal, but perhaps later.
      source.return?.()?.catch(() => {});
    }
  }

  async #frozenAfterKill<T>(act: () => Promise<T>): Promise<T> {
    try {
      const result = await act();
      return this.killed ? await never() : result;
    } catch (error) {
      return this.killed ? await never() : await Promise.reject(error);
    }
  }

  #after(world: Clock, ms: number, action: () => void): Timer {
    if (this.killed) return { cancel: () => {} };
    const timer = world.after(ms, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}
