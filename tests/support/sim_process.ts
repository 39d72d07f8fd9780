/** A process of a simulated system: what it was given of the world can be taken away from it at one stroke. */
import type { Clock, Timer } from "../../src/lib/clock.ts";
import { sleepOn } from "../../src/lib/clock.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../src/lib/http.ts";
import { follower } from "../../src/sim/http.ts";

/**
 * Clock and transports of one process. Once it is killed none of its timers fires, none of its requests is sent, and
 * what was under way is never answered: the program stands still where it was, as a killed one does.
 */
export class SimProcess {
  readonly clock: Clock;
  readonly #timers = new Set<Timer>();
  /** Requests that are under way, or whose answers are being read. */
  readonly #open = new Set<AbortController>();
  #killed = false;

  constructor(world: Clock) {
    this.clock = {
      now: () => world.now(),
      monotonic: () => world.monotonic(),
      after: (ms, action) => this.#after(world, ms, action),
      sleep: (ms, signal) => sleepOn(this.clock, ms, signal),
    };
  }

  get killed(): boolean {
    return this.#killed;
  }

  kill(): void {
    if (this.#killed) return;
    this.#killed = true;
    const reason = new Error("the process was killed");
    for (const abort of this.#open) abort.abort(reason);
    this.#open.clear();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** `transport`, as far as this process can use it. */
  over(transport: Transport): Transport {
    return (request) => this.killed ? never() : this.#whileAlive(this.#send(transport, request));
  }

  async #send(transport: Transport, request: HttpRequest): Promise<HttpResponse> {
    const link = this.#linked(request.signal);
    try {
      const response = await transport({ ...request, signal: link.signal });
      return { ...response, body: { [Symbol.asyncIterator]: () => this.#parts(response.body, link) } };
    } catch (error) {
      link.close();
      throw error;
    }
  }

  #linked(outer: AbortSignal): Link {
    const { abort, close } = follower(outer);
    this.#open.add(abort);
    return {
      signal: abort.signal,
      close: () => {
        close();
        this.#open.delete(abort);
      },
    };
  }

  #parts(body: AsyncIterable<Uint8Array>, link: Link): AsyncIterator<Uint8Array> {
    const source = body[Symbol.asyncIterator]();
    return {
      next: () =>
        this.#whileAlive(
          source.next().then((part) => {
            if (part.done) link.close();
            return part;
          }, (error) => {
            link.close();
            throw error;
          }),
        ),
      return: () => {
        link.close();
        // Not awaited: a server that waits for its next event sees the signal, but perhaps later.
        source.return?.()?.catch(() => {});
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** What comes of `promise`, unless the process is dead by then: it never hears of it. */
  #whileAlive<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (result) => this.killed || resolve(result),
        (error) => this.killed || reject(error),
      );
    });
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

interface Link {
  readonly signal: AbortSignal;
  close(): void;
}

function never(): Promise<never> {
  return new Promise(() => {});
}
