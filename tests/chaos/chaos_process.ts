import type { Clock } from "../../src/lib/clock.ts";
import { sleepOn } from "../../src/lib/clock.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../src/lib/http.ts";
import { SimProcess } from "../support/sim_process.ts";

/** Before the request is sent, or when the server has acted on it and nobody has read the answer. */
export type CrashPoint = "before" | "after";

/** A process that can also be killed at the edge of a request, and be stopped and continued as by SIGSTOP, SIGCONT. */
export class ChaosProcess extends SimProcess {
  readonly #pause: Pause;
  #crash: { point: CrashPoint; left: number; crashed(): void } | undefined;
  /** Called before each request that is sent. */
  onSend: (request: HttpRequest) => void = () => {};
  /** Called when it is killed. */
  onKill: () => void = () => {};

  constructor(world: Clock) {
    const pause = new Pause(world);
    super(pause.clock);
    this.#pause = pause;
  }

  /** Lets it crash at its n-th request from now; `crashed` is called when it has. */
  crashAt(point: CrashPoint, n: number, crashed: () => void): void {
    this.#crash = { point, left: n, crashed };
  }

  override kill(): void {
    if (this.killed) return;
    super.kill();
    this.onKill();
  }

  /** It no longer crashes at a request. */
  spare(): void {
    this.#crash = undefined;
  }

  /** Nothing of it moves for so long: timers fire and answers are read afterwards. */
  pause(ms: number): void {
    this.#pause.begin(ms);
  }

  override over(transport: Transport): Transport {
    return super.over((request) => this.#observed(transport, request));
  }

  async #observed(transport: Transport, request: HttpRequest): Promise<HttpResponse> {
    this.onSend(request);
    const crash = this.#crash && --this.#crash.left <= 0 ? this.#crash : undefined;
    if (crash) this.#crash = undefined;
    if (crash?.point === "before") {
      this.#die(crash);
      throw new Error("the process has crashed"); // which it does not live to see
    }
    try {
      const response = await transport(request);
      if (crash) this.#die(crash);
      await this.#pause.over();
      return { ...response, body: this.#paused(response.body) };
    } catch (error) {
      if (crash) this.#die(crash);
      await this.#pause.over();
      throw error;
    }
  }

  #die(crash: { crashed(): void }): void {
    this.kill();
    crash.crashed();
  }

  #paused(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return {
      [Symbol.asyncIterator]: () => {
        const source = body[Symbol.asyncIterator]();
        const next = async () => {
          const part = await source.next();
          if (!part.done) await this.#pause.over();
          return part;
        };
        return { next, return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }) };
      },
    };
  }
}

/** Time as a process sees it that can be stopped: the clocks go on, and nothing happens. */
class Pause {
  readonly clock: Clock;
  readonly #world: Clock;
  #until: Promise<void> | undefined;

  constructor(world: Clock) {
    this.#world = world;
    this.clock = {
      now: () => world.now(),
      monotonic: () => world.monotonic(),
      sleep: (ms, signal) => sleepOn(this.clock, ms, signal),
      after: (ms, action) => {
        let cancelled = false;
        const timer = world.after(ms, () => {
          if (!this.#until) return action();
          void this.#until.then(() => {
            if (!cancelled) action();
          });
        });
        return {
          cancel: () => {
            cancelled = true;
            timer.cancel();
          },
        };
      },
    };
  }

  begin(ms: number): void {
    this.#until ??= new Promise((resolve) => {
      this.#world.after(ms, () => {
        this.#until = undefined;
        resolve();
      });
    });
  }

  async over(): Promise<void> {
    while (this.#until) await this.#until;
  }
}
